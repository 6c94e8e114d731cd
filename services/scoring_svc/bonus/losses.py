"""External losses: points that the bureau itself loses are entered with their source and borne by those who answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID, uuid4

from services.scoring_svc.bonus import entry_repository as ledger
from services.scoring_svc.bonus import request_repository as repository
from services.scoring_svc.bonus.awarding import demand_not_closed
from services.scoring_svc.bonus.domain.awards import entry_id, normalised
from services.scoring_svc.bonus.domain.points import apportioned, demand_whole
from services.scoring_svc.bonus.entry_repository import ExternalLoss, UnitEntry
from services.scoring_svc.bonus.requesting import UnitUnknown, demand_dated, units_of_set
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger.domain import plain
from shared.auth import Actor
from shared.contracts.periods import Period
from shared.db import UnitOfWork
from shared.errors import NotFound, Refused, Stale

WRITE = "external_losses.write"


class LossAlreadyEntered(Refused):
    """A loss of a matter by a document is entered once."""

    code = "loss_already_entered"
    zh, en = "该文件所载该事项的失分已经登记", "The loss of this matter by this document has been entered already"


class LossAlreadyWithdrawn(Refused):
    """A loss is withdrawn once."""

    code = "loss_already_withdrawn"
    zh, en = "该外部失分已经撤销", "This external loss has been withdrawn already"


@dataclass(frozen=True)
class Loss:
    """What is entered. `shares`: codes of the units that answer with points or weights as `by` says."""

    indicator_set: IndicatorSet
    period: Period
    points: Decimal
    source: str
    matter: str
    document_no: str
    document_on: date
    by: Literal["points", "weights"]
    shares: Sequence[tuple[str, Decimal]]


async def enter(uow: UnitOfWork, actor: Actor, loss: Loss, now: datetime) -> ExternalLoss:
    """Enter a loss and its shares; the caller holds all awards.

    Raises UnitUnknown, OutsideScope, UnitNotEvaluated, PeriodNotOfSet, DocumentInFuture, SharesDoNotAddUp,
    LossAlreadyEntered, PeriodClosed.
    """
    driver, today = await uow.driver(), now.date()
    codes = [code for code, _ in loss.shares]
    known = await repository.units_by_code(driver, codes, today)
    if missing := [code for code in codes if code not in known]:
        raise UnitUnknown(units=", ".join(missing))
    await _demand_reach(uow, actor, list(known.values()), today)
    units = await units_of_set(driver, loss.indicator_set, loss.period, codes, today)
    demand_dated(loss.document_on, today, "/document_on")
    parts = _parts(loss)
    keys = normalised(loss.document_no), normalised(loss.matter)
    if await ledger.loss_on(driver, *keys) is not None:
        raise LossAlreadyEntered
    await demand_not_closed(uow, loss.indicator_set.set_id, loss.period.key)
    made = ExternalLoss(
        loss_id=uuid4(),
        version=1,
        state="standing",
        set_id=loss.indicator_set.set_id,
        period=loss.period.key,
        points=loss.points,
        source=loss.source,
        matter=loss.matter,
        matter_key=keys[1],
        document_no=loss.document_no,
        document_key=keys[0],
        document_on=loss.document_on,
        entered_by=uow.who,
        entered_at=now,
    )
    await ledger.save_loss(driver, made)
    entries = [
        UnitEntry(
            entry_id=entry_id(made.loss_id, 1, unit),
            kind="external_loss",
            source_id=made.loss_id,
            set_id=made.set_id,
            period=made.period,
            unit_id=unit,
            table_code=None,
            bonus_class=None,
            due=-part,
            points=-part,
            taken="{}",
            reverses=None,
            caused_by=None,
            reason=made.matter,
            who=uow.who,
            at=now,
        )
        for unit, part in zip(units, parts, strict=True)
    ]
    await ledger.add_entries(driver, entries)
    shares = {code: plain(part) for code, part in zip(codes, parts, strict=True)}
    uow.trail("enter", "external_loss", made.loss_id, after={"points": plain(made.points), "shares": shares})
    return made


async def withdraw(uow: UnitOfWork, actor: Actor, loss_id: UUID, seen: int, reason: str, now: datetime) -> ExternalLoss:
    """Take a loss back by reversing entries, with the reason; the caller holds all awards and has checked reading.

    Raises OutsideScope, Stale, LossAlreadyWithdrawn, PeriodClosed.
    """
    driver = await uow.driver()
    known = await ledger.hold_loss(driver, loss_id)
    if known is None:
        raise NotFound
    await _demand_reach(uow, actor, await ledger.units_of_source(driver, loss_id), now.date())
    if known.version != seen:
        raise Stale
    if known.state == "withdrawn":
        raise LossAlreadyWithdrawn
    await demand_not_closed(uow, known.set_id, known.period)
    after = replace(
        known, version=known.version + 1, state="withdrawn", withdrawn_by=uow.who, withdrawn_at=now, reason=reason
    )
    await ledger.save_loss(driver, after)
    await ledger.add_entries(
        driver,
        [
            replace(
                entry,
                entry_id=entry_id(loss_id, after.version, entry.unit_id),
                due=-entry.due,
                points=-entry.points,
                reverses=entry.entry_id,
                reason=reason,
                who=uow.who,
                at=now,
            )
            for entry in await ledger.standing_entries(driver, loss_id)
        ],
    )
    uow.trail("withdraw", "external_loss", loss_id, before="standing", after={"state": "withdrawn", "reason": reason})
    return after


def _parts(loss: Loss) -> list[Decimal]:
    values = [value for _, value in loss.shares]
    if loss.by == "weights":
        return apportioned(loss.points, [int(value) for value in values])
    demand_whole(loss.points, values)
    return values


async def _demand_reach(uow: UnitOfWork, actor: Actor, units: list[UUID], today: date) -> None:
    reach = actor.reach(WRITE)
    for unit, path in zip(units, await repository.paths(await uow.driver(), units, today), strict=True):
        reach.demand(unit, path)
