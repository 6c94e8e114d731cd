import asyncio
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from services.scoring_svc.bonus.domain.makeup import (
    DeductionUnknown,
    PointsNotPositive,
    Regained,
    adjusted,
    bonus_id,
    granted,
)
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


async def test_points_won_back_follow_their_loss_whatever_repeats(city: City) -> None:
    await confirmed(city)
    await city.tell(verified("3"))
    stands = [("2", "2"), ("0", "0"), ("3", "3")]  # of 420102: errors -> what is lost by them; the growth loses 2 more
    for version, (errors, _) in enumerate([("1", "2"), ("0", "0"), ("4", "8")], start=2):
        change = facts(version, fact("M-ERR", "420102", errors, version), amendment="更正")
        await city.tell(change, times=3)
        balance = (await city.office.get("/v1/points-balance", params={"set": SET, "period": "2015-01"})).json()
        row = next(row for row in balance["items"] if row["unit"] == "420102")
        expected = stands[version - 2][0]
        lost = str({"1": 2, "0": 0, "4": 8}[errors] + 2)
        assert (row["lost"], row["won_back"], row["open"]) == (lost, expected, str(int(lost) - int(expected)))
        await city.tell(verified("3"))
    told = await city.service.events(PointsRegained)
    assert [(event.version, event.points) for event in told] == [(1, "3"), (2, "2"), (3, "0"), (4, "3")]
    assert {(event.entry_id, event.problem_id) for event in told} == {(bonus_id(PROBLEM), PROBLEM)}
    entries = await city.service.database.reads.fetch("SELECT version, points FROM bonus_entries ORDER BY version")
    assert [(row["version"], row["points"]) for row in entries] == [(1, 3), (2, -1), (3, -2), (4, 3)]
    await city.tell(facts(5, fact("M-ERR", "420102", "3", 5), amendment="更正"))
    assert len(await city.service.events(PointsRegained)) == len(told)


async def test_a_cure_and_an_amendment_at_once_leave_no_more_points_than_are_lost(city: City) -> None:
    await confirmed(city)
    lifted = facts(2, fact("M-ERR", "420102", "0", 2), amendment="更正")
    await asyncio.gather(city.service.deliver(verified("3"), times=1), city.service.deliver(lifted, times=1))
    assert await city.service.database.reads.fetchval("SELECT coalesce(sum(points), 0) FROM bonus_entries") == 0
    told = await city.service.events(PointsRegained)
    assert [event.points for event in told] in ([], ["3", "0"])


def test_what_exceeds_the_loss_is_taken_from_the_later_grants_first() -> None:
    first, second = Regained(UUID(int=1), Decimal(2), Decimal(2), 1), Regained(UUID(int=2), Decimal(3), Decimal(3), 1)
    assert adjusted([first, second], Decimal(5)) == []
    assert adjusted([first, second], Decimal(4)) == [(second, Decimal(2))]
    assert adjusted([first, second], Decimal(0)) == [(first, Decimal(0)), (second, Decimal(0))]


async def test_no_points_where_none_were_lost_or_the_loss_was_lifted(city: City) -> None:
    await confirmed(city)
    with pytest.raises(DeductionUnknown):
        await city.tell(verified("2", unit="420103"))
    with pytest.raises(PointsNotPositive):
        await city.tell(verified("zero"))
    await city.tell(facts(2, fact("M-ERR", "420102", "0", 2), amendment="更正"))
    await city.tell(verified("2", problem=uuid4()))
    assert await city.service.events(PointsRegained) == []
