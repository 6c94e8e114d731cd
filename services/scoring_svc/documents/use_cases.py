"""Reports: asking for one, making it as a job, reading its file, dropping files whose time is over."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.documents import reading, repository
from services.scoring_svc.documents.composing import Made, compose
from services.scoring_svc.documents.domain import Problem, ReportPeriodOpen, ReportTooLarge, TooManyReports
from services.scoring_svc.documents.gathering import Asked, Gathered, gather
from services.scoring_svc.documents.rendering import Limits, render
from services.scoring_svc.ledger.use_cases import PeriodUnknown
from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.ranking.repository import confirmed_periods
from services.scoring_svc.ranking.use_cases import scored_periods
from shared.auth import Actor
from shared.clock import Clock
from shared.contracts.periods import Period
from shared.db import Database, UnitOfWork
from shared.directory.repository import places_of
from shared.errors import NotFound, OutsideScope
from shared.leased import Claim, Jobs, Keep, Progress, Work

REPORTS = Jobs("reports", "report_id", "report", ("set_id", "period", "format", "asked", "made_at", "made_by"))
STEPS = 3
_MOST_WAITING = 5
Problems: TypeAlias = Callable[[str, list[str]], Awaitable[dict[UUID, Problem] | None]]


@dataclass(frozen=True)
class Keeping:
    """How long files are kept, how many of an asker, how large one may be in bytes."""

    days: int
    newest: int
    most_bytes: int


async def ask_for_report(
    uow: UnitOfWork, indicator_set: IndicatorSet, period: Period, form: str, asked: Asked, now: datetime
) -> UUID:
    """Put a report among those that wait.

    Raises PeriodUnknown, ReportPeriodOpen, OutsideScope where the asker sees nothing of it, or TooManyReports.
    """
    driver, set_id = await uow.driver(), indicator_set.set_id
    scored = scored_periods(await copies.cards_within(driver, set_id), parse_span(period.key))
    if not scored:
        raise PeriodUnknown(period=period.key)
    still_open = sorted(set(scored) - await confirmed_periods(driver, set_id))
    if still_open:
        raise ReportPeriodOpen(periods=", ".join(still_open))
    if not await reading.sees_cells(driver, asked.reader, set_id, scored):
        raise OutsideScope
    if await repository.hold_asker(driver, uow.who) >= _MOST_WAITING:
        raise TooManyReports(limit=_MOST_WAITING)
    report_id = uuid4()
    row = {
        "report_id": report_id, "set_id": set_id, "period": period.key, "format": form,
        "asked": msgspec.json.encode(asked).decode(), "state": "waiting", "total": STEPS, "made_at": now,
        "made_by": uow.who,
    }  # fmt: skip
    await repository.add_report(driver, row)
    uow.queued(REPORTS.table)
    uow.trail("ask", "report", report_id, after={"set": indicator_set.code, "period": period.key, "format": form})
    return report_id


async def readable_report(uow: UnitOfWork, actor: Actor, permission: str, report_id: UUID, now: datetime) -> Any:
    """A report with what is known of its file. Raises NotFound."""
    driver = await uow.driver()
    row = await repository.report(driver, report_id)
    if row is None:
        raise NotFound
    await demand_reader(driver, actor, permission, row, now)
    return row


async def demand_reader(
    driver: asyncpg.Connection, actor: Actor, permission: str, row: Mapping[str, Any], now: datetime
) -> None:
    """Raise NotFound unless the actor reads all, or asked for the report and still reaches what it was asked with."""
    reach = actor.reach(permission)
    if reach.everything:
        return
    asked = msgspec.json.decode(row["asked"], type=Asked)
    if row["made_by"] != actor.subject or asked.everything:
        raise NotFound
    held = {*asked.units, *(await _roots(driver, asked))}
    places = await places_of(driver, held, {now.date()})
    if not all(any(reach.covers(unit, path) for path in places.get(unit, ())) for unit in held):
        raise NotFound


async def _roots(driver: asyncpg.Connection, asked: Asked) -> set[UUID]:
    """The units whose subtrees a report was asked with."""
    codes = {root.rstrip("/").rpartition("/")[2] for root in asked.subtrees}
    return {unit for unit, (code, _) in (await reading.names_of_units(driver, asked.day)).items() if code in codes}


# --- making -----------------------------------------------------------------------------------------------------------


def making(database: Database, clock: Clock, problems: Problems, limits: Limits, keeping: Keeping) -> Work:
    """The work of a report: read it in one snapshot, ask for problems, write the file beside the event loop."""

    async def work(taken: Claim, progress: Progress) -> Keep:
        row = taken.row
        asked = msgspec.json.decode(row["asked"], type=Asked)
        told = await _gathered(database, row["set_id"], row["period"], asked, row["made_by"], clock.now())
        await progress.note(1, STEPS)
        if asked.problems:
            periods = sorted({one["period"] for one in told.deductions})
            told = replace(told, problems=await problems(told.indicator_set.code, periods))
        await progress.note(2, STEPS)
        document = await asyncio.to_thread(compose, told, Made(taken.job_id, row["made_by"], row["made_at"]))
        content = await render(document, row["format"], limits)
        if len(content) > keeping.most_bytes:
            raise ReportTooLarge(limit=keeping.most_bytes)

        async def keep(uow: UnitOfWork) -> None:
            now = clock.now()
            file = {
                "report_id": taken.job_id, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content),
                "content": content, "kept_until": now + timedelta(days=keeping.days),
            }  # fmt: skip
            await repository.add_file(await uow.driver(), file)
            await drop_files(uow, now, keeping)

        return keep

    return work


async def _gathered(database: Database, set_id: UUID, period: str, asked: Asked, who: str, now: datetime) -> Gathered:
    async with (
        database.reads.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = next(one for one in await copies.all_sets(connection) if one.set_id == set_id)
        return await gather(connection, found, period, asked, who, now)


async def drop_files(uow: UnitOfWork, now: datetime, keeping: Keeping) -> None:
    """Drop the files that are kept no longer; their reports stay, and say so."""
    for report_id in await repository.drop_files(await uow.driver(), now, keeping.newest):
        uow.trail("drop", "report_file", report_id)
