"""Reasons and remedies in words, in the reader's language. Pure; the words of rules are the engine's."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from services.scoring_svc.copies.domain import StoredFact
from services.scoring_svc.engine.domain import Rule, clause_sentences, value_words
from services.scoring_svc.engine.speech import signed_points
from services.scoring_svc.ledger.domain import Entry
from services.scoring_svc.reports.remedies import Change, Code
from shared.contracts.indicator import IndicatorPublished

Language = Literal["zh", "en"]
Target = Literal["none_lost", "next_step"]

_KINDS = {
    "base": ("基础分", "base"),
    "clause": ("条款", "clause"),
    "floor": ("到达下限", "held at the floor"),
    "ceiling": ("到达上限", "held at the ceiling"),
    "rounding": ("舍入", "rounding"),
    "ruling": ("申诉裁定得分", "score as ruled on appeal"),
    "correction": ("更正核定得分", "score as corrected"),
    "peers_mean": ("取同类单位平均分", "the mean score of the peer units"),
}
_STATES = {
    "missing": ("缺报", "missing"),
    "exempt": ("豁免", "exempt"),
    "not_scorable": ("不可考核", "not scorable"),
}
_UNTOLD: Mapping[Code, tuple[str, str]] = {
    "impossible": ("仅改变此项数据不能做到", "no value of this fact alone would do"),
    "too_many_values": (
        "在所试的取值中没有找到，也未能证明不存在",
        "not found among the values that were tried, nor proven to be impossible",
    ),
    "records": ("此项数据是明细记录，不是一个数", "this fact is a list of records, not one value"),
    "fact_not_there": ("此项数据没有取值", "this fact has no value"),
    "peers_hidden": (
        "得分取决于其他单位的数据，您看不到这些数据，因此不能说明",
        "the score depends on other units' facts, which you may not see, so it cannot be told",
    ),
}


def pick(language: Language, texts: tuple[str, str]) -> str:
    """The text of the language."""
    return texts[language == "en"]


def entry_words(rule: Rule, entry: Entry, language: Language) -> str:
    """One entry of a score: its clause as the rule says it, and what it gave."""
    given = _points(entry.points, language)
    if entry.kind == "clause" and entry.clause is not None:
        said = clause_sentences(rule, language).get(entry.clause, entry.clause)
        return f"{said}：{given}" if language == "zh" else f"{said}: {given}"
    said = pick(language, _KINDS.get(entry.kind, (entry.kind, entry.kind)))
    return f"{said}：{given}" if language == "zh" else f"{said}: {given}"


def _points(text: str, language: Language) -> str:
    if text == "0":
        return pick(language, ("不加不减", "nothing"))
    return signed_points(text, language)


def fact_words(rule: Rule, name: str, value: Any, language: Language) -> str:
    """A fact with its label: `差错2件`; records by their number, a state by its name and reason."""
    item = rule.inputs[name]
    label = item.label.in_language(language)
    if isinstance(value, StoredFact):
        value = value.value if value.state == "present" else _state(value, language)
    if value is None:
        return f"{label}：{pick(language, _STATES['missing'])}" if language == "zh" else f"{label}: missing"
    if isinstance(value, list):
        count = f"{len(value)}条记录" if language == "zh" else f"{len(value)} records"
        return f"{label}：{count}" if language == "zh" else f"{label}: {count}"
    said = value_words(item, str(value), language)
    return f"{label}：{said}" if language == "zh" else f"{label}: {said}"


def decided_words(text: str, reference: str, language: Language) -> str:
    """The words of a fact in whose place a ruling or a correction stands."""
    ruled = reference.startswith("ruling:")
    if language == "zh":
        return f"{text}（已按{'申诉裁定' if ruled else '批准的更正'}更正）"
    return f"{text} ({'corrected on appeal' if ruled else 'corrected with approval'})"


def _state(fact: StoredFact, language: Language) -> str:
    said = pick(language, _STATES.get(fact.state, (fact.state, fact.state)))
    return f"{said}（{fact.reason}）" if fact.reason and language == "zh" else said


def loss_words(card: IndicatorPublished, state: str, loss: Decimal, note: str | None, language: Language) -> str:
    """What happened to a cell in one sentence."""
    points = format(loss.normalize(), "f")
    if state == "scored":
        return f"{card.name}失{points}分" if language == "zh" else f"{card.name}: {points} points lost"
    said = pick(language, _STATES.get(state, ("尚无得分", "no score yet")))
    if language == "zh":
        return f"{card.name}{said}" + (f"：{note}" if note else "")
    return f"{card.name}: {said}" + (f" ({note})" if note else "")


def remedy_words(rule: Rule, name: str, change: Change, before: str, target: Target, language: Language) -> str:
    """A change as a sentence: what from, what to, which score it gives."""
    item = rule.inputs[name]
    label = item.label.in_language(language)
    old, new = value_words(item, change.before, language), value_words(item, change.after, language)
    if language == "zh":
        end = "，不再失分" if target == "none_lost" else ""
        return f"若“{label}”由{old}变为{new}（其他不变），得分由{before}分变为{change.score}分{end}。"
    end = ", and nothing is lost" if target == "none_lost" else ""
    return (
        f"If {label} were {new} instead of {old}, all else equal, the score would be {change.score}, not {before}{end}."
    )


def untold_words(code: Code, language: Language) -> str:
    """Why no change can be named."""
    return pick(language, _UNTOLD[code])


def taken_back(text: str, reverses: int | None, language: Language) -> str:
    """The words of an entry that takes one of an earlier version back."""
    if reverses is None:
        return text
    return f"冲回第{reverses}版：{text}" if language == "zh" else f"Takes version {reverses} back: {text}"
