"""What a fence looks like on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.contracts.periods import parse_period


def _period(text: str) -> str:
    return parse_period(text).key


PeriodKey = Annotated[str, AfterValidator(_period)]


class FenceIn(BaseModel):
    """The set and period whose collecting ends."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"set_id": "5f0f4a0e-6d44-5f0b-9c55-2f3b0f8f0b11", "period": "2015-02"}]},
    )

    set_id: UUID
    period: PeriodKey


class FenceOut(BaseModel):
    """All chunks of the period that the set was fenced with have a number up to `last_chunk`; there are `chunks`."""

    last_chunk: int
    chunks: int
