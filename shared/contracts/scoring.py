"""Events of scoring_svc: period states, confirmed scores, deductions, rankings, points regained, bonuses."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from shared.contracts.registry import Event, event

CellState = Literal["scored", "exempt", "not_scorable"]


class PeriodEvent(Event, frozen=True, kw_only=True):
    """The state of an indicator set in a period after a step; `version` grows with every step."""

    set_id: UUID
    period: str
    version: int
    at: datetime
    by: str


@event("period.fenced.v1", producer="scoring_svc", readers=("submission_svc", "indicator_svc", "audit_svc"))
class PeriodFenced(PeriodEvent, frozen=True, kw_only=True):
    """Collecting ended: `last_chunk` and `chunks` are submission_svc's answer to the fence."""

    last_chunk: int
    chunks: int


@event("period.confirmed.v1", producer="scoring_svc", readers=("submission_svc", "indicator_svc", "audit_svc"))
class PeriodConfirmed(PeriodEvent, frozen=True, kw_only=True):
    """Every cell is scored, exempt or not scorable, and the entries stand in the ledger."""

    cells: int


@event("period.closed.v1", producer="scoring_svc", readers=("submission_svc", "indicator_svc", "audit_svc"))
class PeriodClosed(PeriodEvent, frozen=True, kw_only=True):
    """The period is closed: from now on only approved corrections are accepted."""


class CellScore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One confirmed cell: full marks, score and loss in points as decimal text; version of the cell's score."""

    indicator_id: UUID
    unit_id: UUID
    version: int
    state: CellState
    full_marks: str
    score: str | None = None
    loss: str = "0"


@event("scores.confirmed.v1", producer="scoring_svc", readers=("audit_svc", "indicator_svc"))
class ScoresConfirmed(Event, frozen=True, kw_only=True):
    """A chunk of confirmed cells of one period (up to 500)."""

    set_id: UUID
    period: str
    cells: list[CellScore]


class ClauseLoss(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry of the proof gave, in points as decimal text."""

    clause: str
    points: str


class InputVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version of the fact that an input was read from."""

    name: str
    version: int


class Deduction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The loss of one cell. loss "0" means lifted, with the reason; `timing` immediate: before confirmation."""

    deduction_id: UUID
    version: int
    indicator_id: UUID
    indicator_version: int
    unit_id: UUID
    period: str
    full_marks: str
    score: str
    loss: str
    clauses: list[ClauseLoss]
    inputs: list[InputVersion]
    responsible_unit_id: UUID
    timing: Literal["immediate", "confirmed"]
    reason: Literal["scored", "fact_amended", "ruling", "correction"] = "scored"
    note: str = ""


@event("indicator.deducted.v1", producer="scoring_svc", readers=("audit_svc",))
class IndicatorDeducted(Event, frozen=True, kw_only=True):
    """One or up to 200 deductions. Applied by deduction_id and version."""

    set_id: UUID
    deductions: list[Deduction]


@event("deductions.digested.v1", producer="scoring_svc", readers=("audit_svc",))
class DeductionsDigested(Event, frozen=True, kw_only=True):
    """The other side of the reconciler: all deductions with a loss of one set and period.

    `digest` is sha256 over the lines `deduction_id:version:loss` sorted by id.
    """

    set_id: UUID
    period: str
    version: int
    count: int
    digest: str


class RankedUnit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A unit's place (competition ranking), total in points as decimal text, and grade if the policy grades."""

    unit_id: UUID
    place: int
    total: str
    grade: str | None = None


@event("ranking.published.v1", producer="scoring_svc", readers=("indicator_svc", "audit_svc"))
class RankingPublished(Event, frozen=True, kw_only=True):
    """A published, immutable ranking of a set over a period, a span or a year to date (`2015-05-YTD`).

    Places are among all ranked units. `reason` says why a version after the first corrects the one before.
    """

    set_id: UUID
    period: str
    version: int
    units: list[RankedUnit]
    ranking_id: UUID | None = None
    reason: str | None = None


@event("points.regained.v1", producer="scoring_svc", readers=("audit_svc",))
class PointsRegained(Event, frozen=True, kw_only=True):
    """Points won back on a problem as they now stand; the deduction itself stays in the ledger.

    Applied by `problem_id` and `version`. `entry_id` is the first bonus entry of the problem. Points follow the loss:
    when it is lifted or shrinks below them the excess is taken back, and `points` says what is left, also "0".
    """

    entry_id: UUID
    problem_id: UUID
    deduction_id: UUID
    unit_id: UUID
    period: str
    points: str
    version: int = 1


class AwardedUnit(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit got by an award, and what caps took of its share, in points as decimal text."""

    unit_id: UUID
    entry_id: UUID
    points: str
    capped: str


@event("bonus.awarded.v1", producer="scoring_svc", readers=())
class BonusAwarded(Event, frozen=True, kw_only=True):
    """A bonus for innovation, good practice or an award as it now stands: given, or taken back again.

    Applied by `request_id` and `version`. `units` is empty once it was replaced by a higher award of the same matter or
    revoked; `replaces` are the requests whose awards made room for this one.
    """

    request_id: UUID
    version: int
    set_id: UUID
    period: str
    state: Literal["awarded", "replaced", "revoked"]
    bonus_class: str
    level: str
    document_no: str
    awarded_on: date
    units: list[AwardedUnit]
    replaces: list[UUID]
