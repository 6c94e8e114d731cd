"""All statements on the ledger's tables that scoring and the steps of a period need; answers to readers: reading.py."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.copies.repository import unit_groups
from services.scoring_svc.engine.domain import WorkingCalendar
from services.scoring_svc.ledger.copying import copy_rows
from services.scoring_svc.ledger.domain import CellStatus, Entry, Exclusion, Finding, Scored, Standing
from services.scoring_svc.ledger.evaluation import Group, Surroundings, calendar_of, days_text, years_around
from services.scoring_svc.ledger.rows import CELLS, Block, cell_rows, entries_text, inputs_text
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.scoring import Deduction
from shared.directory.repository import working_days

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
_MANY_UNITS = 100
_read_entries = msgspec.json.Decoder(list[tuple[str, str | None, str]]).decode
_read_inputs = msgspec.json.Decoder(dict[str, int | str]).decode


class _Days(msgspec.Struct):
    first: date
    last: date
    closed: list[date]
    open: list[date]


# --- what evaluations read ------------------------------------------------------------------------------------------


async def hold_groups(driver: asyncpg.Connection, period: str, indicators: Iterable[UUID]) -> None:
    """Hold the cells of indicators in a period until the transaction ends, in a fixed order.

    What is read afterwards is the newest: whoever held them before has committed.
    """
    await driver.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('cells:' || name, 0)) "
        "FROM (SELECT unnest($1::text[]) AS name ORDER BY 1) AS names",
        sorted(f"{period}:{indicator}" for indicator in indicators),
    )


async def surroundings(connection: Connection, units: Iterable[UUID], day: date) -> Surroundings:
    """The working calendar as now published around a day, and the groups of units as of that day."""
    known = await working_days(connection)
    groups = await unit_groups(connection, units, day)
    if not known.years:
        return Surroundings(None, groups)
    first, last = years_around(day.year, known.years)
    return Surroundings(
        calendar_of(
            date(first, 1, 1),
            date(last, 12, 31),
            [day for day, working in known.exceptions.items() if not working],
            [day for day, working in known.exceptions.items() if working],
        ),
        groups,
    )


async def keep_calendars(driver: asyncpg.Connection, groups: Iterable[Group]) -> None:
    """Store the calendars that evaluations used, each edition once."""
    used = {group.calendar.version: group.calendar for group in groups if group.calendar is not None}
    await driver.executemany(
        "INSERT INTO calendar_editions (edition, days) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [(edition, days_text(calendar).decode()) for edition, calendar in sorted(used.items())],
    )


async def calendar_last_used(connection: Connection, period: str, indicator: UUID) -> WorkingCalendar | None:
    """The calendar under which an indicator was last entered in a period; None if there was none."""
    edition = await connection.fetchval(
        "SELECT calendar FROM evaluations WHERE period = $1 AND indicator_id = $2 ORDER BY evaluation_no DESC LIMIT 1",
        period,
        indicator,
    )
    return await calendar_edition(connection, edition) if edition else None


async def calendar_edition(connection: Connection, edition: str) -> WorkingCalendar | None:
    """A calendar that was stored."""
    text = await connection.fetchval("SELECT days FROM calendar_editions WHERE edition = $1", edition)
    if text is None:
        return None
    days = msgspec.json.decode(text, type=_Days)
    return calendar_of(days.first, days.last, days.closed, days.open)


async def exclusions(
    connection: Connection, period: str, indicators: Iterable[UUID]
) -> Mapping[tuple[UUID, UUID], Exclusion]:
    """The cells taken out, by (indicator, unit)."""
    rows = await connection.fetch(
        "SELECT indicator_id, unit_id, state, reason FROM exclusions WHERE period = $1 AND indicator_id = "
        "ANY($2::uuid[])",
        period,
        list(indicators),
    )
    return {(row["indicator_id"], row["unit_id"]): Exclusion(row["state"], row["reason"]) for row in rows}


async def keep_exclusions(
    driver: asyncpg.Connection,
    period: str,
    excluded: Mapping[tuple[UUID, UUID], Exclusion],
    *,
    who: str,
    at: datetime,
) -> None:
    """Add cells taken out at this confirmation."""
    await driver.executemany(
        "INSERT INTO exclusions (period, indicator_id, unit_id, state, reason, who, at) VALUES ($1, $2, $3, "
        "$4, $5, $6, $7)",
        [(period, *cell, exclusion.state, exclusion.reason, who, at) for cell, exclusion in sorted(excluded.items())],
    )


# --- cells ----------------------------------------------------------------------------------------------------------


async def standing_cells(
    connection: Connection, period: str, indicators: Iterable[UUID], units: Sequence[UUID] | None = None
) -> Mapping[tuple[UUID, UUID], Standing]:
    """The cells of indicators as they stand, of all units or of some, by (indicator, unit)."""
    # Of many units the range that they span is read: asked for each of them, the planner looks up all cells of each.
    many = units is not None and len(units) > _MANY_UNITS
    wanted = set(units) if many and units else frozenset()
    rows = await connection.fetch(
        "SELECT indicator_id, unit_id, standing, entered_version, indicator_version, state, code, note, "
        "full_marks, score, entries, inputs "
        "FROM cells WHERE period = $1 AND indicator_id = ANY($2::uuid[]) "
        + ("AND unit_id BETWEEN $3 AND $4" if many else "AND ($3::uuid[] IS NULL OR unit_id = ANY($3))"),
        period,
        list(indicators),
        *((min(units), max(units)) if many and units else (units,)),
    )
    return {
        (row["indicator_id"], row["unit_id"]): Standing(
            scored_of(row), row["entered_version"], row["standing"] == "confirmed", row["indicator_version"]
        )
        for row in rows
        if not many or row["unit_id"] in wanted
    }


def scored_of(row: Mapping[str, Any]) -> Scored:
    """A stored cell as the value that evaluation gives."""
    finding = Finding(
        cast("CellStatus", row["state"]),
        row["full_marks"],
        score=row["score"],
        code=row["code"],
        note=row["note"],
        entries=tuple(Entry(*entry) for entry in _read_entries(row["entries"])),
    )
    return Scored(row["unit_id"], finding, _read_inputs(row["inputs"]))


_PUT_CELLS = """
INSERT INTO cells AS known (period, indicator_id, unit_id, set_id, standing, version, entered_version, state, code,
                            note, full_marks, score, loss, entries, inputs, indicator_version, rule_hash, at)
SELECT $1, new.indicator_id, new.unit_id, new.set_id, $2, 1, new.entered, new.state, new.code, new.note, new.full_marks,
       new.score, new.loss, new.entries, new.inputs, new.indicator_version, new.rule_hash, $3
FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::int[], $8::text[], $9::text[], $10::text[], $11::numeric[],
            $12::numeric[], $13::numeric[], $14::text[], $15::text[], $16::int[], $17::text[])
     AS new(indicator_id, unit_id, set_id, entered, state, code, note, full_marks, score, loss, entries, inputs,
            indicator_version, rule_hash)
ON CONFLICT (period, indicator_id, unit_id) DO UPDATE SET
  standing = excluded.standing, version = known.version + 1, entered_version = excluded.entered_version,
  state = excluded.state, code = excluded.code, note = excluded.note, full_marks = excluded.full_marks,
  score = excluded.score, loss = excluded.loss, entries = excluded.entries, inputs = excluded.inputs,
  indicator_version = excluded.indicator_version, rule_hash = excluded.rule_hash, at = excluded.at
WHERE (known.standing, known.entered_version, known.state, known.code, known.note, known.full_marks, known.score,
       known.entries, known.inputs, known.indicator_version, known.rule_hash)
  IS DISTINCT FROM
      (excluded.standing, excluded.entered_version, excluded.state, excluded.code, excluded.note, excluded.full_marks,
       excluded.score, excluded.entries, excluded.inputs, excluded.indicator_version, excluded.rule_hash)
"""


async def put_cells(
    driver: asyncpg.Connection,
    period: str,
    blocks: Iterable[Block],
    standing: Mapping[tuple[UUID, UUID], Standing],
    *,
    confirmed: bool,
    at: datetime,
) -> int:
    """Write cells as they now stand; a cell that stays as it was keeps its version. Returns how many were written.

    `standing`: the cells that are there; the caller holds them, so that no other comes meanwhile.
    """
    added, again = parted(blocks, standing)
    rows = [row for block in added for row in cell_rows(block, confirmed=confirmed, at=at)]
    await copy_rows(driver, "cells", CELLS, b"".join(rows))
    return len(rows) + await change_cells(driver, period, again, confirmed=confirmed, at=at)


def parted(blocks: Iterable[Block], standing: Mapping[tuple[UUID, UUID], Standing]) -> tuple[list[Block], list[Block]]:
    """Cells that are new, and those that are there."""
    stands = {indicator for indicator, _ in standing}
    added: list[Block] = []
    again: list[Block] = []
    for block in blocks:
        indicator = block.group.card.indicator_id
        if indicator in stands:
            there = {unit for unit in block.units if (indicator, unit) in standing}
            again.append(block.only(there))
            added.append(block.only(set(block.units) - there))
        else:
            added.append(block)
    return added, again


async def change_cells(
    driver: asyncpg.Connection, period: str, blocks: Iterable[Block], *, confirmed: bool, at: datetime
) -> int:
    """Write cells that are there as they now stand; one that stays as it was keeps its version."""
    rows = [(block.group, unit, told) for block in blocks for unit, told in block]
    if not rows:
        return 0
    findings, cards = [told.finding for _, __, told in rows], [group.card for group, _, __ in rows]
    told = await driver.execute(
        _PUT_CELLS,
        period,
        "confirmed" if confirmed else "provisional",
        at,
        [card.indicator_id for card in cards],
        [unit for _, unit, __ in rows],
        [card.set_id for card in cards],
        [told.entered for _, __, told in rows],
        [finding.state for finding in findings],
        [finding.code for finding in findings],
        [finding.note for finding in findings],
        [finding.full_marks for finding in findings],
        [finding.score for finding in findings],
        [finding.loss for finding in findings],
        [entries_text(finding.entries) for finding in findings],
        [inputs_text(told.inputs) for _, __, told in rows],
        [card.version for card in cards],
        [group.rule.hash for group, _, __ in rows],
    )
    return int(told.split()[-1])


async def periods_scored(connection: Connection, set_id: UUID, indicators: Iterable[UUID]) -> list[str]:
    """The periods in which any of a set's indicators has cells; scoring has held the state of each."""
    rows = await connection.fetch(
        "SELECT s.period FROM period_states s WHERE s.set_id = $1 AND EXISTS "
        "(SELECT FROM cells c WHERE c.period = s.period AND c.indicator_id = ANY($2::uuid[]))",
        set_id,
        list(indicators),
    )
    return [row["period"] for row in rows]


async def drop_outdated(driver: asyncpg.Connection, period: str, card: IndicatorPublished) -> None:
    """Remove provisional cells that another version of the card made; what the ledger has of a cell keeps it here.

    The caller holds the period and the indicator's cells, and has scored what this version gives.
    """
    await driver.execute(
        "DELETE FROM cells c USING period_states s WHERE s.set_id = c.set_id AND s.period = c.period "
        "AND s.state IN ('open', 'fenced') AND c.period = $1 AND c.indicator_id = $2 AND c.indicator_version <> $3 "
        "AND c.standing = 'provisional' AND c.entered_version = 0",
        period,
        card.indicator_id,
        card.version,
    )


# --- the ledger: only ever added to -----------------------------------------------------------------------------------


async def last_evaluations(connection: Connection, period: str, indicators: Iterable[UUID]) -> Mapping[UUID, int]:
    """The number of the last stored evaluation of each indicator in a period."""
    rows = await connection.fetch(
        "SELECT indicator_id, max(evaluation_no) AS last FROM evaluations WHERE period = $1 "
        "AND indicator_id = ANY($2::uuid[]) GROUP BY indicator_id",
        period,
        list(indicators),
    )
    return {row["indicator_id"]: row["last"] for row in rows}


async def entries_of(
    connection: Connection, period: str, cells: Iterable[tuple[UUID, UUID, int]]
) -> Mapping[tuple[UUID, UUID], Sequence[Entry]]:
    """What stands in the ledger for cells (indicator, unit, version), without the rows that take an older one back."""
    wanted = list(cells)
    stand = await connection.fetch(
        "SELECT e.indicator_id, e.unit_id, e.kind, e.clause, e.points FROM entries e JOIN "
        "unnest($2::uuid[], $3::uuid[], $4::int[]) AS wanted(indicator_id, unit_id, cell_version) "
        "USING (indicator_id, unit_id, cell_version) WHERE e.period = $1 AND e.reverses IS NULL "
        "ORDER BY e.indicator_id, e.unit_id, e.entry_no",
        period,
        *([cell[place] for cell in wanted] for place in range(3)),
    )
    found: dict[tuple[UUID, UUID], list[Entry]] = {}
    for row in stand:
        entry = Entry(row["kind"], row["clause"], row["points"])
        found.setdefault((row["indicator_id"], row["unit_id"]), []).append(entry)
    return found


# --- deductions -----------------------------------------------------------------------------------------------------


async def known_deductions(connection: Connection, identities: Iterable[UUID]) -> Mapping[UUID, tuple[int, Decimal]]:
    """Version and loss of deductions that exist."""
    rows = await connection.fetch(
        "SELECT deduction_id, version, loss FROM deductions WHERE deduction_id = ANY($1::uuid[])", list(identities)
    )
    return {row["deduction_id"]: (row["version"], row["loss"]) for row in rows}


async def change_deductions(
    driver: asyncpg.Connection, deductions: Sequence[tuple[Deduction, bytes]], at: datetime
) -> None:
    """Put deductions that are there as they now stand, each with its body; the caller holds their cells."""
    await driver.execute(
        "UPDATE deductions AS known SET version = d.version, loss = d.loss, body = d.body, at = $1 "
        "FROM unnest($2::uuid[], $3::int[], $4::numeric[], $5::text[]) AS d(deduction_id, version, loss, body) "
        "WHERE known.deduction_id = d.deduction_id",
        at,
        [one.deduction_id for one, _ in deductions],
        [one.version for one, _ in deductions],
        [Decimal(one.loss) for one, _ in deductions],
        [body.decode() for _, body in deductions],
    )


async def deductions_with_loss(
    connection: Connection, set_id: UUID, period: str
) -> Sequence[tuple[UUID, int, Decimal]]:
    """All deductions with a loss of a set and period: id, version, loss."""
    rows = await connection.fetch(
        "SELECT deduction_id, version, loss FROM deductions WHERE set_id = $1 AND period = $2 AND loss > 0",
        set_id,
        period,
    )
    return [(row["deduction_id"], row["version"], row["loss"]) for row in rows]
