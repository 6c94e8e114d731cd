"""Field types of requests: codes, names, days, points, JSON documents, each refusing what cannot be kept.

Belongs here: forms of single values that more than one room takes, and the answer to a batch. What a request holds
stands in the rooms' schemas.
"""

import re
import unicodedata
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


class Body(BaseModel):
    """The body of a request or a part of it: a field that nobody reads is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """The body of an answer or a part of it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class RowOut(Answer):
    """What became of one row of a batch."""

    code: str
    id: UUID
    version: int
    outcome: Literal["created", "unchanged"]


class BatchOut(Answer):
    """What became of the rows of a batch, in their order."""

    created: int
    unchanged: int
    rows: list[RowOut]


def _printable(text: str) -> str:
    if any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in "\n\t" for sign in text):
        raise ValueError("control characters cannot be kept")
    return text


def _iso_day(value: object) -> object:
    # A number would be read as seconds since 1970, a moment as its day: both are somebody's mistake.
    if isinstance(value, date) or (isinstance(value, str) and _DAY.match(value)):
        return value
    raise ValueError("a day is written as 2015-06-30")


def _storable(document: Any) -> Any:
    try:
        text = msgspec.json.encode(document)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("the document cannot be written as JSON in UTF-8") from error
    if b"\\u0000" in text:
        raise ValueError("the document holds a NUL character")
    return document


Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
Prose = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_printable)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Points = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", max_length=40)]
Day = Annotated[date, BeforeValidator(_iso_day)]
Document = Annotated[Any, AfterValidator(_storable)]
