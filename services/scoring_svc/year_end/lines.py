"""The lines of an archive's members, as they are written and as they are read again. Numbers are exact text."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from services.scoring_svc.ledger.adjudication import Kind, Source
from services.scoring_svc.ledger.domain import CellStatus


class _Line(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A line: a member that is missing or too many is an error, never passed over."""


class LedgerLine(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """An entry of the ledger: cell version, number, kind, clause, points, and the version that it takes back."""

    version: int
    number: int
    kind: str
    clause: str | None
    points: str
    reverses: int | None


class ExcludedLine(_Line):
    """A cell that the performance office took out at confirmation."""

    state: CellStatus
    reason: str


class CellLine(_Line):
    """A cell at the version that the result rests on, with all its entries up to it; `why`: reason of the version."""

    unit_id: str
    version: int
    state: CellStatus
    code: str | None
    note: str | None
    full_marks: str
    score: str | None
    entries: list[LedgerLine]
    excluded: ExcludedLine | None
    why: str
    who: str
    at: str


class FactLine(_Line):
    """A fact as an evaluation read it; version 0: there was none."""

    version: int
    state: str = "missing"
    value: Any = None
    reason: str | None = None


class DecisionLine(_Line):
    """A ruling or approved correction that an evaluation read for a unit's cell; `input` is None for the whole cell."""

    unit_id: str
    source: Source
    source_id: UUID
    version: int
    kind: Kind
    input: str | None
    value: Any
    reason: str
    decided_by: str
    decided_at: datetime


class EvaluationLine(_Line):
    """One evaluation of an indicator in a period: what it read by unit and input, and the cells that stand on it.

    A text among `read` is no fact but a day of the period, the unit's group, another card's result (`v3 8.50`) or the
    name of a decision that is among `decided`. `calendar` is empty for none.
    """

    period: str
    indicator_id: str
    evaluation: int
    card_version: int
    rule_hash: str
    calendar: str
    read: dict[str, dict[str, FactLine | str]]
    decided: list[DecisionLine]
    cells: list[CellLine]


class CardLine(_Line):
    """A card's version as published; `ranked`: its levels and type are those that the ranking goes by."""

    ranked: bool
    card: msgspec.Raw


class CalendarLine(_Line):
    """A working calendar, Monday to Friday less `closed` plus `open`; days inclusive."""

    edition: str
    first: date
    last: date
    closed: list[date]
    open: list[date]


class ContextLine(_Line):
    """A figure of a unit as it stood when the result became final: it gives no points.

    `months`: the figures of the span's months and of the same months a year before, where there are any; `value` and
    `year_before` are their sums, `growth` is in percent, `reason` says why there is none.
    """

    unit_id: str
    metric: str
    name: dict[str, str]
    measured_in: dict[str, str] | None
    months: dict[str, str]
    value: str | None
    year_before: str | None
    growth: str | None
    reason: str | None


class EntryLine(_Line):
    """An award or external loss of a unit, or what takes one back."""

    entry_id: str
    kind: str
    source_id: str
    period: str
    unit_id: str
    table_code: str | None
    bonus_class: str | None
    due: str
    points: str
    taken: Any
    reverses: str | None
    reason: str
    who: str
    at: str


class PlaceLine(_Line):
    """A place of a unit on a board among peers; totals are points times `placing.ARCHIVED`, exactly."""

    board: str
    peers: str
    unit_id: str
    total: str
    full_marks: str
    indicators: int
    place: int
    tied: int
    dense: int
    ranked: int
    best: int
    worst: int
    next_total: str | None


class CapLine(_Line):
    """What held a grade back."""

    not_above: str
    reason: str
    source: str


class GradeLine(_Line):
    """The grade of a unit, the one that it had earned, and its caps."""

    unit_id: str
    grade: str
    earned: str
    caps: list[CapLine]


class Manifest(_Line):
    """What an archive is, and what it is made of."""

    format: int
    rule_language: int
    engine: str
    key: dict[str, str]
    set: dict[str, Any]
    result: dict[str, Any]
    ranking: dict[str, Any]
    counts: dict[str, int]
    members: dict[str, dict[str, Any]]
