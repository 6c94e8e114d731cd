"""Points won back: one bonus entry per problem, linked to it; the deduction itself stays in the ledger."""

from datetime import datetime
from decimal import Decimal, InvalidOperation

from services.scoring_svc.bonus import repository
from services.scoring_svc.bonus.domain import DeductionUnknown, PointsNotPositive, bonus_id, granted
from services.scoring_svc.ledger.domain import identity_of, plain
from shared.contracts.audit import MakeupVerified
from shared.contracts.scoring import PointsRegained
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
