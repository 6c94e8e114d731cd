"""Long jobs as rows of a table: taken by lease, kept by a heartbeat, ended in one transaction by their last taker.

Any number of scoring processes may work on them. A process that dies falls silent, its lease ends and another takes the
job from the beginning; what a process that lost its lease found is not written. Leases use the database's real time.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeAlias
from uuid import UUID, uuid4

import asyncpg

from shared.clock import Clock
from shared.db import Database, UnitOfWork, is_database_down
from shared.errors import Refused
from shared.messaging.tasks import end_all, set_within
from shared.observability import log

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
Progress: TypeAlias = Callable[[int, int], Awaitable[None]]  # done, total
_MOST_TRIES = 3
_AGAIN_SECONDS = 1.0
_BEAT_SECONDS = 0.5


@dataclass(frozen=True)
class Claim:
    """A job taken by one process until its lease ends; `row` is all that its table says of it."""

    key: UUID
    row: Mapping[str, Any]
    token: UUID

    @property
    def tries(self) -> int:
        """How often it was taken, this time included."""
        return int(self.row["tries"])


@dataclass(frozen=True)
class Jobs:
    """The jobs of a table with the columns state, done, total, code, tries, claimed_until, claim_token, made_at and
    finished_at; `key` is its primary key, `kind` what the trail calls one.
    """

    table: str
    key: str
    kind: str

    async def claim(self, connection: Connection, token: UUID, lease: float) -> Claim | None:
        """Take the oldest job that nobody works on, for `lease` seconds; one whose taker fell silent counts too."""
        row = await connection.fetchrow(
            f"UPDATE {self.table} SET state = 'running', claimed_until = clock_timestamp() + $1, claim_token = $2, "
            f"tries = tries + 1, done = 0 WHERE {self.key} = (SELECT {self.key} FROM {self.table} "
            "WHERE state IN ('waiting', 'running') AND (claimed_until IS NULL OR claimed_until < clock_timestamp()) "
            f"ORDER BY made_at, {self.key} LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *",
            timedelta(seconds=lease),
            token,
        )
        return Claim(row[self.key], row, token) if row else None

    async def go_on(self, connection: Connection, taken: Claim, done: int, total: int, lease: float) -> bool:
        """Tell progress and keep the lease; False if somebody else has taken the job meanwhile."""
        mine = await connection.fetchval(
            f"UPDATE {self.table} SET done = $3, total = $4, claimed_until = clock_timestamp() + $5 "
            f"WHERE {self.key} = $1 AND claim_token = $2 RETURNING 1",
            taken.key,
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
            taken.key,
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
            taken.key,
            taken.token,
            timedelta(seconds=seconds),
        )


@dataclass
class _Noted:
    """How far a job is, as the heartbeat tells it."""

    total: int
    done: int = 0

    async def note(self, done: int, total: int) -> None:
        """Remember it; the heartbeat writes it with the lease."""
        self.done, self.total = done, total


@dataclass
class LeaseWorker(ABC):
    """Runs the waiting jobs of one table one after another. `lease` and `poll` in seconds. Never raises."""

    database: Database
    clock: Clock
    lease: float
    poll: float
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    jobs: ClassVar[Jobs]

    @abstractmethod
    async def find(self, taken: Claim, progress: Progress) -> Any:
        """Do the work without writing anything that others see. What is refused fails the job with its code."""

    @abstractmethod
    async def keep(self, uow: UnitOfWork, taken: Claim, found: Any) -> None:
        """Write what was found, in the transaction that ends the job."""

    async def drop(self, found: Any) -> None:  # noqa: B027 - most jobs have nothing to give free
        """Give free what was found, whether it was kept or not."""

    async def wake(self) -> None:
        """Say that there is something to run; called when a job has been committed."""
        self.awake.set()

    async def run(self) -> None:
        """Run for ever; a database that is away is waited for."""
        while True:
            try:
                while await self.turn():
                    """One more may wait."""
            except Exception as error:  # noqa: BLE001 - the worker outlives everything; the rows stay
                if not is_database_down(error):
                    log().warning("worker failed, trying again", jobs=self.jobs.kind, error=repr(error))
                await asyncio.sleep(_AGAIN_SECONDS)
            await set_within(self.awake, self.poll)
            self.awake.clear()

    async def turn(self) -> bool:
        """Take one job and bring it to an end; whether there was one."""
        taken = await self.jobs.claim(self.database.reads, uuid4(), self.lease)
        if taken is None:
            return False
        noted = _Noted(taken.row["total"])
        work = asyncio.ensure_future(self._work(taken, noted))
        beat = asyncio.ensure_future(self._keep_lease(taken, noted))
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        finally:
            await end_all([work, beat])
        return True

    async def _keep_lease(self, taken: Claim, noted: _Noted) -> None:
        """Keep the lease while the work goes on; ends when somebody else has it or the database is away."""
        while True:
            await asyncio.sleep(min(_BEAT_SECONDS, self.lease / 3))
            if not await self.jobs.go_on(self.database.reads, taken, noted.done, noted.total, self.lease):
                log().warning("a job was taken by another process", jobs=self.jobs.kind, key=str(taken.key))
                return

    async def _work(self, taken: Claim, noted: _Noted) -> None:
        try:
            found = await self.find(taken, noted.note)
        except Refused as refusal:
            await self._end(taken, "failed", refusal.code, None)
        except Exception as error:
            if is_database_down(error):
                raise  # the lease ends by itself, and whoever sees the database again goes on
            log().exception("a job failed", jobs=self.jobs.kind, key=str(taken.key), tries=taken.tries)
            if taken.tries < _MOST_TRIES:
                await self.jobs.let_go(self.database.reads, taken, _AGAIN_SECONDS * taken.tries)
            else:
                await self._end(taken, "failed", "internal_error", None)
        else:
            try:
                await self._end(taken, "done", None, found)
            finally:
                await self.drop(found)

    async def _end(self, taken: Claim, state: str, code: str | None, found: Any) -> None:
        async with self.database.transaction("scoring_svc") as uow:
            if await self.jobs.finish(await uow.driver(), taken, state, code, self.clock.now()):
                if state == "done":
                    await self.keep(uow, taken, found)
                uow.trail("finish", self.jobs.kind, taken.key, after={"state": state, "code": code})
