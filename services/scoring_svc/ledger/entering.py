"""Entering cells into the ledger: versions, entries, evaluations, deductions, and the events that tell of them.

Used by confirmation, by amendments after it, and at once for indicators marked immediate. Nothing that was entered is
changed: a new version first takes the entries of the version before back, then enters its own.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from services.scoring_svc.bonus.use_cases import follow_losses
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.copying import NULL, copy_lines, field
from services.scoring_svc.ledger.domain import (
    NOTHING,
    Entry,
    Scored,
    Standing,
    differs,
    digest_of,
    identity_of,
    needs_deduction,
    plain,
)
from services.scoring_svc.ledger.evaluation import Group
from services.scoring_svc.ledger.repository import CellRow, cell_row
from shared.contracts.scoring import (
    CellScore,
    ClauseLoss,
    Deduction,
    DeductionsDigested,
    IndicatorDeducted,
    InputVersion,
    ScoresConfirmed,
)
from shared.db import UnitOfWork

CELLS_A_CHUNK = 500
DEDUCTIONS_A_CHUNK = 200
Cell = tuple[UUID, UUID]

_VERSION_COLUMNS = (
    "period", "indicator_id", "unit_id", "version", "evaluation_no", "state", "code", "note", "full_marks", "score",
    "loss", "timing", "reason", "who", "at",
)  # fmt: skip
_ENTRY_COLUMNS = (
    "period", "indicator_id", "unit_id", "cell_version", "entry_no", "kind", "clause", "points", "reverses",
    "indicator_version", "rule_hash", "inputs", "who", "at",
)  # fmt: skip
_EVALUATION_COLUMNS = (
    "period", "indicator_id", "evaluation_no", "indicator_version", "rule_hash", "calendar", "inputs", "salt", "at",
)  # fmt: skip


@dataclass(frozen=True)
class Occasion:
    """Why cells are entered: at confirmation or at once, for which reason, by whom, when.

    `concerns`: the units that the note speaks of; without any it is told to all.
    """

    timing: Literal["immediate", "confirmed"]
    reason: Literal["scored", "fact_amended", "ruling", "correction"]
    who: str
    at: datetime
    note: str = ""
    concerns: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Entered:
    """What was entered: all cells as they now stand in the ledger, and the deductions that got a version."""

    cells: Sequence[CellRow]
    deductions: Sequence[Deduction]


async def enter(
    uow: UnitOfWork,
    set_id: UUID,
    period: str,
    results: Sequence[tuple[Group, Sequence[Scored]]],
    standing: Mapping[Cell, Standing],
    occasion: Occasion,
) -> Entered:
    """Enter what changed of these cells, which the caller holds; all of one set, in one period, none refused.

    A cell that stands in the ledger as it is keeps its version. Records no events: the caller tells them in chunks.
    """
    driver = await uow.driver()
    evaluated = await repository.last_evaluations(driver, period, [group.card.indicator_id for group, _ in results])
    rows: list[CellRow] = []
    changed: list[tuple[CellRow, int]] = []
    may_deduct: list[tuple[CellRow, bool]] = []
    evaluations = []
    for group, scored in results:
        indicator = group.card.indicator_id
        number, before = evaluated.get(indicator, 0) + 1, len(changed)
        for cell in scored:
            known = standing.get((indicator, cell.unit_id)) if standing else None
            entered = known.entered if known else 0
            fresh = known is None or not entered or differs(known.scored, cell)
            row = cell_row(group, cell, entered + fresh)
            rows.append(row)
            if fresh:
                changed.append((row, number))
            if entered or cell.loss > NOTHING:
                may_deduct.append((row, fresh))
        if len(changed) > before:
            evaluations.append(_evaluation_line(group, number, occasion))
    again = [row for row, _ in changed if row.entered > 1]
    taken_back = await repository.entries_of(driver, period, again) if again else {}
    await copy_lines(driver, "evaluations", _EVALUATION_COLUMNS, evaluations)
    await copy_lines(driver, "cell_versions", _VERSION_COLUMNS, _version_lines(changed, occasion))
    await copy_lines(driver, "entries", _ENTRY_COLUMNS, _entry_lines(changed, taken_back, occasion))
    return Entered(rows, await _deduct(uow, set_id, period, may_deduct, occasion))


def _evaluation_line(group: Group, number: int, occasion: Occasion) -> str:
    inputs = field(msgspec.json.encode(group.inputs, order="sorted").decode())
    card, edition = group.card, group.calendar.version if group.calendar else ""
    salt = f"\\\\x{secrets.token_hex(16)}"
    return (
        f"{group.period.key}\t{card.indicator_id}\t{number}\t{card.version}\t{group.rule.hash}\t{edition}\t{inputs}\t"
        f"{salt}\t{occasion.at.isoformat()}\n"
    )


def _version_lines(changed: Iterable[tuple[CellRow, int]], occasion: Occasion) -> Iterator[str]:
    tail = f"{occasion.timing}\t{occasion.reason}\t{field(occasion.who)}\t{occasion.at.isoformat()}\n"
    for row, number in changed:
        yield f"{row.key}\t{row.entered}\t{number}\t{row.told}\t{tail}"


def _entry_lines(
    changed: Iterable[tuple[CellRow, int]], before: Mapping[Cell, Sequence[Entry]], occasion: Occasion
) -> Iterator[str]:
    """A version after the first begins with what takes the version before back."""
    end = f"{field(occasion.who)}\t{occasion.at.isoformat()}\n"
    for row, __ in changed:
        group, cell, entered, key, _, inputs = row
        head = f"{key}\t{entered}"
        tail = f"{group.card.version}\t{group.rule.hash}\t{inputs}\t{end}"
        number = 0
        for entry in before.get((group.card.indicator_id, cell.unit_id), ()) if before else ():
            number += 1
            back = entry.reversed()
            yield f"{head}\t{number}\t{back.kind}\t{field(back.clause)}\t{back.points}\t{entered - 1}\t{tail}"
        for kind, clause, points in cell.entries:
            number += 1
            name = NULL if clause is None else field(clause)
            yield f"{head}\t{number}\t{kind}\t{name}\t{points}\t{NULL}\t{tail}"


async def _deduct(
    uow: UnitOfWork, set_id: UUID, period: str, rows: Sequence[tuple[CellRow, bool]], occasion: Occasion
) -> list[Deduction]:
    """Versions of deductions for cells with a loss, and for those in the ledger that may have had one before."""
    driver = await uow.driver()
    identities = [identity_of(row.group.card.indicator_id, row.scored.unit_id, period) for row, _ in rows]
    known = await repository.known_deductions(driver, identities)
    deductions = []
    for (row, fresh), identity in zip(rows, identities, strict=True):
        version, loss = known.get(identity, (0, None))
        if needs_deduction(loss, row.scored, new_version=fresh):
            deductions.append(_deduction(row, identity, version + 1, occasion))
    if deductions:
        await repository.keep_deductions(driver, set_id, deductions, who=occasion.who, at=occasion.at)
        await follow_losses(uow, deductions, who=occasion.who, at=occasion.at)
    return deductions


def _deduction(row: CellRow, identity: UUID, version: int, occasion: Occasion) -> Deduction:
    card, cell = row.group.card, row.scored
    said = "" if occasion.concerns and cell.unit_id not in occasion.concerns else occasion.note
    note = said or (cell.note or "" if cell.state != "scored" else "")
    # A loss that goes again before the confirmation goes because its facts changed, unless the occasion knows better;
    # whoever was told wants to know.
    taken_back = occasion.timing == "immediate" and occasion.reason == "scored" and cell.loss == NOTHING
    return Deduction(
        deduction_id=identity,
        version=version,
        indicator_id=card.indicator_id,
        indicator_version=card.version,
        unit_id=cell.unit_id,
        period=row.group.period.key,
        full_marks=plain(cell.full_marks),
        # A cell that is exempt or not scorable lost nothing.
        score=score_text(cell.score if cell.score is not None else cell.full_marks),
        loss=plain(cell.loss),
        clauses=[ClauseLoss(clause=entry.clause or entry.kind, points=entry.points) for entry in cell.entries],
        inputs=[InputVersion(name=n, version=v) for n, v in sorted(cell.inputs.items()) if isinstance(v, int) and v],
        responsible_unit_id=cell.unit_id,
        timing=occasion.timing,
        reason="fact_amended" if taken_back else occasion.reason,
        note=note,
    )


def score_text(score: Decimal) -> str:
    """A score as published: its places count."""
    return format(score, "f")


def cell_score(row: CellRow) -> CellScore:
    """A cell of the ledger as it is told to others."""
    cell = row.scored
    state = cell.state
    if state == "refused":
        raise ValueError("a refused cell never enters the ledger")
    return CellScore(
        indicator_id=row.group.card.indicator_id,
        unit_id=cell.unit_id,
        version=row.entered,
        state=state,
        full_marks=plain(cell.full_marks),
        score=None if cell.score is None else score_text(cell.score),
        loss=plain(cell.loss),
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
