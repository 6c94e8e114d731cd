"""The decision on a bonus request: entries in the ledger, caps, the lower award that makes room, taking back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from services.scoring_svc.bonus import entry_repository as ledger
from services.scoring_svc.bonus import request_repository as repository
from services.scoring_svc.bonus.domain.awards import OpinionMissing, advance, entry_id, replaced_by
from services.scoring_svc.bonus.domain.points import CapKind, capped, room, shared_among
from services.scoring_svc.bonus.entry_repository import UnitEntry
from services.scoring_svc.bonus.request_repository import BonusRequest
from services.scoring_svc.bonus.requesting import demand_independent, evaluated_in, moved
from services.scoring_svc.ledger.domain import PeriodClosed, plain
from shared.auth import Actor
from shared.contracts.scoring import AwardedUnit, BonusAwarded
from shared.db import UnitOfWork
from shared.errors import NotFound


async def approve(
    uow: UnitOfWork, actor: Actor, known: BonusRequest, text: str, other_matter: str, now: datetime
) -> BonusRequest:
    """Approve a request: its points enter the ledger, a lower award of the same matter is taken back for it.

    The caller holds all awards. `other_matter`: why this is another matter than what stands on the same document.
    Raises BonusStepRefused, OpinionMissing, SecondPersonNeeded, OwnUnitsRequest, MatterAlreadyAwarded,
    DocumentAlreadyUsed, OutsideScope (a lower award of units beyond reach), PeriodClosed.
    """
    driver = await uow.driver()
    advance(known.state, "approve")
    if known.department_id is not None and known.opinion_by is None:
        raise OpinionMissing
    await demand_independent(uow, known, now.date())
    standing = await repository.standing_awards(driver, known.matter_key, known.document_key)
    lower = replaced_by(known.level_rank, known.matter_key, known.document_key, standing, other_matter)
    await demand_not_closed(uow, known.set_id, known.period)
    evaluated = await evaluated_in(driver, known.set_id)
    for award in lower:
        before = await repository.hold_request(driver, award.request_id)
        if before is None:
            raise NotFound
        await demand_decides(uow, actor, before, now)
        replaced = await moved(uow, before, "replace", now, replaced_by=known.request_id)
        await _take_back(
            uow, replaced, f"同一事项按更高级别加分：{known.document_no}", now, cause=known, evaluated=evaluated
        )
        _tell(uow, replaced, [])
    said = "; ".join(one for one in (text, other_matter) if one)
    approved = await moved(uow, known, "approve", now, said, decided_by=uow.who)
    _tell(uow, approved, await _enter(uow, approved, now), [award.request_id for award in lower])
    return approved


async def revoke(uow: UnitOfWork, known: BonusRequest, reason: str, now: datetime) -> BonusRequest:
    """Take an award back by reversing entries, with the reason. Raises BonusStepRefused, PeriodClosed."""
    advance(known.state, "revoke")
    after = await moved(uow, known, "revoke", now, reason)
    await _take_back(uow, after, reason, now)
    _tell(uow, after, [])
    return after


async def demand_decides(uow: UnitOfWork, actor: Actor, request: BonusRequest, now: datetime) -> None:
    """Raise OutsideScope unless the actor decides for every unit of the award."""
    reach = actor.reach("bonus.decide")
    paths = await repository.paths(await uow.driver(), request.unit_ids, now.date())
    for unit, path in zip(request.unit_ids, paths, strict=True):
        reach.demand(unit, path)


async def demand_not_closed(uow: UnitOfWork, set_id: UUID, period: str) -> None:
    """Raise PeriodClosed; the period then stays as it is until the transaction ends."""
    if await ledger.state_of_period(await uow.driver(), set_id, period) == "closed":
        raise PeriodClosed


async def _enter(uow: UnitOfWork, request: BonusRequest, now: datetime) -> Sequence[UnitEntry]:
    """Add what each unit gets, one after another, since they share the overall cap."""
    driver = await uow.driver()
    table = (await repository.table_version(driver, request.table_code, request.table_version)).table
    bonus_class = next(one for one in table.classes if one.code == request.bonus_class)
    entries = []
    dues = shared_among(request.points, request.weights, table.joint)
    for unit, due in zip(request.unit_ids, dues, strict=True):
        used = await ledger.used(driver, request.table_code, int(request.period[:4]), unit, request.bonus_class)
        rooms: Sequence[tuple[CapKind, Decimal | None]] = (
            ("class", room(bonus_class.cap, used.in_class)),
            ("unit", room(table.unit_cap, used.unit)),
            ("overall", room(table.overall_cap, used.overall)),
        )
        gets = capped(due, rooms)
        entry = UnitEntry(
            entry_id=entry_id(request.request_id, request.version, unit),
            kind="award",
            source_id=request.request_id,
            set_id=request.set_id,
            period=request.period,
            unit_id=unit,
            table_code=request.table_code,
            bonus_class=request.bonus_class,
            due=due,
            points=gets.points,
            taken=msgspec.json.encode({kind: plain(points) for kind, points in gets.taken.items()}).decode(),
            reverses=None,
            caused_by=None,
            reason=request.matter,
            who=uow.who,
            at=now,
        )
        await ledger.add_entries(driver, [entry])
        entries.append(entry)
    return entries


async def _take_back(
    uow: UnitOfWork,
    request: BonusRequest,
    reason: str,
    now: datetime,
    *,
    cause: BonusRequest | None = None,
    evaluated: set[UUID] | None = None,
) -> None:
    """Add the entries that take an award back; with a cause they stand beside the higher award, for units of its set.

    So a matter that counted in a period that is closed since leaves that period as it is. Raises PeriodClosed.
    """
    entries = await ledger.standing_entries(await uow.driver(), request.request_id)
    backs = []
    for entry in entries:
        beside = cause if cause is not None and entry.unit_id in (evaluated or ()) else request
        await demand_not_closed(uow, beside.set_id, beside.period)
        backs.append(
            replace(
                entry,
                entry_id=entry_id(request.request_id, request.version, entry.unit_id),
                set_id=beside.set_id,
                period=beside.period,
                due=-entry.due,
                points=-entry.points,
                taken="{}",
                reverses=entry.entry_id,
                caused_by=None if cause is None else cause.request_id,
                reason=reason,
                who=uow.who,
                at=now,
            )
        )
    await ledger.add_entries(await uow.driver(), backs)


def _tell(uow: UnitOfWork, request: BonusRequest, entries: Sequence[UnitEntry], replaces: Sequence[UUID] = ()) -> None:
    uow.record(
        BonusAwarded(
            request_id=request.request_id,
            version=request.version,
            set_id=request.set_id,
            period=request.period,
            state="awarded" if request.state == "approved" else "replaced" if request.replaced_by else "revoked",
            bonus_class=request.bonus_class,
            level=request.level,
            document_no=request.document_no,
            awarded_on=request.awarded_on,
            units=[
                AwardedUnit(
                    unit_id=one.unit_id,
                    entry_id=one.entry_id,
                    points=plain(one.points),
                    capped=plain(one.due - one.points),
                )
                for one in entries
            ],
            replaces=list(replaces),
        ),
        subject=str(request.request_id),
    )
