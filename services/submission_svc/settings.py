"""What submission_svc is told by its environment beyond the settings of every service."""

from shared.settings import Settings


class SubmissionSettings(Settings):
    """Read from variables with the prefix LIANDONG_."""

    # Partitions are made this many years ahead of the business date, so that intake never meets a missing one.
    prepared_years_ahead: int = 1
    prepare_every_seconds: float = 3_600.0
