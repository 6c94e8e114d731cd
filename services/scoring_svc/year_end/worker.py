"""The worker of archives: writes one into a nameless file, verifies it, and keeps it in pieces, all in one transaction.

A process that dies leaves nothing behind: the file has no name, and pieces, hash and state are committed together.
"""

import asyncio
import hashlib
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO
from uuid import UUID

from services.scoring_svc.year_end import repository
from services.scoring_svc.year_end.collecting import Collector
from services.scoring_svc.year_end.signing import ArchiveKey
from services.scoring_svc.year_end.use_cases import Said, moved
from services.scoring_svc.year_end.verify import Check, Verification
from shared.clock import Clock
from shared.db import Database, UnitOfWork
from shared.errors import NotFound, Refused
from shared.leased import Claim, Keep, Progress, Worker
from shared.observability import log

_PIECE = 1 << 20


class ArchiveDoesNotVerify(Refused):
    """An archive that the offline command would refuse is not offered."""

    code = "archive_does_not_verify"
    zh, en = "归档文件未通过校验：{first}", "The archive does not verify: {first}"


class Written:
    """An archive in a file that has no name and is gone with this object, whether the archive was kept or not."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives until the pieces are kept
        self.drop = weakref.finalize(self, self.file.close)
        self.sha256, self.size = "", 0

    def measure(self) -> None:
        """Find out hash and size."""
        digest = hashlib.sha256()
        self.file.seek(0)
        while piece := self.file.read(_PIECE):
            digest.update(piece)
            self.size += len(piece)
        self.sha256 = digest.hexdigest()


@dataclass
class Archivist:
    """Writes archives and signs them."""

    database: Database
    clock: Clock
    key: ArchiveKey

    async def work(self, taken: Claim, progress: Progress) -> Keep:
        """Write and verify the archive of a final result. Raises ArchiveDoesNotVerify."""
        made = Written()
        await self.write(taken.job_id, made.file, progress)
        _demand_verified(await asyncio.to_thread(Verification(made.file, self.key).run))
        await asyncio.to_thread(made.measure)
        return partial(self.keep, taken.job_id, made)

    async def write(self, result_id: UUID, file: IO[bytes], progress: Progress) -> None:
        """Write the archive, from one snapshot."""
        async with (
            self.database.reads.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            result = await repository.result(connection, result_id)
            if result is None:
                raise NotFound
            await Collector(connection, result, self.key, progress).write(file)

    async def keep(self, result_id: UUID, made: Written, uow: UnitOfWork) -> None:
        """Add the pieces, and say that the result is archived."""
        driver = await uow.driver()
        known = await repository.hold_result(driver, result_id)
        if known is None:
            raise NotFound
        if known.state == "archived":
            return  # whoever took the job over has done it; this lease is lost, and nothing of it is kept
        number = 0
        made.file.seek(0)
        while piece := made.file.read(_PIECE):
            number += 1
            await repository.add_piece(driver, result_id, number, piece)
        thumbprint = self.key.thumbprint
        await repository.complete_archive(driver, result_id, sha256=made.sha256, size=made.size, signed_by=thumbprint)
        told = {"sha256": made.sha256, "size": made.size}
        await moved(uow, known, "archived", Said("", ""), self.clock.now(), None, told, state="archived")
        made.drop()


def archiving(database: Database, clock: Clock, key: ArchiveKey, lease: float, poll: float) -> Worker:
    """A worker that writes waiting archives. `lease` and `poll` in seconds."""
    work = Archivist(database, clock, key).work
    return Worker(database, clock, "scoring_svc", repository.ARCHIVES, work, lease, poll)


def _demand_verified(checks: Sequence[Check]) -> None:
    bad = [check for check in checks if check.differences]
    if bad:
        log().error("an archive does not verify", check=bad[0].name, first=bad[0].first)
        raise ArchiveDoesNotVerify(first=bad[0].first)
