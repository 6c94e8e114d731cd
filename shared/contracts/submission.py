"""Events of submission_svc: facts as recorded, and the burden of filling them in."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from shared.contracts.registry import Event, event

FactState = Literal["present", "missing", "exempt", "not_scorable"]
Provenance = Literal["feed", "department", "self_typed", "workbook", "inspection"]


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a fact: metric x unit x period. `value` is decimal, date or category text, or records."""

    metric_id: UUID
    unit_id: UUID
    version: int
    state: FactState = "present"
    value: Any = None
    reason: str | None = None


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """Why a fact changed after its period was fenced, and who said so (a subject id)."""

    reason: str
    approved_by: str


@event("facts.recorded.v1", producer="submission_svc", readers=("scoring_svc",))
class FactsRecorded(Event, frozen=True, kw_only=True):
    """A chunk of facts of one period, received at one moment from one source and written in one transaction.

    `chunk_no` grows within submission_svc: after a fence all chunks of the period written before it have a number
    at most the fence's `last_chunk`.
    """

    batch_id: UUID
    chunk_no: int
    period: str
    provenance: Provenance
    received_at: datetime
    facts: list[Fact]
    amendment: Amendment | None = None


@event("burden.reported.v1", producer="submission_svc", readers=("indicator_svc",))
class BurdenReported(Event, frozen=True, kw_only=True):
    """How many indicators of a set the systems carry, out of all; the lists stand in submission_svc."""

    set_id: UUID
    version: int
    extracted: int
    self_reported: int
    indicators: int
