import asyncio
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from services.scoring_svc.bonus.domain import DeductionUnknown, PointsNotPositive, bonus_id, granted
from shared.contracts.audit import MakeupVerified
from shared.contracts.identity import deduction_id
from shared.contracts.scoring import PointsRegained
from tests.scoring_svc.ledger.city import COL1, SET, City, fact, facts, full_month, unit_of

PROBLEM = UUID(int=7)


def verified(points: str, *, unit: str = "420102", problem: UUID = PROBLEM, version: int = 1) -> MakeupVerified:
    return MakeupVerified(
        problem_id=problem,
        version=version,
        deduction_id=deduction_id(COL1.indicator_id, unit_of(unit), "2015-01"),
        indicator_id=COL1.indicator_id,
        unit_id=unit_of(unit),
        period="2015-01",
        verified_in="2015-02",
        points=points,
    )


async def confirmed(city: City) -> None:
    await full_month(city)
    await city.fence(1, 1)
    assert (await city.step("confirm", body={})).status_code == 200


@pytest.mark.parametrize(
    ("asked", "loss", "points"), [("2", "4", "2"), ("5", "4", "4"), ("0.01", "4", "0.01"), ("1", "0", "0")]
)
def test_points_won_back_are_at_most_the_loss(asked: str, loss: str, points: str) -> None:
    assert granted(Decimal(asked), Decimal(loss)) == Decimal(points)


@pytest.mark.parametrize("asked", ["0", "-1", "NaN", "Infinity"])
def test_a_makeup_gives_points(asked: str) -> None:
    with pytest.raises(PointsNotPositive):
        granted(Decimal(asked), Decimal(4))


async def test_one_entry_a_problem_whatever_repeats(city: City) -> None:
    await confirmed(city)
    await city.tell(verified("2"), verified("3", version=2))
    await asyncio.gather(*(city.service.deliver(verified("2"), times=1) for _ in range(5)))
    told = await city.service.events(PointsRegained)
    assert [(event.entry_id, event.problem_id, event.points) for event in told] == [(bonus_id(PROBLEM), PROBLEM, "2")]
    assert await city.service.database.reads.fetchval("SELECT count(*) FROM bonus_entries") == 1
    balance = (await city.office.get("/v1/points-balance", params={"set": SET, "period": "2015-01"})).json()
    row = next(row for row in balance["items"] if row["unit"] == "420102")
    assert (row["lost"], row["won_back"], row["open"]) == ("6", "2", "4")


async def test_points_won_back_on_a_loss_that_is_lifted_later_cover_no_other(city: City) -> None:
    await confirmed(city)
    await city.tell(verified("3"))
    await city.tell(facts(2, fact("M-ERR", "420102", "0", 2), amendment="更正"))
    balance = (await city.office.get("/v1/points-balance", params={"set": SET, "period": "2015-01"})).json()
    row = next(row for row in balance["items"] if row["unit"] == "420102")
    assert (row["lost"], row["won_back"], row["open"]) == ("2", "3", "2")
    assert (balance["lost"], balance["won_back"], balance["open"]) == ("6.5", "3", "6.5")


async def test_no_points_where_none_were_lost_or_the_loss_was_lifted(city: City) -> None:
    await confirmed(city)
    with pytest.raises(DeductionUnknown):
        await city.tell(verified("2", unit="420103"))
    with pytest.raises(PointsNotPositive):
        await city.tell(verified("zero"))
    await city.tell(facts(2, fact("M-ERR", "420102", "0", 2), amendment="更正"))
    await city.tell(verified("2", problem=uuid4()))
    assert await city.service.events(PointsRegained) == []
