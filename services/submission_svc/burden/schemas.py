"""What the burden looks like in answers."""

from pydantic import BaseModel


class BurdenedIndicatorOut(BaseModel):
    """An indicator behind the ratio."""

    code: str
    name: str
    filler: str


class BurdenOut(BaseModel):
    """The ratio with its numerator, its denominator and the lists behind them; `ratio` is percent text."""

    set_code: str
    set_name: str
    numerator: int
    denominator: int
    ratio: str | None
    extracted: list[BurdenedIndicatorOut]
    self_reported: list[BurdenedIndicatorOut]
    others: list[BurdenedIndicatorOut]
