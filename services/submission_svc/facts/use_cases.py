"""Record facts: in batches, singly, as reasoned changes after a fence, and from confirmed findings."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.submission_svc.facts import repository
from services.submission_svc.facts.domain import (
    NOWHERE,
    Intent,
    Lateness,
    Mode,
    Outcome,
    Rows,
    SourceUnregistered,
    Writer,
)
from services.submission_svc.facts.reading import BatchIn, RowIn, rows_of
from services.submission_svc.fences.repository import CLOSED
from services.submission_svc.published.domain import records_fault
from services.submission_svc.published.repository import prepare_year, unit_named
from shared.auth import Actor, Reach
from shared.contracts.audit import FindingConfirmed
from shared.contracts.periods import parse_period
from shared.contracts.roles import Role
from shared.contracts.submission import Amendment
from shared.db import UnitOfWork
from shared.errors import NotFound, Stale, VersionRequired


async def reading_scope(
    connection: asyncpg.Connection | asyncpg.Pool, actor: Actor, today: date
) -> tuple[Reach, tuple[UUID, ...]]:
    """What an actor may read: units within reach, and the metrics their department evaluates."""
    evaluated: tuple[UUID, ...] = ()
    if actor.may("facts.read.evaluated"):
        evaluated = await repository.metrics_evaluated_in(connection, actor.reach("facts.read.evaluated"), today)
    return actor.reach("facts.read"), evaluated


async def writer_of(driver: asyncpg.Connection, actor: Actor, today: date, periods: Iterable[str]) -> Writer:
    """How far an actor's writing reaches in these periods.

    Raises SourceUnregistered for a machine that was never registered.
    """
    if actor.is_client and not await repository.is_registered(driver, actor.subject):
        raise SourceUnregistered(client=actor.subject)
    evaluates = actor.may("facts.write.evaluated")
    decides = evaluates or actor.has(Role.PERFORMANCE_OFFICE)
    return Writer(
        subject=actor.subject,
        provenance="feed" if actor.is_client else "department" if decides else "self_typed",
        client=actor.subject if actor.is_client else None,
        any_metric=_reach(actor, "facts.write.any"),
        self_reported=_reach(actor, "facts.write.self_reported"),
        evaluated=(
            await repository.evaluated_in(driver, actor.reach("facts.write.evaluated"), today, sorted(set(periods)))
            if evaluates
            else ()
        ),
        may_exempt=decides,
    )


def _reach(actor: Actor, permission: str) -> Reach:
    return actor.reach(permission) if actor.may(permission) else NOWHERE


async def record_batch(
    uow: UnitOfWork, actor: Actor, now: datetime, batch: BatchIn, unreadable: dict[int, str], *, has_nul: bool = False
) -> tuple[UUID | None, Outcome]:
    """Record a batch; answers the receipt's id (None for a dry run) and what happened to every row.

    An atomic batch with a bad row changes nothing, and its receipt says so. Raises TooManyRows, SourceUnregistered.
    """
    driver = await uow.driver()
    rows = rows_of(batch.rows, unreadable, batch.id_scheme, has_nul=has_nul)
    writer = await writer_of(driver, actor, now.date(), rows.periods)
    intent = Intent(
        batch_id=uuid4(),
        received_at=now,
        mode=batch.mode,
        strategy=batch.strategy,
        id_scheme=batch.id_scheme,
    )
    if not batch.dry_run:
        return intent.batch_id, await _record(uow, "batch", writer, rows, intent)
    trial = driver.transaction()
    await trial.start()
    try:
        return None, await _apply(driver, writer, rows, intent)
    finally:
        await trial.rollback()


async def record_one(
    uow: UnitOfWork, actor: Actor, now: datetime, row: RowIn, expected: int | None
) -> tuple[Outcome, int]:
    """Record a single fact over the version that the writer saw; answers what happened and the version now.

    Raises NotFound for a unit outside the writer's reach, VersionRequired or Stale when somebody wrote it before.
    """
    driver = await uow.driver()
    writer = await writer_of(driver, actor, now.date(), [row.period])
    unit = await unit_named(driver, row.unit, now.date())
    # Alone among the period's writers: nobody creates the fact between this look and the write.
    await repository.share_gates(driver, [row.period], alone=True)
    version = None if unit is None else await repository.version_of(driver, row.period, row.metric, unit["unit_id"])
    rows = rows_of([row], {}, "code", has_nul=True)
    intent = Intent(batch_id=uuid4(), received_at=now)
    if not _in_reach(writer, unit):
        outcome = await _apply(driver, writer, rows, intent)
        if outcome.faults:  # says what is wrong, without a word about versions
            return outcome, 0
        raise NotFound
    if version is not None and expected is None:
        raise VersionRequired
    if expected is not None and expected != version:
        raise Stale
    outcome = await _record(uow, "single", writer, rows, intent)
    return outcome, (version or 0) + outcome.created + outcome.updated


def _in_reach(writer: Writer, unit: Mapping[str, Any] | None) -> bool:
    return unit is not None and (
        bool(writer.evaluated)
        or writer.any_metric.covers(unit["unit_id"], unit["path"])
        or writer.self_reported.covers(unit["unit_id"], unit["path"])
    )


async def change_facts(
    uow: UnitOfWork,
    actor: Actor,
    now: datetime,
    changes: Sequence[RowIn],
    *,
    reason: str,
    approval: str | None,
    mode: Mode = "atomic",
) -> tuple[UUID, Outcome]:
    """Change facts of a fenced or confirmed period with a reason; of a closed one only with an approval named.

    Only what the actor may amend: what else they fill in ended with the fence.
    """
    driver = await uow.driver()
    writer = replace(
        await writer_of(driver, actor, now.date(), ()),
        any_metric=actor.reach("facts.amend"),
        self_reported=NOWHERE,
        evaluated=(),
    )
    intent = Intent(
        batch_id=uuid4(),
        received_at=now,
        mode=mode,
        lateness=Lateness.CORRECTION if approval else Lateness.AMENDMENT,
        amendment=Amendment(reason=reason, approved_by=approval or actor.subject),
    )
    rows = rows_of(changes, {}, "code", has_nul=True)
    return intent.batch_id, await _record(uow, "change", writer, rows, intent)


async def record_finding(uow: UnitOfWork, event: FindingConfirmed, now: datetime) -> None:
    """Make a confirmed finding the fact of its monthly indicator; older versions change nothing.

    After the fence it is an amendment, since the finding itself is the reason; a closed period stays as it is, and
    the trail says that the finding came too late.
    """
    driver = await uow.driver()
    if not await repository.note_finding(driver, event.finding_id, event.version):
        return
    await prepare_year(driver, parse_period(event.period).first.year)
    await repository.share_gates(driver, [event.period])
    stage = await repository.stage_of(driver, event.metric_id, event.period)
    if stage >= CLOSED:
        uow.trail("record_finding", "finding", event.finding_id, outcome="refused:period_closed")
        return
    amendment = Amendment(reason="督查发现确认", approved_by=event.confirmed_by) if stage else None
    intent = Intent(batch_id=uuid4(), received_at=now, amendment=amendment)
    value = msgspec.json.encode(str(event.count)).decode()
    fact = (event.period, event.metric_id, event.unit_id, "present", value, None)
    if await repository.record_trusted(driver, [fact], event.confirmed_by, "inspection", intent):
        uow.outbox_written()
        uow.trail("record_finding", "finding", event.finding_id, after={"version": event.version, "count": event.count})


async def _record(uow: UnitOfWork, kind: str, writer: Writer, rows: Rows, intent: Intent) -> Outcome:
    driver = await uow.driver()
    outcome = await _apply(driver, writer, rows, intent)
    landed = not (outcome.faults and intent.mode == "atomic")
    await repository.save_receipt(driver, kind, writer.subject, intent, outcome, landed=landed)
    if outcome.created or outcome.updated:
        uow.outbox_written()
    counts = {name: getattr(outcome, name) for name in ("rows", "created", "updated", "unchanged", "rejected")}
    uow.trail(
        "record_facts",
        "receipt",
        intent.batch_id,
        after={**counts, "digest": _digest(rows), "reason": intent.amendment.reason if intent.amendment else None},
        outcome="done" if landed else "refused:batch_refused",
    )
    return outcome


def _digest(rows: Rows) -> str:
    """What was sent, in one hash: the trail shows later whether the versions of this batch are what came in."""
    columns = (rows.metrics, rows.units, rows.periods, rows.states, rows.values, rows.reasons)
    return hashlib.sha256(msgspec.json.encode(columns)).hexdigest()


async def _apply(driver: asyncpg.Connection, writer: Writer, rows: Rows, intent: Intent) -> Outcome:
    if rows.listed:
        rows = replace(rows, faults={**await _check_records(driver, rows, intent), **rows.faults})
    periods = sorted(set(rows.periods))
    await repository.share_gates(driver, periods, alone=intent.strategy != "create_and_update")
    return await repository.record_checked(driver, writer, rows, intent, intent.received_at.date())


async def _check_records(driver: asyncpg.Connection, rows: Rows, intent: Intent) -> dict[int, str]:
    """Lists of records are checked field by field here; whether the metric holds records at all, by the statement."""
    named = sorted({rows.metrics[place] for place in rows.listed})
    fields = await repository.records_metrics(driver, named, by_id=intent.id_scheme == "id")
    faults = {}
    for place in rows.listed:
        of_metric = fields.get(rows.metrics[place])
        if of_metric is not None:
            fault = records_fault(of_metric, msgspec.json.decode(rows.values[place] or "[]"))
            if fault:
                faults[place] = fault
    return faults
