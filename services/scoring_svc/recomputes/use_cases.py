"""Making a recompute, and what one of its pieces does: score again what may change, replay what is in the ledger."""

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger.evaluation import reads_peers
from services.scoring_svc.ledger.replaying import replay
from services.scoring_svc.ledger.rescoring import Rescored, score_again
from services.scoring_svc.ledger.use_cases import Place
from services.scoring_svc.recomputes import repository
from services.scoring_svc.recomputes.domain import Card, RecomputeUnderWay, cut, difference
from services.scoring_svc.recomputes.tables import recompute_pieces
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import parse_period
from shared.db import UnitOfWork


async def make_recompute(
    uow: UnitOfWork, places: Sequence[Place], reason: str, *, cells_a_piece: int, now: datetime
) -> UUID:
    """Store a recompute of a set in some periods as pieces that wait; the caller has checked who asks.

    Raises RecomputeUnderWay while one that covers one of the periods has pieces to do; of two at once the second
    waits for the first.
    """
    recompute_id, indicator_set = uuid4(), places[0].indicator_set
    pieces = [(place.period.key, piece) for place in places for piece in cut(map(_card, place.cards), cells_a_piece)]
    keys = [place.period.key for place in places]
    driver = await uow.driver()
    await repository.hold_recomputes(driver, indicator_set.set_id)
    running = await repository.unfinished(driver, indicator_set.set_id, keys)
    if running is not None:
        overlap = sorted(set(keys) & set(running["periods"]))
        raise RecomputeUnderWay(recompute=running["recompute_id"], periods=", ".join(overlap))
    await repository.add_recompute(
        driver, recompute_id, indicator_set.set_id, pieces, keys, reason=reason, by=uow.who, at=now
    )
    uow.queued(recompute_pieces.name)
    after = {"set": indicator_set.code, "periods": keys, "pieces": len(pieces), "reason": reason}
    uow.trail("recompute", "set", indicator_set.set_id, after=after)
    return recompute_id


def _card(card: IndicatorPublished) -> Card:
    return Card(card.indicator_id, card.evaluated_unit_ids, reads_peers(card))


async def run_piece(
    uow: UnitOfWork,
    *,
    piece_id: UUID,
    recompute_id: UUID,
    set_id: UUID,
    period: str,
    indicators: Sequence[UUID],
    units: Sequence[UUID] | None,
    now: datetime,
) -> None:
    """Do a piece in the transaction that ends it.

    While the period is open or fenced its cells are scored from the newest facts, as if all had just come. Once it is
    confirmed its cells are evaluated again from what the ledger kept; what differs is told and nothing is written.
    """
    began, driver = time.perf_counter(), await uow.driver()
    done = Rescored()
    if not await _entered(driver, set_id, period):
        done = await score_again(uow, parse_period(period), indicators, units, now)
    cells, changed = done.cells, done.changed
    # Scoring held the period, so what is said of it now stays: a confirmation that came between is replayed.
    if await _entered(driver, set_id, period):
        replayed = [one async for one in replay(driver, period, indicators, units)]
        found = [difference(one.indicator_id, one.version, one.stored, one.found) for one in replayed]
        await repository.add_differences(driver, recompute_id, period, [one for one in found if one is not None])
        cells = len(replayed)
    took_ms = round((time.perf_counter() - began) * 1_000)
    await repository.note_piece(driver, piece_id, cells=cells, changed=changed, took_ms=took_ms)


async def _entered(driver: asyncpg.Connection, set_id: UUID, period: str) -> bool:
    """Whether the ledger has the period."""
    state = await periods.period_row(driver, set_id, period)
    return state is not None and state.state in {"confirmed", "closed"}
