"""The statement that places all units on all boards, against exact fractions worked out one by one."""

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from services.scoring_svc.bonus.entry_repository import UnitEntry, add_entries
from services.scoring_svc.ranking import repository
from services.scoring_svc.ranking.blending import MEAN, SpanBlend
from services.scoring_svc.ranking.domain import SCALE, parse_span
from services.scoring_svc.ranking.marks import Cells
from services.scoring_svc.ranking.repository import Source
from shared.contracts.identity import set_id
from shared.contracts.indicator import IndicatorPublished
from tests.scoring_svc.ledger.city import SET, City, card, metric, per_error, published

MONTHS = [f"2015-{month:02d}" for month in range(1, 13)]
RULE = per_error("10", "-2")
CARDS = [
    msgspec.structs.replace(
        card(code, RULE, {"errors": metric(f"M-{code}")}), level1=level1, level2=level2, type=kind
    )
    for code, level1, level2, kind in (
        ("A", "一", "甲", "regular"), ("B", "一", "乙", "bonus"), ("C", "二", "甲", "regular"),
        ("V", "二", "甲", "veto"),
    )
]  # fmt: skip


@dataclass(frozen=True)
class Cell:
    period: str
    card: IndicatorPublished
    unit: UUID
    score: Decimal


def some_cells(seed: int) -> list[Cell]:
    """Few different scores, so that ties abound; every unit and card in months of its own, thirds and sevenths too."""
    draw = random.Random(seed)  # noqa: S311 - an order, not a secret
    return [
        Cell(month, one, UUID(int=unit), Decimal(draw.choice(["10", "9.99", "7", "0", "-1.5"])))
        for unit in range(1, 31)
        for one in CARDS
        for month in draw.sample(MONTHS, draw.choice([0, 1, 3, 3, 7]))
    ]


async def keep(city: City, cells: list[Cell]) -> None:
    columns = (
        "period", "indicator_id", "unit_id", "set_id", "standing", "version", "entered_version", "state", "full_marks",
        "score", "loss", "entries", "inputs", "indicator_version", "rule_hash", "at",
    )  # fmt: skip
    at = datetime(2015, 2, 3, tzinfo=UTC)
    rows = [
        (
            one.period, one.card.indicator_id, one.unit, set_id(SET), "confirmed", 1, 1, "scored", Decimal(10),
            one.score, max(Decimal(0), 10 - one.score), "[]", "{}", 1, "", at,
        )
        for one in cells
    ]  # fmt: skip
    async with city.service.database.transaction("test") as uow:
        driver = await uow.driver()
        await driver.copy_records_to_table("cells", records=rows, columns=columns)


async def keep_entries(city: City) -> dict[UUID, Fraction]:
    """An award, a loss that the bureau passed on, an award that was taken back; one of another year counts nowhere."""
    given = [
        (1, "award", "0.25"),
        (1, "award", "0.30"),
        (2, "external_loss", "-1.75"),
        (3, "award", "2"),
        (3, "award", "-2"),
    ]
    at = datetime(2015, 2, 3, tzinfo=UTC)
    entries = [
        UnitEntry(
            uuid4(), kind, uuid4(), set_id(SET), period, UUID(int=unit), None, None, Decimal(points), Decimal(points),
            "{}", None, None, "x", "test", at,
        )
        for unit, kind, points, period in [*((*one, "2015-03") for one in given), (4, "award", "9", "2014-12")]
    ]  # fmt: skip
    async with city.service.database.transaction("test") as uow:
        await add_entries(await uow.driver(), entries)
    return {UUID(int=1): Fraction("0.55"), UUID(int=2): Fraction("-1.75")}


def expected(
    cells: list[Cell], spread: Fraction, entries: dict[UUID, Fraction]
) -> dict[tuple[UUID, str], dict[str, Any]]:
    """Every unit's row on every board, by the definition of each figure."""
    marks: dict[tuple[UUID, str], list[Decimal]] = defaultdict(list)
    for one in cells:
        marks[one.unit, one.card.code].append(one.score)
    totals: dict[str, dict[UUID, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    by_code = {one.code: one for one in CARDS}
    for (unit, code), scores in marks.items():
        told = by_code[code]
        if told.type == "veto":
            continue
        mean = sum((Fraction(score) for score in scores), Fraction(0)) / len(scores)
        for board in (
            "total",
            f"level1:{told.level1}",
            f"level2:{told.level1}/{told.level2}",
            f"indicator:{code}",
        ):
            totals[board][unit] += mean
    for unit, points in entries.items():
        if unit in totals["total"]:
            totals["total"][unit] += points
    found = {}
    for board, units in totals.items():
        every = list(units.values())
        for unit, total in units.items():
            better = [other for other in every if other > total]
            found[unit, board] = {
                "total": total * SCALE,
                "place": 1 + len(better),
                "tied": every.count(total),
                "dense": 1 + len(set(better)),
                "ranked": len(every),
                "best": 1 + sum(other > total + spread for other in every),
                "worst": sum(other >= total - spread for other in every),
                "next_total": min(better) * SCALE if better else None,
            }
    return found


@pytest.mark.parametrize(("seed", "spread"), [(1, "0"), (2, "0.01"), (3, "2.5")])
async def test_places_agree_with_exact_fractions(bare_city: City, seed: int, spread: str) -> None:
    await bare_city.tell(published(SET, CARDS), *CARDS, times=1)
    cells = some_cells(seed)
    await keep(bare_city, cells)
    entries = await keep_entries(bare_city)
    last, key = date(2015, 12, 31), uuid4()
    blend = SpanBlend.over(MEAN, parse_span("2015").periods)
    source = Source(
        Cells(set_id(SET), MONTHS, confirmed=True, blend=blend), last=last, day=last, dimensions=(),
        spread=Decimal(spread), span=MONTHS, standing=False,
    )  # fmt: skip
    async with bare_city.service.database.transaction("test") as uow:
        driver = await uow.driver()
        await repository.place_all(driver, key, source)
        rows = await driver.fetch("SELECT * FROM ranking_places WHERE ranking_id = $1", key)
    wanted = expected(cells, Fraction(spread), entries)
    found = {(row["unit_id"], row["board"]): {name: row[name] for name in next(iter(wanted.values()))} for row in rows}
    assert found == wanted
    assert any(row["tied"] > 1 for row in wanted.values())
    assert len({board for _, board in wanted}) == 1 + 2 + 3 + 3
    # The control: totals rounded before they are compared put some unit elsewhere.
    rounded = expected([Cell(one.period, one.card, one.unit, one.score.quantize(Decimal(1))) for one in cells],
                       Fraction(spread), entries)  # fmt: skip
    assert rounded != found
