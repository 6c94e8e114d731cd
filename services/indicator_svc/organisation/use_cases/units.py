"""The verbs of the tree: create units, change a unit from a day on, read the tree as of a day as known at a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.indicator_svc.batches import BatchOutcome, DuplicateRow, Refusals, RowOutcome
from services.indicator_svc.organisation import reading, repository
from services.indicator_svc.organisation.domain import units as domain
from services.indicator_svc.organisation.domain.backdating import Effect
from services.indicator_svc.organisation.domain.units import ParentUnknown, Timeline, UnitCodeTaken
from services.indicator_svc.organisation.use_cases.backdating import approved
from shared.auth import Reach
from shared.clock import Clock
from shared.contracts.identity import unit_id
from shared.contracts.indicator import UnitKind
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, NotFound, OutsideScope, Refused, Stale


@dataclass(frozen=True)
class UnitRow:
    """A unit to be created from a day on."""

    code: str
    name: str
    kind: UnitKind
    parent_code: str | None
    groups: Mapping[str, str]
    effective_from: date


async def create_units(
    uow: UnitOfWork, given_rows: Sequence[UnitRow], reach: Reach, clock: Clock, approval: str | None = None
) -> BatchOutcome:
    """Create the units of a batch, all or none; rows that say nothing new are unchanged.

    `approval` is the document that lets them begin in a fenced period. Raises RowsRefused and the refusals of approved.
    """
    now, at = await repository.recording_moment(uow, clock)
    driver = await uow.driver()
    given: dict[UUID, tuple[int, Timeline]] = {}
    refusals = Refusals("/units")
    for index, row in enumerate(given_rows):
        timeline = _new_timeline(row, at)
        if timeline.unit_id in given:
            refusals.add(index, DuplicateRow(), "code")
        else:
            given[timeline.unit_id] = (index, timeline)
    wanted = set(given) | {one.spans[0].parent_id for _, one in given.values() if one.spans[0].parent_id}
    known = await repository.timelines(driver, wanted)
    fresh = {key: timeline for key, (_, timeline) in given.items() if key not in known}
    placed = domain.place_together(fresh, known)
    created: list[Timeline] = []
    for key, (index, timeline) in given.items():
        if key in known:
            if not domain.same_unit(known[key], timeline):
                refusals.add(index, UnitCodeTaken(unit=timeline.code), "code")
            continue
        place = placed[key]
        if isinstance(place, Refused):
            refusals.add(index, place, "parent_code")
        elif not reach.covers(key, place.spans[0].path):
            refusals.add(index, OutsideScope())
        else:
            created.append(place)
    refusals.demand_none()
    effects = [
        Effect(one.unit_id, one.spans[0].effective_from, pointer=f"/units/{given[one.unit_id][0]}/effective_from")
        for one in created
    ]
    await repository.record_units(uow, created, at, await approved(uow, effects, approval, now))
    for timeline in created:
        uow.trail("create", "unit", timeline.unit_id, after=repository.unit_changed(timeline))
    rows = [
        RowOutcome(
            code=row.code,
            id=unit_id(row.code),
            version=known[unit_id(row.code)].version if unit_id(row.code) in known else 1,
            outcome="unchanged" if unit_id(row.code) in known else "created",
        )
        for row in given_rows
    ]
    return BatchOutcome(rows)


def _new_timeline(row: UnitRow, at: datetime) -> Timeline:
    return domain.new_unit(
        unit_id(row.code),
        row.code,
        name=row.name,
        kind=row.kind,
        parent_id=None if row.parent_code is None else unit_id(row.parent_code),
        groups=row.groups,
        effective_from=row.effective_from,
        recorded_at=at,
    )


async def change_unit(
    uow: UnitOfWork,
    code: str,
    version: int,
    day: date,
    changes: Mapping[str, Any],
    reach: Reach,
    clock: Clock,
    approval: str | None = None,
) -> Timeline:
    """Rename, move or regroup a unit from a day on; returns its new timeline.

    `changes` may hold `name`, `parent_code` and `groups`. A move re-records every unit that stands below it from that
    day on. `approval` is the document that lets the change reach back into a fenced period. Raises NotFound outside
    the reach, Stale, BeforeUnitExisted, ParentUnknown, UnitCycle, OutsideScope and the refusals of approved.
    """
    now, at = await repository.recording_moment(uow, clock)
    driver = await uow.driver()
    key = unit_id(code)
    timeline = (await repository.timelines(driver, [key])).get(key)
    if timeline is None or not reach.covers(key, _path_on(timeline, now.date())):
        raise NotFound
    if timeline.version != version:
        raise Stale
    attributes = dict(changes)
    if (parent_code := attributes.pop("parent_code", None)) is not None:
        attributes["parent_id"] = unit_id(parent_code)
    changed = domain.change_unit(timeline, day, attributes, at)
    if changed.spans == timeline.spans:
        return timeline
    recorded = [changed]
    if "parent_id" in attributes:
        recorded = await _moved(driver, timeline, changed, attributes["parent_id"], day, reach, at)
    await repository.record_units(uow, recorded, at, await approved(uow, [Effect(key, day)], approval, now))
    before, after = repository.unit_changed(timeline), repository.unit_changed(recorded[0])
    uow.trail("change", "unit", key, before=before, after=after)
    for one in recorded[1:]:
        uow.trail("move along", "unit", one.unit_id, after=repository.unit_changed(one))
    return recorded[0]


async def _moved(
    driver: asyncpg.Connection,
    before: Timeline,
    changed: Timeline,
    parent_id: UUID,
    day: date,
    reach: Reach,
    at: datetime,
) -> list[Timeline]:
    """The moved unit and all that stand below it, with their new paths; the moved one first."""
    old_paths = sorted({span.path for span in domain.clipped(before.spans, day, None)})
    below = await repository.ids_below(driver, old_paths, day)
    parent = (await repository.timelines(driver, [parent_id])).get(parent_id)
    if parent is None:
        raise ParentUnknown(day=day)
    for span in domain.clipped(changed.spans, day, None):
        if span.parent_id == parent_id:
            domain.demand_outside_subtree(before, parent, span.effective_from, span.effective_to)
    own = await repository.timelines(driver, below)
    parents = {span.parent_id for one in (changed, *own.values()) for span in one.spans if span.parent_id}
    others = await repository.timelines(driver, parents - set(own) - {changed.unit_id})
    unsettled = {changed.unit_id: changed, **own}

    def known(one: UUID) -> Timeline | None:
        return unsettled.get(one) or others.get(one)

    placed = domain.place_unit(changed, known, others.__contains__)
    target = next((span for span in placed.spans if span.covers(day)), None)
    if target is not None:
        reach.demand(changed.unit_id, target.path)
    moved = [placed]
    for timeline in own.values():
        again = domain.place_unit(timeline, known, others.__contains__)
        if again.spans != timeline.spans:
            moved.append(domain.re_recorded(timeline, again, at))
    return moved


def _path_on(timeline: Timeline, today: date) -> str:
    """Where a unit stands today, or where it first will or last did."""
    span = timeline.on(today)
    if span is None:
        span = timeline.spans[0] if today < timeline.spans[0].effective_from else timeline.spans[-1]
    return span.path


async def unit_page(uow: UnitOfWork, reach: Reach, *, now: datetime, **filters: Any) -> list[dict[str, Any]]:
    """A page of units as of a day; with `known_at` as it was known at that moment. Raises Malformed for the future."""
    known_at = filters["known_at"]
    driver = await uow.driver()
    if known_at is not None:
        if known_at > now:
            raise Malformed(details=[Detail("?known_at", "in_the_future", "nothing is known yet at that moment")])
        # A writer that has begun records an earlier moment than ours: wait until it has committed.
        await driver.execute(repository.LOCK_SHARED)
    return await reading.units_page(driver, reach, today=now.date(), **filters)
