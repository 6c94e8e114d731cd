"""End collecting for a set and period, and follow the states that scoring_svc decides."""

from uuid import UUID

from services.submission_svc.fences import repository
from services.submission_svc.published.repository import prepare_year
from shared.contracts.periods import parse_period
from shared.contracts.scoring import PeriodClosed, PeriodConfirmed, PeriodFenced
from shared.db import UnitOfWork
from shared.errors import NotFound


async def fence_period(uow: UnitOfWork, set_id: UUID, period: str) -> tuple[int, int]:
    """Refuse further writes for the set and period; answers (last chunk, number of chunks up to it).

    After the commit nothing slips in: writers share the period's gate, and the fence takes it alone. Repeating the
    fence gives the first answer again. Raises NotFound for a set that was never published.
    """
    driver = await uow.driver()
    if not await repository.is_published(driver, set_id):
        raise NotFound
    if not await repository.take_gate(driver, period):
        await prepare_year(driver, parse_period(period).first.year)
        await repository.take_gate(driver, period)
    standing = await repository.fence_of(driver, set_id, period)
    if standing is not None:
        return standing
    last_chunk, chunks = await repository.chunks_of(driver, period)
    await repository.save_fence(driver, set_id, period, last_chunk, chunks)
    uow.trail("fence", "period", f"{set_id}/{period}", after={"last_chunk": last_chunk, "chunks": chunks})
    return last_chunk, chunks


async def apply_fenced(uow: UnitOfWork, event: PeriodFenced) -> None:
    """Know the fence as scoring_svc recorded it."""
    driver = await uow.driver()
    await repository.take_gate(driver, event.period)
    await repository.apply_state(
        driver, event.set_id, event.period, repository.FENCED, event.version, (event.last_chunk, event.chunks)
    )


async def apply_confirmed(uow: UnitOfWork, event: PeriodConfirmed) -> None:
    """Know that the period is confirmed."""
    driver = await uow.driver()
    await repository.take_gate(driver, event.period)
    await repository.apply_state(driver, event.set_id, event.period, repository.CONFIRMED, event.version)


async def apply_closed(uow: UnitOfWork, event: PeriodClosed) -> None:
    """Know that the period takes approved corrections only."""
    driver = await uow.driver()
    await repository.take_gate(driver, event.period)
    await repository.apply_state(driver, event.set_id, event.period, repository.CLOSED, event.version)
