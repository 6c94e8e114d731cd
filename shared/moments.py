"""Moments that a request may name: those that every part can hold, in any time zone.

Belongs here: the range of moments. Does not belong here: what a moment means (each room's schemas).
"""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

FIRST_YEAR, LAST_YEAR = 1900, 2200


def _in_range(moment: datetime) -> datetime:
    # The first and the last day of the calendar have no UTC or no local time: turning them would be a fault.
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"a moment lies in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
LooseMoment = Annotated[datetime, AfterValidator(_in_range)]  # without an offset: the server's own time
