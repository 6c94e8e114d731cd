"""The worker of recomputes: any number of processes take pieces by lease, each piece in one transaction."""

from services.scoring_svc.recomputes.use_cases import run_piece
from shared.clock import Clock
from shared.db import Database, UnitOfWork
from shared.leased import Claim, Jobs, Keep, Progress, Worker

PIECES = Jobs(
    "recompute_pieces", "piece_id", "recompute_piece", ("recompute_id", "set_id", "period", "indicators", "units")
)


def recomputing(database: Database, clock: Clock, lease: float, poll: float) -> Worker:
    """A worker that does waiting pieces. `lease` and `poll` in seconds."""

    async def work(taken: Claim, _: Progress) -> Keep:
        async def keep(uow: UnitOfWork) -> None:
            asked = {name: taken.row[name] for name in PIECES.columns}
            await run_piece(uow, piece_id=taken.job_id, **asked, now=clock.now())

        return keep

    return Worker(database, clock, "scoring_svc", PIECES, work, lease, poll)
