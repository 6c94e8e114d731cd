"""What audit_svc hears from the others; each handler only calls the verb.

Handlers get no request, so the business clock of the process is told once at the start by `keep_time_by`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.audit_svc.copies import use_cases as copies
from services.audit_svc.problems.use_cases import follow_deductions
from services.audit_svc.rectification.use_cases import follow_scores, take_points_regained
from shared.clock import Clock
from shared.contracts.envelope import Envelope
from shared.contracts.indicator import IndicatorPublished, IndicatorSetPublished
from shared.contracts.registry import Event
from shared.contracts.scoring import (
    DeductionsDigested,
    IndicatorDeducted,
    PeriodClosed,
    PeriodConfirmed,
    PeriodFenced,
    PointsRegained,
    RankingPublished,
    ScoresConfirmed,
)
from shared.db import UnitOfWork
from shared.directory.apply import DIRECTORY_HANDLERS


class _BusinessTime:
    """The one clock of this process; real time until the composition root says otherwise."""

    clock = Clock()


def keep_time_by(clock: Clock) -> None:
    """Let handlers read this business clock."""
    _BusinessTime.clock = clock


async def on_indicator_deducted(uow: UnitOfWork, event: IndicatorDeducted, _: Envelope) -> None:
    """Open or carry along the problem of every deduction."""
    await follow_deductions(uow, event, _BusinessTime.clock)


async def on_scores_confirmed(uow: UnitOfWork, event: ScoresConfirmed, _: Envelope) -> None:
    """Keep the cells and verify the cures that they prove."""
    await follow_scores(uow, event, _BusinessTime.clock)


async def on_points_regained(uow: UnitOfWork, event: PointsRegained, _: Envelope) -> None:
    """Strike off the problem whose points were won back."""
    await take_points_regained(uow, event, _BusinessTime.clock)


async def on_deductions_digested(uow: UnitOfWork, event: DeductionsDigested, _: Envelope) -> None:
    """Keep the other side of the reconciler."""
    await copies.remember_digest(uow, event)


async def on_indicator_published(uow: UnitOfWork, event: IndicatorPublished, _: Envelope) -> None:
    """Keep the card."""
    await copies.remember_card(uow, event)


async def on_indicator_set_published(uow: UnitOfWork, event: IndicatorSetPublished, _: Envelope) -> None:
    """Keep the set."""
    await copies.remember_set(uow, event)


async def on_period_fenced(uow: UnitOfWork, event: PeriodFenced, _: Envelope) -> None:
    """Keep the state of the period."""
    await copies.remember_period(uow, event, "fenced")


async def on_period_confirmed(uow: UnitOfWork, event: PeriodConfirmed, _: Envelope) -> None:
    """Keep the state of the period."""
    await copies.remember_period(uow, event, "confirmed")


async def on_period_closed(uow: UnitOfWork, event: PeriodClosed, _: Envelope) -> None:
    """Keep the state of the period."""
    await copies.remember_period(uow, event, "closed")


async def on_ranking_published(uow: UnitOfWork, event: RankingPublished, _: Envelope) -> None:
    """Keep the ranking."""
    await copies.remember_ranking(uow, event)


HANDLERS: Mapping[type[Event], Callable[[UnitOfWork, Any, Envelope], Awaitable[None]]] = {
    **DIRECTORY_HANDLERS,
    IndicatorPublished: on_indicator_published,
    IndicatorSetPublished: on_indicator_set_published,
    PeriodFenced: on_period_fenced,
    PeriodConfirmed: on_period_confirmed,
    PeriodClosed: on_period_closed,
    ScoresConfirmed: on_scores_confirmed,
    IndicatorDeducted: on_indicator_deducted,
    DeductionsDigested: on_deductions_digested,
    RankingPublished: on_ranking_published,
    PointsRegained: on_points_regained,
}
