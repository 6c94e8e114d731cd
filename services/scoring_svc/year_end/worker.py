"""The worker of archives: writes one into a nameless file, verifies it, and keeps it in pieces, all in one transaction.

A process that dies leaves nothing behind: the file has no name, and pieces, hash and state are committed together.
"""

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from typing import IO

from services.scoring_svc.leasing import Claim, LeaseWorker, Progress
from services.scoring_svc.year_end import repository
from services.scoring_svc.year_end.collecting import Collector
from services.scoring_svc.year_end.domain import ArchiveKeyMissing
from services.scoring_svc.year_end.signing import ArchiveKey
from services.scoring_svc.year_end.use_cases import Said, moved
from services.scoring_svc.year_end.verify import Check, Verification
from shared.db import UnitOfWork
from shared.errors import NotFound, Refused
from shared.observability import log

_PIECE = 1 << 20


class ArchiveDoesNotVerify(Refused):
    """An archive that the offline command would refuse is not offered."""

    code = "archive_does_not_verify"
    zh, en = "归档文件未通过校验：{first}", "The archive does not verify: {first}"


@dataclass
class Written:
    """An archive in a file that has no name."""

    file: IO[bytes]
    sha256: str
    size: int


@dataclass
class ArchiveWorker(LeaseWorker):
    """Writes waiting archives one after another; `key` signs them, None: none is written."""

    key: ArchiveKey | None = None

    jobs = repository.ARCHIVES

    @property
    def signs(self) -> bool:
        """Whether there is a key to sign with."""
        return self.key is not None

    async def find(self, taken: Claim, progress: Progress) -> Written:
        """Write and verify the archive of a final result. Raises ArchiveKeyMissing or ArchiveDoesNotVerify."""
        if self.key is None:
            raise ArchiveKeyMissing
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives until the pieces are kept
        try:
            await self._write(taken, file, progress)
            checks = await asyncio.to_thread(Verification(file, self.key).run)
            _demand_verified(checks)
            return await asyncio.to_thread(_measured, file)
        except BaseException:
            file.close()
            raise

    async def _write(self, taken: Claim, file: IO[bytes], progress: Progress) -> None:
        async with (
            self.database.reads.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            result = await repository.result(connection, taken.key)
            if result is None or self.key is None:
                raise NotFound
            await Collector(connection, result, self.key, progress).write(file)

    async def keep(self, uow: UnitOfWork, taken: Claim, found: Written) -> None:
        """Add the pieces, and say that the result is archived."""
        driver = await uow.driver()
        known = await repository.hold_result(driver, taken.key)
        if known is None or self.key is None:
            raise NotFound
        number = 0
        found.file.seek(0)
        while piece := found.file.read(_PIECE):
            number += 1
            await repository.add_piece(driver, taken.key, number, piece)
        thumbprint = self.key.thumbprint
        await repository.complete_archive(driver, taken.key, sha256=found.sha256, size=found.size, signed_by=thumbprint)
        told = {"sha256": found.sha256, "size": found.size}
        await moved(uow, known, "archived", Said("", ""), self.clock.now(), None, told, state="archived")

    async def drop(self, found: Written) -> None:
        """Close the file; nothing is left of it."""
        found.file.close()


def _demand_verified(checks: list[Check]) -> None:
    bad = [check for check in checks if check.differences]
    if bad:
        log().error("an archive does not verify", check=bad[0].name, first=bad[0].first)
        raise ArchiveDoesNotVerify(first=bad[0].first)


def _measured(file: IO[bytes]) -> Written:
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while piece := file.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return Written(file, digest.hexdigest(), size)
