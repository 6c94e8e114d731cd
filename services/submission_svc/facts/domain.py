"""What may be recorded and by whom; refusals of the facts room. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Literal
from uuid import UUID

from shared.contracts.submission import Amendment, Provenance
from shared.errors import Refused
from shared.reach import Reach

MOST_ROWS = 20_000
LARGEST_BATCH = 8_000_000
LONGEST_REASON = 1_000

Mode = Literal["atomic", "partial"]
Strategy = Literal["create_and_update", "create", "update"]
IdScheme = Literal["code", "id"]


class TooManyRows(Refused):
    """A batch above this size belongs into several."""

    status, code = 413, "too_many_rows"
    zh, en = "一个批次最多 {limit} 行", "A batch has at most {limit} rows"


class SourceUnregistered(Refused):
    """The client has never been registered as a source system."""

    status, code = 403, "source_unregistered"
    zh, en = "来源系统 {client} 未登记", "The source system {client} is not registered"


class BatchRefused(Refused):
    """An atomic batch with a bad row lands not at all."""

    status, code = 422, "batch_refused"
    zh, en = "整批未入库：{rejected} 行有误", "Nothing was recorded: {rejected} rows are refused"


class FactRefused(Refused):
    """A single fact breaks a rule; the detail names it."""

    status, code = 422, "fact_refused"
    zh, en = "该数据未入库", "The fact was not recorded"


class Lateness(IntEnum):
    """How far beyond the fence a write may reach: not at all, up to confirmed, or into a closed period."""

    NONE = 0
    AMENDMENT = 1
    CORRECTION = 2


NOWHERE = Reach(everything=False, units=(), subtrees=())


@dataclass(frozen=True)
class Writer:
    """Who writes and how far: any metric within `any_metric`, self-reported ones within `self_reported`, and the
    (period, metric) that their department evaluates. `client` is set for a source system, held to its registration.
    """

    subject: str
    provenance: Provenance
    client: str | None = None
    any_metric: Reach = NOWHERE
    self_reported: Reach = NOWHERE
    evaluated: tuple[tuple[str, UUID], ...] = ()
    may_exempt: bool = False


@dataclass(frozen=True)
class Rows:
    """The rows of a batch column by column, and the faults found before the database was asked (by place from 0).

    A value that is a list of records is JSON text, and its place is in `listed`.
    """

    metrics: list[str]
    units: list[str]
    periods: list[str]
    states: list[str | None]
    values: list[str | None]
    reasons: list[str | None]
    faults: Mapping[int, str] = field(default_factory=dict)
    listed: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.metrics)


@dataclass(frozen=True)
class Intent:
    """How a batch is to be recorded, and when and as what it was received."""

    batch_id: UUID
    received_at: datetime
    mode: Mode = "atomic"
    strategy: Strategy = "create_and_update"
    id_scheme: IdScheme = "code"
    lateness: Lateness = Lateness.NONE
    amendment: Amendment | None = None


@dataclass(frozen=True)
class Outcome:
    """What happened: created + updated + unchanged + rejected = rows. `faults` names every bad row (from 0)."""

    rows: int
    created: int
    updated: int
    unchanged: int
    faults: Mapping[int, str]

    @property
    def rejected(self) -> int:
        """Rows that were not recorded for their own fault, or all of a refused atomic batch."""
        return self.rows - self.created - self.updated - self.unchanged
