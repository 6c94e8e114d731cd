"""Events of other services: twice changes nothing, an older version changes nothing, in any order the same state."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.registry import Event
from shared.contracts.scoring import (
    CellScore,
    PeriodClosed,
    PeriodConfirmed,
    PeriodFenced,
    RankedUnit,
    RankingPublished,
    ScoresConfirmed,
)
from shared.contracts.submission import BurdenReported
from shared.testing import RunningService

SET, UNIT = UUID(int=1), UUID(int=3)
NOW = datetime(2015, 2, 9, 8, tzinfo=UTC)


def scores(key: int, version: int) -> ScoresConfirmed:
    cells = [
        CellScore(
            indicator_id=UUID(int=each), unit_id=UNIT, version=version, state="scored", full_marks="2",
            score=f"1.{version}", loss=f"0.{version}",
        )
        for each in (key + 1, key)
    ]  # fmt: skip
    return ScoresConfirmed(set_id=UUID(int=key), period="2015-01", cells=cells)


def period(kind: type[Event], key: int, version: int) -> Any:
    return kind(set_id=UUID(int=key), period="2015-01", version=version, at=NOW, by="office", **(
        {"cells": 17} if kind is PeriodConfirmed else {"last_chunk": 9, "chunks": 9} if kind is PeriodFenced else {}
    ))  # fmt: skip


def ranking(key: int, version: int) -> RankingPublished:
    units = [RankedUnit(unit_id=UNIT, place=version, total="99")]
    return RankingPublished(set_id=UUID(int=key), period="2015-01", version=version, units=units)


def burden(key: int, version: int) -> BurdenReported:
    return BurdenReported(
        set_id=UUID(int=key), version=version, extracted=118 - version, self_reported=30, indicators=148
    )


CASES = {
    "confirmed_scores": lambda key: [scores(key, version) for version in (1, 2, 3)],
    "period_states": lambda key: [
        period(PeriodFenced, key, 2), period(PeriodConfirmed, key, 3), period(PeriodClosed, key, 4),
    ],
    "published_rankings": lambda key: [ranking(key, version) for version in (1, 2, 3)],
    "reported_burdens": lambda key: [burden(key, version) for version in (1, 2, 3)],
}  # fmt: skip


@pytest.mark.parametrize("table", CASES)
async def test_any_order_and_repetition_end_in_the_newest_state(shared_service: RunningService, table: str) -> None:
    states = set()
    for number, order in enumerate(permutations(range(3))):
        events = CASES[table](1_000 * (number + 1))
        for index in order:
            await shared_service.deliver(events[index], times=2)
        rows = await shared_service.database.reads.fetch(f"SELECT * FROM {table} WHERE set_id = $1", events[0].set_id)
        keys = {"set_id", "indicator_id"}
        states.add(str(sorted(str({k: v for k, v in dict(row).items() if k not in keys}) for row in rows)))
        assert {row["version"] for row in rows} == {4 if table == "period_states" else 3}
    assert len(states) == 1
