"""Evaluates the cells of an archive again, with the engine and nothing but the archive. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

from services.scoring_svc.copies.domain import StoredFact
from services.scoring_svc.engine.domain import WorkingCalendar
from services.scoring_svc.ledger.adjudication import Adjudication, Cell, Standing, adjudicated, is_mark, settled
from services.scoring_svc.ledger.domain import Entry, Exclusion, Scored, plain
from services.scoring_svc.ledger.evaluation import (
    Group,
    as_engine_reads,
    by_reference,
    calendar_of,
    result_as_read,
    rule_of,
)
from services.scoring_svc.ranking.blending import SpanBlend, Tally
from services.scoring_svc.year_end.lines import CalendarLine, CardLine, CellLine, EntryLine, EvaluationLine, FactLine
from services.scoring_svc.year_end.placing import Boards
from shared.contracts.indicator import Binding, IndicatorPublished
from shared.contracts.periods import parse_period

_evaluation = msgspec.json.Decoder(EvaluationLine).decode
_card = msgspec.json.Decoder(IndicatorPublished).decode


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+|/[0-9]+)?")


class Difference(Exception):
    """The archive says something else than what follows from it."""


def exact(text: str) -> Fraction:
    """The number that an archive's text says. Raises Difference: an exponent would take years and all memory."""
    if not _NUMBER.fullmatch(text):
        raise Difference(f"{text!r} is no number of an archive")
    return Fraction(text)


@dataclass
class Replay:
    """What was evaluated again so far; scores are gathered for the places that follow from them."""

    calendars: dict[str, WorkingCalendar] = field(default_factory=dict)
    cards: dict[tuple[str, int], IndicatorPublished] = field(default_factory=dict)
    ranked: dict[str, IndicatorPublished] = field(default_factory=dict)
    marks: dict[tuple[str, str], Tally] = field(default_factory=dict)
    entries: list[tuple[str, Fraction]] = field(default_factory=list)
    vetoed: set[tuple[str, str]] = field(default_factory=set)
    evaluations: int = 0
    cells: int = 0
    _last: tuple[str, str, int] = ("", "", 0)
    _seen: set[str] = field(default_factory=set)

    def read_calendars(self, lines: Iterable[CalendarLine]) -> None:
        """Take the calendars that evaluations name, by the digest of what they say."""
        for line in lines:
            calendar = calendar_of(line.first, line.last, line.closed, line.open)
            if calendar.version != line.edition:
                raise Difference(f"calendar {line.edition} has the digest {calendar.version}")
            self.calendars[line.edition] = calendar

    def read_cards(self, lines: Iterable[CardLine]) -> None:
        """Take the cards that evaluations name and rankings go by."""
        for line in lines:
            card = _card(line.card)
            self.cards[str(card.indicator_id), card.version] = card
            if line.ranked:
                self.ranked[str(card.indicator_id)] = card

    def add_entry(self, line: EntryLine) -> None:
        """Take an award or external loss."""
        self.entries.append((line.unit_id, exact(line.points)))

    def evaluate(self, text: bytes) -> Iterator[str]:
        """Evaluate a line of evaluations again; what differs, in words."""
        line = _evaluation(text)
        self.evaluations += 1
        card = self.cards[line.indicator_id, line.card_version]
        yield from self._in_order(line)
        if rule_of(card).hash != line.rule_hash:
            yield f"{line.period} {card.code}: rule {line.rule_hash} recorded, {rule_of(card).hash} in the card"
        standing = _decided(card, line)
        group = adjudicated(_group(card, line, self.calendars), standing)
        outcomes = {str(one.unit_id): one for one in by_reference(group)}
        for cell in line.cells:
            self.cells += 1
            where = f"{line.period} {card.code} {cell.unit_id}"
            if cell.unit_id in self._seen:
                yield f"{where}: stands twice"
            self._seen.add(cell.unit_id)
            evaluated = outcomes[cell.unit_id]
            yield from _compared(where, cell, evaluated, standing.get((card.indicator_id, evaluated.unit_id), ()))
            self._count(card, line, cell)

    def boards(self, blend: SpanBlend) -> Boards:
        """The totals that follow from the scores and entries."""
        made = Boards(blend)
        for (indicator, unit), marks in self.marks.items():
            made.count(self.ranked[indicator], unit, marks)
        for unit, points in self.entries:
            made.add_entry(unit, points)
        return made

    def _in_order(self, line: EvaluationLine) -> Iterator[str]:
        here = (line.period, line.indicator_id, line.evaluation)
        if here <= self._last:
            yield f"{here} comes after {self._last}"
        if here[:2] != self._last[:2]:
            self._seen.clear()
        self._last = here

    def _count(self, card: IndicatorPublished, line: EvaluationLine, cell: CellLine) -> None:
        full_marks = exact(cell.full_marks)
        points = None if cell.state != "scored" or cell.score is None else exact(cell.score)
        tally = self.marks.setdefault((line.indicator_id, cell.unit_id), Tally())
        tally.add(parse_period(line.period), points, full_marks)
        if card.type == "veto" and points is not None and points < full_marks:
            self.vetoed.add((cell.unit_id, f"{card.code} {line.period}"))


def _group(card: IndicatorPublished, line: EvaluationLine, calendars: Mapping[str, WorkingCalendar]) -> Group:
    facts = {
        unit: {
            name: value
            for name, told in read.items()
            if not is_mark(name) and (value := _value(card.bindings[name], told)) is not None
        }
        for unit, read in line.read.items()
    }
    inputs = {
        unit: {name: told if isinstance(told, str) else told.version for name, told in read.items()}
        for unit, read in line.read.items()
    }
    calendar = calendars[line.calendar] if line.calendar else None
    return Group.of_rows(card, parse_period(line.period), facts, inputs, calendar)


def _decided(card: IndicatorPublished, line: EvaluationLine) -> Standing:
    """The decisions that the evaluation read, by (indicator, unit)."""
    found: dict[Cell, list[Adjudication]] = {}
    for told in line.decided:
        parts = msgspec.structs.asdict(told)
        unit = UUID(parts.pop("unit_id"))
        found.setdefault((card.indicator_id, unit), []).append(Adjudication(**parts))
    return found


def _value(binding: Binding, told: FactLine | str) -> Any:
    if isinstance(told, str):
        return told if binding.indicator is None else result_as_read(told)
    if not told.version:
        return None
    return as_engine_reads(StoredFact(told.version, told.state, told.value, told.reason))


def _compared(where: str, cell: CellLine, evaluated: Scored, decided: Sequence[Adjudication]) -> Iterator[str]:
    """What differs between a recorded cell and the same cell evaluated again, digit for digit."""
    exclusion = None
    if cell.excluded is not None:
        state = cast("Literal['exempt', 'not_scorable']", cell.excluded.state)
        exclusion = Exclusion(state, cell.excluded.reason)
    found = settled(evaluated, exclusion, decided)
    told = None if found.score is None else format(found.score, "f")
    own = tuple(
        Entry(one.kind, one.clause, one.points)
        for one in cell.entries
        if one.version == cell.version and one.reverses is None
    )
    pairs = (
        ("state", cell.state, found.state),
        ("code", cell.code, found.finding.code),
        ("note", cell.note, found.finding.note),
        ("full marks", cell.full_marks, plain(found.full_marks)),
        ("score", cell.score, told),
        ("entries", own, found.finding.entries),
        ("sum of all entries", sum((exact(one.points) for one in cell.entries), Fraction(0)), Fraction(told or 0)),
    )
    for name, recorded, worked_out in pairs:
        if recorded != worked_out:
            yield f"{where}: {name} {recorded} recorded, {worked_out} worked out"
