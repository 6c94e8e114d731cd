"""What scoring_svc is told by its environment, beyond what every service is told."""

from shared.settings import Settings


class ScoringSettings(Settings):
    """`submission_url`: where submission_svc answers, which ends collecting when a period is fenced."""

    submission_url: str | None = None
