"""What a confirmation writes of a batch of cells: worked out beside the event loop, then put into the transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.copying import copy_rows
from services.scoring_svc.ledger.domain import Standing
from services.scoring_svc.ledger.entering import (
    Cell,
    Entered,
    Known,
    Results,
    cell_scores,
    entered,
    tell_deductions,
    tell_scores,
    write,
)
from services.scoring_svc.ledger.evaluation import Group
from services.scoring_svc.ledger.rows import CELLS, Block, Occasion, cell_rows
from shared.contracts.scoring import CellScore
from shared.db import UnitOfWork


@dataclass(frozen=True)
class Confirmed:
    """A batch of cells, ready to be written: what enters the ledger, cells that are new and those that are there."""

    groups: Sequence[Group]
    entered: Entered
    added: bytes
    again: Sequence[Block]
    scores: Sequence[CellScore]


def confirmed(
    set_id: UUID, period: str, results: Results, standing: Mapping[Cell, Standing], known: Known, occasion: Occasion
) -> Confirmed:
    """What is to be written of cells that are all settled. Pure and long."""
    done = entered(set_id, period, results, standing, known, occasion)
    added, again = repository.parted(done.blocks, standing)
    rows = b"".join(row for block in added for row in cell_rows(block, confirmed=True, at=occasion.at))
    return Confirmed([group for group, _ in results], done, rows, again, cell_scores(done.blocks))


async def write_confirmed(uow: UnitOfWork, set_id: UUID, period: str, batch: Confirmed, occasion: Occasion) -> None:
    """Write a batch and tell of it."""
    driver = await uow.driver()
    await repository.keep_calendars(driver, batch.groups)
    await write(uow, batch.entered, occasion)
    await copy_rows(driver, "cells", CELLS, batch.added)
    await repository.change_cells(driver, period, batch.again, confirmed=True, at=occasion.at)
    tell_scores(uow, set_id, period, batch.scores)
    tell_deductions(uow, set_id, batch.entered.deductions)
    await uow.flush()
