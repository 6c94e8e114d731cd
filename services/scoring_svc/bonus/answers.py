"""Rows as the room's answers, what a body says as the verbs take it, and the cursor that all its lists share."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec

from services.scoring_svc.bonus.ledger_schemas import BonusTableOut, ExternalLossIn, ExternalLossOut
from services.scoring_svc.bonus.losses import Loss
from services.scoring_svc.bonus.requesting import Content
from services.scoring_svc.bonus.schemas import BonusRequestIn, BonusRequestOut, UnitEntryOut
from services.scoring_svc.ledger.api import period_named, set_named
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed
from shared.http import decode_cursor, encode_cursor


def after_version(cursor: str | None) -> tuple[str, int] | None:
    """The key of a cursor: a code and a version. Raises Malformed for a cursor that was not ours."""
    key = decode_cursor(cursor, 2, numbers=[1])
    return (key[0], int(key[1])) if key else None


def onward(rows: Sequence[asyncpg.Record], limit: int, at: str, key: str) -> str | None:
    """The cursor of the page after this one, where one row more was found than shown."""
    return encode_cursor(rows[limit - 1][at], rows[limit - 1][key]) if len(rows) > limit else None


_MAY_BE_NONE = frozenset({"cap", "opinion_of", "unit_cap", "overall_cap"})


def stored(document: Mapping[str, Any]) -> dict[str, Any]:
    """A table's body as the rules read it: what a body must say in so many words, `none`, is null."""
    return _exchanged(document, "none", None)


def table_out(row: asyncpg.Record) -> BonusTableOut:
    """A version of a bonus table."""
    return BonusTableOut(**{**row, **_exchanged(msgspec.json.decode(row["body"]), None, "none")})


def _exchanged(document: Mapping[str, Any], old: str | None, new: str | None) -> dict[str, Any]:
    return {
        name: [_exchanged(one, old, new) for one in value]
        if isinstance(value, list)
        else new
        if name in _MAY_BE_NONE and value == old
        else value
        for name, value in document.items()
    }


def request_out(row: asyncpg.Record) -> dict[str, Any]:
    """The members of BonusRequestOut."""
    decoded = {name: msgspec.json.decode(row[name]) for name in ("units", "evidence")}
    return {name: value for name, value in {**row, **decoded}.items() if name in BonusRequestOut.model_fields}


def entry_out(row: asyncpg.Record) -> UnitEntryOut:
    """An entry of a unit."""
    return UnitEntryOut.of(row, taken=msgspec.json.decode(row["taken"]))


def loss_out(row: asyncpg.Record) -> ExternalLossOut:
    """An external loss."""
    return ExternalLossOut.of(row, shares=msgspec.json.decode(row["shares"]))


async def content_of(uow: UnitOfWork, body: BonusRequestIn) -> Content:
    """What a request's body says. Raises NotFound for an unknown set, Malformed."""
    _demand_once([one.unit for one in body.units], "/units")
    return Content(
        indicator_set=await set_named(uow, body.set),
        period=period_named(body.period, "/period"),
        units=[(one.unit, one.weight) for one in body.units],
        table=body.table,
        bonus_class=body.bonus_class,
        level=body.level,
        matter=body.matter,
        document_no=body.document_no,
        awarded_on=body.awarded_on,
        text=body.text,
        evidence=msgspec.json.encode([one.model_dump() for one in body.evidence]).decode(),
    )


async def loss_of(uow: UnitOfWork, body: ExternalLossIn) -> Loss:
    """What a loss's body says. Raises NotFound for an unknown set, Malformed."""
    _demand_once([one.unit for one in body.shares], "/shares")
    if body.by == "weights" and (broken := [n for n, one in enumerate(body.shares) if not one.share.isdecimal()]):
        raise Malformed(details=[Detail(f"/shares/{place}/share", "not_a_weight") for place in broken])
    return Loss(
        indicator_set=await set_named(uow, body.set),
        period=period_named(body.period, "/period"),
        points=Decimal(body.points),
        source=body.source,
        matter=body.matter,
        document_no=body.document_no,
        document_on=body.document_on,
        by=body.by,
        shares=[(one.unit, Decimal(one.share)) for one in body.shares],
    )


def _demand_once(codes: Sequence[str], at: str) -> None:
    if twice := [place for place, code in enumerate(codes) if code in codes[:place]]:
        raise Malformed(details=[Detail(f"{at}/{place}", "duplicate", codes[place]) for place in twice])
