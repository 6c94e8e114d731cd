"""The timeline of a case: what happened to it, in the words a reader follows from the lost point to the signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.audit_svc.rows import add
from shared.db import UnitOfWork

_COLUMNS = ("case_id", "problem_id", "at", "what", "who", "detail")


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One thing that happened to a problem or to a whole case, at a business moment."""

    case_id: UUID | None
    problem_id: UUID | None
    at: datetime
    what: str
    detail: dict[str, Any]


async def note(uow: UnitOfWork, things: Sequence[Happened]) -> None:
    """Append to the timeline, with one statement, in the transaction that made it happen."""
    rows = [
        {
            "case_id": thing.case_id,
            "problem_id": thing.problem_id,
            "at": thing.at,
            "what": thing.what,
            "who": uow.who,
            "detail": thing.detail,
        }
        for thing in things
    ]
    await add(await uow.driver(), "timeline", _COLUMNS, rows)
