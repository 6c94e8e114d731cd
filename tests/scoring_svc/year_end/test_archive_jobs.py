"""Archives are jobs: who dies or loses the lease leaves nothing, half a file is never offered, a fault is told."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from services.scoring_svc.year_end import repository
from services.scoring_svc.year_end.signing import key_at
from services.scoring_svc.year_end.worker import Archivist, Written
from shared.clock import SHANGHAI
from shared.db import UnitOfWork
from shared.leased import Progress, Worker
from shared.testing import NOBODY_LISTENS, TestIssuer, fresh_database, running_service
from tests.scoring_svc.ledger.city import City, Submission, found_city, publish, serving
from tests.scoring_svc.year_end.stage import Year, code_of
from tests.scoring_svc.year_end.tampering import bad, verified
from tests.support.processes import ServiceProcess


async def pieces(year: Year) -> int:
    found: int = await year.city.service.database.reads.fetchval("SELECT count(*) FROM year_archive_pieces")
    return found


async def test_of_many_workers_one_writes_it(year: Year) -> None:
    await year.final()
    await year.step("archive", None)
    worker = year.city.service.app.state.archives
    assert sorted(await asyncio.gather(*(worker.turn() for _ in range(4)))) == [False, False, False, True]
    shown = await year.read()
    assert (shown["state"], await pieces(year)) == ("archived", 1)


async def test_who_lost_the_lease_keeps_nothing(year: Year) -> None:
    await year.final()
    await year.step("archive", None)
    service, worker = year.city.service, year.city.service.app.state.archives
    silent = await repository.ARCHIVES.claim(service.database.reads, uuid4(), lease=0.5)
    assert silent is not None
    assert not await worker.turn(), "the control: while the lease holds nobody takes it"
    keep = await worker.work(silent, Progress(0))
    await asyncio.sleep(0.6)
    assert await worker.turn()  # another one takes it from the beginning
    before = (await year.read())["archive"]
    await worker._end(silent, "done", None, keep)
    assert (await year.read())["archive"] == before
    assert await pieces(year) == 1


class _Dies(Archivist):
    """Dies after the pieces were added, before the commit."""

    async def keep(self, result_id: UUID, made: Written, uow: UnitOfWork) -> None:
        await super().keep(result_id, made, uow)
        raise asyncio.CancelledError


class _Forges(Archivist):
    """Writes an archive that is damaged, as a fault of the program or of a disk would."""

    async def write(self, result_id: UUID, file: Any, progress: Progress) -> None:
        await super().write(result_id, file, progress)
        file.seek(1_000)
        file.write(b"\0\0\0\0")


def worker_of(year: Year, kind: type[Archivist], lease: float) -> Worker:
    """A worker beside the service's own, whose archivist is another."""
    settings, state = year.city.service.app.state.settings, year.city.service.app.state
    work = kind(state.database, state.clock, key_at(settings.archive_key_file)).work
    return Worker(state.database, state.clock, "scoring_svc", repository.ARCHIVES, work, lease, 0.05)


async def test_what_dies_before_the_commit_leaves_no_piece(year: Year) -> None:
    await year.final()
    await year.step("archive", None)
    worker = year.city.service.app.state.archives
    with pytest.raises(asyncio.CancelledError):
        await worker_of(year, _Dies, 0.1).turn()
    assert await pieces(year) == 0
    assert code_of(await year.city.office.get(f"{year.at}/archive")) == (409, "archive_not_ready")
    await asyncio.sleep(0.2)
    assert await worker.turn()
    assert (await year.city.office.get(f"{year.at}/archive")).status_code == 200


async def test_what_does_not_verify_fails_and_may_be_asked_for_again(year: Year) -> None:
    await year.final()
    await year.step("archive", None)
    worker = year.city.service.app.state.archives
    assert await worker_of(year, _Forges, 5).turn()
    shown = await year.read()
    assert (shown["archive"]["state"], shown["archive"]["code"]) == ("failed", "archive_does_not_verify")
    assert (shown["state"], await pieces(year)) == ("final", 0)
    assert (await year.step("archive", None)).status_code == 202
    assert await worker.turn()
    assert (await year.read())["state"] == "archived"


async def test_a_killed_process_is_replaced_by_another(postgres: Postgres, issuer: TestIssuer, tmp_path: Path) -> None:
    """kill -9 while the pieces wait for the commit: nothing of them is there, the next process writes it whole."""
    name, dsns = await fresh_database(postgres, "scoring_svc")
    files = {"clock_file": tmp_path / "clock.jsonl", "archive_key_file": tmp_path / "key.json"}
    async with (
        serving(Submission(issuer)) as submission,
        running_service(
            "scoring_svc", postgres, issuer, database=(name, dsns), archive_worker=False, **files, **submission.settings
        ) as service,
    ):
        year = Year(await found_city(service, submission))
        year.on(datetime(2015, 2, 10, 9, tzinfo=SHANGHAI))
        await service.seed_person("K1", "420100", "committee", scope="all")
        await publish(year.city)
        await year.january()
        await year.final()
        await year.step("archive", None)
        settings = {"archive_lease_seconds": "1", "archive_poll_seconds": "0.1"}
        settings |= {key: str(path) for key, path in files.items()}
        owner = await asyncpg.connect(dsns.owner)
        async with owner.transaction():
            await owner.execute("LOCK TABLE year_archive_pieces IN EXCLUSIVE MODE")
            first = ServiceProcess("scoring_svc", dsns, issuer, NOBODY_LISTENS, tmp_path, **settings)
            await first.start()
            await _until(year.city, year.shown["result_id"], "running")
            await first.kill()
        await owner.close()
        assert await pieces(year) == 0
        second = ServiceProcess("scoring_svc", dsns, issuer, NOBODY_LISTENS, tmp_path, **settings)
        await second.start()
        try:
            assert await _until(year.city, year.shown["result_id"], "done") == "done"
        finally:
            await second.stop()
        assert bad(verified((await year.city.office.get(f"{year.at}/archive")).content)) == {}


async def _until(city: City, result_id: str, state: str, within: float = 20) -> str:
    """Wait until the archive is in a state, at most so long; the state."""
    left = int(within / 0.05)
    while True:
        row = await repository.archive(city.service.database.reads, UUID(result_id))
        assert row is not None
        left -= 1
        if row["state"] == state or left < 0:
            return str(row["state"])
        await asyncio.sleep(0.05)
