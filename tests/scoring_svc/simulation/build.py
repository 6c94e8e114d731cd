"""January of the small city, confirmed, and simulations asked for by one person or another.

Real January: 420102 has 6 + 8 + 3 = 17, 420103 has 10 + 10 + 3 = 23, 420104 has 10 + 6 + 2.5 = 18.5.
"""

from collections.abc import Sequence
from typing import Any

from tests.scoring_svc.ledger.city import SET, City, full_month

GIVES = "/result/clauses/0/points/gives"
JANUARY = "2015-01"


async def january(city: City) -> None:
    """All facts of January, fenced and confirmed."""
    await full_month(city)
    await city.fence(1, 1)
    answer = await city.step("confirm", body={"exclusions": []})
    assert answer.status_code == 200, answer.text


def constants(value: str = "-1", indicator: str = "COL-01", pointer: str = GIVES) -> dict[str, Any]:
    """Each error costs another number of points."""
    return {"kind": "constants", "indicator": indicator, "values": {pointer: value}}


def asked(*variants: Sequence[dict[str, Any]], period: str = JANUARY, code: str = SET) -> dict[str, Any]:
    """A simulation of these variants, each a list of changes."""
    named = [{"name": f"方案{number}", "changes": list(changes)} for number, changes in enumerate(variants)]
    return {"set": code, "period": period, "name": "试算", "variants": named}


async def simulate(city: City, *variants: Sequence[dict[str, Any]], who: str = "PO1", **more: Any) -> dict[str, Any]:
    """Make a simulation that must be taken; the answer."""
    answer = await city.person(who).post("/v1/simulations", json=asked(*variants, **more))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def found(city: City, made: dict[str, Any], number: int = 1, who: str = "PO1") -> dict[str, Any]:
    """What a variant moves."""
    answer = await city.person(who).get(f"/v1/simulations/{made['simulation_id']}/variants/{number}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told
