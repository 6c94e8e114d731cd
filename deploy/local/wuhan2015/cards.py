"""Reads the indicator sets and their cards, and checks them against units, metrics and each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from deploy.local.wuhan2015.reading import Document, read_document
from deploy.local.wuhan2015.records import PERIOD_KINDS, Indicator, IndicatorSet, Metric, Unit

FILL_MODES = ("extracted", "self_reported", "inspection")
CARD_TYPES = ("regular", "bonus", "deduction")
CALENDAR_FACTS = ("period_start", "period_end", "due")
UNIT_GROUPS = ("location", "size")


@dataclass(frozen=True)
class Known:
    """What a card may refer to."""

    units: Mapping[str, Unit]
    metrics: Mapping[str, Metric]
    clients: frozenset[str]


def read_sets(folder: Path, known: Known) -> Mapping[str, IndicatorSet]:
    """The indicator sets of sets.json with the cards of the files that it names.

    Raises:
        PackFileInvalid: a card disagrees with a unit, a metric, its set or its place in the tree.

    """
    document = read_document(folder, "sets.json")
    sets: dict[str, IndicatorSet] = {}
    seen: set[str] = set()
    for item in document.take(document.content, "sets", "sets", list):
        code = document.take(item, "sets", "code", str)
        cards: list[Indicator] = []
        for name in document.take(item, code, "files", list):
            for file, card in _cards(folder, name, code, known):
                if card.code in seen:
                    raise file.invalid(card.code, f"the code {card.code} stands twice")
                seen.add(card.code)
                cards.append(card)
        _check_places(document, item, code, cards)
        _check_sums(document, item, code, cards)
        sets[code] = IndicatorSet(
            code=code,
            name=document.take(item, code, "name", str),
            name_en=document.take(item, code, "name_en", str),
            year=document.take(item, code, "year", int),
            evaluated_group=document.take(item, code, "evaluated_group", str),
            points=document.take(item, code, "points", str),
            outside_total=document.take(item, code, "outside_total", bool),
            levels=tuple(document.take(item, code, "levels", list)),
            indicators=tuple(cards),
        )
    return sets


def _cards(folder: Path, name: str, set_code: str, known: Known) -> Iterator[tuple[Document, Indicator]]:
    document = read_document(folder, name)
    if document.content.get("set") != set_code:
        raise document.invalid("set", f"the file belongs to the set {document.content.get('set')}, not {set_code}")
    for item in document.take(document.content, "indicators", "indicators", list):
        yield document, read_card(document, item, set_code, known)


def read_card(document: Document, item: dict[str, Any], set_code: str, known: Known) -> Indicator:
    """One card of a document, checked.

    Raises:
        PackFileInvalid: a field is absent or names what does not exist.

    """
    card = _card(document, item, set_code)
    _check_card(document, card, known)
    _check_bindings(document, card, known.metrics)
    return card


def _card(document: Document, item: dict[str, Any], set_code: str) -> Indicator:
    code = item.get("code")
    if not isinstance(code, str) or not code:
        raise document.invalid("indicators", "an indicator stands without a code")
    texts = {
        field: document.take(item, code, field, str)
        for field in (
            "name",
            "definition",
            "standard",
            "level1",
            "level2",
            "type",
            "points",
            "evaluating_department",
            "evaluated_group",
            "period_kind",
            "fill_mode",
            "filler",
            "method",
        )
    }
    document.decimal(item, code, "points")
    return Indicator(
        set_code=set_code,
        code=code,
        source_system=document.take(item, code, "source_system", (str, type(None))),
        due_working_days=document.take(item, code, "due_working_days", int),
        immediate=document.take(item, code, "immediate", bool),
        rule=document.take(item, code, "rule", dict),
        bindings=document.take(item, code, "bindings", dict),
        **texts,
    )


def _check_card(document: Document, card: Indicator, known: Known) -> None:
    for field, value, choices in (
        ("type", card.type, CARD_TYPES),
        ("period_kind", card.period_kind, PERIOD_KINDS),
        ("fill_mode", card.fill_mode, FILL_MODES),
    ):
        if value not in choices:
            raise document.invalid(card.code, f"{card.code}: {field} is {value!r}, not one of {', '.join(choices)}")
    if card.evaluating_department not in known.units:
        raise document.invalid(
            card.code, f"{card.code}: evaluating_department {card.evaluating_department} names no unit"
        )
    if card.filler != "evaluated_unit" and card.filler not in known.units:
        raise document.invalid(card.code, f"{card.code}: filler {card.filler} names no unit")
    if (card.fill_mode == "extracted") != (card.source_system in known.clients):
        raise document.invalid(card.code, f"{card.code}: an extracted indicator, and no other, names its source system")
    if card.due_working_days < 1:
        raise document.invalid(card.code, f"{card.code}: due_working_days must be 1 or more")


def _check_bindings(document: Document, card: Indicator, metrics: Mapping[str, Metric]) -> None:
    inputs = card.rule.get("inputs", {})
    if set(inputs) != set(card.bindings):
        raise document.invalid(card.code, f"{card.code}: bindings and inputs of the rule are not the same names")
    for name, binding in card.bindings.items():
        declared = inputs[name]
        if "metric" in binding:
            problem = _metric_problem(card, declared, binding["metric"], metrics)
        elif binding.get("calendar") in CALENDAR_FACTS:
            problem = "" if declared.get("type") == "date" else "a calendar fact is a date"
        elif binding.get("unit_group") in UNIT_GROUPS:
            problem = "" if declared.get("type") == "category" else "a group of the unit is a category"
        else:
            problem = "it is bound to neither a metric, the calendar nor a group of the unit"
        if problem:
            raise document.invalid(card.code, f"{card.code}: input {name}: {problem}")


def _metric_problem(card: Indicator, declared: Mapping[str, Any], code: str, metrics: Mapping[str, Metric]) -> str:
    metric = metrics.get(code)
    if metric is None:
        return f"no metric {code}"
    allowed = declared.get("fields" if metric.type == "records" else "allowed")
    supplier = {"self_reported": "self_report", "inspection": "inspection"}.get(card.fill_mode, card.source_system)
    # Each line: what the metric says, what the card says, and what the two are about.
    compared = (
        (metric.type, declared.get("type"), "type"),
        (metric.unit, declared.get("unit", {}).get("zh", ""), "unit"),
        (metric.allowed, allowed, "allowed values"),
        (metric.period_kind, card.period_kind, "period kind"),
        (metric.supplied_by, supplier, "supplier"),
    )
    return next(
        (
            f"{about} of {code} is {mine!r} in metrics.csv, {theirs!r} here"
            for mine, theirs, about in compared
            if mine != theirs
        ),
        "",
    )


def _check_places(document: Document, item: dict[str, Any], code: str, cards: list[Indicator]) -> None:
    places = {
        (level1.get("name"), level2.get("name"))
        for level1 in document.take(item, code, "levels", list)
        for level2 in level1.get("level2", [])
    }
    for card in cards:
        if (card.level1, card.level2) not in places:
            raise document.invalid(code, f"{card.code} stands under {card.level1}/{card.level2}, unknown to {code}")


def _check_sums(document: Document, item: dict[str, Any], code: str, cards: list[Indicator]) -> None:
    """Full marks must add up at every level: cards to level 2, level 2 to level 1, level 1 to the set."""
    total = Decimal(0)
    for level1 in item["levels"]:
        name1 = document.take(level1, code, "name", str)
        inside = Decimal(0)
        for level2 in document.take(level1, name1, "level2", list):
            name2 = document.take(level2, name1, "name", str)
            worth = document.decimal(level2, name2, "points")
            here = (Decimal(card.points) for card in cards if (card.level1, card.level2) == (name1, name2))
            _same(document, name2, worth, sum(here, Decimal(0)))
            inside += worth
        worth = document.decimal(level1, name1, "points")
        _same(document, name1, worth, inside)
        total += worth
    _same(document, code, document.decimal(item, code, "points"), total)


def _same(document: Document, name: str, worth: Decimal, children: Decimal) -> None:
    if worth != children:
        raise document.invalid(name, f"{name} is worth {worth} points, but what it holds adds up to {children}")
