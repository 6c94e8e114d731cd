"""Keeps the read copies of results: each row by its version, in any order and any number of times."""

import asyncpg
import msgspec

from shared.contracts.periods import Period, parse_period
from shared.contracts.scoring import PeriodEvent, RankingPublished, ScoresConfirmed
from shared.contracts.submission import BurdenReported
from shared.db import UnitOfWork


async def keep_scores(uow: UnitOfWork, event: ScoresConfirmed) -> None:
    """Keep every cell as of the highest version seen; sorted by key, so that two chunks never deadlock."""
    driver = await uow.driver()
    await driver.executemany(
        "INSERT INTO confirmed_scores AS known (indicator_id, unit_id, period, version, set_id, state, full_marks, "
        "score, loss) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
        "ON CONFLICT (indicator_id, unit_id, period) DO UPDATE SET "
        "version = excluded.version, state = excluded.state, full_marks = excluded.full_marks, score = excluded.score, "
        "loss = excluded.loss WHERE known.version < excluded.version",
        [
            (
                cell.indicator_id,
                cell.unit_id,
                event.period,
                cell.version,
                event.set_id,
                cell.state,
                cell.full_marks,
                cell.score,
                cell.loss,
            )
            for cell in sorted(event.cells, key=lambda cell: (cell.indicator_id, cell.unit_id))
        ],
    )


async def settled_periods(driver: asyncpg.Connection) -> list[tuple[str, Period]]:
    """The periods that are fenced, confirmed or closed, of all sets, with the code of their set."""
    rows = await driver.fetch(
        "SELECT coalesce(s.code, p.set_id::text) AS code, p.period FROM period_states p "
        "LEFT JOIN indicator_sets s USING (set_id)"
    )
    return [(row["code"], parse_period(row["period"])) for row in rows]


async def keep_period(uow: UnitOfWork, event: PeriodEvent, state: str) -> None:
    """Keep the state of a period (fenced, confirmed or closed) as of the highest version seen."""
    driver = await uow.driver()
    await driver.execute(
        'INSERT INTO period_states AS known (set_id, period, version, state, "at") VALUES ($1, $2, $3, $4, $5) '
        'ON CONFLICT (set_id, period) DO UPDATE SET version = excluded.version, "at" = excluded."at", '
        "state = excluded.state WHERE known.version < excluded.version",
        event.set_id,
        event.period,
        event.version,
        state,
        event.at,
    )


async def keep_ranking(uow: UnitOfWork, event: RankingPublished) -> None:
    """Keep the newest published ranking of a set and period."""
    driver = await uow.driver()
    await driver.execute(
        "INSERT INTO published_rankings AS known (set_id, period, version, units) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (set_id, period) DO UPDATE SET version = excluded.version, units = excluded.units "
        "WHERE known.version < excluded.version",
        event.set_id,
        event.period,
        event.version,
        msgspec.json.encode(event.units).decode(),
    )


async def keep_burden(uow: UnitOfWork, event: BurdenReported) -> None:
    """Keep the newest burden of a set."""
    driver = await uow.driver()
    await driver.execute(
        "INSERT INTO reported_burdens AS known (set_id, version, extracted, self_reported, indicators) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (set_id) DO UPDATE SET version = excluded.version, "
        "extracted = excluded.extracted, self_reported = excluded.self_reported, indicators = excluded.indicators "
        "WHERE known.version < excluded.version",
        event.set_id,
        event.version,
        event.extracted,
        event.self_reported,
        event.indicators,
    )
