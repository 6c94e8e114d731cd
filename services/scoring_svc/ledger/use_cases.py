"""The steps of a period: fence, confirm, close; and what holds a confirmation up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import chain_of
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.confirming import Confirmed, confirmed, write_confirmed
from services.scoring_svc.ledger.domain import (
    ConfirmationHeldUp,
    Exclusion,
    Holdup,
    advance,
    holdups_of_chunks,
)
from services.scoring_svc.ledger.entering import Results, known_of, tell_digest
from services.scoring_svc.ledger.evaluation import Cells
from services.scoring_svc.ledger.period_repository import PeriodRow
from services.scoring_svc.ledger.rows import Occasion
from services.scoring_svc.ledger.submission_client import ask_for_fence
from services.scoring_svc.ledger.sweeping import sweep
from shared.auth import Actor
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.contracts.scoring import PeriodClosed, PeriodConfirmed, PeriodFenced
from shared.db import UnitOfWork
from shared.directory.repository import places_of, units_on
from shared.errors import Detail, Malformed, NotFound, OutsideScope, Refused
from shared.service_client import ServiceClient

MOST_HOLDUPS = 200


class PeriodUnknown(Refused):
    """No card of the set is scored in such a period."""

    status, code = 404, "period_unknown"
    zh, en = "该指标体系没有按 {period} 考核的指标", "No indicator of this set is scored in the period {period}"


class ExclusionUnknown(Refused):
    """An exclusion names a cell that the period does not have."""

    status, code = 422, "exclusion_unknown"
    zh, en = "所列豁免或不可考核单元格不存在", "An exclusion names a cell that this period does not have"


@dataclass(frozen=True)
class Place:
    """A set in a period, with the cards that govern it."""

    indicator_set: IndicatorSet
    period: Period
    cards: Sequence[IndicatorPublished]


async def find_place(uow: UnitOfWork, set_code: str, key: str) -> Place:
    """The set and period of a request. Raises NotFound, PeriodUnknown, or Malformed for what is no period."""
    driver = await uow.driver()
    try:
        period = parse_period(key)
    except ValueError as error:
        raise Malformed(details=[Detail("path:period", "malformed", str(error))]) from error
    indicator_set = await copies.find_set(driver, set_code)
    if indicator_set is None:
        raise NotFound
    cards = await copies.cards_of_set(driver, indicator_set.set_id, period)
    if not cards or period.first.year != indicator_set.year:
        raise PeriodUnknown(period=key)
    return Place(indicator_set, period, cards)


async def demand_all_units(
    uow: UnitOfWork, actor: Actor, permission: str, cards: Sequence[IndicatorPublished], last: date, today: date
) -> None:
    """Raise OutsideScope unless the permission reaches every unit that the cards evaluate: one step is for all.

    A unit counts where it stood on the period's last day, which the tree is frozen as of, or where it stands today:
    one that was closed or moved since holds nobody up.
    """
    reach = actor.reach(permission)
    if reach.everything:
        return
    evaluated = {unit for card in cards for unit in card.evaluated_unit_ids}
    places = await places_of(await uow.driver(), evaluated, {last, today})
    if not evaluated or not all(any(reach.covers(unit, path) for path in places.get(unit, ())) for unit in evaluated):
        raise OutsideScope


async def fence_period(uow: UnitOfWork, place: Place, client: ServiceClient, now: datetime) -> PeriodRow:
    """End collecting: submission_svc refuses further writes and says what its last chunk was. Repeatable.

    submission_svc is asked before anything is written or locked here; if it cannot be reached nothing is half done,
    and what it fenced without our hearing of it is answered the same at the next try.
    Raises Unavailable, FenceRefused, PeriodAlreadyConfirmed, PeriodClosed.
    """
    driver = await uow.driver()
    set_id, key = place.indicator_set.set_id, place.period.key
    known = await periods.period_row(driver, set_id, key)
    advance(known.state if known else "open", "fence")
    fence = await ask_for_fence(client, set_id, key)
    held = await periods.hold_period(driver, set_id, key, alone=True)
    advance(held.state, "fence")
    if held.state == "fenced" and (held.last_chunk, held.chunks) == (fence.last_chunk, fence.chunks):
        return held
    version = await periods.fence(
        driver, set_id, key, last_chunk=fence.last_chunk, chunks=fence.chunks, at=now, by=uow.who
    )
    uow.record(
        PeriodFenced(
            set_id=set_id,
            period=key,
            version=version,
            at=now,
            by=uow.who,
            last_chunk=fence.last_chunk,
            chunks=fence.chunks,
        ),
        subject=key,
    )
    after = await periods.hold_period(driver, set_id, key, alone=True)
    uow.trail("fence", "period", f"{set_id}/{key}", before=_state(held), after=_state(after))
    return after


async def find_holdups(uow: UnitOfWork, place: Place) -> tuple[PeriodRow | None, Sequence[Holdup]]:
    """What would hold a confirmation up now; changes nothing. The state is None while nobody has touched the period."""
    driver = await uow.driver()
    state = await periods.period_row(driver, place.indicator_set.set_id, place.period.key)
    indicators = [card.indicator_id for card in place.cards]
    out = await repository.exclusions(driver, place.period.key, indicators)
    chain = chain_of(place.cards)
    standing = await repository.standing_cells(driver, place.period.key, chain.readers) if chain.readers else {}
    unsettled: list[Holdup] = []
    async for found in sweep(uow, place.period, place.cards, out, standing, _unsettled):
        unsettled += found
    return state, [*await _missing(uow, place, state), *await _by_code(uow, place, unsettled)]


async def confirm_period(
    uow: UnitOfWork, place: Place, exclusions: Mapping[tuple[str, str], Exclusion], now: datetime
) -> PeriodRow:
    """Confirm: every chunk up to the fence is applied and every cell is scored, exempt or not scorable.

    `exclusions` takes cells out, by the codes of indicator and unit, with the reason. Enters all cells into the ledger
    and tells scores, deductions and their digest. Raises ConfirmationHeldUp with the list, ExclusionUnknown,
    PeriodNotFenced, PeriodAlreadyConfirmed, PeriodClosed.
    """
    driver = await uow.driver()
    set_id, key = place.indicator_set.set_id, place.period.key
    await copies.hold_surroundings(driver, alone=False)
    held = await periods.hold_period(driver, set_id, key, alone=True)
    advance(held.state, "confirm")
    taken_out = await _cells_named(uow, place, exclusions)
    missing = await _missing(uow, place, held)
    indicators = [card.indicator_id for card in place.cards]
    standing = await repository.standing_cells(driver, key, indicators)
    known = await known_of(uow, key, indicators, standing)
    occasion = Occasion("confirmed", "scored", uow.who, now)

    def then(results: Results) -> tuple[Sequence[Holdup], Confirmed | None]:
        held_up = _unsettled(results)
        if held_up or missing:
            return held_up, None
        return held_up, confirmed(set_id, key, results, standing, known, occasion)

    unsettled: list[Holdup] = []
    cells = deductions = 0
    async for held_up, found in sweep(uow, place.period, place.cards, taken_out, standing, then):
        unsettled += held_up
        # What was written before something that holds up was found is taken back with the transaction.
        if found is None or unsettled:
            continue
        await write_confirmed(uow, set_id, key, found, occasion)
        cells += len(found.scores)
        deductions += len(found.entered.deductions)
    if missing or unsettled:
        holdups = [*missing, *await _by_code(uow, place, unsettled)]
        listed = [shown(holdup) for holdup in holdups[:MOST_HOLDUPS]]
        raise ConfirmationHeldUp(count=len(holdups), holdups=listed)
    await repository.keep_exclusions(driver, key, taken_out, who=uow.who, at=now)
    version = await periods.confirm(driver, set_id, key, cells=cells, at=now, by=uow.who)
    uow.record(
        PeriodConfirmed(set_id=set_id, period=key, version=version, at=now, by=uow.who, cells=cells), subject=key
    )
    await tell_digest(uow, set_id, key)
    after = await periods.hold_period(driver, set_id, key, alone=True)
    uow.trail(
        "confirm",
        "period",
        f"{set_id}/{key}",
        before=_state(held),
        after={**_state(after), "excluded": len(taken_out), "deductions": deductions},
    )
    return after


async def close_period(uow: UnitOfWork, place: Place, now: datetime) -> PeriodRow:
    """Close a confirmed period: from now on only approved corrections. Raises PeriodNotConfirmed, PeriodClosed."""
    driver = await uow.driver()
    set_id, key = place.indicator_set.set_id, place.period.key
    held = await periods.hold_period(driver, set_id, key, alone=True)
    advance(held.state, "close")
    version = await periods.close(driver, set_id, key, at=now, by=uow.who)
    uow.record(PeriodClosed(set_id=set_id, period=key, version=version, at=now, by=uow.who), subject=key)
    after = await periods.hold_period(driver, set_id, key, alone=True)
    uow.trail("close", "period", f"{set_id}/{key}", before=_state(held), after=_state(after))
    return after


async def _missing(uow: UnitOfWork, place: Place, state: PeriodRow | None) -> Sequence[Holdup]:
    """What holds a confirmation up beside cells: cards that are not here yet, chunks that are not applied."""
    driver = await uow.driver()
    holdups: list[Holdup] = []
    if not await copies.is_whole(driver, place.indicator_set):
        holdups.append(Holdup("set_incomplete", text=place.indicator_set.code))
    if state is not None and state.last_chunk is not None and state.chunks is not None:
        applied = await copies.chunks_applied(driver, place.period.key, state.last_chunk)
        holdups += holdups_of_chunks(state.last_chunk, state.chunks, applied)
    return holdups


def _unsettled(results: Results) -> Sequence[Holdup]:
    """The cells that are neither scored, exempt nor not scorable; their unit by its id."""
    return [
        Holdup(str(cell.finding.code), group.card.code, str(cell.unit_id))
        for group, cells in results
        # Most groups have none, which their few findings tell.
        if not isinstance(cells, Cells) or any(finding.state == "refused" for finding in cells.findings)
        for cell in cells
        if not cell.settled
    ]


async def _by_code(uow: UnitOfWork, place: Place, holdups: Sequence[Holdup]) -> Sequence[Holdup]:
    """The same with the units by their codes."""
    codes = {str(unit.unit_id): unit.code for unit in await units_on(await uow.driver(), place.period.last)}
    return [replace(one, unit=codes.get(str(one.unit), one.unit)) for one in holdups]


async def _cells_named(
    uow: UnitOfWork, place: Place, exclusions: Mapping[tuple[str, str], Exclusion]
) -> dict[tuple[UUID, UUID], Exclusion]:
    cards = {card.code: card for card in place.cards}
    units = {unit.code: unit.unit_id for unit in await units_on(await uow.driver(), place.period.last)}
    found: dict[tuple[UUID, UUID], Exclusion] = {}
    unknown: list[Detail] = []
    for index, ((indicator, unit), exclusion) in enumerate(exclusions.items()):
        card, unit_id = cards.get(indicator), units.get(unit)
        if card is None or unit_id not in card.evaluated_unit_ids or unit_id is None:
            unknown.append(Detail(f"/exclusions/{index}", "cell_unknown", f"{indicator}/{unit}"))
        else:
            found[card.indicator_id, unit_id] = exclusion
    if unknown:
        raise ExclusionUnknown(details=unknown)
    return found


def shown(holdup: Holdup) -> dict[str, Any]:
    """A holdup as readers see it."""
    members = {"code": holdup.code, "indicator": holdup.indicator, "unit": holdup.unit, "text": holdup.text}
    return {name: value for name, value in members.items() if value is not None}


def _state(row: PeriodRow) -> dict[str, Any]:
    return {"state": row.state, "version": row.version, "last_chunk": row.last_chunk, "cells": row.cells}
