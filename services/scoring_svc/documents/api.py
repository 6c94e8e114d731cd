"""Routes of reports: ask for one, see how far it is, read its file."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.scoring_svc.documents import repository, use_cases
from services.scoring_svc.documents.domain import ReportGone, ReportNotDone, period_words
from services.scoring_svc.documents.gathering import Asked
from services.scoring_svc.documents.rendering import MEDIA
from services.scoring_svc.documents.schemas import ReportIn, ReportOut, ReportProgress
from services.scoring_svc.ledger.api import clock_of, period_named, reader_of, set_named
from services.scoring_svc.ranking.api import look_up_party
from shared.auth import Actor
from shared.contracts.periods import parse_period
from shared.db import UnitOfWork
from shared.http import TransactionalRoute, Uow, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["documents"])

ReadsReports = Annotated[Actor, permits("reports.read")]
_FILES: dict[int | str, dict[str, object]] = {
    200: {"content": {media: {} for media in MEDIA.values()}, "description": "The file"}
}


@router.post("/reports", status_code=202)
async def ask_for_report(
    body: ReportIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("reports.make")],
    uow: Uow,
) -> ReportOut:
    """Ask for the report of a set over a confirmed period; it covers what the asker may read now, and becomes a job."""
    found, period = await set_named(uow, body.set), period_named(body.period, "/period")
    asked = await _asked(uow, actor, found.set_id, period.key, request)
    report_id = await use_cases.ask_for_report(uow, found, period, body.format, asked, clock_of(request).now())
    response.headers["location"] = f"/v1/reports/{report_id}"
    return await _shown(uow, actor, report_id, request)


@router.get("/reports/{report_id}")
async def read_report(report_id: UUID, request: Request, actor: ReadsReports, uow: Uow) -> ReportOut:
    """A report: its state, progress, and where its file is."""
    return await _shown(uow, actor, report_id, request)


@router.get("/reports/{report_id}/content", responses=_FILES, response_class=Response)
async def read_content(report_id: UUID, request: Request, actor: ReadsReports, uow: Uow) -> Response:
    """The file of a report that is done. It never changes; its tag is its sha256."""
    row = await use_cases.readable_report(uow, actor, "reports.read", report_id, clock_of(request).now())
    if row["state"] != "done":
        raise ReportNotDone(state=row["state"])
    content = await repository.content(await uow.driver(), report_id)
    if content is None:
        raise ReportGone
    name = f"{row['set']} {period_words(parse_period(row['period']))}绩效考核报告.{row['format']}"
    headers = {
        "content-disposition": f"attachment; filename=\"report.{row['format']}\"; filename*=UTF-8''{quote(name)}",
        "etag": f'"{row["sha256"]}"', "cache-control": "no-store", "x-content-type-options": "nosniff",
    }  # fmt: skip
    return Response(content, headers=headers, media_type=MEDIA[row["format"]])


async def _asked(uow: UnitOfWork, actor: Actor, set_id: UUID, period: str, request: Request) -> Asked:
    """What the asker may read now: cells and rankings as their routes show them, and problems where all are theirs."""
    reader = reader_of(request, actor)
    ranking = actor.reach("rankings.read")
    party = await look_up_party(uow, set_id, period, request)
    own = party.within(ranking)
    return Asked(
        everything=reader.reach.everything,
        units=reader.reach.units,
        subtrees=reader.reach.subtrees,
        day=reader.today,
        party=party.includes(actor, ranking),
        own=None if own is None else tuple(sorted(own)),
        problems=actor.may("reports.problems") and actor.reach("reports.problems") == reader.reach,
    )


async def _shown(uow: UnitOfWork, actor: Actor, report_id: UUID, request: Request) -> ReportOut:
    row = await use_cases.readable_report(uow, actor, "reports.read", report_id, clock_of(request).now())
    same = (
        "report_id", "set", "period", "format", "state", "code", "made_at", "made_by", "finished_at", "sha256", "size",
        "kept_until",
    )  # fmt: skip
    return ReportOut(
        **{name: row[name] for name in same},
        progress=ReportProgress(done=row["done"], total=row["total"]),
        content=None if row["sha256"] is None else f"/v1/reports/{report_id}/content",
    )
