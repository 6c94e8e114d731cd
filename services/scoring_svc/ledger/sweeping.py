"""Every cell of a set in a period, from the newest facts, in batches: one is worked out while another is written.

Belongs here: reading what all cells need, and the order of the batches. Does not belong here: what is written of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import Chain, chain_of, groups_units, metrics_of
from services.scoring_svc.ledger import adjudication_repository as decisions
from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.adjudication import adjudicated, as_settled
from services.scoring_svc.ledger.domain import Exclusion, Standing, as_result
from services.scoring_svc.ledger.entering import Cell, Results
from services.scoring_svc.ledger.evaluation import prepare, score_all
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period
from shared.db import UnitOfWork

T = TypeVar("T")
_CELLS_A_BATCH = 5_000


async def sweep(
    uow: UnitOfWork,
    period: Period,
    cards: Sequence[IndicatorPublished],
    taken_out: Mapping[Cell, Exclusion],
    standing: Mapping[Cell, Standing],
    then: Callable[[Results], T],
) -> AsyncIterator[T]:
    """What `then`, which is pure, makes of each batch of cells, in a fixed order; a reader of results comes after them.

    `standing`: the cells as they are, at least of the indicators that others read. Evaluation and `then` run beside the
    event loop, and the next batch is worked out while the caller writes what it was given.
    """
    driver = await uow.driver()
    units = {unit for card in cards if groups_units(card) for unit in card.evaluated_unit_ids}
    facts = await copies.newest_facts(driver, period.key, {metric for card in cards for metric in metrics_of(card)})
    around = await repository.surroundings(driver, units, period.last)
    decided = await decisions.standing(driver, period.key, [card.indicator_id for card in cards])
    chain = chain_of(cards)
    read: dict[Cell, str] = {}

    def work_out(some: Sequence[IndicatorPublished]) -> T:
        groups = [adjudicated(prepare(card, period, facts, around, None, read), decided) for card in some]
        scored = as_settled(groups, score_all(groups), taken_out, decided)
        results = list(zip(groups, scored, strict=True))
        read.update(_as_read(chain, standing, results))
        return then(results)

    batches = (batch for level in chain.levels(cards) for batch in _cut(level))
    async for found in _ahead(work_out, batches):
        yield found


def _cut(cards: Iterable[IndicatorPublished]) -> Iterator[list[IndicatorPublished]]:
    """Cards that read no result of each other, in batches of some cells."""
    batch: list[IndicatorPublished] = []
    cells = 0
    for card in cards:
        batch.append(card)
        cells += len(card.evaluated_unit_ids)
        if cells >= _CELLS_A_BATCH:
            yield batch
            batch, cells = [], 0
    if batch:
        yield batch


async def _ahead(
    work: Callable[[list[IndicatorPublished]], T], batches: Iterator[list[IndicatorPublished]]
) -> AsyncIterator[T]:
    """What is worked out of each batch in a thread; one batch at a time, and always one ahead of the caller."""

    def following() -> asyncio.Task[T] | None:
        batch = next(batches, None)
        return None if batch is None else asyncio.create_task(asyncio.to_thread(work, batch))

    coming = following()
    try:
        while coming is not None:
            found = await coming
            coming = following()
            yield found
    finally:
        if coming is not None:
            # A thread cannot be ended: what it reads must not change under it.
            with suppress(Exception):
                await coming


def _as_read(chain: Chain, standing: Mapping[Cell, Standing], results: Results) -> dict[Cell, str]:
    """What other rules read of cells, as they will be entered."""
    return {
        (group.card.indicator_id, cell.unit_id): text
        for group, cells in results
        if group.card.indicator_id in chain.readers
        for cell in cells
        if (text := as_result(standing.get((group.card.indicator_id, cell.unit_id)), cell)) is not None
    }
