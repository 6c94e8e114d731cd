"""Forms of values that the shapes of the bonus room share."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import asyncpg
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from services.scoring_svc.bonus.domain.awards import normalised
from services.scoring_svc.ledger.domain import plain

_NO_NUL = r"^[^\x00]*$"
_SAYS_SOMETHING = r"^[^\x00]*[^\x00\s][^\x00]*$"


def _positive(text: str) -> str:
    if Decimal(text) <= 0:
        raise ValueError("must be more than nothing")
    return text


def _comparable(text: str) -> str:
    if not normalised(text):
        raise ValueError("nothing is left to compare it by")
    return text


def _plain(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_SAYS_SOMETHING)]
Compared = Annotated[Name, AfterValidator(_comparable)]  # a matter or a document number
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=_SAYS_SOMETHING)]
Text = Annotated[str, StringConstraints(max_length=4_000, pattern=_NO_NUL)]
Points = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?$"), AfterValidator(_positive)]
Cap = Points | Literal["none"]
PlainPoints = Annotated[str, BeforeValidator(_plain)]
PeriodKey = Annotated[str, StringConstraints(min_length=4, max_length=7)]


class Body(BaseModel):
    """A request body, or a part of one: an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer, or a part of one."""

    @classmethod
    def of(cls, row: asyncpg.Record, **more: Any) -> Self:
        """The answer from the columns that bear the names of its members."""
        return cls(**{**row, **more})
