"""The verbs of the review room, so far only what pre-heat (望) needs to hear: results of earlier periods."""

from services.indicator_svc.review import repository
from shared.contracts.scoring import PeriodClosed, PeriodConfirmed, PeriodFenced, RankingPublished, ScoresConfirmed
from shared.contracts.submission import BurdenReported
from shared.db import UnitOfWork


async def remember_scores(uow: UnitOfWork, event: ScoresConfirmed) -> None:
    """Remember confirmed scores; older versions change nothing."""
    await repository.keep_scores(uow, event)


_STATES = {PeriodFenced: "fenced", PeriodConfirmed: "confirmed", PeriodClosed: "closed"}


async def remember_period(uow: UnitOfWork, event: PeriodFenced | PeriodConfirmed | PeriodClosed) -> None:
    """Remember that a period of a set is fenced, confirmed or closed; backdated changes are judged by it."""
    await repository.keep_period(uow, event, _STATES[type(event)])


async def remember_ranking(uow: UnitOfWork, event: RankingPublished) -> None:
    """Remember a published ranking."""
    await repository.keep_ranking(uow, event)


async def remember_burden(uow: UnitOfWork, event: BurdenReported) -> None:
    """Remember how many indicators of a set are extracted and how many are self-reported."""
    await repository.keep_burden(uow, event)
