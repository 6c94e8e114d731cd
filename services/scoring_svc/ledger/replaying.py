"""The ledger evaluated again from what it kept: the facts, calendar and card version of each stored evaluation.

Years later and under a newer engine this gives the same digits. Nothing is written.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.ledger import reading, repository
from services.scoring_svc.ledger.adjudication import adjudicated, settled
from services.scoring_svc.ledger.domain import Scored
from services.scoring_svc.ledger.evaluation import Group, score
from services.scoring_svc.ledger.proving import as_then, card_of, decided_then
from shared.contracts.periods import parse_period


class Replayed(NamedTuple):
    """A cell as it stands in the ledger, and as its stored inputs give it now."""

    indicator_id: UUID
    version: int
    stored: Scored
    found: Scored


async def replay(
    driver: asyncpg.Connection, period: str, indicators: Sequence[UUID], units: Sequence[UUID] | None
) -> AsyncIterator[Replayed]:
    """Every cell of these indicators that is in the ledger, of all units or of some, evaluated again."""
    standing = await repository.standing_cells(driver, period, indicators, units)
    taken_out = await repository.exclusions(driver, period, indicators)
    for evaluation in await reading.evaluations_behind(driver, period, indicators, units):
        indicator = evaluation["indicator_id"]
        then = await _group(driver, period, evaluation)
        decided = await decided_then(driver, then)
        found = {cell.unit_id: cell for cell in score(adjudicated(then, decided))}
        for unit in evaluation["units"]:
            known = standing[indicator, unit]
            again = settled(found[unit], taken_out.get((indicator, unit)), decided.get((indicator, unit), ()))
            yield Replayed(indicator, known.entered, known.scored, again)


async def _group(driver: asyncpg.Connection, period: str, evaluation: asyncpg.Record) -> Group:
    card = await card_of(driver, evaluation["indicator_id"], evaluation["indicator_version"])
    inputs = msgspec.json.decode(evaluation["inputs"], type=dict[str, dict[str, int | str]])
    calendar = await repository.calendar_edition(driver, evaluation["calendar"])
    return await as_then(driver, card, parse_period(period), inputs, calendar)
