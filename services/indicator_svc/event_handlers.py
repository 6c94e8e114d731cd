"""What indicator_svc hears from others; each handler only calls the verb."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.indicator_svc.review import use_cases
from shared.contracts.envelope import Envelope
from shared.contracts.registry import Event
from shared.contracts.scoring import PeriodClosed, PeriodConfirmed, PeriodFenced, RankingPublished, ScoresConfirmed
from shared.contracts.submission import BurdenReported
from shared.db import UnitOfWork


async def on_scores_confirmed(uow: UnitOfWork, event: ScoresConfirmed, _: Envelope) -> None:
    """Confirmed scores, for pre-heat."""
    await use_cases.remember_scores(uow, event)


async def on_period_fenced(uow: UnitOfWork, event: PeriodFenced, _: Envelope) -> None:
    """Collecting for a period of a set has ended."""
    await use_cases.remember_period(uow, event)


async def on_period_confirmed(uow: UnitOfWork, event: PeriodConfirmed, _: Envelope) -> None:
    """A period of a set is confirmed."""
    await use_cases.remember_period(uow, event)


async def on_period_closed(uow: UnitOfWork, event: PeriodClosed, _: Envelope) -> None:
    """A period of a set is closed."""
    await use_cases.remember_period(uow, event)


async def on_ranking_published(uow: UnitOfWork, event: RankingPublished, _: Envelope) -> None:
    """A ranking is published."""
    await use_cases.remember_ranking(uow, event)


async def on_burden_reported(uow: UnitOfWork, event: BurdenReported, _: Envelope) -> None:
    """The burden of filling in a set is known."""
    await use_cases.remember_burden(uow, event)


HANDLERS: Mapping[type[Event], Callable[[UnitOfWork, Any, Envelope], Awaitable[None]]] = {
    ScoresConfirmed: on_scores_confirmed,
    PeriodFenced: on_period_fenced,
    PeriodConfirmed: on_period_confirmed,
    PeriodClosed: on_period_closed,
    RankingPublished: on_ranking_published,
    BurdenReported: on_burden_reported,
}
