"""The Wuhan pack as the events that scoring reads, as indicator_svc and submission_svc would send them."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from deploy.local.wuhan2015.generate_facts import FactRow, default_pack
from deploy.local.wuhan2015.loader import Indicator, Pack
from shared.contracts.identity import indicator_id, metric_id, set_id, unit_id
from shared.contracts.indicator import (
    Binding,
    CalendarDay,
    CalendarPublished,
    IndicatorPublished,
    IndicatorSetPublished,
    UnitChanged,
    UnitSpan,
)
from shared.contracts.submission import Fact, FactsRecorded

PACK = default_pack()
DISTRICTS = [unit for unit in PACK.units if unit.kind == "district_bureau"]
CHUNK = 1_000
_AT = datetime(2015, 1, 1, tzinfo=UTC)


def units(pack: Pack = PACK) -> Iterator[UnitChanged]:
    paths: dict[str, str] = {}
    waiting = list(pack.units)
    while waiting:
        unit = waiting.pop(0)
        if unit.parent_code and unit.parent_code not in paths:
            waiting.append(unit)
            continue
        paths[unit.code] = f"{paths.get(unit.parent_code, '')}{unit.code}/"
        span: Any = UnitSpan(
            effective_from=unit.effective_from,
            effective_to=None,
            recorded_at=_AT,
            code=unit.code,
            name=unit.name,
            kind=unit.kind,  # type: ignore[arg-type]
            parent_id=unit_id(unit.parent_code) if unit.parent_code else None,
            path=paths[unit.code],
            groups=dict(unit.groups),
        )
        yield UnitChanged(unit_id=unit_id(unit.code), version=1, spans=[span])


def calendars() -> Iterator[CalendarPublished]:
    days = [CalendarDay(day=day, kind="closed", name=name) for day, name in PACK.calendar.closed.items()]
    days += [CalendarDay(day=day, kind="working", name=name) for day, name in PACK.calendar.working.items()]
    for year in (2014, 2015, 2016):
        yield CalendarPublished(year=year, version=1, days=[day for day in days if day.day.year == year])


def cards(set_code: str, pack: Pack = PACK) -> list[IndicatorPublished]:
    return [_card(one, pack.sets[set_code].year) for one in pack.indicators if one.set_code == set_code]


def _card(one: Indicator, year: int) -> IndicatorPublished:
    return IndicatorPublished(
        indicator_id=indicator_id(one.set_code, one.code),
        version=1,
        set_id=set_id(one.set_code),
        set_code=one.set_code,
        code=one.code,
        name=one.name,
        level1=one.level1,
        level2=one.level2,
        type=one.type,  # type: ignore[arg-type]
        points=one.points,
        definition=one.definition,
        standard=one.standard,
        period_kind=one.period_kind,  # type: ignore[arg-type]
        evaluating_unit_id=unit_id(one.evaluating_department),
        evaluated_unit_ids=[unit_id(unit.code) for unit in DISTRICTS],
        fill_mode=one.fill_mode,  # type: ignore[arg-type]
        filler=one.filler,
        source_system=one.source_system,
        due_working_days=one.due_working_days,
        rule=dict(one.rule),
        bindings={name: _binding(bound) for name, bound in one.bindings.items()},
        immediate=one.immediate,
        effective_from=date(year, 1, 1),
        effective_to=one.effective_to,
    )


def _binding(bound: Any) -> Binding:
    if "metric" in bound:
        return Binding(metric=metric_id(bound["metric"]))
    return Binding(calendar=bound.get("calendar"), unit_group=bound.get("unit_group"))


def indicator_set(code: str, published: Sequence[IndicatorPublished], pack: Pack = PACK) -> IndicatorSetPublished:
    one = pack.sets[code]
    lines = "\n".join(sorted(f"{card.indicator_id}:{card.version}" for card in published))
    return IndicatorSetPublished(
        set_id=set_id(code),
        version=1,
        code=code,
        name=one.name,
        year=one.year,
        full_marks=one.points,
        outside_total=one.outside_total,
        cards=len(published),
        cards_hash=hashlib.sha256(lines.encode()).hexdigest(),
        published_at=_AT,
    )


def chunks(period: str, rows: Sequence[FactRow], first: int = 1) -> Iterator[FactsRecorded]:
    for number, start in enumerate(range(0, len(rows), CHUNK), start=first):
        told = [
            Fact(
                metric_id=metric_id(row.metric),
                unit_id=unit_id(row.unit),
                version=1,
                state=row.state or "present",  # type: ignore[arg-type]
                value=row.value,
                reason=row.reason,
            )
            for row in rows[start : start + CHUNK]
        ]
        received = max(row.received_at for row in rows[start : start + CHUNK])
        yield FactsRecorded(
            batch_id=uuid4(), chunk_no=number, period=period, provenance="feed", received_at=received, facts=told
        )
