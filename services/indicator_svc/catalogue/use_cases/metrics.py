"""The verbs of metrics: add and change what is collected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.indicator_svc.batches import BatchOutcome, DuplicateRow, Refusals, RowOutcome
from services.indicator_svc.catalogue import repository
from services.indicator_svc.catalogue.domain import declarations
from services.indicator_svc.catalogue.domain.sets import MetricExists, MetricInUse
from shared.contracts.identity import metric_id
from shared.contracts.indicator import MetricChanged
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, NotFound, Stale

_TYPED = ("type", "unit", "fields")


@dataclass(frozen=True)
class MetricRow:
    """A metric: its code, and its declaration (name, type, unit, allowed, fields, supplied_by) as it is kept."""

    code: str
    declaration: dict[str, Any]


async def add_metrics(uow: UnitOfWork, given_rows: Sequence[MetricRow], now: datetime) -> BatchOutcome:
    """Add metrics, all or none; rows that say nothing new are unchanged. Raises Malformed or RowsRefused."""
    faults = [
        Detail(f"/metrics/{index}{fault.pointer}", fault.code, fault.text)
        for index, row in enumerate(given_rows)
        for fault in declarations.faults_of(row.declaration)
    ]
    if faults:
        raise Malformed(details=faults)
    driver = await uow.driver()
    await repository.lock_metrics(driver)
    known = await repository.metrics(driver, [row.code for row in given_rows])
    fresh: dict[str, dict[str, Any]] = {}
    refusals = Refusals("/metrics")
    for index, row in enumerate(given_rows):
        if row.code in fresh:
            refusals.add(index, DuplicateRow(), "code")
        elif row.code not in known:
            fresh[row.code] = row.declaration
        elif _said(known[row.code]) != row.declaration:
            refusals.add(index, MetricExists(metric=row.code), "code")
    refusals.demand_none()
    await repository.save_metrics(driver, [(metric_id(code), code, 1, now, said) for code, said in fresh.items()])
    for code, said in fresh.items():
        changed = metric_changed(metric_id(code), code, 1, said)
        uow.record(changed, subject=code)
        uow.trail("add", "metric", changed.metric_id, after=changed)
    rows = [
        RowOutcome(
            code=row.code,
            id=metric_id(row.code),
            version=1 if row.code in fresh else known[row.code]["version"],
            outcome="created" if row.code in fresh else "unchanged",
        )
        for row in given_rows
    ]
    return BatchOutcome(rows)


async def change_metric(uow: UnitOfWork, row: MetricRow, version: int, now: datetime) -> dict[str, Any]:
    """Change a metric; the same content again changes nothing. Returns the metric with its version.

    Raises Malformed, NotFound, Stale, and MetricInUse where a published card depends on what would change.
    """
    declaration = row.declaration
    if faults := declarations.faults_of(declaration):
        raise Malformed(details=faults)
    driver = await uow.driver()
    await repository.lock_metrics(driver)
    known = (await repository.metrics(driver, [row.code])).get(row.code)
    if known is None:
        raise NotFound
    if known["version"] != version:
        raise Stale
    if _said(known) == declaration:
        return known
    key = metric_id(row.code)
    retyped = any(known[name] != declaration[name] for name in _TYPED)
    if retyped and await repository.metric_is_read(driver, key):
        raise MetricInUse
    await repository.save_metrics(driver, [(key, row.code, version + 1, now, declaration)])
    changed = metric_changed(key, row.code, version + 1, declaration)
    uow.record(changed, subject=row.code)
    uow.trail("change", "metric", key, before=known, after=changed)
    return {**declaration, "metric_id": key, "code": row.code, "version": version + 1}


def metric_changed(key: UUID, code: str, version: int, said: dict[str, Any]) -> MetricChanged:
    """The event that tells a metric."""
    return MetricChanged(
        metric_id=key,
        version=version,
        code=code,
        name=said["name"],
        type=said["type"],
        unit=said["unit"],
        allowed=said["allowed"],
        fields=said["fields"],
        supplied_by=said["supplied_by"],
    )


def _said(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name not in {"metric_id", "code", "version"}}
