"""What a report asks of audit_svc: the problems of deductions. A report is made without them where it cannot be had."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from services.scoring_svc.documents.domain import Problem
from shared.errors import Unavailable
from shared.observability import log
from shared.service_client import ServiceClient

_OK = 200
_PAGE = 500


class _Row(msgspec.Struct):
    deduction_id: UUID
    problem_id: str
    state: str
    overdue: bool


class _Page(msgspec.Struct):
    items: list[_Row]
    next: str | None


async def problems_of(client: ServiceClient, set_code: str, periods: Iterable[str]) -> dict[UUID, Problem] | None:
    """The problem of every deduction of a set in some periods; None where audit_svc cannot be asked or refuses."""
    found: dict[UUID, Problem] = {}
    try:
        for period in periods:
            cursor: str | None = ""
            while cursor is not None:
                onward = {"cursor": cursor} if cursor else {}
                answer = await client.get(
                    "/v1/problem-register", set=set_code, period=period, limit=str(_PAGE), **onward
                )
                if answer.status_code != _OK:
                    log().warning("audit_svc tells no problems", status=answer.status_code)
                    return None
                page = msgspec.json.decode(answer.content, type=_Page)
                found |= {row.deduction_id: Problem(row.problem_id, row.state, row.overdue) for row in page.items}
                cursor = page.next
    except (Unavailable, msgspec.DecodeError) as error:
        log().warning("the problems of a report could not be had", error=repr(error))
        return None
    return found
