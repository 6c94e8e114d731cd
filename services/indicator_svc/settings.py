"""What indicator_svc is told by its environment beyond what every service is told."""

from shared.settings import Settings


class IndicatorSettings(Settings):
    """`LIANDONG_SCORING_URL` is where rules are checked at publication; without it nothing can be published."""

    scoring_url: str | None = None
    rule_check_timeout_seconds: float = 10.0
    rule_check_tries: int = 3
