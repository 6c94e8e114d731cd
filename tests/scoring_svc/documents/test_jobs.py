"""A report is a job: killed in the middle it loses nothing, what cannot be written fails with its reason."""

from pathlib import Path

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from services.scoring_svc.documents import use_cases
from services.scoring_svc.documents.worker import Reports
from shared.testing import NOBODY_LISTENS, TestIssuer, fresh_database, running_service
from tests.scoring_svc.documents.quarter import ask, text_of, until
from tests.scoring_svc.ledger.city import City, Submission, found_city, publish, serving
from tests.scoring_svc.simulation.build import JANUARY, january
from tests.support.processes import ServiceProcess


async def test_a_killed_process_is_replaced_by_another(postgres: Postgres, issuer: TestIssuer, tmp_path: Path) -> None:
    """That the lease is what waits has its control in the jobs of simulations, which have the same worker."""
    name, dsns = await fresh_database(postgres, "scoring_svc")
    async with (
        serving(Submission(issuer)) as submission,
        running_service(
            "scoring_svc", postgres, issuer, database=(name, dsns), report_worker=False, **submission.settings
        ) as service,
    ):
        city = await found_city(service, submission)
        await publish(city)
        await january(city)
        report = await ask(city, period=JANUARY)
        early = await city.office.get(f"/v1/reports/{report['report_id']}/content")
        assert (early.status_code, early.json()["code"]) == (409, "report_not_done")
        settings = {"report_lease_seconds": "1", "report_poll_seconds": "0.1"}
        # What the first process would write waits for this lock, so that it is killed before the end for certain.
        owner = await asyncpg.connect(dsns.owner)
        async with owner.transaction():
            await owner.execute("LOCK TABLE report_files IN EXCLUSIVE MODE")
            first = ServiceProcess("scoring_svc", dsns, issuer, NOBODY_LISTENS, tmp_path, **settings)
            await first.start()
            await until(city, report, "running")
            await first.kill()
        await owner.close()
        second = ServiceProcess("scoring_svc", dsns, issuer, NOBODY_LISTENS, tmp_path, **settings)
        await second.start()
        try:
            shown = await until(city, report, "done", "failed")
        finally:
            await second.stop()
        assert shown["state"] == "done"
        assert await service.database.reads.fetchval("SELECT count(*) FROM report_files") == 1
        content = (await city.office.get(shown["content"])).content
        assert "2015年1月绩效考核报告" in text_of(content)


async def test_what_is_too_large_fails_and_says_so(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await january(city)
    settings = city.service.app.state.settings.model_copy(update={"report_most_bytes": 1_000})
    small = Reports(city.service.database, city.service.app.state.clock, settings)
    monkeypatch.setattr(city.service.app.state.reports, "work", small.work)
    report = await ask(city, period=JANUARY)
    shown = await until(city, report, "done", "failed")
    assert (shown["state"], shown["code"], shown["content"]) == ("failed", "report_too_large", None)
    monkeypatch.setattr("services.scoring_svc.documents.gathering.MOST_CELLS", 8)
    shown = await until(city, await ask(city, period=JANUARY), "done", "failed")
    assert (shown["state"], shown["code"]) == ("failed", "report_too_large")
    refused = await city.office.get(f"/v1/reports/{shown['report_id']}/content")
    assert (refused.status_code, refused.json()["state"]) == (409, "failed")


async def test_what_breaks_the_typesetter_breaks_nothing_else(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await january(city)
    settings = city.service.app.state.settings.model_copy(update={"report_memory_bytes": 100_000_000})
    tight = Reports(city.service.database, city.service.app.state.clock, settings)
    monkeypatch.setattr(city.service.app.state.reports, "work", tight.work)
    monkeypatch.setattr("shared.leased._AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(city.service.app.state.reports, "poll", 0.05)
    shown = await until(city, await ask(city, period=JANUARY), "failed", "done")
    assert (shown["state"], shown["code"]) == ("failed", "internal_error")
    monkeypatch.undo()
    shown = await until(city, await ask(city, period=JANUARY), "failed", "done")
    assert shown["state"] == "done"


async def test_trail_tells_who_asked_and_that_it_was_done(city: City) -> None:
    await january(city)
    report = await ask(city, "L2", period=JANUARY)
    await until(city, report, "done", who="L2")
    rows = await city.service.database.reads.fetch(
        "SELECT action, who FROM trail WHERE object_id = $1 ORDER BY action", report["report_id"]
    )
    assert [tuple(row) for row in rows] == [("ask", report["made_by"]), ("finish", "scoring_svc")]
    assert use_cases.REPORTS.what == "report"
