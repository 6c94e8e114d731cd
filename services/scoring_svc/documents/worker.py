"""What runs reports for the life of a process: the worker, audit_svc's client, the dropping of files."""

import asyncio
import contextlib
from uuid import UUID

from fastapi import FastAPI

from services.scoring_svc.documents.domain import Problem
from services.scoring_svc.documents.fonts import demand_fonts
from services.scoring_svc.documents.problem_client import problems_of
from services.scoring_svc.documents.rendering import Limits
from services.scoring_svc.documents.use_cases import REPORTS, Keeping, drop_files, making
from services.scoring_svc.settings import ScoringSettings
from shared.clock import Clock
from shared.db import Database
from shared.leased import Worker
from shared.service_client import ServiceClient

_DROP_EVERY_SECONDS = 3_600.0


class Reports(Worker):
    """The worker of reports. Raises FontMissing where documents could not be written."""

    def __init__(self, database: Database, clock: Clock, settings: ScoringSettings) -> None:
        demand_fonts()
        self._client: ServiceClient | None = None
        self._settings = settings
        self._keeping = Keeping(
            days=settings.report_keep_days, newest=settings.report_keep_newest, most_bytes=settings.report_most_bytes
        )
        limits = Limits(settings.report_seconds, settings.report_memory_bytes)
        work = making(database, clock, self._problems, limits, self._keeping)
        super().__init__(
            database, clock, "scoring_svc", REPORTS, work, settings.report_lease_seconds, settings.report_poll_seconds
        )

    async def _problems(self, set_code: str, periods: list[str]) -> dict[UUID, Problem] | None:
        if self._client is None:
            try:
                self._client = ServiceClient.of(
                    self._settings, what="audit_svc", base_url=self._settings.audit_url, timeout=10.0, tries=2
                )
            except ValueError:
                return None  # this installation tells no address
        return await problems_of(self._client, set_code, periods)

    async def drop_files(self) -> None:
        """Drop what is kept no longer, once."""
        async with self.database.transaction(self.who) as uow:
            await drop_files(uow, self.clock.now(), self._keeping)

    async def keep_dropping(self) -> None:
        """Drop what is kept no longer, now and then, for ever."""
        while True:
            with contextlib.suppress(Exception):  # the next hour is early enough
                await self.drop_files()
            await asyncio.sleep(_DROP_EVERY_SECONDS)

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.close()


async def run_reports(app: FastAPI) -> None:
    """Make waiting reports and drop old files for the life of the process."""
    reports: Reports = app.state.reports
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(reports.keep_dropping())
            if app.state.settings.report_worker:
                group.create_task(reports.run())
    finally:
        await reports.close()
