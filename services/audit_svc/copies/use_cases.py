"""Keep the read copies: cards, sets, period states, confirmed cells, digests, rankings. Each whole, by version."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.audit_svc.rows import add, save
from shared.contracts.identity import deduction_id
from shared.contracts.indicator import IndicatorPublished, IndicatorSetPublished
from shared.contracts.periods import parse_period
from shared.contracts.scoring import DeductionsDigested, PeriodEvent, RankingPublished, ScoresConfirmed
from shared.db import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class Card:
    """What audit_svc needs to know of an indicator card."""

    indicator_id: UUID
    version: int
    set_id: UUID
    set_code: str
    code: str
    name: str
    level1: str
    level2: str
    points: Decimal
    period_kind: str
    fill_mode: str
    immediate: bool
    evaluating_unit_id: UUID
    evaluated_unit_ids: list[UUID]
    metric_ids: list[UUID]


@dataclass(frozen=True, kw_only=True)
class SetCopy:
    """A published indicator set."""

    set_id: UUID
    version: int
    code: str
    name: str
    year: int
    outside_total: bool
    cards: int
    cards_hash: str


@dataclass(frozen=True, kw_only=True)
class PeriodCopy:
    """The latest known state of a set in a period."""

    set_id: UUID
    period: str
    version: int
    state: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A confirmed cell with the identity that its deduction has or would have."""

    indicator_id: UUID
    unit_id: UUID
    period: str
    deduction_id: UUID
    set_id: UUID
    period_kind: str
    period_last: date
    version: int
    state: str
    full_marks: Decimal
    score: Decimal | None
    loss: Decimal


@dataclass(frozen=True, kw_only=True)
class Digest:
    """scoring_svc's count and hash over the deductions of a set and period."""

    set_id: UUID
    period: str
    version: int
    count: int
    digest: str


async def remember_card(uow: UnitOfWork, event: IndicatorPublished) -> None:
    """Keep the card as of the highest version seen."""
    metrics = [binding.metric for binding in event.bindings.values() if binding.metric is not None]
    card = Card(
        indicator_id=event.indicator_id,
        version=event.version,
        set_id=event.set_id,
        set_code=event.set_code,
        code=event.code,
        name=event.name,
        level1=event.level1,
        level2=event.level2,
        points=Decimal(event.points),
        period_kind=event.period_kind,
        fill_mode=event.fill_mode,
        immediate=event.immediate,
        evaluating_unit_id=event.evaluating_unit_id,
        evaluated_unit_ids=event.evaluated_unit_ids,
        metric_ids=metrics,
    )
    await save(await uow.driver(), "cards", ["indicator_id"], [card], newer_only="version")


async def remember_set(uow: UnitOfWork, event: IndicatorSetPublished) -> None:
    """Keep the set as of the highest version seen."""
    copy = SetCopy(
        set_id=event.set_id,
        version=event.version,
        code=event.code,
        name=event.name,
        year=event.year,
        outside_total=event.outside_total,
        cards=event.cards,
        cards_hash=event.cards_hash,
    )
    await save(await uow.driver(), "indicator_sets", ["set_id"], [copy], newer_only="version")


async def remember_period(uow: UnitOfWork, event: PeriodEvent, state: str) -> None:
    """Keep the state of a set in a period as of the highest version seen."""
    copy = PeriodCopy(set_id=event.set_id, period=event.period, version=event.version, state=state, at=event.at)
    await save(await uow.driver(), "period_states", ["set_id", "period"], [copy], newer_only="version")


async def remember_scores(uow: UnitOfWork, event: ScoresConfirmed) -> list[Cell]:
    """Keep the confirmed cells as of their highest versions; returns the event's cells in a fixed order."""
    period = parse_period(event.period)
    cells = sorted(
        (
            Cell(
                indicator_id=cell.indicator_id,
                unit_id=cell.unit_id,
                period=event.period,
                deduction_id=deduction_id(cell.indicator_id, cell.unit_id, event.period),
                set_id=event.set_id,
                period_kind=period.kind,
                period_last=period.last,
                version=cell.version,
                state=cell.state,
                full_marks=Decimal(cell.full_marks),
                score=None if cell.score is None else Decimal(cell.score),
                loss=Decimal(cell.loss),
            )
            for cell in event.cells
        ),
        key=lambda cell: (str(cell.indicator_id), str(cell.unit_id)),
    )
    await save(
        await uow.driver(), "confirmed_cells", ["indicator_id", "unit_id", "period"], cells, newer_only="version"
    )
    return cells


async def remember_digest(uow: UnitOfWork, event: DeductionsDigested) -> None:
    """Keep the other side of the reconciler as of the highest version seen."""
    digest = Digest(
        set_id=event.set_id, period=event.period, version=event.version, count=event.count, digest=event.digest
    )
    await save(await uow.driver(), "digests", ["set_id", "period"], [digest], newer_only="version")


async def remember_ranking(uow: UnitOfWork, event: RankingPublished) -> None:
    """Keep every published version of a ranking; versions are immutable."""
    row: dict[str, Any] = {
        "set_id": event.set_id,
        "period": event.period,
        "version": event.version,
        "units": event.units,
    }
    await add(await uow.driver(), "rankings", list(row), [row])
