"""Forms of values that requests and answers of all rooms share."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

import asyncpg
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from shared.contracts.periods import parse_period


class Body(BaseModel):
    """A request body: an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer, or a part of one."""

    @classmethod
    def of(cls, row: asyncpg.Record | Mapping[str, Any], **more: object) -> Self:
        """The answer from the columns of a row that bear the names of its members; other columns are left out."""
        return cls(**{**row, **more})


def _plain(value: object) -> object:
    return format(value, "f") if isinstance(value, Decimal) else value


def _period(text: str) -> str:
    return parse_period(text).key


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PeriodKey = Annotated[str, StringConstraints(max_length=7), AfterValidator(_period)]
Share = Annotated[str, StringConstraints(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$")]
Points = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$")]
PlainPoints = Annotated[str, BeforeValidator(_plain)]  # decimal text, as stored
