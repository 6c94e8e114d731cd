"""scoring_svc: facts become explained scores, rankings and deductions. uvicorn starts `create_app` with --factory."""

import asyncio

from fastapi import FastAPI

from services.scoring_svc.bonus.api import router as bonus
from services.scoring_svc.bonus.ledger_api import router as bonus_ledger
from services.scoring_svc.context.api import router as context
from services.scoring_svc.documents.api import router as documents
from services.scoring_svc.documents.worker import Reports, run_reports
from services.scoring_svc.engine.api import router as engine
from services.scoring_svc.event_handlers import HANDLERS, keep_time_by
from services.scoring_svc.ledger.api import router as ledger
from services.scoring_svc.ledger.coalescing import GroupScorer
from services.scoring_svc.ledger.correction_api import router as corrections
from services.scoring_svc.ledger.period_api import router as periods
from services.scoring_svc.people.api import router as people
from services.scoring_svc.people.results_api import router as personal_results
from services.scoring_svc.permissions import PERMISSIONS
from services.scoring_svc.ranking.api import router as ranking
from services.scoring_svc.ranking.pages import Pages
from services.scoring_svc.ranking.reading_api import router as ranking_reading
from services.scoring_svc.recomputes.api import router as recomputes
from services.scoring_svc.recomputes.worker import recomputing
from services.scoring_svc.reports.api import router as reports
from services.scoring_svc.settings import ScoringSettings
from services.scoring_svc.simulation.api import router as simulation
from services.scoring_svc.simulation.worker import simulating
from services.scoring_svc.year_end.api import router as year_end
from services.scoring_svc.year_end.reading_api import router as year_end_reading
from services.scoring_svc.year_end.signing import key_at
from services.scoring_svc.year_end.worker import archiving
from shared.service import build


def create_app(settings: ScoringSettings | None = None) -> FastAPI:
    """The service, ready to be served; settings come from the environment unless given."""
    settings = settings or ScoringSettings()  # type: ignore[call-arg]  # required settings come from the environment
    app = build(
        "scoring_svc",
        settings,
        title="联动 · 计分服务 / Liandong scoring",
        permissions=PERMISSIONS,
        routers=[
            engine,
            periods,
            ledger,
            corrections,
            ranking_reading,
            ranking,
            bonus,
            bonus_ledger,
            reports,
            context,
            simulation,
            recomputes,
            documents,
            people,
            personal_results,
            year_end,
            year_end_reading,
        ],
        handlers=HANDLERS,
        background=[_close_clients, _score_groups, _simulate, _recompute, run_reports, _archive],
    )
    keep_time_by(app.state.clock, settings.group_pause_seconds)
    app.state.groups = GroupScorer(app.state.database, app.state.clock, settings.group_pause_seconds)
    app.state.ranking_pages = Pages()
    app.state.simulations = simulating(
        app.state.database, app.state.clock, settings.simulation_lease_seconds, settings.simulation_poll_seconds
    )
    app.state.recomputes = recomputing(
        app.state.database, app.state.clock, settings.recompute_lease_seconds, settings.recompute_poll_seconds
    )
    app.state.reports = Reports(app.state.database, app.state.clock, settings)
    app.state.archives = None  # without a key to sign with none is written
    if settings.archive_key_file:
        lease, poll = settings.archive_lease_seconds, settings.archive_poll_seconds
        app.state.archives = archiving(
            app.state.database, app.state.clock, key_at(settings.archive_key_file), lease, poll
        )
    app.state.submission = None  # made at the first fence
    return app


async def _close_clients(app: FastAPI) -> None:
    """Close the client of submission_svc when the service ends."""
    try:
        await asyncio.Event().wait()
    finally:
        if app.state.submission is not None:
            await app.state.submission.close()


async def _score_groups(app: FastAPI) -> None:
    """Score the groups that wait for the life of the process."""
    await app.state.groups.run()


async def _simulate(app: FastAPI) -> None:
    """Run waiting simulations for the life of the process."""
    if app.state.settings.simulation_worker:
        await app.state.simulations.run()


async def _recompute(app: FastAPI) -> None:
    """Do waiting pieces of recomputes for the life of the process, so many at once as the settings say."""
    if app.state.settings.recompute_worker:
        await asyncio.gather(*(app.state.recomputes.run() for _ in range(app.state.settings.recompute_at_once)))


async def _archive(app: FastAPI) -> None:
    """Write waiting archives for the life of the process."""
    if app.state.settings.archive_worker and app.state.archives is not None:
        await app.state.archives.run()
