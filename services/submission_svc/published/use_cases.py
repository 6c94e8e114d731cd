"""What follows from a published metric, card or set: the read copy, what is asked of whom, the burden."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from services.submission_svc.published import repository
from services.submission_svc.published.domain import form_of
from shared.contracts.indicator import IndicatorPublished, IndicatorSetPublished, MetricChanged
from shared.db import UnitOfWork

ReportBurden = Callable[[UnitOfWork, UUID], Awaitable[None]]


async def apply_metric(uow: UnitOfWork, event: MetricChanged) -> None:
    """Keep the metric and how its values are checked."""
    await repository.save_metric(await uow.driver(), event, form_of(event.type, event.allowed))


async def apply_card(uow: UnitOfWork, event: IndicatorPublished, report: ReportBurden) -> None:
    """Keep this version of the card, in whatever order they come; the metrics of all of them are asked anew."""
    driver = await uow.driver()
    await repository.lock_catalogue(driver)
    metrics = sorted({binding.metric for binding in event.bindings.values() if binding.metric is not None})
    if not await repository.save_card(driver, event, metrics):
        return
    await repository.derive_demands(driver, await repository.metrics_of_card(driver, event.indicator_id))
    await report(uow, event.set_id)


async def apply_set(uow: UnitOfWork, event: IndicatorSetPublished, report: ReportBurden) -> None:
    """Keep the set, make its year's periods ready, and ask for what its cards read, whichever came first."""
    driver = await uow.driver()
    await repository.lock_catalogue(driver)
    if not await repository.save_set(driver, event):
        return
    await repository.prepare_year(driver, event.year)
    await repository.derive_demands(driver, await repository.metrics_of_set(driver, event.set_id))
    await report(uow, event.set_id)


async def prepare_years(uow: UnitOfWork, year: int, ahead: int) -> None:
    """Make the periods of a year and of those ahead of it ready, so that intake never meets a missing partition."""
    driver = await uow.driver()
    for each in range(year, year + ahead + 1):
        if await repository.prepare_year(driver, each):
            uow.trail("prepare", "year", each)
