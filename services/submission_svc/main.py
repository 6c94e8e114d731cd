"""submission_svc: takes facts in, once and exactly. Wiring only."""

import asyncio

from fastapi import FastAPI

from services.submission_svc.burden.api import router as burden
from services.submission_svc.collection.api import router as collection
from services.submission_svc.event_handlers import HANDLERS
from services.submission_svc.facts.api import router as facts
from services.submission_svc.fences.api import router as fences
from services.submission_svc.permissions import PERMISSIONS
from services.submission_svc.published.use_cases import prepare_years
from services.submission_svc.settings import SubmissionSettings
from services.submission_svc.sources.api import router as sources
from shared.db import is_database_down
from shared.observability import log
from shared.service import build


async def keep_periods_ready(app: FastAPI) -> None:
    """Make partitions ahead of time, for ever; an unreachable database is waited for."""
    settings: SubmissionSettings = app.state.settings
    while True:
        try:
            async with app.state.database.transaction("submission_svc") as uow:
                await prepare_years(uow, app.state.clock.today().year, settings.prepared_years_ahead)
        except Exception as error:  # noqa: BLE001 - the next round tries again, and intake refuses by its own code
            if not is_database_down(error):
                log().error("periods could not be made ready", error=repr(error))
        await asyncio.sleep(settings.prepare_every_seconds)


def create_app(settings: SubmissionSettings | None = None) -> FastAPI:
    """The service, not yet started."""
    return build(
        "submission_svc",
        settings or SubmissionSettings(),  # type: ignore[call-arg]  # the rest comes from the environment
        title="Liandong submission_svc 指标结果采集",
        permissions=PERMISSIONS,
        routers=(sources, facts, fences, collection, burden),
        handlers=HANDLERS,
        background=(keep_periods_ready,),
    )
