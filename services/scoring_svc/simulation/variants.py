"""What a variant may change, and what a set's cards are under it. Pure; the engine's publication checks judge rules.

Belongs here: changes as documents, the cards that come of them, refusals with the place of each fault. Does not belong
here: evaluating (evaluating.py), what moved (comparing.py).
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any, Literal
from uuid import UUID

import msgspec

from services.scoring_svc.engine.domain import Rule, RuleRefused, canonical, parse_rule
from services.scoring_svc.engine.numbers import is_decimal
from shared.contracts.identity import indicator_id
from shared.contracts.indicator import Binding, IndicatorPublished
from shared.contracts.periods import Period
from shared.errors import Detail, Refused

AlteredKind = Literal["rule", "constants", "full_marks", "remove", "add", "follows"]
MOST_CELLS = 300_000
"""So many cells a base with what a variant adds to it may have: a city year has 245,088."""


class BaseNotConfirmed(Refused):
    """What may still change is not compared with: a simulation stands on confirmed or closed periods."""

    code = "base_not_confirmed"
    zh, en = "尚有考核期未确认，不能作为模拟的基础：{periods}", "A simulation needs confirmed periods; open: {periods}"


class VariantRefused(Refused):
    """A variant that cannot be applied; `details` names every place, for rules with the codes of their publication."""

    status, code = 422, "variant_refused"
    zh, en = "模拟方案不能成立，详见 details", "The variant cannot be applied; see details"


class VariantChangesNothing(Refused):
    """A variant that leaves every card as it is would only look like a finding."""

    status, code = 422, "variant_changes_nothing"
    zh, en = "第 {number} 个方案没有改变任何指标", "Variant {number} changes no indicator"


class TooManyCells(Refused):
    """The base is larger than what is simulated in one go."""

    status, code = 422, "too_many_cells"
    zh, en = "单元格 {cells} 个，超过上限 {limit} 个", "There are {cells} cells; at most {limit} are simulated"


@dataclass(frozen=True)
class Base:
    """What variants change: the cards that periods were confirmed under, by code and period key.

    `others`: codes of indicators that the asker does not evaluate. `units`, `departments`: units by code; `may` judges
    whether an added indicator may be evaluated by a unit. `metrics`: id and type by code.
    """

    set_id: UUID
    set_code: str
    periods: Sequence[Period]
    cards: Mapping[str, Mapping[str, IndicatorPublished]]
    others: frozenset[str] = frozenset()
    units: Mapping[str, UUID] = field(default_factory=dict)
    departments: Mapping[str, UUID] = field(default_factory=dict)
    may: Callable[[UUID], bool] = lambda _: True
    metrics: Mapping[str, tuple[UUID, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Altered:
    """One indicator under a variant. `cards`: what is evaluated instead, by period; `factors`: what scores count.

    Factors are of the scores of `cards`, or of the real ones where there are none; where a period has neither, the
    indicator has no cells in it. `total`: whether it is part of totals (no veto). Kind `follows`: it only reads others.
    """

    code: str
    name: str
    kind: AlteredKind
    indicator_id: UUID
    total: bool
    cards: Mapping[str, IndicatorPublished] = field(default_factory=dict)
    factors: Mapping[str, Fraction] = field(default_factory=dict)


def variant_hash(changes: Sequence[Mapping[str, Any]]) -> str:
    """`sha256:` and the digest of the changes' RFC 8785 text: what a simulated number is known by."""
    return f"sha256:{hashlib.sha256(canonical(list(changes))).hexdigest()}"


def altered(changes: Sequence[Mapping[str, Any]], base: Base, number: int = 0) -> list[Altered]:
    """What a variant makes of the base. Raises VariantRefused with every fault, or VariantChangesNothing."""
    reader, found, seen = _Reader(base), [], set()
    for index, change in enumerate(changes):
        at = f"/variants/{number}/changes/{index}"
        told = change["indicator"]
        code = told["code"] if change["kind"] == "add" else told
        if code in seen:
            reader.refuse(f"{at}/indicator", "indicator_twice", code)
            continue
        seen.add(code)
        one = reader.read(change, code, at)
        if one is not None and _differs(one, base.cards.get(code, {})):
            found.append(one)
    if reader.faults:
        raise VariantRefused(details=reader.faults)
    if not found:
        raise VariantChangesNothing(number=number + 1)
    return found


def _differs(one: Altered, before: Mapping[str, IndicatorPublished]) -> bool:
    if one.factors:
        return any(factor != 1 for factor in one.factors.values())
    return dict(one.cards) != dict(before)


def newest(cards: Mapping[str, IndicatorPublished]) -> IndicatorPublished:
    """The newest of an indicator's cards in a span; it gives name, level and type."""
    return max(cards.values(), key=lambda card: card.version)


class _Reader:
    """Reads changes one by one and collects what is wrong with them."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.faults: list[Detail] = []

    def refuse(self, pointer: str, code: str, text: str = "") -> None:
        self.faults.append(Detail(pointer, code, text))

    def read(self, change: Mapping[str, Any], code: str, at: str) -> Altered | None:
        """The indicator under a change; None if it cannot be, which is noted."""
        before = len(self.faults)
        if change["kind"] == "add":
            found = self._added(change["indicator"], at)
        elif code not in self.base.cards:
            self.refuse(f"{at}/indicator", "outside_scope" if code in self.base.others else "indicator_unknown", code)
            return None
        else:
            found = self._changed(change, code, at)
        return found if len(self.faults) == before else None

    def _changed(self, change: Mapping[str, Any], code: str, at: str) -> Altered:
        cards = self.base.cards[code]
        card, kind = newest(cards), change["kind"]
        made: dict[str, IndicatorPublished] = {}
        factors: dict[str, Fraction] = {}
        if kind == "full_marks":
            factors = self._factors(change["points"], cards, at)
        elif kind != "remove":
            versions = {one.version: self._rewritten(change, one, at) for one in cards.values()}
            made = {period: versions[one.version] for period, one in cards.items()}
        return Altered(code, card.name, kind, card.indicator_id, card.type != "veto", made, factors)

    def _factors(self, points: str, cards: Mapping[str, IndicatorPublished], at: str) -> dict[str, Fraction]:
        """Real scores in proportion to the new full marks."""
        if not Fraction(points):
            self.refuse(f"{at}/points", "not_positive", points)
        elif any(not Fraction(card.points) for card in cards.values()):
            self.refuse(f"{at}/indicator", "full_marks_zero", "an indicator without full marks has no proportion")
        else:
            return {period: Fraction(points) / Fraction(card.points) for period, card in cards.items()}
        return {}

    def _rewritten(self, change: Mapping[str, Any], card: IndicatorPublished, at: str) -> IndicatorPublished:
        """A card with another rule, or with other constants in its rule."""
        bindings = dict(card.bindings)
        if change["kind"] == "constants":
            rule, where = self._with_constants(card.rule, change["values"], f"{at}/values"), f"{at}/values"
        else:
            rule, where = change["rule"], f"{at}/rule"
            bindings |= self._bindings(change.get("bindings") or {}, f"{at}/bindings")
        parsed = self._judged(rule, where)
        if parsed is not None:
            bindings = {name: bound for name, bound in bindings.items() if name in parsed.inputs}
            self._bound(parsed, bindings, change.get("bindings") or {}, at)
        points = change.get("points") or card.points
        return msgspec.structs.replace(card, rule=rule, bindings=bindings, points=points)

    def _with_constants(self, rule: Mapping[str, Any], values: Mapping[str, str], at: str) -> dict[str, Any]:
        copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(rule))
        for pointer, value in values.items():
            holder, key = _place(copied, pointer)
            if holder is None or not isinstance(holder[key], str) or not is_decimal(holder[key]):
                self.refuse(at, "constant_unknown", f"no number stands at {pointer}")
            else:
                holder[key] = value
        return copied

    def _added(self, told: Mapping[str, Any], at: str) -> Altered | None:
        base, at = self.base, f"{at}/indicator"
        if told["code"] in base.cards or told["code"] in base.others:
            self.refuse(f"{at}/code", "indicator_exists", told["code"])
        periods = [period.key for period in base.periods if period.kind == told["period_kind"]]
        if not periods:
            self.refuse(f"{at}/period_kind", "period_kind_not_in_base", told["period_kind"])
        evaluating = base.departments.get(told["evaluating_unit"])
        if evaluating is None or not base.may(evaluating):
            self.refuse(f"{at}/evaluating_unit", "outside_scope" if evaluating else "unit_unknown")
        named = sorted(base.units) if told["units"] is None else told["units"]
        for unit in named:
            if unit not in base.units:
                self.refuse(f"{at}/units", "unit_unknown", unit)
        rule, bindings = self._judged(told["rule"], f"{at}/rule"), self._bindings(told["bindings"], f"{at}/bindings")
        if rule is not None:
            self._bound(rule, bindings, told["bindings"], at)
        if self.faults or evaluating is None:
            return None
        card = IndicatorPublished(
            indicator_id=indicator_id(base.set_code, told["code"]), version=0, set_id=base.set_id,
            set_code=base.set_code, code=told["code"], name=told["name"], level1="", level2="", type=told["type"],
            points=told["points"], definition="", standard="", period_kind=told["period_kind"],
            evaluating_unit_id=evaluating, evaluated_unit_ids=[base.units[unit] for unit in named],
            fill_mode="extracted", filler="", source_system=None, due_working_days=told["due_working_days"],
            rule=told["rule"], bindings=bindings, immediate=False, effective_from=date(1, 1, 1), effective_to=None,
        )  # fmt: skip
        cards = dict.fromkeys(periods, card)
        return Altered(card.code, card.name, "add", card.indicator_id, card.type != "veto", cards)

    def _judged(self, document: Any, at: str) -> Rule | None:
        """The rule as publication would judge it; every finding is a fault with its code and place."""
        try:
            rule = parse_rule(document)
        except RuleRefused as refused:
            for one in refused.findings:
                if one.severity == "error":
                    self.refuse(f"{at}{one.pointer}" if at.endswith("/rule") else at, one.code, one.en)
            return None
        if rule.result.kind not in {"points", "tree"}:
            self.refuse(at, "RESULT_WITHOUT_POINTS", rule.result.kind)
            return None
        return rule

    def _bindings(self, told: Mapping[str, Mapping[str, Any]], at: str) -> dict[str, Binding]:
        found = {}
        for name, one in told.items():
            metric = one.get("metric")
            if metric is not None and metric not in self.base.metrics:
                self.refuse(f"{at}/{name}", "metric_unknown", metric)
                continue
            known = None if metric is None else self.base.metrics[metric][0]
            found[name] = Binding(metric=known, calendar=one.get("calendar"), unit_group=one.get("unit_group"))
        return found

    def _bound(
        self, rule: Rule, bindings: Mapping[str, Binding], told: Mapping[str, Mapping[str, Any]], at: str
    ) -> None:
        """Every input is read from something of its type, and nothing is bound that the rule does not read."""
        types = dict(self.base.metrics.values())
        for name in told:
            if name not in rule.inputs:
                self.refuse(f"{at}/bindings/{name}", "UNKNOWN_NAME", "the rule has no such input")
        for name, item in rule.inputs.items():
            one = bindings.get(name)
            if one is None:
                self.refuse(f"{at}/bindings", "BINDING_TYPE", f"the input {name} is not bound")
                continue
            other = "points" if one.indicator else types.get(one.metric or UUID(int=0))
            wanted = "date" if one.calendar else "category" if one.unit_group else other
            if wanted is not None and item.type != wanted:
                self.refuse(f"{at}/bindings/{name}", "BINDING_TYPE", f"the input is {item.type}, not {wanted}")


def _place(document: Any, pointer: str) -> tuple[Any, Any]:
    """What holds the value at a JSON pointer, and its key there; (None, None) if nothing stands there."""
    holder: Any = None
    key: Any = None
    here = document
    for step in _steps(pointer):
        holder = here
        if isinstance(here, dict) and step in here:
            key = step
        elif isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            key = int(step)
        else:
            return None, None
        here = holder[key]
    return (holder, key) if holder is not None else (None, None)


def _steps(pointer: str) -> Iterator[str]:
    for step in pointer.split("/")[1:]:
        yield step.replace("~1", "/").replace("~0", "~")
