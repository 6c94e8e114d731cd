"""Entering cells into the ledger: versions, entries, evaluations, deductions, and the events that tell of them.

Used by confirmation, by amendments after it, and at once for indicators marked immediate. Nothing that was entered is
changed: a new version first takes the entries of the version before back, then enters its own. Reading what the ledger
has, working out what enters and writing it are three steps, so that the second, long one may run beside the others.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import msgspec

from services.scoring_svc.bonus.use_cases import follow_losses
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.copying import copy_rows
from services.scoring_svc.ledger.domain import (
    Entry,
    Scored,
    Standing,
    differs,
    digest_of,
    identity_of,
    needs_deduction,
    plain,
)
from services.scoring_svc.ledger.evaluation import Cells, Group
from services.scoring_svc.ledger.rows import (
    DEDUCTION_VERSIONS,
    DEDUCTIONS,
    ENTRIES,
    EVALUATIONS,
    VERSIONS,
    Block,
    Occasion,
    Told,
    Words,
    deduction_row,
    deduction_version_row,
    entry_rows,
    evaluation_row,
    version_rows,
    whole,
)
from shared.contracts.scoring import (
    CellScore,
    Deduction,
    DeductionsDigested,
    IndicatorDeducted,
    ScoresConfirmed,
)
from shared.db import UnitOfWork

CELLS_A_CHUNK = 500
DEDUCTIONS_A_CHUNK = 200
Cell = tuple[UUID, UUID]
Results = Sequence[tuple[Group, Sequence[Scored]]]


@dataclass(frozen=True)
class Known:
    """What the ledger has of cells that are to be entered.

    The number of each indicator's last evaluation; of cells that were entered their entries, and version and loss of
    their deduction.
    """

    evaluations: Mapping[UUID, int]
    entries: Mapping[Cell, Sequence[Entry]]
    deductions: Mapping[UUID, tuple[int, Decimal]]


@dataclass(frozen=True)
class Entered:
    """Cells as they stand in the ledger once it is written, and the deductions that get a version.

    `tables`: the rows that are added, with their columns, by table; `again`: deductions that are there, with bodies.
    """

    blocks: Sequence[Block]
    deductions: Sequence[Deduction]
    tables: Mapping[str, tuple[Sequence[str], bytes]]
    again: Sequence[tuple[Deduction, bytes]]


async def enter(
    uow: UnitOfWork,
    set_id: UUID,
    period: str,
    results: Results,
    standing: Mapping[Cell, Standing],
    occasion: Occasion,
) -> Entered:
    """Enter what changed of these cells, which the caller holds; all of one set, in one period, none refused.

    A cell that stands in the ledger as it is keeps its version. Records no events: the caller tells them in chunks.
    """
    concerned = {(group.card.indicator_id, cell.unit_id) for group, scored in results for cell in scored}
    cells = {cell: standing[cell] for cell in concerned & standing.keys()}
    known = await known_of(uow, period, [group.card.indicator_id for group, _ in results], cells)
    done = entered(set_id, period, results, standing, known, occasion)
    await write(uow, done, occasion)
    return done


async def known_of(
    uow: UnitOfWork, period: str, indicators: Sequence[UUID], standing: Mapping[Cell, Standing]
) -> Known:
    """What the ledger has of indicators, and of those of the cells that were entered."""
    driver = await uow.driver()
    evaluations = await repository.last_evaluations(driver, period, indicators)
    versions = {cell: known.entered for cell, known in standing.items() if known.entered}
    if not versions:
        return Known(evaluations, {}, {})
    return Known(
        evaluations,
        await repository.entries_of(driver, period, [(*cell, version) for cell, version in versions.items()]),
        await repository.known_deductions(driver, [identity_of(*cell, period) for cell in versions]),
    )


def entered(
    set_id: UUID,
    period: str,
    results: Results,
    standing: Mapping[Cell, Standing],
    known: Known,
    occasion: Occasion,
) -> Entered:
    """What is to be entered of cells, ready to be written. Pure and long."""
    stands = {indicator for indicator, _ in standing}
    blocks: list[Block] = []
    evaluations: list[bytes] = []
    versions: list[bytes] = []
    entries: list[bytes] = []
    deductions: list[Deduction] = []
    for group, scored in results:
        indicator = group.card.indicator_id
        block, fresh = _versioned(group, scored, standing if indicator in stands else {})
        blocks.append(block)
        changed = block if len(fresh) == len(block.units) else block.only(fresh)
        if changed.units:
            number = known.evaluations.get(indicator, 0) + 1
            evaluations.append(evaluation_row(group, number, occasion.at))
            versions += version_rows(changed, number, occasion)
            entries += entry_rows(changed, known.entries, occasion)
        for unit, told in block:
            if told.loss or told.entered > 1 or unit not in fresh:
                identity = identity_of(indicator, unit, period)
                last, loss = known.deductions.get(identity, (0, None))
                if needs_deduction(loss, told.loss, new_version=unit in fresh):
                    deductions.append(_deduction(group, unit, told, identity, last + 1, occasion))
    bodies = [(one, msgspec.json.encode(one)) for one in sorted(deductions, key=lambda one: one.deduction_id.bytes)]
    first = [deduction_row(one, body, set_id, occasion.at) for one, body in bodies if one.version == 1]
    tables = {
        "evaluations": (EVALUATIONS, b"".join(evaluations)),
        "cell_versions": (VERSIONS, b"".join(versions)),
        "entries": (ENTRIES, b"".join(entries)),
        "deductions": (DEDUCTIONS, b"".join(first)),
        "deduction_versions": (DEDUCTION_VERSIONS, b"".join(deduction_version_row(*one, occasion) for one in bodies)),
    }
    return Entered(blocks, deductions, tables, [(one, body) for one, body in bodies if one.version > 1])


def _versioned(
    group: Group, scored: Sequence[Scored], standing: Mapping[Cell, Standing]
) -> tuple[Block, Collection[UUID]]:
    """Cells under their version in the ledger, and the units whose version is new."""
    if not standing and isinstance(scored, Cells):
        return whole(group, scored, 1), set(scored.units)
    words, told, fresh = Words(), [], set()
    for cell in scored:
        stands = standing.get((group.card.indicator_id, cell.unit_id))
        version = stands.entered if stands else 0
        if stands is None or not version or differs(stands.scored, cell):
            version += 1
            fresh.add(cell.unit_id)
        told.append(words.of(cell, version))
    return Block(group, [cell.unit_id for cell in scored], told), fresh


async def write(uow: UnitOfWork, done: Entered, occasion: Occasion) -> None:
    """Write what is to be entered."""
    driver = await uow.driver()
    for table, (columns, rows) in done.tables.items():
        await copy_rows(driver, table, columns, rows)
    if done.again:
        await repository.change_deductions(driver, done.again, occasion.at)
    await follow_losses(uow, done.deductions, who=occasion.who, at=occasion.at)


def _deduction(group: Group, unit: UUID, told: Told, identity: UUID, version: int, occasion: Occasion) -> Deduction:
    said = "" if occasion.concerns and unit not in occasion.concerns else occasion.note
    note = said or (told.finding.note or "" if told.finding.state != "scored" else "")
    full_marks, score, loss = told.points
    # A loss that goes again before the confirmation goes because its facts changed, unless the occasion knows better;
    # whoever was told wants to know.
    taken_back = occasion.timing == "immediate" and occasion.reason == "scored" and not told.loss
    return Deduction(
        deduction_id=identity,
        version=version,
        indicator_id=group.card.indicator_id,
        indicator_version=group.card.version,
        unit_id=unit,
        period=group.period.key,
        full_marks=full_marks,
        # A cell that is exempt or not scorable lost nothing.
        score=score_text(told.finding.full_marks) if score is None else score,
        loss=loss,
        clauses=told.clauses,
        inputs=told.versions,
        responsible_unit_id=unit,
        timing=occasion.timing,
        reason="fact_amended" if taken_back else occasion.reason,
        note=note,
    )


def score_text(score: Decimal) -> str:
    """A score as published: its places count."""
    return format(score, "f")


def cell_scores(blocks: Iterable[Block]) -> list[CellScore]:
    """Cells of the ledger as they are told to others."""
    return [_cell_score(block.group.card.indicator_id, unit, told) for block in blocks for unit, told in block]


def _cell_score(indicator: UUID, unit: UUID, told: Told) -> CellScore:
    state = told.finding.state
    if state == "refused":
        raise ValueError("a refused cell never enters the ledger")
    full_marks, score, loss = told.points
    return CellScore(
        indicator_id=indicator,
        unit_id=unit,
        version=told.entered,
        state=state,
        full_marks=full_marks,
        score=score,
        loss=loss,
    )


def tell_scores(
    uow: UnitOfWork, set_id: UUID, period: str, cells: Sequence[CellScore], *, to: str | None = None
) -> None:
    """Send confirmed cells in chunks."""
    for start in range(0, len(cells), CELLS_A_CHUNK):
        chunk = list(cells[start : start + CELLS_A_CHUNK])
        uow.record(ScoresConfirmed(set_id=set_id, period=period, cells=chunk), subject=period, to=to)


def tell_deductions(uow: UnitOfWork, set_id: UUID, deductions: Sequence[Deduction], *, to: str | None = None) -> None:
    """Send deductions in chunks; what comes singly goes in a chunk of one."""
    for start in range(0, len(deductions), DEDUCTIONS_A_CHUNK):
        chunk = list(deductions[start : start + DEDUCTIONS_A_CHUNK])
        uow.record(IndicatorDeducted(set_id=set_id, deductions=chunk), subject=chunk[0].period, to=to)


async def tell_digest(uow: UnitOfWork, set_id: UUID, period: str) -> None:
    """Send the next digest of all deductions with a loss; the caller holds the period alone."""
    driver = await uow.driver()
    version = await periods.next_digest(driver, set_id, period)
    uow.record(await digest(uow, set_id, period, version), subject=period)


async def digest(uow: UnitOfWork, set_id: UUID, period: str, version: int) -> DeductionsDigested:
    """The digest of all deductions with a loss of a set and period."""
    found = await repository.deductions_with_loss(await uow.driver(), set_id, period)
    count, value = digest_of((identity, version_, plain(loss)) for identity, version_, loss in found)
    return DeductionsDigested(set_id=set_id, period=period, version=version, count=count, digest=value)
