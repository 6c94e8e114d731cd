"""The worker of simulations: evaluates one that it took by lease, writes what it found in one transaction."""

from collections.abc import Sequence

from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.simulation import repository
from services.scoring_svc.simulation.use_cases import Scope, Work, run_on_snapshot
from shared.clock import Clock
from shared.db import Database, UnitOfWork
from shared.leased import Claim, Jobs, Keep, Progress, Worker

SIMULATIONS = Jobs("simulations", "simulation_id", "simulation", ("set_id", "period", "variants", "departments"))


def simulating(database: Database, clock: Clock, lease: float, poll: float) -> Worker:
    """A worker that runs waiting simulations. `lease` and `poll` in seconds."""

    async def work(taken: Claim, progress: Progress) -> Keep:
        row = taken.row
        scope = Scope(None if row["departments"] is None else frozenset(row["departments"]))
        asked = Work(row["set_id"], parse_span(row["period"]).key, row["variants"], scope)
        results: Sequence[tuple[str, str]] = await run_on_snapshot(database, asked, progress.note)

        async def keep(uow: UnitOfWork) -> None:
            await repository.add_results(await uow.driver(), taken.job_id, results)

        return keep

    return Worker(database, clock, "scoring_svc", SIMULATIONS, work, lease, poll)
