"""All event types that exist: importing the producers' modules fills the registry."""

from collections.abc import Mapping

from shared.contracts import audit, indicator, scoring, submission
from shared.contracts.registry import Declaration, declared

PRODUCERS = (indicator, submission, scoring, audit)


def declarations() -> Mapping[str, Declaration]:
    """All event types by name."""
    return declared()
