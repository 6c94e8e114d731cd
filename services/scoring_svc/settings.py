"""What scoring_svc is told by its environment, beyond what every service is told."""

from shared.settings import Settings


class ScoringSettings(Settings):
    """`submission_url`: where submission_svc answers, which ends collecting when a period is fenced.

    `simulation_worker`: whether this process runs simulations, or leaves them to others.
    `simulation_lease_seconds`: how long one that took a simulation may be silent before another takes it.
    `simulation_cells_at_once`: up to so many cells are simulated while the caller waits; more become a job.
    `recompute_worker`, `recompute_lease_seconds`, `recompute_poll_seconds`: as for simulations.
    `recompute_cells_a_piece`: how many cells one transaction of a recompute scores, about 50 µs each.
    """

    submission_url: str | None = None
    simulation_worker: bool = True
    simulation_lease_seconds: float = 15.0
    simulation_poll_seconds: float = 2.0
    simulation_cells_at_once: int = 3_000
    recompute_worker: bool = True
    recompute_lease_seconds: float = 15.0
    recompute_poll_seconds: float = 2.0
    recompute_cells_a_piece: int = 4_000
