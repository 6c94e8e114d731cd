"""Re-drives the state of indicator_svc from its own tables, as new events for one named reader.

A reader that lost its copy is filled this way while traffic runs: events apply by version, so an older state that comes
after a newer one changes nothing. Cards come in all their versions, since earlier periods are governed by earlier ones.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from uuid import UUID

import asyncpg
import msgspec

from services.indicator_svc.catalogue import repository as catalogue
from services.indicator_svc.catalogue.use_cases.metrics import metric_changed
from services.indicator_svc.catalogue.use_cases.publication import set_published
from services.indicator_svc.organisation import repository as organisation
from shared.contracts.indicator import (
    AppointmentChanged,
    CalendarPublished,
    IndicatorPublished,
    IndicatorSetPublished,
    MetricChanged,
    PersonChanged,
    UnitChanged,
)
from shared.contracts.registry import Event, declaration_of
from shared.db import Database
from shared.snapshot import ReaderUnknown

_BATCH = 500
_FIRST = UUID(int=0)
_Source = Callable[[asyncpg.Pool], AsyncIterator[Event]]


async def redrive(database: Database, to: str, types: Collection[str] = ()) -> dict[str, int]:
    """Send the state of these event types (all that the service reads if none is named) to one service.

    Returns how many events of each type were sent. Raises ReaderUnknown.
    """
    sources = {declaration_of(contract).name: (contract, source) for contract, source in _SOURCES.items()}
    wanted = list(types) or [name for name, (contract, _) in sources.items() if to in declaration_of(contract).readers]
    for name in wanted:
        if name not in sources or to not in declaration_of(sources[name][0]).readers:
            raise ReaderUnknown(reader=to, service="indicator_svc", what=name)
    if not wanted:
        raise ReaderUnknown(reader=to, service="indicator_svc", what="anything")
    return {name: await _send(database, to, sources[name][1]) for name in sources if name in wanted}


async def _send(database: Database, to: str, source: _Source) -> int:
    sent, batch = 0, []
    async for event in source(database.reads):
        batch.append(event)
        if len(batch) == _BATCH:
            sent, batch = sent + await _record(database, to, batch), []
    return sent + await _record(database, to, batch)


async def _record(database: Database, to: str, events: list[Event]) -> int:
    if events:
        async with database.transaction("snapshot") as uow:
            for event in events:
                uow.record(event, to=to)
            uow.trail("snapshot", "reader", to, after={"events": len(events), "type": type(events[0]).__name__})
    return len(events)


async def _units(reads: asyncpg.Pool) -> AsyncIterator[Event]:
    after = _FIRST
    while True:
        ids = await reads.fetch(
            "SELECT DISTINCT unit_id FROM directory_unit_spans WHERE unit_id > $1 ORDER BY unit_id LIMIT $2",
            after,
            _BATCH,
        )
        if not ids:
            return
        after = ids[-1]["unit_id"]
        for timeline in (await organisation.timelines(reads, [one["unit_id"] for one in ids])).values():
            yield organisation.unit_changed(timeline)


async def _people(reads: asyncpg.Pool) -> AsyncIterator[Event]:
    async for ids in _pages(reads, "person_id", "directory_people"):
        for person in (await organisation.people(reads, ids)).values():
            yield person


async def _appointments(reads: asyncpg.Pool) -> AsyncIterator[Event]:
    async for ids in _pages(reads, "appointment_id", "directory_appointments"):
        for term in (await organisation.terms(reads, ids=ids)).values():
            yield organisation.appointment_changed(term)


async def _pages(reads: asyncpg.Pool, key: str, table: str) -> AsyncIterator[list[UUID]]:
    after = _FIRST
    while True:
        rows = await reads.fetch(f"SELECT {key} FROM {table} WHERE {key} > $1 ORDER BY {key} LIMIT $2", after, _BATCH)
        if not rows:
            return
        after = rows[-1][key]
        yield [row[key] for row in rows]


async def _calendars(reads: asyncpg.Pool) -> AsyncIterator[Event]:
    for row in await reads.fetch("SELECT DISTINCT year FROM calendar_recordings ORDER BY year"):
        found = await organisation.calendar(reads, row["year"])
        if found is not None:
            yield found


async def _metrics(reads: asyncpg.Pool) -> AsyncIterator[Event]:
    after = ""
    while page := await catalogue.metrics_page(reads, after=after, limit=_BATCH, kind=None):
        after = page[-1]["code"]
        for one in page:
            yield metric_changed(one["metric_id"], one["code"], one["version"], one)


async def _cards(reads: asyncpg.Pool) -> AsyncIterator[Event]:
    after: tuple[UUID, int] = (_FIRST, 0)
    while True:
        rows = await reads.fetch(
            "SELECT indicator_id, version, card FROM card_versions WHERE (indicator_id, version) > ($1, $2) "
            "ORDER BY indicator_id, version LIMIT $3",
            *after,
            _BATCH,
        )
        if not rows:
            return
        after = (rows[-1]["indicator_id"], rows[-1]["version"])
        for row in rows:
            yield msgspec.json.decode(row["card"], type=IndicatorPublished)


async def _sets(reads: asyncpg.Pool) -> AsyncIterator[Event]:
    for row in await reads.fetch("SELECT code FROM indicator_sets WHERE published_version > 0 ORDER BY code"):
        # One statement each for the set and its cards: between them a publication may commit, whose own event then
        # bears the higher version.
        owner = await catalogue.indicator_set(reads, row["code"])
        if owner is not None:
            newest = await catalogue.newest_cards(reads, owner["set_id"])
            yield set_published(owner, {key: card["version"] for key, card in newest.items()})


_SOURCES: Mapping[type[Event], _Source] = {
    UnitChanged: _units,
    PersonChanged: _people,
    AppointmentChanged: _appointments,
    CalendarPublished: _calendars,
    MetricChanged: _metrics,
    IndicatorPublished: _cards,
    IndicatorSetPublished: _sets,
}
