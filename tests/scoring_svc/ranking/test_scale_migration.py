"""The step to a larger scale keeps every published total, upwards and back."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from uuid import uuid4

import asyncpg
from alembic import command

from deploy.local.postgres import Postgres
from services.scoring_svc.ranking.domain import SCALE
from services.scoring_svc.year_end.placing import ARCHIVED
from shared.migrations import runner

_PACKAGE = "services.scoring_svc"
_TOTALS = "SELECT total, full_marks, next_total FROM ranking_places ORDER BY total"


async def _move(owner: str, move: Callable[..., None], to: str) -> None:
    await asyncio.to_thread(
        lambda: asyncio.run(
            runner._with_connection(owner, lambda connection: move(runner._config(_PACKAGE, connection), to))
        )
    )


async def test_published_totals_take_the_larger_scale_and_come_back(postgres: Postgres) -> None:
    name = f"m_scale_{uuid4().hex[:8]}"
    dsns = await postgres.create_service_database("scoring", database=name)
    driver = None
    try:
        await _move(dsns.owner, command.upgrade, "scoring_svc_context")
        driver = await asyncpg.connect(dsns.owner)
        for total, better in (("17.335", "18.5"), ("18.5", None)):
            await driver.execute(
                "INSERT INTO ranking_places VALUES ($1, $2, 'total', 'all', $3, $4, 1, 1, 1, 1, 2, 1, 2, $5)",
                uuid4(), uuid4(), Decimal(total) * ARCHIVED, Decimal(20) * ARCHIVED,
                better and Decimal(better) * ARCHIVED,
            )  # fmt: skip
        before = await driver.fetch(_TOTALS)
        await _move(dsns.owner, command.upgrade, "scoring_svc_blends")
        after = await driver.fetch(_TOTALS)
        assert [tuple(number and Fraction(number) / SCALE for number in row) for row in after] == [
            (Fraction("17.335"), 20, Fraction("18.5")),
            (Fraction("18.5"), 20, None),
        ]
        await _move(dsns.owner, command.downgrade, "scoring_svc_context")
        assert await driver.fetch(_TOTALS) == before
    finally:
        if driver is not None:
            await driver.close()
        await postgres.drop_database(name)
