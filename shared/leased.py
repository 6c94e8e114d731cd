"""Jobs as rows that any process of a service takes by lease: claim, beat, finish, tries.

Belongs here: what every such job needs, whatever it does. A process that dies falls silent, its lease ends and another
one takes the job from the beginning; what a process that lost its lease found is not written. Leases use real time.
Does not belong here: what a job reads and writes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import Column, DateTime, Integer, Text, Uuid

from shared.clock import Clock
from shared.db import Database, UnitOfWork, is_database_down
from shared.errors import Refused
from shared.messaging.tasks import end_all, set_within
from shared.observability import log

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
_MOST_TRIES = 3
_MOST_CLAIMS = 5  # more than tries: a process may also be ended for reasons that are not the job's
_AGAIN_SECONDS = 1.0
_BEAT_SECONDS = 0.5
_GOODBYE_SECONDS = 2.0
_BUSY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


def leased_columns() -> list[Column[Any]]:
    """The columns that a table of jobs has beside its own."""
    return [
        Column("state", Text, nullable=False, comment="waiting, running, done or failed"),
        Column("done", Integer, nullable=False, server_default="0"),
        Column("total", Integer, nullable=False, server_default="0"),
        Column("code", Text, comment="why it failed"),
        Column("tries", Integer, nullable=False, server_default="0"),
        Column("claimed_until", DateTime(timezone=True)),
        Column("claim_token", Uuid),
        Column("made_at", DateTime(timezone=True), nullable=False),
        Column("made_by", Text, nullable=False),
        Column("finished_at", DateTime(timezone=True)),
    ]


@dataclass(frozen=True)
class Claim:
    """A job taken by one process until its lease ends; `row` has the columns that the work needs."""

    job_id: UUID
    token: UUID
    row: asyncpg.Record


@dataclass(frozen=True)
class Jobs:
    """A table with `leased_columns`: its name, its key, what a job is called in the trail, what the work reads.

    All of them are names of this code, never input.
    """

    table: str
    key: str
    what: str
    columns: Sequence[str]

    async def claim(self, connection: Connection, token: UUID, lease: float) -> Claim | None:
        """Take the oldest job that nobody works on, for `lease` seconds; one whose taker fell silent counts too."""
        row = await connection.fetchrow(
            f"UPDATE {self.table} SET state = 'running', claimed_until = clock_timestamp() + $1, claim_token = $2, "
            f"tries = tries + 1, done = 0 WHERE {self.key} = (SELECT {self.key} FROM {self.table} "
            "WHERE state IN ('waiting', 'running') AND (claimed_until IS NULL OR claimed_until < clock_timestamp()) "
            f"ORDER BY made_at, {self.key} LIMIT 1 FOR UPDATE SKIP LOCKED) "
            f"RETURNING {', '.join((self.key, 'tries', 'total', *self.columns))}",
            timedelta(seconds=lease),
            token,
        )
        return Claim(row[self.key], token, row) if row else None

    async def beat(self, connection: Connection, taken: Claim, done: int, total: int, lease: float) -> bool:
        """Tell progress and keep the lease; False if somebody else has taken the job meanwhile."""
        mine = await connection.fetchval(
            f"UPDATE {self.table} SET done = $3, total = $4, claimed_until = clock_timestamp() + $5 "
            f"WHERE {self.key} = $1 AND claim_token = $2 RETURNING 1",
            taken.job_id,
            taken.token,
            done,
            total,
            timedelta(seconds=lease),
        )
        return mine is not None

    async def finish(
        self, driver: asyncpg.Connection, taken: Claim, state: str, code: str | None, at: datetime
    ) -> bool:
        """End a job; False if it is no longer this process's."""
        mine = await driver.fetchval(
            f"UPDATE {self.table} SET state = $3, code = $4, finished_at = $5, claimed_until = NULL, "
            "claim_token = NULL, done = CASE WHEN $3 = 'done' THEN total ELSE done END "
            f"WHERE {self.key} = $1 AND claim_token = $2 RETURNING 1",
            taken.job_id,
            taken.token,
            state,
            code,
            at,
        )
        return mine is not None

    async def let_go(self, connection: Connection, taken: Claim, seconds: float) -> None:
        """Give a job back, to be taken again after a while."""
        await connection.execute(
            f"UPDATE {self.table} SET claimed_until = clock_timestamp() + $3, claim_token = NULL "
            f"WHERE {self.key} = $1 AND claim_token = $2",
            taken.job_id,
            taken.token,
            timedelta(seconds=seconds),
        )

    async def hand_back(self, connection: Connection, taken: Claim) -> None:
        """Give a job back that nothing is wrong with: it may be taken at once, and this does not count as a try."""
        await connection.execute(
            f"UPDATE {self.table} SET claimed_until = NULL, claim_token = NULL, tries = tries - 1 "
            f"WHERE {self.key} = $1 AND claim_token = $2",
            taken.job_id,
            taken.token,
        )


@dataclass
class Progress:
    """How far a job is, as the heartbeat tells it."""

    total: int
    done: int = 0

    async def note(self, done: int, total: int) -> None:
        """Remember it; the heartbeat writes it with the lease."""
        self.done, self.total = done, total


class _LeaseLost(Exception):
    """Somebody else has the job: what was found is taken back with the transaction."""


Keep = Callable[[UnitOfWork], Awaitable[None]]
Work = Callable[[Claim, Progress], Awaitable[Keep]]


@dataclass
class Worker:
    """Runs waiting jobs one after another, as `who`. `lease` and `poll` in seconds.

    `work` finds the result and gives what writes it: that runs in the transaction that ends the job, which is taken
    back if the lease no longer holds. A refusal ends the job as failed with its code; what breaks is tried again,
    three times in all. A job whose takers all fell silent, five of them, is not begun a sixth time: it would end the
    next process too, and keeps from their turn the jobs behind it. A process that is shut down gives its job back.
    """

    database: Database
    clock: Clock
    who: str
    jobs: Jobs
    work: Work
    lease: float
    poll: float
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self, tables: Collection[str]) -> None:
        """Look now if jobs were put into one of these tables; called after the commit, whichever process's it was."""
        if self.jobs.table in tables:
            self.awake.set()

    async def run(self) -> None:
        """Run for ever; a database that is away is waited for."""
        self.database.workers.append(self.wake)
        try:
            await self._run()
        finally:
            self.database.workers.remove(self.wake)

    async def _run(self) -> None:
        while True:
            try:
                while await self.turn():
                    """One more may wait."""
            except Exception as error:  # noqa: BLE001 - the worker outlives everything; the rows stay
                if not is_database_down(error):
                    log().warning("worker failed, trying again", jobs=self.jobs.table, error=repr(error))
                await asyncio.sleep(_AGAIN_SECONDS)
            await set_within(self.awake, self.poll)
            self.awake.clear()

    async def turn(self) -> bool:
        """Take one job and bring it to an end; whether there was one."""
        taken = await self.jobs.claim(self.database.reads, uuid4(), self.lease)
        if taken is None:
            return False
        if taken.row["tries"] > _MOST_CLAIMS:
            log().error("job ended every process that took it", jobs=self.jobs.table, job=str(taken.job_id))
            await self._end(taken, "failed", "takers_fell_silent", None)
            return True
        progress = Progress(taken.row["total"])
        work = asyncio.ensure_future(self._work(taken, progress))
        beat = asyncio.ensure_future(self._keep(taken, progress))
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        except asyncio.CancelledError:
            await end_all([work, beat])
            with suppress(Exception):  # whoever does not hear of it waits for the lease
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self.jobs.hand_back(self.database.reads, taken)
            raise
        finally:
            await end_all([work, beat])
        return True

    async def _keep(self, taken: Claim, progress: Progress) -> None:
        """Keep the lease while the work goes on; ends when somebody else has it or the database is away."""
        while True:
            await asyncio.sleep(min(_BEAT_SECONDS, self.lease / 3))
            if not await self.jobs.beat(self.database.reads, taken, progress.done, progress.total, self.lease):
                log().warning("job was taken by another process", jobs=self.jobs.table, job=str(taken.job_id))
                return

    async def _work(self, taken: Claim, progress: Progress) -> None:
        try:
            keep = await self.work(taken, progress)
            await self._end(taken, "done", None, keep)
        except Refused as refusal:
            await self._end(taken, "failed", refusal.code, None)
        except _BUSY:
            # Somebody else holds what the job needs for longer than one waits: that says nothing of the job.
            await asyncio.sleep(_AGAIN_SECONDS)
            await self.jobs.hand_back(self.database.reads, taken)
        except Exception as error:
            if is_database_down(error):
                raise  # the lease ends by itself, and whoever sees the database again goes on
            log().exception("job failed", jobs=self.jobs.table, job=str(taken.job_id), tries=taken.row["tries"])
            if taken.row["tries"] < _MOST_TRIES:
                await self.jobs.let_go(self.database.reads, taken, _AGAIN_SECONDS * taken.row["tries"])
            else:
                await self._end(taken, "failed", "internal_error", None)

    async def _end(self, taken: Claim, state: str, code: str | None, keep: Keep | None) -> None:
        with suppress(_LeaseLost):
            async with self.database.transaction(self.who) as uow:
                if keep is not None:
                    await keep(uow)
                # Last, so that the row is free for the heartbeat while a long result is written.
                await self._finish(uow, taken, state, code)
                uow.trail("finish", self.jobs.what, taken.job_id, after={"state": state, "code": code})

    async def _finish(self, uow: UnitOfWork, taken: Claim, state: str, code: str | None) -> None:
        if not await self.jobs.finish(await uow.driver(), taken, state, code, self.clock.now()):
            log().warning("job was taken by another process", jobs=self.jobs.table, job=str(taken.job_id))
            raise _LeaseLost
