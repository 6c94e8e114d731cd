"""The worker of simulations: takes one by lease, evaluates it, writes what it found in one transaction.

Any number of scoring processes may run one. A process that dies falls silent, its lease ends and another takes the
simulation from the beginning; what a process that lost its lease found is not written. Never raises.
"""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.simulation import repository
from services.scoring_svc.simulation.repository import Claim
from services.scoring_svc.simulation.use_cases import Scope, Work, run_on_snapshot
from shared.clock import Clock
from shared.db import Database, is_database_down
from shared.errors import Refused
from shared.messaging.tasks import end_all, set_within
from shared.observability import log

_MOST_TRIES = 3
_AGAIN_SECONDS = 1.0
_BEAT_SECONDS = 0.5


@dataclass
class _Progress:
    """How far a simulation is, as the heartbeat tells it."""

    total: int
    done: int = 0

    async def note(self, done: int, total: int) -> None:
        """Remember it; the heartbeat writes it with the lease."""
        self.done, self.total = done, total


@dataclass
class Worker:
    """Runs waiting simulations one after another. `lease` and `poll` in seconds."""

    database: Database
    clock: Clock
    lease: float
    poll: float
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    async def wake(self) -> None:
        """Say that there is something to run; called when a simulation has been committed."""
        self.awake.set()

    async def run(self) -> None:
        """Run for ever; a database that is away is waited for."""
        while True:
            try:
                while await self.turn():
                    """One more may wait."""
            except Exception as error:  # noqa: BLE001 - the worker outlives everything; the rows stay
                if not is_database_down(error):
                    log().warning("simulation worker failed, trying again", error=repr(error))
                await asyncio.sleep(_AGAIN_SECONDS)
            await set_within(self.awake, self.poll)
            self.awake.clear()

    async def turn(self) -> bool:
        """Take one simulation and bring it to an end; whether there was one."""
        taken = await repository.claim(self.database.reads, uuid4(), self.lease)
        if taken is None:
            return False
        progress = _Progress(taken.total)
        work = asyncio.ensure_future(self._work(taken, progress))
        beat = asyncio.ensure_future(self._keep(taken, progress))
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        finally:
            await end_all([work, beat])
        return True

    async def _keep(self, taken: Claim, progress: _Progress) -> None:
        """Keep the lease while the work goes on; ends when somebody else has it or the database is away."""
        while True:
            await asyncio.sleep(min(_BEAT_SECONDS, self.lease / 3))
            if not await repository.go_on(self.database.reads, taken, progress.done, progress.total, self.lease):
                log().warning("simulation was taken by another process", simulation=str(taken.simulation_id))
                return

    async def _work(self, taken: Claim, progress: _Progress) -> None:
        departments = None if taken.departments is None else frozenset(taken.departments)
        work = Work(taken.set_id, parse_span(taken.period).key, taken.variants, Scope(departments))
        try:
            results = await run_on_snapshot(self.database, work, progress.note)
        except Refused as refusal:
            await self._end(taken, "failed", refusal.code, [])
        except Exception as error:
            if is_database_down(error):
                raise  # the lease ends by itself, and whoever sees the database again goes on
            log().exception("simulation failed", simulation=str(taken.simulation_id), tries=taken.tries)
            if taken.tries < _MOST_TRIES:
                await repository.let_go(self.database.reads, taken, _AGAIN_SECONDS * taken.tries)
            else:
                await self._end(taken, "failed", "internal_error", [])
        else:
            await self._end(taken, "done", None, results)

    async def _end(self, taken: Claim, state: str, code: str | None, results: list[tuple[str, str]]) -> None:
        async with self.database.transaction("scoring_svc") as uow:
            driver = await uow.driver()
            if await repository.finish(driver, taken, state, code, self.clock.now()):
                await repository.add_results(driver, taken.simulation_id, results)
                uow.trail("finish", "simulation", taken.simulation_id, after={"state": state, "code": code})
