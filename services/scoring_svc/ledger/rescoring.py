"""Scoring what changed: facts, cards, groups of units or the calendar came, and the cells that depend on them follow.

While a period is open or fenced its cells are provisional and overwritten; indicators marked immediate enter the ledger
at once. After confirmation a changed fact is an amendment: the ledger gets a new version. A decision on a cell (ruling,
approved correction) does the same, in a closed period too. Locks, in this order: surroundings, metrics, what is decided
on indicators, the facts themselves, period states by set, cells by indicator.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import counts_working_days, governing, groups_units, metrics_of, results_of
from services.scoring_svc.ledger import adjudication_repository as decisions
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.adjudication import Adjudication, as_settled
from services.scoring_svc.ledger.domain import NOTHING, Scored, Standing, differs
from services.scoring_svc.ledger.entering import (
    Cell,
    cell_scores,
    enter,
    tell_deductions,
    tell_digest,
    tell_scores,
)
from services.scoring_svc.ledger.evaluation import Cells, Group, reads_peers, score_all
from services.scoring_svc.ledger.gathering import Changed, Read, Wanted, gather, read_as_confirmed
from services.scoring_svc.ledger.period_repository import PeriodRow
from services.scoring_svc.ledger.rows import Block, Occasion, Told, Words, whole
from services.scoring_svc.ledger.turns import take_turns, wait_no_longer
from services.scoring_svc.ledger.withdrawing import withdraw_dropped
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.contracts.submission import Amendment, FactsRecorded
from shared.db import UnitOfWork

_ENTERED = frozenset({"confirmed", "closed"})
_BESIDE_THE_LOOP = 200  # so many cells are evaluated in a thread, so that requests go on meanwhile


@dataclass(frozen=True)
class Cause:
    """When something came: an amendment if it is one, or a decision and the units whose cells it is about.

    `pause`: for so many seconds after a fact a group of units that see each other is not scored for the next one.
    """

    at: datetime
    amendment: Amendment | None = None
    decided: Adjudication | None = None
    concerns: frozenset[UUID] = frozenset()
    pause: float = 0.0

    def occasion(self, timing: Literal["immediate", "confirmed"], who: str) -> Occasion:
        """As the ledger says it. What a decision says of a unit is not told to the unit's peers."""
        if self.decided is not None:
            return Occasion(timing, self.decided.source, who, self.at, self.decided.reason, self.concerns)
        reason: Literal["scored", "fact_amended"] = "scored" if timing == "immediate" else "fact_amended"
        return Occasion(timing, reason, who, self.at, self.said)

    @property
    def said(self) -> str:
        """The reason of the amendment or of the decision."""
        if self.decided is not None:
            return self.decided.reason
        return self.amendment.reason if self.amendment else ""


@dataclass(frozen=True)
class Rescored:
    """How many cells were scored, and how many of them were written because they changed."""

    cells: int = 0
    changed: int = 0


async def apply_facts(uow: UnitOfWork, event: FactsRecorded, at: datetime, pause: float = 0.0) -> None:
    """Keep a chunk of facts and score the cells that depend on those that are new; a repeated chunk changes nothing.

    `pause` in seconds: see coalescing.
    """
    driver = await uow.driver()
    period = parse_period(event.period)
    metrics = {fact.metric_id for fact in event.facts}
    await copies.hold_surroundings(driver, alone=False)
    await copies.hold_metrics(driver, metrics, alone=False)
    changed = await copies.keep_facts(driver, event)
    if changed:
        cards = await copies.cards_reading(driver, {metric for metric, _ in changed}, period)
        await rescore(uow, period, cards, changed, Cause(at, event.amendment, pause=pause))


async def apply_card(uow: UnitOfWork, card: IndicatorPublished, at: datetime) -> None:
    """Keep a version of a card and score the open periods for which its facts are already here.

    What an older version gave to a unit or from a metric that this one no longer has is dropped, whichever came first;
    a loss that already stands in the ledger is lifted.
    """
    driver = await uow.driver()
    metrics, read = metrics_of(card), results_of(card)
    behind = [one for other in read for one in await copies.cards_of_indicator(driver, other)]
    await copies.hold_surroundings(driver, alone=False)
    await copies.hold_metrics(driver, {*metrics, *(one for other in behind for one in metrics_of(other))}, alone=True)
    await decisions.hold_indicators(driver, [card.indicator_id, *read])
    if not await copies.keep_card(driver, card):
        return
    versions = await copies.cards_of_indicator(driver, card.indicator_id)
    keys = {
        *await copies.periods_with_facts(driver, metrics),
        *await repository.periods_scored(driver, card.set_id, [card.indicator_id, *read]),
        *await decisions.periods_decided(driver, card.indicator_id),
    }
    for key in sorted(keys):
        period = parse_period(key)
        governs = governing(versions, period)
        if governs is not None and governs.version == card.version:
            await rescore(uow, period, [card], None, Cause(at))
            await withdraw_dropped(uow, period, card, at)
            await repository.drop_outdated(driver, key, card)
            chain = await copies.chain(driver, [card.set_id], period)
            readers = [chain.cards[reader] for reader in chain.readers.get(card.indicator_id, ())]
            await rescore(uow, period, readers, None, Cause(at))


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
        scored_in = await repository.periods_scored(driver, card.set_id, [card.indicator_id])
        for key in {*scored_in, *await copies.periods_with_facts(driver, metrics_of(card))}:
            governs = governing(versions, parse_period(key))
            if governs is not None and governs.version == card.version:
                by_period.setdefault(key, []).append(card)
    for key, found in sorted(by_period.items()):
        await rescore(uow, parse_period(key), found, None, Cause(at))


async def score_again(
    uow: UnitOfWork,
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
        known, cards = cards, await copies.cards_governing(driver, indicators, period)
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

    If the cause is a decision, those of the units that it concerns. `units` limits it to these units, of rules whose
    units do not see each other. Cells that read a result which changed follow.
    """
    if not cards:
        return Rescored()
    states: dict[UUID, PeriodRow] = {}
    for set_id in sorted({card.set_id for card in cards}):
        states[set_id] = await _hold(uow, set_id, period)
    if cause.pause:
        cards = await _without_waiting(uow, period, states, cards, cause.pause)
    elif changed is None and units is None and cause.decided is None:
        # Turns are taken between periods and cells, by everybody.
        await wait_no_longer(await uow.driver(), period.key, [card.indicator_id for card in cards])
    chain = await copies.chain(await uow.driver(), states, period)
    # A card, a group or a calendar that comes after confirmation does not reach back; only facts are amended.
    reaches_back = changed is not None or cause.decided is not None
    waiting = {
        card.indicator_id: card for card in cards if reaches_back or states[card.set_id].state in {"open", "fenced"}
    }
    wanted = Wanted(changed, cause.concerns, frozenset(waiting), units)
    # By depth, then by id: the order in which everybody holds cells.
    cells = written = 0
    while waiting:
        level = chain.levels(waiting.values())[0]
        for card in level:
            del waiting[card.indicator_id]
        done, others = await _rescore(uow, period, states, level, wanted, cause, chain.readers)
        cells, written = cells + done.cells, written + done.changed
        for indicator, changed_units in others.items():
            for reader in chain.readers.get(indicator, ()):
                if chain.depth(reader) > chain.depth(level[0].indicator_id):
                    waiting[reader] = chain.cards[reader]
                    wanted.follow(reader, changed_units)
    return Rescored(cells, written)


async def _without_waiting(
    uow: UnitOfWork,
    period: Period,
    states: Mapping[UUID, PeriodRow],
    cards: Sequence[IndicatorPublished],
    pause: float,
) -> list[IndicatorPublished]:
    """The cards without those whose groups wait. What enters the ledger never waits: amendments, immediate losses."""
    may_wait = {
        card.indicator_id
        for card in cards
        if states[card.set_id].state not in _ENTERED and not card.immediate and reads_peers(card)
    }
    if not may_wait:
        return [*cards]
    turn = await take_turns(await uow.driver(), period.key, may_wait, pause)
    return [card for card in cards if card.indicator_id in turn or card.indicator_id not in may_wait]


async def _rescore(
    uow: UnitOfWork,
    period: Period,
    states: Mapping[UUID, PeriodRow],
    cards: Sequence[IndicatorPublished],
    wanted: Wanted,
    cause: Cause,
    readers: Collection[UUID],
) -> tuple[Rescored, Mapping[UUID, set[UUID]]]:
    """Score the wanted cells of cards that do not read each other.

    Also returns which units' cells are others now, of the indicators that somebody reads.
    """
    driver = await uow.driver()
    indicators = [card.indicator_id for card in cards]
    await repository.hold_groups(driver, period.key, indicators)
    standing = await repository.standing_cells(driver, period.key, indicators, wanted.limit(cards))
    reads = [
        Read(card, None)
        if states[card.set_id].state in {"open", "fenced"}
        else await read_as_confirmed(uow, card, standing, period, closed=states[card.set_id].state == "closed")
        for card in cards
    ]
    groups = await gather(uow, period, [read for read in reads if read is not None], wanted, standing)
    if not groups:
        return Rescored(), {}
    await repository.keep_calendars(driver, groups)
    scored = await _scored(uow, groups)
    written = 0
    others: dict[UUID, set[UUID]] = {}
    for set_id, state in states.items():
        results = [(group, cells) for group, cells in zip(groups, scored, strict=True) if group.card.set_id == set_id]
        if not results:
            continue
        if state.state == "closed" and cause.decided is None:
            uow.trail("score", "period", f"{set_id}/{period.key}", outcome="refused:period_closed")
            continue
        if state.state in _ENTERED:
            await _amend(uow, set_id, period, results, standing, cause)
        else:
            written += await _put_provisional(uow, set_id, period, results, standing, cause)
        for group, cells in results:
            indicator = group.card.indicator_id
            if indicator not in readers:
                continue
            others[indicator] = {
                cell.unit_id
                for cell in cells
                if (known := standing.get((indicator, cell.unit_id))) is None or differs(known.scored, cell)
            }
    return Rescored(sum(map(len, scored)), written), others


async def _hold(uow: UnitOfWork, set_id: UUID, period: Period) -> PeriodRow:
    """Hold the period together with other scoring, alone once it is confirmed: the digest counts all amendments."""
    driver = await uow.driver()
    known = await periods.period_row(driver, set_id, period.key)
    alone = known is not None and known.state in _ENTERED
    state = await periods.hold_period(driver, set_id, period.key, alone=alone)
    if state.state in _ENTERED and not alone:
        state = await periods.hold_period(driver, set_id, period.key, alone=True)
    return state


async def _scored(uow: UnitOfWork, groups: Sequence[Group]) -> Sequence[Sequence[Scored]]:
    if sum(len(group.units) for group in groups) < _BESIDE_THE_LOOP:
        found = score_all(groups)
    else:
        found = await asyncio.to_thread(score_all, groups)
    period, indicators = groups[0].period.key, [group.card.indicator_id for group in groups]
    taken_out = await repository.exclusions(await uow.driver(), period, indicators)
    decided = await decisions.standing(await uow.driver(), period, indicators)
    return as_settled(groups, found, taken_out, decided)


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
    stands = {indicator for indicator, _ in standing}
    blocks: list[Block] = []
    at_once: list[tuple[Group, list[Scored]]] = []
    for group, cells in results:
        if isinstance(cells, Cells) and not group.card.immediate and group.card.indicator_id not in stands:
            blocks.append(whole(group, cells, 0))
            continue
        now: list[Scored] = []
        others: list[tuple[UUID, Told]] = []
        words = Words()
        for cell in cells:
            known = standing.get((group.card.indicator_id, cell.unit_id)) if standing else None
            entered = known.entered if known else 0
            if group.card.immediate and cell.settled and (entered or cell.loss > NOTHING):
                now.append(cell)
            # Among thousands of peers most stay where they were.
            elif known is None or known != Standing(cell, entered, confirmed=False, card_version=group.card.version):
                others.append((cell.unit_id, words.of(cell, entered)))
        blocks.append(Block(group, [unit for unit, _ in others], [told for _, told in others]))
        if now:
            at_once.append((group, now))
    if at_once:
        occasion = cause.occasion("immediate", uow.who)
        done = await enter(uow, set_id, period.key, at_once, standing, occasion)
        blocks.extend(done.blocks)
        tell_deductions(uow, set_id, done.deductions)
        for deduction in done.deductions:
            uow.trail(
                "deduct",
                "deduction",
                deduction.deduction_id,
                after={"version": deduction.version, "loss": deduction.loss},
            )
    return await repository.put_cells(driver, period.key, blocks, standing, confirmed=False, at=cause.at)


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
                uow.trail("score", "cell", name, outcome=f"refused:{cell.finding.code}")
        settled.append((group, [cell for cell in cells if cell.settled]))
    occasion = cause.occasion("confirmed", uow.who)
    done = await enter(uow, set_id, period.key, settled, standing, occasion)
    versions = {cell: known.entered for cell, known in standing.items()}
    changed = []
    for block in done.blocks:
        indicator = block.group.card.indicator_id
        changed.append(block.only({unit for unit, told in block if told.entered != versions.get((indicator, unit), 0)}))
    if not any(block.units for block in changed):
        return
    await repository.put_cells(await uow.driver(), period.key, changed, standing, confirmed=True, at=cause.at)
    tell_scores(uow, set_id, period.key, cell_scores(changed))
    tell_deductions(uow, set_id, done.deductions)
    await tell_digest(uow, set_id, period.key)
    for block in changed:
        indicator = block.group.card.indicator_id
        for unit, told in block:
            before = standing.get((indicator, unit))
            uow.trail(
                "amend",
                "cell",
                f"{indicator}/{unit}/{period.key}",
                before=None if before is None else {"version": before.entered, "score": before.scored.score},
                after={"version": told.entered, "score": told.finding.score, "reason": cause.said},
            )
