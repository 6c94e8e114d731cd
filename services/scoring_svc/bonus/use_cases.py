"""Points won back: entered once per problem, linked to it, following its loss; the deduction stays in the ledger."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from services.scoring_svc.bonus import repository
from services.scoring_svc.bonus.domain.makeup import DeductionUnknown, PointsNotPositive, adjusted, bonus_id, granted
from services.scoring_svc.ledger.domain import identity_of, plain
from shared.contracts.audit import MakeupVerified
from shared.contracts.scoring import Deduction, PointsRegained
from shared.db import UnitOfWork


async def award_makeup(uow: UnitOfWork, event: MakeupVerified, at: datetime) -> None:
    """Enter the points of a verified cure, once per problem whatever repeats, and tell of it.

    Nothing is entered when the loss was lifted meanwhile. Raises DeductionUnknown, PointsNotPositive.
    """
    driver = await uow.driver()
    if event.deduction_id != identity_of(event.indicator_id, event.unit_id, event.period):
        raise DeductionUnknown
    try:
        asked = Decimal(event.points)
    except InvalidOperation as error:
        raise PointsNotPositive from error
    lost = await repository.hold_deduction(driver, event.deduction_id)
    if lost is None:
        raise DeductionUnknown
    points = granted(asked, lost.loss)
    if points == 0:
        uow.trail("award", "problem", event.problem_id, outcome="refused:deduction_lifted")
        return
    entry_id = bonus_id(event.problem_id)
    if not await repository.add_bonus(driver, entry_id, lost, event, points, uow.who, at):
        return
    uow.record(
        PointsRegained(
            entry_id=entry_id,
            problem_id=event.problem_id,
            deduction_id=event.deduction_id,
            unit_id=event.unit_id,
            period=event.period,
            points=plain(points),
        ),
        subject=str(event.problem_id),
    )
    after = {"deduction": event.deduction_id, "points": plain(points), "verified_in": event.verified_in}
    uow.trail("award", "bonus_entry", entry_id, after=after)


async def follow_losses(uow: UnitOfWork, deductions: Iterable[Deduction], *, who: str, at: datetime) -> None:
    """Take points back that exceed what is still lost, and give them again when the loss returns; tell of both.

    The deductions are new versions that the caller has just stored, and so holds: a cure that is granted at the same
    moment waits for them and sees the new loss.
    """
    by_id = {deduction.deduction_id: deduction for deduction in deductions if deduction.version > 1}
    if not by_id:
        return
    driver = await uow.driver()
    for deduction_id, regained in (await repository.regained_on(driver, by_id)).items():
        deduction = by_id[deduction_id]
        for one, stands in adjusted(regained, Decimal(deduction.loss)):
            await repository.add_adjustment(driver, one, stands - one.standing, who=who, at=at)
            uow.record(
                PointsRegained(
                    entry_id=bonus_id(one.problem_id),
                    problem_id=one.problem_id,
                    deduction_id=deduction_id,
                    unit_id=deduction.unit_id,
                    period=deduction.period,
                    points=plain(stands),
                    version=one.version + 1,
                ),
                subject=str(one.problem_id),
            )
            uow.trail(
                "adjust",
                "bonus_entry",
                bonus_id(one.problem_id, one.version + 1),
                before={"points": plain(one.standing)},
                after={"points": plain(stands), "deduction": deduction_id, "version": deduction.version},
            )
