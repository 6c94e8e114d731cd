"""The rules of indicator sets, pure: points that add up, bindings that fit, which cards are new in a publication.

Findings carry the codes of the rule language's checks at publication (its §7): TREE_SUM, BINDING_TYPE, RULE_CYCLE,
UNKNOWN_NAME.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from services.indicator_svc.catalogue.domain.declarations import mismatch
from shared.errors import Detail, Refused

_RESULTS_IN_POINTS = frozenset({"points", "tree"})


class SetExists(Refused):
    """The code names another indicator set."""

    code = "indicator_set_exists"
    zh, en = "指标体系代码 {set} 已存在且内容不同", "The indicator set {set} exists with other content"


class CardExists(Refused):
    """The code names another card of the set; a card is changed by PUT."""

    code = "card_exists"
    zh, en = "指标 {card} 已存在且内容不同", "The card {card} exists with other content"


class MetricExists(Refused):
    """The code names another metric; a metric is changed by PUT."""

    code = "metric_exists"
    zh, en = "指标数据项 {metric} 已存在且内容不同", "The metric {metric} exists with other content"


class MetricInUse(Refused):
    """A metric that published cards read keeps its type, unit and fields: facts and rules depend on them."""

    code = "metric_in_use"
    zh, en = "已发布的指标正在使用该数据项，类型、单位和字段不可更改", "Published cards read this metric as it is typed"


class NotPublishable(Refused):
    """Something of the set is not in order; nothing was published. Every finding has its place and code."""

    code = "not_publishable"
    zh, en = "指标体系有 {count} 处不符合发布条件，未发布", "{count} findings keep the set from being published"


class DraftMoved(Refused):
    """The drafts, or metrics that they read, changed while they were being checked; publish again."""

    code = "draft_moved"
    zh, en = (
        "检查期间草稿或其数据项已被修改，请重新发布",
        "The drafts or their metrics changed while they were checked; publish again",
    )


def sum_findings(
    full_marks: str, levels: Sequence[Mapping[str, Any]], cards: Sequence[Mapping[str, Any]]
) -> list[Detail]:
    """Every level whose points are stated but are not what its cards add up to (TREE_SUM), and every unknown place.

    Points are decimal text and are added exactly. `levels` is [{name, points, level2: [{name, points}]}], maybe empty.
    """
    found = list(_uneven("/full_marks", "the set", full_marks, cards))
    places = {level["name"]: {one["name"] for one in level["level2"]} for level in levels}
    for index, level in enumerate(levels):
        inside = [card for card in cards if card["level1"] == level["name"]]
        found += _uneven(f"/levels/{index}/points", level["name"], level["points"], inside)
        for below, part in enumerate(level["level2"]):
            here = [card for card in inside if card["level2"] == part["name"]]
            found += _uneven(f"/levels/{index}/level2/{below}/points", part["name"], part["points"], here)
    for card in cards if levels else ():
        known = places.get(card["level1"])
        if known is None or (known and card["level2"] not in known):
            text = f"{card['level1']} / {card['level2']} is no level of the set"
            found.append(Detail(f"/cards/{card['code']}/level1", "LEVEL_UNKNOWN", text))
    return found


def _uneven(pointer: str, name: str, stated: str, cards: Iterable[Mapping[str, Any]]) -> Iterator[Detail]:
    total = sum((Fraction(card["points"]) for card in cards), Fraction())
    if total != Fraction(stated):
        yield Detail(pointer, "TREE_SUM", f"{name}: {stated} points are stated, the cards add up to {_decimal(total)}")


def _decimal(value: Fraction) -> str:
    """A sum of finite decimals as decimal text."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = f"{abs(value.numerator * 10**places // value.denominator):0{places + 1}d}"
    text = digits[:-places] + "." + digits[-places:] if places else digits
    return f"-{text}" if value < 0 else text


def binding_findings(
    card: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]], cards: Mapping[str, Mapping[str, Any]]
) -> list[Detail]:
    """Every input of a card's rule that is not bound, or bound to what it cannot read. `metrics`, `cards` by code."""
    inputs, bindings = card["rule"].get("inputs"), card["bindings"]
    at = f"/cards/{card['code']}"
    if not isinstance(inputs, dict) or not all(isinstance(one, dict) for one in inputs.values()):
        return [Detail(f"{at}/rule/inputs", "SHAPE", "the rule declares its inputs")]
    found = [
        Detail(f"{at}/bindings/{name}", "UNKNOWN_NAME", "the rule has no such input")
        for name in bindings.keys() - inputs.keys()
    ]
    for name, declared in inputs.items():
        binding = bindings.get(name)
        reason = "the input is not bound" if binding is None else _unfit(declared, binding, card, metrics, cards)
        if reason:
            found.append(Detail(f"{at}/bindings/{name}", "BINDING_TYPE", reason))
    return found


def _unfit(
    declared: Mapping[str, Any],
    binding: Mapping[str, str],
    card: Mapping[str, Any],
    metrics: Mapping[str, Mapping[str, Any]],
    cards: Mapping[str, Mapping[str, Any]],
) -> str:
    if "metric" in binding:
        metric = metrics.get(binding["metric"])
        return f"there is no metric {binding['metric']}" if metric is None else mismatch(declared, metric)
    if "indicator" in binding:
        other = cards.get(binding["indicator"])
        return f"the set has no card {binding['indicator']}" if other is None else _unread(declared, card, other)
    wanted = "date" if "calendar" in binding else "category"
    return "" if declared.get("type") == wanted else f"the input must be a {wanted}"


def _unread(declared: Mapping[str, Any], card: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Why an input cannot read another card's result, or an empty text: points, of the same kind of period."""
    result = other["rule"].get("result")
    kind = result.get("kind") if isinstance(result, dict) else None
    if kind not in _RESULTS_IN_POINTS:
        return f"the result of {other['code']} is no points"
    if declared.get("type") != "points":
        return f"the input is {declared.get('type')}, the result of {other['code']} is points"
    if card["period_kind"] != other["period_kind"]:
        return f"{other['code']} is scored by {other['period_kind']}, {card['code']} by {card['period_kind']}"
    return ""


def cycle_findings(cards: Mapping[str, Mapping[str, Any]]) -> list[Detail]:
    """The circles in which cards read each other's results (RULE_CYCLE), each named once; `cards` by code."""
    reads = {
        code: sorted({one["indicator"] for one in card["bindings"].values() if "indicator" in one} & cards.keys())
        for code, card in cards.items()
    }
    found: list[Detail] = []
    done: set[str] = set()
    for start in sorted(reads):
        path: list[str] = []
        waiting = [(start, 0)]
        while waiting:
            code, depth = waiting.pop()
            del path[depth:]
            if code in path:
                circle = " → ".join([*path[path.index(code) :], code])
                found.append(Detail(f"/cards/{code}/bindings", "RULE_CYCLE", f"rules feed each other: {circle}"))
            elif code not in done:
                path.append(code)
                done.add(code)
                waiting += [(other, depth + 1) for other in reversed(reads[code])]
    return found


def cards_hash(cards: Iterable[tuple[UUID, int]]) -> str:
    """sha256 over the lines `indicator_id:version` sorted by id: how a reader knows that it has every card."""
    lines = sorted(f"{indicator}:{version}" for indicator, version in cards)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def says_the_same(published: Mapping[str, Any], card: Mapping[str, Any]) -> bool:
    """Whether a card would say nothing new over its newest published version."""
    return {**published, "version": 0} == {**card, "version": 0}


def first_day(card: Mapping[str, Any], year: int) -> date:
    """From when a card holds: as it says, otherwise the first day of the set's year."""
    stated = card.get("effective_from")
    return date.fromisoformat(stated) if stated else date(year, 1, 1)
