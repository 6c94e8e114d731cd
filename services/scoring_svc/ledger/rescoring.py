"""Scoring what changed: facts, cards, groups of units or the calendar came, and the cells that depend on them follow.

While a period is open or fenced its cells are provisional and overwritten; indicators marked immediate enter the ledger
at once. After confirmation a changed fact is an amendment: the ledger gets a new version. Locks, in this order:
surroundings, metrics, the facts themselves, period states by set, cells by indicator.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import StoredFact, counts_working_days, governing, groups_units, metrics_of
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.domain import NOTHING, Scored, Standing, excluded
from services.scoring_svc.ledger.entering import (
    Cell,
    Occasion,
    cell_score,
    enter,
    tell_deductions,
    tell_digest,
    tell_scores,
)
from services.scoring_svc.ledger.evaluation import Group, Surroundings, as_confirmed, prepare, reads_peers, score_all
from services.scoring_svc.ledger.period_repository import PeriodRow
from services.scoring_svc.ledger.repository import CellRow, cell_row
from services.scoring_svc.ledger.withdrawing import withdraw_dropped
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.contracts.submission import Amendment, FactsRecorded
from shared.db import UnitOfWork

_BESIDE_THE_LOOP = 4  # so many groups are evaluated in a thread, so that requests go on meanwhile
Changed = Collection[tuple[UUID, UUID]]


@dataclass(frozen=True)
class Cause:
    """When something came, and the amendment if it is one."""

    at: datetime
    amendment: Amendment | None = None


@dataclass(frozen=True)
class Rescored:
    """How many cells were scored, and how many of them were written because they changed."""

    cells: int = 0
    changed: int = 0


@dataclass(frozen=True)
class Read:
    """A card to be scored, and what surrounded it at the confirmation; `then` is None while the period may change."""

    card: IndicatorPublished
    then: Surroundings | None


async def apply_facts(uow: UnitOfWork, event: FactsRecorded, at: datetime) -> None:
    """Keep a chunk of facts and score the cells that depend on those that are new; a repeated chunk changes nothing."""
    driver = await uow.driver()
    period = parse_period(event.period)
    metrics = {fact.metric_id for fact in event.facts}
    await copies.hold_surroundings(driver, alone=False)
    await copies.hold_metrics(driver, metrics, alone=False)
    changed = await copies.keep_facts(driver, event)
    if changed:
        cards = await copies.cards_reading(driver, {metric for metric, _ in changed}, period)
        await rescore(uow, period, cards, changed, Cause(at, event.amendment))


async def apply_card(uow: UnitOfWork, card: IndicatorPublished, at: datetime) -> None:
    """Keep a version of a card and score the open periods for which its facts are already here.

    What an older version gave to a unit or from a metric that this one no longer has is dropped, whichever came first;
    a loss that already stands in the ledger is lifted.
    """
    driver = await uow.driver()
    metrics = metrics_of(card)
    await copies.hold_surroundings(driver, alone=False)
    await copies.hold_metrics(driver, metrics, alone=True)
    if not await copies.keep_card(driver, card):
        return
    versions = await copies.cards_of_indicator(driver, card.indicator_id)
    keys = {*await copies.periods_with_facts(driver, metrics), *await repository.periods_scored(driver, card)}
    for key in sorted(keys):
        period = parse_period(key)
        governs = governing(versions, period)
        if governs is not None and governs.version == card.version:
            await rescore(uow, period, [card], None, Cause(at))
            await withdraw_dropped(uow, period, card, at)
            await repository.drop_outdated(driver, key, card)


async def apply_surroundings(uow: UnitOfWork, at: datetime, *, calendar: bool, unit: UUID | None = None) -> None:
    """Score again what depends on the calendar or on the groups of a unit; the caller holds the surroundings alone."""
    driver = await uow.driver()
    cards = [
        card
        for card in await copies.all_cards(driver)
        if (calendar and counts_working_days(card))
        or (unit is not None and groups_units(card) and unit in card.evaluated_unit_ids)
    ]
    by_period: dict[str, list[IndicatorPublished]] = {}
    for card in cards:
        versions = await copies.cards_of_indicator(driver, card.indicator_id)
        for key in await copies.periods_with_facts(driver, metrics_of(card)):
            governs = governing(versions, parse_period(key))
            if governs is not None and governs.version == card.version:
                by_period.setdefault(key, []).append(card)
    for key, found in sorted(by_period.items()):
        await rescore(uow, parse_period(key), found, None, Cause(at))


async def score_again(
    uow: UnitOfWork,
    set_id: UUID,
    period: Period,
    indicators: Collection[UUID],
    units: Sequence[UUID] | None,
    at: datetime,
) -> Rescored:
    """Score indicators of an open or fenced period from the newest facts, for all units or for some, as a recompute.

    `units` only for rules whose units do not see each other. The cards are read once their metrics are held: a version
    that comes at the same moment scores before or after.
    """
    driver = await uow.driver()
    await copies.hold_surroundings(driver, alone=False)
    cards: list[IndicatorPublished] = []
    while True:
        of_set = await copies.cards_of_set(driver, set_id, period)
        known, cards = cards, [card for card in of_set if card.indicator_id in indicators]
        if known == cards:
            return await rescore(uow, period, cards, None, Cause(at), units)
        await copies.hold_metrics(driver, {metric for card in cards for metric in metrics_of(card)}, alone=False)


async def rescore(
    uow: UnitOfWork,
    period: Period,
    cards: Sequence[IndicatorPublished],
    changed: Changed | None,
    cause: Cause,
    units: Sequence[UUID] | None = None,
) -> Rescored:
    """Score the cells of these cards that depend on the changed facts, or all that have facts if `changed` is None.

    `units` limits it to these units, of rules whose units do not see each other.
    """
    if not cards:
        return Rescored()
    driver = await uow.driver()
    states: dict[UUID, PeriodRow] = {}
    for set_id in sorted({card.set_id for card in cards}):
        states[set_id] = await _hold(uow, set_id, period)
    # A card, a group or a calendar that comes after confirmation does not reach back; only facts are amended.
    open_cards = [card for card in cards if changed is not None or states[card.set_id].state in {"open", "fenced"}]
    await repository.hold_groups(driver, period.key, [card.indicator_id for card in open_cards])
    standing = await repository.standing_cells(driver, period.key, [card.indicator_id for card in open_cards], units)
    reads = [
        Read(card, None)
        if states[card.set_id].state in {"open", "fenced"}
        else await _as_confirmed(uow, card, standing, period)
        for card in open_cards
    ]
    groups = await _prepare(uow, period, [read for read in reads if read is not None], changed, units)
    if not groups:
        return Rescored()
    await repository.keep_calendars(driver, groups)
    scored = await _scored(uow, groups)
    written = 0
    for set_id, state in states.items():
        results = [(group, cells) for group, cells in zip(groups, scored, strict=True) if group.card.set_id == set_id]
        if not results:
            continue
        if state.state == "closed":
            uow.trail("score", "period", f"{set_id}/{period.key}", outcome="refused:period_closed")
        elif state.state == "confirmed":
            await _amend(uow, set_id, period, results, standing, cause)
        else:
            written += await _put_provisional(uow, set_id, period, results, standing, cause)
    return Rescored(sum(map(len, scored)), written)


async def _hold(uow: UnitOfWork, set_id: UUID, period: Period) -> PeriodRow:
    """Hold the period together with other scoring, alone once it is confirmed: the digest counts all amendments."""
    driver = await uow.driver()
    known = await periods.period_row(driver, set_id, period.key)
    alone = known is not None and known.state == "confirmed"
    state = await periods.hold_period(driver, set_id, period.key, alone=alone)
    if state.state == "confirmed" and not alone:
        state = await periods.hold_period(driver, set_id, period.key, alone=True)
    return state


async def _as_confirmed(
    uow: UnitOfWork, card: IndicatorPublished, standing: Mapping[Cell, Standing], period: Period
) -> Read | None:
    """The card, calendar and groups that an indicator was confirmed under; None if it was not.

    What was published since reaches back neither for the amended unit nor for its peers: only the fact changed.
    """
    driver = await uow.driver()
    cells = {unit: known for (indicator, unit), known in standing.items() if indicator == card.indicator_id}
    version = max((known.card_version for known in cells.values() if known.confirmed), default=None)
    if version is None:
        return None
    if card.version != version:
        versions = await copies.cards_of_indicator(driver, card.indicator_id)
        card = next(one for one in versions if one.version == version)
    calendar = await repository.calendar_last_used(driver, period.key, card.indicator_id)
    return Read(card, as_confirmed(card, {unit: known.scored for unit, known in cells.items()}, calendar))


async def _prepare(
    uow: UnitOfWork, period: Period, reads: Sequence[Read], changed: Changed | None, limit: Sequence[UUID] | None
) -> list[Group]:
    driver = await uow.driver()
    metrics = {metric for read in reads for metric in metrics_of(read.card)}
    facts = await copies.newest_facts(driver, period.key, metrics, limit)
    units = limit or {unit for read in reads for unit in read.card.evaluated_unit_ids}
    around = await repository.surroundings(driver, units, period.last)
    groups = []
    for card, then in ((read.card, read.then) for read in reads):
        only = None if reads_peers(card) else _units_with_facts(card, facts, changed)
        group = prepare(card, period, facts, then or around, only)
        if group.units:
            groups.append(group)
    return groups


def _units_with_facts(
    card: IndicatorPublished, facts: dict[tuple[UUID, UUID], StoredFact], changed: Changed | None
) -> set[UUID]:
    metrics = set(metrics_of(card))
    return {unit for metric, unit in (facts if changed is None else changed) if metric in metrics}


async def _scored(uow: UnitOfWork, groups: Sequence[Group]) -> list[list[Scored]]:
    if len(groups) < _BESIDE_THE_LOOP:
        found = score_all(groups)
    else:
        found = await asyncio.to_thread(score_all, groups)
    period = groups[0].period.key
    taken_out = await repository.exclusions(await uow.driver(), period, [group.card.indicator_id for group in groups])
    return [
        [excluded(cell, taken_out.get((group.card.indicator_id, cell.unit_id))) for cell in cells]
        for group, cells in zip(groups, found, strict=True)
    ]


async def _put_provisional(
    uow: UnitOfWork,
    set_id: UUID,
    period: Period,
    results: Iterable[tuple[Group, Sequence[Scored]]],
    standing: Mapping[Cell, Standing],
    cause: Cause,
) -> int:
    """Overwrite provisional cells; a loss of an immediate indicator enters the ledger at once."""
    driver = await uow.driver()
    rows: list[CellRow] = []
    at_once: list[tuple[Group, list[Scored]]] = []
    for group, cells in results:
        now: list[Scored] = []
        for cell in cells:
            known = standing.get((group.card.indicator_id, cell.unit_id))
            entered = known.entered if known else 0
            if group.card.immediate and cell.settled and (entered or cell.loss > NOTHING):
                now.append(cell)
            else:
                rows.append(cell_row(group, cell, entered))
        if now:
            at_once.append((group, now))
    if at_once:
        occasion = Occasion("immediate", "scored", uow.who, cause.at, _said(cause))
        done = await enter(uow, set_id, period.key, at_once, standing, occasion)
        rows.extend(done.cells)
        tell_deductions(uow, set_id, done.deductions)
        for deduction in done.deductions:
            uow.trail(
                "deduct",
                "deduction",
                deduction.deduction_id,
                after={"version": deduction.version, "loss": deduction.loss},
            )
    return await repository.put_cells(driver, period.key, rows, standing, confirmed=False, at=cause.at)


async def _amend(
    uow: UnitOfWork,
    set_id: UUID,
    period: Period,
    results: Iterable[tuple[Group, Sequence[Scored]]],
    standing: Mapping[Cell, Standing],
    cause: Cause,
) -> None:
    """Enter what an amended fact changed after confirmation, and tell the cells, the deductions and the new digest."""
    settled: list[tuple[Group, Sequence[Scored]]] = []
    for group, cells in results:
        for cell in cells:
            if not cell.settled:
                # The confirmed score stands: an amendment cannot leave a confirmed period without one.
                name = f"{group.card.code}/{cell.unit_id}/{period.key}"
                uow.trail("score", "cell", name, outcome=f"refused:{cell.code}")
        settled.append((group, [cell for cell in cells if cell.settled]))
    note = _said(cause)
    occasion = Occasion("confirmed", "fact_amended", uow.who, cause.at, note)
    done = await enter(uow, set_id, period.key, settled, standing, occasion)
    changed = [row for row in done.cells if row.entered != _entered(standing, row)]
    if not changed:
        return
    await repository.put_cells(await uow.driver(), period.key, changed, standing, confirmed=True, at=cause.at)
    tell_scores(uow, set_id, period.key, [cell_score(row) for row in changed])
    tell_deductions(uow, set_id, done.deductions)
    await tell_digest(uow, set_id, period.key)
    for row in changed:
        before = standing.get((row.group.card.indicator_id, row.scored.unit_id))
        uow.trail(
            "amend",
            "cell",
            f"{row.group.card.indicator_id}/{row.scored.unit_id}/{period.key}",
            before=None if before is None else {"version": before.entered, "score": before.scored.score},
            after={"version": row.entered, "score": row.scored.score, "reason": note},
        )


def _said(cause: Cause) -> str:
    return cause.amendment.reason if cause.amendment else ""


def _entered(standing: Mapping[Cell, Standing], row: CellRow) -> int:
    known = standing.get((row.group.card.indicator_id, row.scored.unit_id))
    return known.entered if known else 0
