"""Weigh the burden of a set, and report it when it changed."""

from uuid import UUID

import asyncpg

from services.submission_svc.burden import repository
from services.submission_svc.burden.domain import Burden, weigh
from shared.contracts.submission import BurdenReported
from shared.db import UnitOfWork
from shared.errors import NotFound


async def weigh_set(pool: asyncpg.Pool, code: str) -> tuple[asyncpg.Record, Burden]:
    """The set and its burden. Raises NotFound for a set that was never published."""
    known = await repository.announced_set(pool, code=code)
    if known is None:
        raise NotFound
    return known, weigh(await repository.indicators_of(pool, known["set_id"]))


async def report_burden(uow: UnitOfWork, set_id: UUID) -> None:
    """Report the burden of a set once all its cards are here, and again whenever it changed."""
    driver = await uow.driver()
    known = await repository.announced_set(driver, set_id=set_id)
    if known is None:
        return
    burden = weigh(await repository.indicators_of(driver, set_id))
    if burden.indicators < known["cards"]:
        return
    version = await repository.save_report(driver, set_id, burden)
    if version is not None:
        uow.record(
            BurdenReported(
                set_id=set_id,
                version=version,
                extracted=len(burden.extracted),
                self_reported=len(burden.self_reported),
                indicators=burden.indicators,
            )
        )
