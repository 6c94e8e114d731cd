"""Routes of facts: batches, single facts, reasoned changes, receipts."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Query, Request, Response

from services.submission_svc.facts import repository, use_cases
from services.submission_svc.facts.domain import LARGEST_BATCH, BatchRefused, FactRefused, Outcome
from services.submission_svc.facts.faults import details_of
from services.submission_svc.facts.reading import RowIn, read_batch
from services.submission_svc.facts.schemas import (
    BATCH_BODY,
    BatchOut,
    ChangesIn,
    FactIn,
    FactOut,
    FactPage,
    ReceiptOut,
    ReceiptPage,
    RowFault,
)
from shared.auth import Actor
from shared.errors import Detail, Malformed, NotFound
from shared.http import (
    Cursor,
    Limit,
    TransactionalRoute,
    Uow,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
    json_response,
    permits,
    takes_up_to,
)
from shared.problems import problem

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["facts"])

PeriodQuery = Annotated[str | None, Query(max_length=7, examples=["2015-01"])]
_LONGEST_SERIAL = 18
CodeQuery = Annotated[str | None, Query(max_length=100)]


def _language(request: Request) -> str:
    return "en" if request.headers.get("accept-language", "").strip().lower().startswith("en") else "zh"


def _now(request: Request) -> datetime:
    now: datetime = request.app.state.clock.now()
    return now


def _errors(outcome: Outcome, language: str) -> list[dict[str, str]]:
    return [{"pointer": d.pointer, "code": d.code, "text": d.text} for d in details_of(outcome.faults, language)]


@router.post("/fact-batches", response_model=BatchOut, openapi_extra=BATCH_BODY)
@takes_up_to(LARGEST_BATCH)
async def post_fact_batch(request: Request, actor: Annotated[Actor, permits("facts.write")], uow: Uow) -> Response:
    """Record up to 20,000 facts. Each bad row is named with pointer, code and text.

    A refused atomic batch is answered with 422 `batch_refused`; it has a receipt too, and its key is spent.
    """
    body = await request.body()
    batch, unreadable = read_batch(body)
    receipt_id, outcome = await use_cases.record_batch(
        uow, actor, _now(request), batch, unreadable, has_nul=b"\\u0000" in body
    )
    return _answer(request, batch.mode, receipt_id, outcome)


def _answer(request: Request, mode: str, receipt_id: UUID | None, outcome: Outcome, *, root: str = "/rows") -> Response:
    language = _language(request)
    if outcome.faults and mode == "atomic":
        refusal = BatchRefused(
            details=details_of(outcome.faults, language, root=root),
            rejected=len(outcome.faults),
            receipt_id=None if receipt_id is None else str(receipt_id),
        )
        # Answered, not raised: the receipt and the spent key are to be committed.
        return problem(refusal, language)
    return json_response(
        {
            "receipt_id": receipt_id,
            "dry_run": receipt_id is None,
            "mode": mode,
            "rows": outcome.rows,
            "created": outcome.created,
            "updated": outcome.updated,
            "unchanged": outcome.unchanged,
            "rejected": outcome.rejected,
            "errors": _errors(outcome, language) if outcome.faults else [],
        }
    )


@router.get("/facts")
async def list_facts(
    request: Request,
    actor: Annotated[Actor, permits("facts.read")],
    period: PeriodQuery = None,
    metric: CodeQuery = None,
    unit: CodeQuery = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> FactPage:
    """Facts within reach: of one's own units, or of the metrics one's department evaluates."""
    pool, today = request.app.state.database.reads, request.app.state.clock.today()
    reach, evaluated = await use_cases.reading_scope(pool, actor, today)
    after = decode_cursor(cursor, 3, ids=(1, 2))
    found = await repository.list_facts(
        pool, today, reach, evaluated, period=period, metric=metric, unit=unit, after=after, limit=limit + 1
    )
    more, page = len(found) > limit, found[:limit]
    last = page[-1] if more else None
    return FactPage(
        items=[_fact(each) for each in page],
        next=encode_cursor(last["period"], last["metric_id"], last["unit_id"]) if last else None,
    )


@router.get("/facts/{period}/{metric}/{unit}")
async def read_fact(
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("facts.read")],
    period: str,
    metric: str,
    unit: str,
) -> FactOut:
    """One fact, with its version as entity tag."""
    pool, today = request.app.state.database.reads, request.app.state.clock.today()
    reach, evaluated = await use_cases.reading_scope(pool, actor, today)
    found = await repository.list_facts(
        pool, today, reach, evaluated, period=period, metric=metric, unit=unit, after=None, limit=1
    )
    if not found:
        raise NotFound
    etag(response, found[0]["version"])
    return _fact(found[0])


@router.get("/facts/{period}/{metric}/{unit}/versions")
async def read_fact_versions(
    request: Request, actor: Annotated[Actor, permits("facts.read")], period: str, metric: str, unit: str
) -> FactPage:
    """The version chain of one fact, oldest first."""
    pool, today = request.app.state.database.reads, request.app.state.clock.today()
    reach, evaluated = await use_cases.reading_scope(pool, actor, today)
    found = await repository.versions_of(pool, today, reach, evaluated, (period, metric, unit))
    if not found:
        raise NotFound
    return FactPage(items=[_fact(each) for each in found], next=None)


@router.put("/facts/{period}/{metric}/{unit}")
async def put_fact(
    request: Request,
    actor: Annotated[Actor, permits("facts.write")],
    uow: Uow,
    period: str,
    metric: str,
    unit: str,
    body: FactIn,
) -> Response:
    """Report or edit one fact; an existing one only over the version read (If-Match)."""
    expected = if_match(request) if "if-match" in request.headers else None
    row = RowIn(metric, unit, period, body.value, body.state, body.reason)
    outcome, version = await use_cases.record_one(uow, actor, _now(request), row, expected)
    if outcome.faults:
        raise FactRefused(details=details_of(outcome.faults, _language(request), root=""))
    return json_response(
        {"period": period, "metric": metric, "unit": unit, "version": version, "changed": outcome.unchanged == 0},
        etag=f'"{version}"',
    )


@router.post("/fact-changes")
async def post_fact_changes(
    request: Request, actor: Annotated[Actor, permits("facts.amend")], uow: Uow, body: ChangesIn
) -> Response:
    """Amend facts of a fenced or confirmed period with a reason, all or none; scoring follows with new versions."""
    changes = [RowIn(c.metric, c.unit, c.period, c.value, c.state, c.reason) for c in body.changes]
    receipt_id, outcome = await use_cases.change_facts(
        uow, actor, _now(request), changes, reason=body.reason, approval=body.approval
    )
    return _answer(request, "atomic", receipt_id, outcome, root="/changes")


@router.get("/receipts")
async def list_receipts(
    request: Request,
    actor: Annotated[Actor, permits("receipts.read")],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ReceiptPage:
    """Receipts of one's own batches, newest first; the office, operators and auditors see all."""
    before = _number(decode_cursor(cursor, 1))
    found = await repository.list_receipts(
        request.app.state.database.reads,
        _author(actor),
        receipt_id=None,
        before=before,
        limit=limit + 1,
    )
    page = found[:limit]
    return ReceiptPage(
        items=[_receipt(each, _language(request)) for each in page],
        next=encode_cursor(page[-1]["seq"]) if len(found) > limit else None,
    )


@router.get("/receipts/{receipt_id}")
async def read_receipt(
    request: Request, actor: Annotated[Actor, permits("receipts.read")], receipt_id: UUID
) -> ReceiptOut:
    """One receipt with every bad row."""
    found = await repository.list_receipts(
        request.app.state.database.reads, _author(actor), receipt_id=receipt_id, before=None, limit=1
    )
    if not found:
        raise NotFound
    return _receipt(found[0], _language(request))


def _number(key: list[str] | None) -> int | None:
    """The receipt before which a page begins. Raises Malformed for a cursor that was not ours."""
    if key is None:
        return None
    if not key[0].isascii() or not key[0].isdigit() or len(key[0]) > _LONGEST_SERIAL:
        raise Malformed(details=[Detail("?cursor", "malformed")])
    return int(key[0])


def _author(actor: Actor) -> str | None:
    """Whose receipts the caller reads: None for everybody's, which only those see who answer for the whole bureau."""
    whole = actor.may("receipts.read.all") and actor.reach("receipts.read.all").everything
    return None if whole else actor.subject


def _fact(record: asyncpg.Record) -> FactOut:
    value: Any = None if record["value"] is None else msgspec.json.decode(record["value"])
    return FactOut(**{**dict(record), "value": value})


def _receipt(record: asyncpg.Record, language: str) -> ReceiptOut:
    faults = dict(msgspec.json.decode(record["faults"], type=list[tuple[int, str]]))
    errors = [RowFault(pointer=d.pointer, code=d.code, text=d.text) for d in details_of(faults, language)]
    return ReceiptOut(**{**dict(record), "errors": errors})
