"""What audit_svc is told by its environment: only what every service is told."""

from shared.settings import Settings


class AuditSettings(Settings):
    """audit_svc needs no address of another service: everything it knows comes by events."""
