"""What scoring_svc is told by its environment, beyond what every service is told."""

from pathlib import Path

from pydantic import Field

from shared.settings import Settings


class ScoringSettings(Settings):
    """`submission_url`: where submission_svc answers, which ends collecting when a period is fenced.

    `group_pause_seconds`: units that see each other (rank rules) are scored at most once in so long for new facts.
    `simulation_worker`: whether this process runs simulations, or leaves them to others.
    `simulation_lease_seconds`: how long one that took a simulation may be silent before another takes it.
    `simulation_cells_at_once`: up to so many cells are simulated while the caller waits; more become a job.
    `recompute_worker`, `recompute_lease_seconds`, `recompute_poll_seconds`: as for simulations.
    `recompute_at_once`: how many pieces a process has in hand; with two, one is worked out while another is written,
    and each transaction takes longer.
    `recompute_cells_a_piece`: how many cells one transaction of a recompute scores, about 15 µs each.
    `audit_url`: where audit_svc answers, which is asked for the problems of a report; without it a report says so.
    `report_worker`, `report_lease_seconds`, `report_poll_seconds`: as for simulations.
    `report_seconds`, `report_memory_bytes`: what the process that writes one document may take.
    `report_keep_days`, `report_keep_newest`, `report_most_bytes`: how long files are kept, how many of one asker, how
    large one may be.
    `archive_key_file`: the private key (JWK, Ed25519) that archives of years are signed with, made there if the file is
    missing, its public half beside it. Without one no archive is written.
    `archive_worker`, `archive_lease_seconds`, `archive_poll_seconds`: as for simulations.
    """

    submission_url: str | None = None
    group_pause_seconds: float = 0.25
    simulation_worker: bool = True
    simulation_lease_seconds: float = 15.0
    simulation_poll_seconds: float = 2.0
    simulation_cells_at_once: int = 3_000
    recompute_worker: bool = True
    recompute_lease_seconds: float = 15.0
    recompute_poll_seconds: float = 2.0
    recompute_at_once: int = Field(default=1, ge=1, le=8)
    recompute_cells_a_piece: int = 8_000
    audit_url: str | None = None
    report_worker: bool = True
    report_lease_seconds: float = 15.0
    report_poll_seconds: float = 2.0
    report_seconds: float = 120.0
    report_memory_bytes: int = 3_000_000_000
    report_keep_days: int = 90
    report_keep_newest: int = 20
    report_most_bytes: int = 20_000_000
    archive_key_file: Path | None = None
    archive_worker: bool = True
    archive_lease_seconds: float = 15.0
    archive_poll_seconds: float = 2.0
