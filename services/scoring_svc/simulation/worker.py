"""The worker of simulations: evaluates one on a snapshot and writes what it found in one transaction."""

from services.scoring_svc.leasing import Claim, LeaseWorker, Progress
from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.simulation import repository
from services.scoring_svc.simulation.use_cases import Scope, Work, run_on_snapshot
from shared.db import UnitOfWork


class Worker(LeaseWorker):
    """Runs waiting simulations one after another."""

    jobs = repository.SIMULATIONS

    async def find(self, taken: Claim, progress: Progress) -> list[tuple[str, str]]:
        """Hash and result of every variant. Raises what a simulation that is run at once raises."""
        departments = taken.row["departments"]
        scope = Scope(None if departments is None else frozenset(departments))
        work = Work(taken.row["set_id"], parse_span(taken.row["period"]).key, taken.row["variants"], scope)
        return await run_on_snapshot(self.database, work, progress)

    async def keep(self, uow: UnitOfWork, taken: Claim, found: list[tuple[str, str]]) -> None:
        """Add the results."""
        await repository.add_results(await uow.driver(), taken.key, found)
