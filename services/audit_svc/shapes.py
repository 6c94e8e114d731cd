"""Forms of values that requests of all rooms share."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from shared.contracts.periods import parse_period


class Body(BaseModel):
    """A request body: an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")


def _period(text: str) -> str:
    return parse_period(text).key


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PeriodKey = Annotated[str, StringConstraints(max_length=7), AfterValidator(_period)]
Share = Annotated[str, StringConstraints(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$")]
Points = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$")]
