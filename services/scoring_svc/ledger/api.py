"""Routes of the ledger: the states of periods and their steps; scores, entries, proofs, deductions, the balance."""

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Query, Request, Response

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger import reading
from services.scoring_svc.ledger.adjudication import Adjudication
from services.scoring_svc.ledger.domain import plain
from services.scoring_svc.ledger.entering import score_text
from services.scoring_svc.ledger.proving import prove
from services.scoring_svc.ledger.reading import Reader
from services.scoring_svc.ledger.repository import scored_of
from services.scoring_svc.ledger.schemas import (
    BalanceOut,
    BalanceRow,
    DecisionOut,
    DeductionOut,
    DeductionsOut,
    EntryOut,
    ProofOut,
    ScoreCardOut,
    ScoreOut,
    ScoresOut,
)
from shared.auth import Actor
from shared.clock import Clock
from shared.contracts.periods import Period, parse_period, periods_of_year
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, NotFound
from shared.http import Cursor, Limit, TransactionalRoute, Uow, decode_cursor, encode_cursor, etag, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["ledger"])

SetCode = Annotated[str, Query(alias="set", min_length=1, max_length=64, description="Code of the indicator set")]
PeriodKey = Annotated[str, Query(max_length=7, description="2015, 2015-H1, 2015-Q2 or 2015-06", examples=["2015-06"])]
Code = Annotated[str | None, Query(max_length=64)]
MOST_VERSIONS = 2**31 - 1  # what the columns hold


def clock_of(request: Request) -> Clock:
    """The business clock of this service."""
    clock: Clock = request.app.state.clock
    return clock


def reader_of(request: Request, actor: Actor, permission: str = "scores.read") -> Reader:
    """How far the caller reads, in today's tree."""
    return Reader(actor.reach(permission), clock_of(request).today())


def period_named(text: str, pointer: str = "?period") -> Period:
    """The period of a request. Raises Malformed."""
    try:
        return parse_period(text)
    except ValueError as error:
        raise Malformed(details=[Detail(pointer, "malformed", str(error))]) from error


async def set_named(uow: UnitOfWork, code: str) -> IndicatorSet:
    """The indicator set of a request. Raises NotFound."""
    found = await copies.find_set(await uow.driver(), code)
    if found is None:
        raise NotFound
    return found


# --- scores ---------------------------------------------------------------------------------------------------------


@router.get("/scores")
async def list_scores(
    code: SetCode,
    period: PeriodKey,
    request: Request,
    actor: Annotated[Actor, permits("scores.read")],
    uow: Uow,
    unit: Code = None,
    indicator: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ScoresOut:
    """The cells of a set in a period as they stand: provisional, or confirmed."""
    found = await set_named(uow, code)
    rows = await reading.scores(
        await uow.driver(),
        reader_of(request, actor),
        set_id=found.set_id,
        period=period_named(period).key,
        unit=unit,
        indicator=indicator,
        after=_score_key(cursor),
        limit=limit + 1,
    )
    last = rows[limit - 1] if len(rows) > limit else None
    onward = encode_cursor(last["indicator_code"], last["unit_id"]) if last else None
    return ScoresOut(items=[ScoreOut(**_score(row)) for row in rows[:limit]], next=onward)


def _score_key(cursor: str | None) -> list[str] | None:
    key = decode_cursor(cursor, 2)
    if key is not None:
        _uuid_in_cursor(key[1])
    return key


def _uuid_in_cursor(text: str) -> None:
    try:
        UUID(text)
    except ValueError as error:
        raise Malformed(details=[Detail("?cursor", "malformed")]) from error


@router.get("/scores/{indicator_id}/{unit_id}/{period}")
async def read_score(
    indicator_id: UUID,
    unit_id: UUID,
    period: str,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("scores.read")],
    uow: Uow,
) -> ScoreCardOut:
    """One cell with its entries."""
    row = await _cell(uow, reader_of(request, actor), indicator_id, unit_id, period)
    made = await reading.ledger_rows(await uow.driver(), indicator_id, unit_id, period)
    cell = scored_of(row)
    etag(response, row["version"])
    return ScoreCardOut(
        **_score(row),
        rule=row["rule_hash"],
        indicator_version=row["indicator_version"],
        inputs=dict(cell.inputs),
        entries=[_entry(entry) for entry in made],
        provisional_entries=[
            {"kind": entry.kind, "clause": entry.clause, "points": entry.points}
            for entry in (() if row["entered_version"] else cell.finding.entries)
        ],
    )


@router.get("/proofs/{indicator_id}/{unit_id}/{period}")
async def read_proof(
    indicator_id: UUID,
    unit_id: UUID,
    period: str,
    request: Request,
    actor: Annotated[Actor, permits("scores.read")],
    uow: Uow,
    version: Annotated[
        int | None, Query(ge=0, le=MOST_VERSIONS, description="Version in the ledger; 0 is the provisional score")
    ] = None,
) -> ProofOut:
    """The proof of a cell, evaluated again from the inputs that were kept. Other units appear under pseudonyms."""
    row = await _cell(uow, reader_of(request, actor), indicator_id, unit_id, period)
    shows = actor.may("peers.read") and actor.reach("peers.read").everything
    wanted = row["entered_version"] if version is None else version
    proof = await prove(await uow.driver(), indicator_id, unit_id, period, wanted, shows_peers=shows)
    return ProofOut(
        indicator_id=indicator_id,
        unit_id=unit_id,
        period=period,
        version=proof.version,
        indicator_version=proof.indicator_version,
        note=proof.note,
        decisions=[decision_out(decided, replaced) for decided, replaced in proof.decided],
        proof=proof.proof,
    )


def decision_out(decided: Adjudication, replaced: Any) -> DecisionOut:
    """A ruling or correction as a proof shows it."""
    told = {name: getattr(decided, name) for name in DecisionOut.model_fields if name not in {"id", "replaced"}}
    return DecisionOut(id=decided.source_id, replaced=replaced, **told)


async def _cell(uow: UnitOfWork, reader: Reader, indicator_id: UUID, unit_id: UUID, period: str) -> asyncpg.Record:
    key = period_named(period, "path:period").key
    row = await reading.one_score(await uow.driver(), reader, indicator_id, unit_id, key)
    if row is None:
        raise NotFound
    return row


def _score(row: asyncpg.Record) -> dict[str, Any]:
    entered = row["entered_version"]
    return {
        "indicator_id": row["indicator_id"],
        "indicator": row["indicator_code"],
        "indicator_name": row["indicator_name"],
        "unit_id": row["unit_id"],
        "unit": row["unit_code"],
        "unit_name": row["unit_name"],
        "period": row["period"],
        "standing": row["standing"],
        "entered": entered > 0,
        "version": entered or row["version"],
        "state": row["state"],
        "code": row["code"],
        "note": row["note"],
        "full_marks": plain(row["full_marks"]),
        "score": None if row["score"] is None else score_text(row["score"]),
        "loss": plain(row["loss"]),
        "at": row["at"],
    }


def _entry(row: asyncpg.Record) -> EntryOut:
    return EntryOut(
        version=row["cell_version"],
        entry=row["entry_no"],
        kind=row["kind"],
        clause=row["clause"],
        points=row["points"],
        reverses=row["reverses"],
        indicator_version=row["indicator_version"],
        rule=row["rule_hash"],
        inputs=msgspec.json.decode(row["inputs"]),
        who=row["who"],
        at=row["at"],
    )


# --- deductions and the balance -------------------------------------------------------------------------------------


@router.get("/deductions")
async def list_deductions(
    code: SetCode,
    period: PeriodKey,
    request: Request,
    actor: Annotated[Actor, permits("scores.read")],
    uow: Uow,
    unit: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> DeductionsOut:
    """The deductions of a set in a period, lifted ones (loss 0) too, with their newest version."""
    found = await set_named(uow, code)
    after = decode_cursor(cursor, 1)
    if after is not None:
        _uuid_in_cursor(after[0])
    rows = await reading.deductions(
        await uow.driver(),
        reader_of(request, actor),
        set_id=found.set_id,
        period=period_named(period).key,
        unit=unit,
        after=after,
        limit=limit + 1,
    )
    items = [
        DeductionOut(
            indicator=row["indicator_code"],
            indicator_name=row["indicator_name"],
            unit=row["unit_code"],
            unit_name=row["unit_name"],
            at=row["at"],
            deduction=msgspec.json.decode(row["body"]),
        )
        for row in rows[:limit]
    ]
    onward = encode_cursor(rows[limit - 1]["deduction_id"]) if len(rows) > limit else None
    return DeductionsOut(items=items, next=onward)


@router.get("/points-balance")
async def read_points_balance(
    code: SetCode, period: PeriodKey, request: Request, actor: Annotated[Actor, permits("scores.read")], uow: Uow
) -> BalanceOut:
    """Points lost, won back and open by unit, over a period and all periods inside it."""
    found = await set_named(uow, code)
    span = period_named(period)
    keys = [inside.key for inside in periods_of_year(span.first.year) if span.contains(inside)]
    rows = await reading.balance(await uow.driver(), reader_of(request, actor), found.set_id, keys)
    items = [
        BalanceRow(
            unit_id=row["unit_id"],
            unit=row["unit_code"],
            unit_name=row["unit_name"],
            deductions=row["deductions"],
            lost=plain(row["lost"]),
            won_back=plain(row["won_back"]),
            open=plain(row["open"]),
        )
        for row in rows
    ]
    lost = sum((row["lost"] for row in rows), Decimal(0))
    won = sum((row["won_back"] for row in rows), Decimal(0))
    left = sum((row["open"] for row in rows), Decimal(0))
    return BalanceOut(set=code, period=period, items=items, lost=plain(lost), won_back=plain(won), open=plain(left))
