"""What can be done about a bonus request besides approving it: draft, edit, submit, give the opinion, refuse, withdraw.

Units, sets, periods and documents of external losses are checked by the same words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.scoring_svc.bonus import request_repository as repository
from services.scoring_svc.bonus.domain.awards import (
    OpinionNotAsked,
    RequestVerb,
    advance,
    demand_another,
    demand_foreign,
    normalised,
    replaced_by,
)
from services.scoring_svc.bonus.domain.points import shared_among
from services.scoring_svc.bonus.request_repository import BonusRequest
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger.domain import plain
from shared.auth import Actor
from shared.contracts.periods import Period
from shared.db import UnitOfWork
from shared.errors import Detail, NotFound, Refused, Stale


class UnitUnknown(Refused):
    """A unit's code that nobody bears today."""

    status, code = 422, "unit_unknown"
    zh, en = "没有代码为 {units} 的单位", "No unit bears the code {units} today"


class UnitNotEvaluated(Refused):
    """Points belong to units that the set evaluates."""

    status, code = 422, "unit_not_evaluated"
    zh, en = "该指标体系不考核单位 {units}", "This indicator set does not evaluate {units}"


class PeriodNotOfSet(Refused):
    """A period outside the year of the set."""

    status, code = 422, "period_not_of_set"
    zh, en = "{period} 不在该指标体系的年度内", "{period} is not in the year of this indicator set"


class DocumentInFuture(Refused):
    """A document is dated today at the latest."""

    status, code = 422, "document_in_future"
    zh, en = "文件日期不能晚于今天", "A document cannot be dated after today"


class BonusTableUnknown(Refused):
    """No version of the table is in force on the day of the document."""

    status, code = 422, "bonus_table_unknown"
    zh, en = (
        "{day} 没有代码为 {table} 的有效加分标准",
        "No version of the bonus table {table} is in force on {day}",
    )


@dataclass(frozen=True)
class Content:
    """What a requester writes. `units`: codes with weights, the requesting unit first; `evidence` as JSON."""

    indicator_set: IndicatorSet
    period: Period
    units: Sequence[tuple[str, int]]
    table: str
    bonus_class: str
    level: str
    matter: str
    document_no: str
    awarded_on: date
    text: str
    evidence: str


async def units_of_set(
    driver: asyncpg.Connection, indicator_set: IndicatorSet, period: Period, codes: Sequence[str], today: date
) -> list[UUID]:
    """The units that a request or loss names. Raises UnitUnknown, UnitNotEvaluated, PeriodNotOfSet."""
    known = await repository.units_by_code(driver, list(codes), today)
    if missing := [code for code in codes if code not in known]:
        raise UnitUnknown(units=", ".join(missing))
    evaluated = await evaluated_in(driver, indicator_set.set_id)
    if strangers := [code for code in codes if known[code] not in evaluated]:
        raise UnitNotEvaluated(units=", ".join(strangers))
    if period.first.year != indicator_set.year:
        raise PeriodNotOfSet(period=period.key)
    return [known[code] for code in codes]


async def evaluated_in(driver: asyncpg.Connection, set_id: UUID) -> set[UUID]:
    """The units that some card of a set evaluates."""
    return {unit for card in await copies.cards_within(driver, set_id) for unit in card.evaluated_unit_ids}


def demand_dated(day: date, today: date, pointer: str) -> None:
    """Raise DocumentInFuture."""
    if day > today:
        raise DocumentInFuture(details=[Detail(pointer, "in_future")])


async def draft(uow: UnitOfWork, actor: Actor, content: Content, now: datetime) -> BonusRequest:
    """Open a request. Raises OutsideScope and what `_written` raises."""
    written = await _written(uow, actor, content, now.date())
    made = BonusRequest(
        request_id=uuid4(), version=1, state="drafted", requested_by=uow.who, opened_at=now, updated_at=now, **written
    )
    await repository.save_request(await uow.driver(), made, "draft", uow.who, "")
    uow.trail("draft", "bonus_request", made.request_id, after=_told(made))
    return made


async def edit(uow: UnitOfWork, actor: Actor, known: BonusRequest, content: Content, now: datetime) -> BonusRequest:
    """Write a draft anew. Raises BonusStepRefused, OutsideScope and what `_written` raises."""
    advance(known.state, "edit")
    return await moved(uow, known, "edit", now, **await _written(uow, actor, content, now.date()))


async def submit(uow: UnitOfWork, known: BonusRequest, now: datetime) -> BonusRequest:
    """Hand a draft in, priced by the table as it now is for the day of the document.

    Raises BonusStepRefused, BonusTableUnknown, BonusNotInTable, MatterAlreadyAwarded.
    """
    advance(known.state, "submit")
    driver = await uow.driver()
    priced = await _priced(driver, known.table_code, known.bonus_class, known.level, known.awarded_on, now.date())
    standing = await repository.standing_awards(driver, known.matter_key, known.document_key)
    # Whether one document speaks of two matters is for who decides; that the matter counts already is no question.
    replaced_by(priced["level_rank"], known.matter_key, known.document_key, standing, "left to the decision")
    return await moved(uow, known, "submit", now, submitted_by=uow.who, **priced)


async def give_opinion(
    uow: UnitOfWork, actor: Actor, known: BonusRequest, text: str, now: datetime, *, supported: bool
) -> BonusRequest:
    """The department of the class says what it thinks of the request.

    Raises OpinionNotAsked, OutsideScope, BonusStepRefused, SecondPersonNeeded, OwnUnitsRequest.
    """
    if known.department_id is None:
        raise OpinionNotAsked
    driver = await uow.driver()
    (path,) = await repository.paths(driver, [known.department_id], now.date())
    actor.reach("bonus.opine").demand(known.department_id, path)
    advance(known.state, "opine")
    await demand_independent(uow, known, now.date())
    return await moved(uow, known, "support" if supported else "oppose", now, text, verb="opine", opinion_by=uow.who)


async def refuse(uow: UnitOfWork, known: BonusRequest, reason: str, now: datetime) -> BonusRequest:
    """Refuse a request with the reason. Raises BonusStepRefused, SecondPersonNeeded, OwnUnitsRequest."""
    advance(known.state, "refuse")
    await demand_independent(uow, known, now.date())
    return await moved(uow, known, "refuse", now, reason, decided_by=uow.who)


async def withdraw(uow: UnitOfWork, known: BonusRequest, reason: str, now: datetime) -> BonusRequest:
    """The requesting side takes back what nobody has decided on yet. Raises BonusStepRefused."""
    return await moved(uow, known, "withdraw", now, reason)


def demand_seen(known: BonusRequest | None, seen: int) -> BonusRequest:
    """The request, if it is still the one that was read. Raises NotFound, Stale."""
    if known is None:
        raise NotFound
    if known.version != seen:
        raise Stale
    return known


async def demand_independent(uow: UnitOfWork, known: BonusRequest, today: date) -> None:
    """Raise SecondPersonNeeded or OwnUnitsRequest unless the actor is free to judge the request."""
    driver = await uow.driver()
    demand_another(uow.who, *await repository.people_before(driver, known.request_id))
    own = await repository.own_places(driver, uow.who, today)
    demand_foreign(own, await repository.paths(driver, known.unit_ids, today))


async def moved(
    uow: UnitOfWork,
    known: BonusRequest,
    step: str,
    now: datetime,
    said: str = "",
    *,
    verb: RequestVerb | None = None,
    **changes: Any,
) -> BonusRequest:
    """Store a request after a step; `verb` is the rule behind a step of another name. Raises BonusStepRefused."""
    state = advance(known.state, verb or step)  # type: ignore[arg-type]  # a step without a verb bears the verb's name
    after = replace(known, state=state, version=known.version + 1, updated_at=now, **changes)
    await repository.save_request(await uow.driver(), after, step, uow.who, said)
    uow.trail(step, "bonus_request", known.request_id, before=_told(known), after={**_told(after), "said": said})
    return after


async def _written(uow: UnitOfWork, actor: Actor, content: Content, today: date) -> dict[str, Any]:
    """The columns that a requester's words fill.

    Raises UnitUnknown, OutsideScope, UnitNotEvaluated, PeriodNotOfSet, WeightsNotUsed and what `_priced` raises.
    """
    driver = await uow.driver()
    codes = [code for code, _ in content.units]
    known = await repository.units_by_code(driver, codes[:1], today)
    if codes[0] not in known:
        raise UnitUnknown(units=codes[0])
    (path,) = await repository.paths(driver, [known[codes[0]]], today)
    actor.reach("bonus.write").demand(known[codes[0]], path)
    units = await units_of_set(driver, content.indicator_set, content.period, codes, today)
    price = await _priced(driver, content.table, content.bonus_class, content.level, content.awarded_on, today)
    weights = [weight for _, weight in content.units]
    version = await repository.table_version(driver, content.table, price["table_version"])
    shared_among(price["points"], weights, version.table.joint)
    return {
        "set_id": content.indicator_set.set_id,
        "period": content.period.key,
        "unit_ids": units,
        "weights": weights,
        "table_code": content.table,
        "bonus_class": content.bonus_class,
        "level": content.level,
        "matter": content.matter,
        "matter_key": normalised(content.matter),
        "document_no": content.document_no,
        "document_key": normalised(content.document_no),
        "awarded_on": content.awarded_on,
        "text": content.text,
        "evidence": content.evidence,
        **price,
    }


async def _priced(
    driver: asyncpg.Connection, code: str, bonus_class: str, level: str, day: date, today: date
) -> dict[str, Any]:
    """What the table says on the day of the document. Raises DocumentInFuture, BonusTableUnknown, BonusNotInTable."""
    demand_dated(day, today, "/awarded_on")
    found = await repository.table_on(driver, code, day)
    if found is None:
        raise BonusTableUnknown(table=code, day=day)
    points = found.table.gives(bonus_class, level)
    opinion_of = next(one.opinion_of for one in found.table.classes if one.code == bonus_class)
    department = None
    if opinion_of is not None:
        known = await repository.units_by_code(driver, [opinion_of], today)
        if opinion_of not in known:
            raise UnitUnknown(units=opinion_of)
        department = known[opinion_of]
    return {
        "table_version": found.version,
        "points": points,
        "level_rank": found.table.rank_of(level),
        "department_id": department,
    }


def _told(request: BonusRequest) -> dict[str, Any]:
    return {
        "state": request.state,
        "version": request.version,
        "matter": request.matter,
        "document_no": request.document_no,
        "bonus_class": request.bonus_class,
        "level": request.level,
        "points": plain(request.points),
        "units": [str(unit) for unit in request.unit_ids],
    }
