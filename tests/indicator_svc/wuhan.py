"""The Wuhan data pack as the bodies of indicator_svc's requests."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import deploy.local.wuhan2015
from deploy.local.wuhan2015.loader import load_pack
from deploy.local.wuhan2015.records import Indicator, IndicatorSet, Metric, Pack, Unit


def pack() -> Pack:
    folder = Path(next(iter(deploy.local.wuhan2015.__path__)))
    return load_pack(folder)


def unit(one: Unit) -> dict[str, Any]:
    return {
        "code": one.code, "name": one.name, "kind": one.kind, "parent_code": one.parent_code or None,
        "groups": dict(one.groups), "effective_from": str(one.effective_from),
    }  # fmt: skip


def metric(one: Metric) -> dict[str, Any]:
    records = one.type == "records"
    return {
        "code": one.code, "name": {"zh": one.name, "en": one.name_en}, "type": one.type,
        "unit": {"zh": one.unit, "en": one.unit_en} if one.unit else None,
        "allowed": None if records else one.allowed, "fields": one.allowed if records else None,
        "supplied_by": [one.supplied_by] if one.supplied_by.startswith("sys-") else [],
    }  # fmt: skip


def card(one: Indicator) -> dict[str, Any]:
    return {
        "code": one.code, "name": one.name, "level1": one.level1, "level2": one.level2, "type": one.type,
        "points": one.points, "definition": one.definition, "standard": one.standard,
        "period_kind": one.period_kind, "evaluating_unit_code": one.evaluating_department,
        "fill_mode": one.fill_mode, "filler": one.filler, "source_system": one.source_system,
        "due_working_days": one.due_working_days, "rule": dict(one.rule), "immediate": one.immediate,
        "bindings": {name: dict(binding) for name, binding in one.bindings.items()},
    }  # fmt: skip


def indicator_set(one: IndicatorSet) -> dict[str, Any]:
    return {
        "code": one.code, "name": one.name, "year": one.year, "group": "kind:district_bureau",
        "full_marks": one.points, "outside_total": one.outside_total, "levels": [dict(level) for level in one.levels],
    }  # fmt: skip


def calendars(data: Pack) -> Iterator[tuple[int, list[Mapping[str, str]]]]:
    days = [(day, "closed", name) for day, name in data.calendar.closed.items()]
    days += [(day, "working", name) for day, name in data.calendar.working.items()]
    for year, rows in groupby(sorted(days), key=lambda row: row[0].year):
        yield year, [{"day": str(day), "kind": kind, "name": name} for day, kind, name in rows]


def appointments(data: Pack) -> list[dict[str, Any]]:
    clients = {one.client_id for one in data.source_systems}
    return [
        {
            ("client_id" if one.person_code in clients else "person_code"): one.person_code,
            "role": one.role, "unit_code": one.unit_code, "scope": one.scope,
            "effective_from": str(one.effective_from),
            "effective_to": str(one.effective_to) if one.effective_to else None,
        }
        for one in data.appointments
    ]  # fmt: skip
