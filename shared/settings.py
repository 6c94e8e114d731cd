"""What every service is told by its environment; each service adds its own in its settings.py."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from variables with the prefix LIANDONG_. A missing required one fails the start with its name."""

    model_config = SettingsConfigDict(env_prefix="LIANDONG_", extra="ignore")

    database_url: SecretStr
    database_pool: int = 16
    # One address, or several separated by commas: a cluster's, or those where the broker may come back. Tried in turn.
    nats_url: SecretStr
    issuer: str
    audience: str = "liandong"
    jwks_url: str
    introspection_url: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    # Subjects that hold a role from configuration, before the first appointment can exist:
    # {"setup": "operator", "scoring_svc": "service"}.
    static_appointments: dict[str, str] = {}
    # The journal of the business clock; without it the clock is real time and cannot be moved.
    clock_file: Path | None = None
    cors_origins: str = ""
    log_level: str = "INFO"
    # Delays after which an event that failed by its own fault is tried again, in seconds.
    retry_delays: tuple[float, ...] = (0.1, 0.5, 2.0, 5.0)
    outbox_lease_seconds: float = 10.0
    outbox_poll_seconds: float = 0.25
    trail_seal_seconds: float = 0.5

    @property
    def origins(self) -> list[str]:
        """The origins that a browser may call from, given as one comma-separated text."""
        return [part.strip() for part in self.cors_origins.split(",") if part.strip()]
