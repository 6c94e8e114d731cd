"""Re-drives what scoring owns from its tables to one named reader, under new event ids; readers apply it by version."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from services.scoring_svc.bonus.domain.makeup import bonus_id
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger.domain import plain
from services.scoring_svc.ledger.entering import digest, score_text, tell_deductions, tell_scores
from services.scoring_svc.ledger.period_repository import PeriodRow
from services.scoring_svc.ranking import repository as rankings
from services.scoring_svc.ranking.schemas import RankingOut
from services.scoring_svc.ranking.use_cases import published_event
from shared.contracts.known import declarations
from shared.contracts.scoring import CellScore, Deduction, PeriodClosed, PeriodConfirmed, PeriodFenced, PointsRegained
from shared.db import Database, UnitOfWork
from shared.snapshot import ReaderUnknown


def types_read_by(reader: str) -> frozenset[str]:
    """The event types of scoring_svc that a service reads. Raises ReaderUnknown if there are none."""
    found = {
        name
        for name, declared in declarations().items()
        if declared.producer == "scoring_svc" and reader in declared.readers
    }
    if not found:
        raise ReaderUnknown(reader=reader, service="scoring_svc", what="anything")
    return frozenset(found)


async def send_snapshot(database: Database, reader: str) -> int:
    """Send everything that the reader reads, one transaction a set and period; returns how many transactions."""
    types = types_read_by(reader)
    async with database.transaction("snapshot") as uow:
        sets = await copies.all_sets(await uow.driver())
    sent = 0
    for indicator_set in sets:
        async with database.transaction("snapshot") as uow:
            keys = await _periods(await uow.driver(), indicator_set)
        for key in keys:
            async with database.transaction("snapshot") as uow:
                await _send_period(uow, indicator_set, key, reader, types)
            sent += 1
    async with database.transaction("snapshot") as uow:
        await _send_rankings_and_bonus(uow, reader, types)
        uow.trail("snapshot", "service", reader, after={"types": sorted(types)})
    return sent + 1


async def _periods(driver: asyncpg.Connection, indicator_set: IndicatorSet) -> Sequence[str]:
    """Every period with a state or a deduction: an immediate one may stand in an open period."""
    rows = await driver.fetch(
        "SELECT period FROM period_states WHERE set_id = $1 UNION SELECT period FROM deductions WHERE "
        "set_id = $1 ORDER BY 1",
        indicator_set.set_id,
    )
    return [row["period"] for row in rows]


async def _send_period(
    uow: UnitOfWork, indicator_set: IndicatorSet, key: str, reader: str, types: frozenset[str]
) -> None:
    driver = await uow.driver()
    set_id = indicator_set.set_id
    state = await periods.hold_period(driver, set_id, key, alone=False)
    if "period.fenced.v1" in types and state.state == "fenced":
        uow.record(_fenced(state), to=reader)
    if state.state in {"confirmed", "closed"}:
        if "period.confirmed.v1" in types:
            uow.record(_confirmed(state), to=reader)
        if "period.closed.v1" in types and state.state == "closed":
            uow.record(PeriodClosed(**_step(state, "closed")), to=reader)
        if "scores.confirmed.v1" in types:
            rows = await driver.fetch(
                "SELECT indicator_id, unit_id, entered_version, state, full_marks, score, loss FROM cells "
                "WHERE set_id = $1 AND period = $2 AND standing = 'confirmed' ORDER BY indicator_id, unit_id",
                set_id,
                key,
            )
            tell_scores(uow, set_id, key, [_cell(row) for row in rows], to=reader)
    if "indicator.deducted.v1" in types:
        bodies = await driver.fetch(
            "SELECT body FROM deductions WHERE set_id = $1 AND period = $2 ORDER BY deduction_id", set_id, key
        )
        tell_deductions(uow, set_id, [msgspec.json.decode(row["body"], type=Deduction) for row in bodies], to=reader)
    if "deductions.digested.v1" in types and state.digest_version:
        uow.record(await digest(uow, set_id, key, state.digest_version), to=reader)


async def _send_rankings_and_bonus(uow: UnitOfWork, reader: str, types: frozenset[str]) -> None:
    driver = await uow.driver()
    if "ranking.published.v1" in types:
        for row in await rankings.all_rankings(driver):
            uow.record(published_event(row["set_id"], RankingOut.model_validate_json(row["body"])), to=reader)
    if "points.regained.v1" in types:
        rows = await driver.fetch(
            "SELECT problem_id, deduction_id, unit_id, period, sum(points) AS points, max(version) AS version "
            "FROM bonus_entries GROUP BY 1, 2, 3, 4 ORDER BY problem_id"
        )
        for row in rows:
            uow.record(
                PointsRegained(entry_id=bonus_id(row["problem_id"]), **{**row, "points": plain(row["points"])}),
                to=reader,
            )


def _fenced(state: PeriodRow) -> PeriodFenced:
    told = _step(state, "fenced")
    return PeriodFenced(**told, last_chunk=state.last_chunk or 0, chunks=state.chunks or 0)


def _confirmed(state: PeriodRow) -> PeriodConfirmed:
    told = {**_step(state, "confirmed"), "version": state.version - (state.state == "closed")}
    return PeriodConfirmed(**told, cells=state.cells or 0)


def _step(state: PeriodRow, step: str) -> Mapping[str, Any]:
    return {
        "set_id": state.set_id,
        "period": state.period,
        "version": state.version,
        "at": getattr(state, f"{step}_at"),
        "by": getattr(state, f"{step}_by"),
    }


def _cell(row: asyncpg.Record) -> CellScore:
    return CellScore(
        indicator_id=row["indicator_id"],
        unit_id=row["unit_id"],
        version=row["entered_version"],
        state=row["state"],
        full_marks=plain(row["full_marks"]),
        score=None if row["score"] is None else score_text(row["score"]),
        loss=plain(row["loss"]),
    )
