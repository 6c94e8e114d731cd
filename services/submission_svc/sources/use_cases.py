"""Register a source system, and say which metrics it may supply."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.submission_svc.published.repository import unit_named
from services.submission_svc.sources import repository
from services.submission_svc.sources.domain import MetricsUnknown, OwnerUnknown, SourceRegisteredOtherwise
from shared.db import UnitOfWork
from shared.errors import Detail, NotFound, Stale


async def register_source(
    uow: UnitOfWork,
    now: datetime,
    *,
    client_id: str,
    name: str,
    name_en: str,
    owner_unit_code: str | None,
    metric_codes: Sequence[str],
) -> tuple[asyncpg.Record, bool]:
    """Register a client; answers it and whether it is new. The same registration again changes nothing.

    Raises MetricsUnknown with each pointer, OwnerUnknown, SourceRegisteredOtherwise.
    """
    driver = await uow.driver()
    metrics = await _metrics(driver, metric_codes)
    owner = None
    if owner_unit_code is not None:
        unit = await unit_named(driver, owner_unit_code, now.date())
        if unit is None:
            raise OwnerUnknown(unit=owner_unit_code, details=[Detail("/owner_unit_code", "unit_unknown")])
        owner = unit["unit_id"]
    new = await repository.add_source(driver, client_id, name, name_en, owner, uow.who, now)
    if new:
        await repository.set_metrics(driver, client_id, metrics)
        uow.trail(
            "register", "source_system", client_id, after={"name": name, "metric_codes": sorted(set(metric_codes))}
        )
    kept = await repository.read_source(driver, client_id, now.date())
    if kept is None:
        raise NotFound
    wanted = (name, name_en, owner, sorted(set(metric_codes)))
    if (kept["name"], kept["name_en"], kept["owner_unit_id"], list(kept["metric_codes"])) != wanted:
        raise SourceRegisteredOtherwise(client=client_id)
    return kept, new


async def change_metrics(
    uow: UnitOfWork, now: datetime, client_id: str, metric_codes: Sequence[str], expected: int
) -> asyncpg.Record:
    """Let the client supply these metrics from now on. Raises NotFound, Stale, MetricsUnknown."""
    driver = await uow.driver()
    before = await repository.read_source(driver, client_id, now.date())
    if before is None:
        raise NotFound
    if not await repository.next_version(driver, client_id, expected):
        raise Stale
    await repository.set_metrics(driver, client_id, await _metrics(driver, metric_codes))
    after = await repository.read_source(driver, client_id, now.date())
    if after is None:
        raise NotFound
    uow.trail(
        "change_metrics",
        "source_system",
        client_id,
        before={"metric_codes": list(before["metric_codes"])},
        after={"metric_codes": list(after["metric_codes"])},
    )
    return after


async def _metrics(driver: asyncpg.Connection, codes: Sequence[str]) -> list[UUID]:
    known = await repository.metrics_by_code(driver, codes)
    unknown = [
        Detail(f"/metric_codes/{place}", "metric_unknown", code)
        for place, code in enumerate(codes)
        if code not in known
    ]
    if unknown:
        raise MetricsUnknown(details=unknown)
    return sorted(set(known.values()))
