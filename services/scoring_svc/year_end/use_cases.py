"""The steps of a year result: draft, revise, approve, notice, final, archive, use. Appeals: appealing.py.

Every step holds the result first; finalising then holds decisions on bonuses and the states of the periods, in the
order of the service, so that what it finds is what stands.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.scoring_svc.bonus.request_repository import hold_awards, units_by_code
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger.use_cases import demand_all_units
from services.scoring_svc.ranking import repository as rankings
from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.ranking.use_cases import confirmed_source, read_policy, scored_periods
from services.scoring_svc.year_end import repository, sources
from services.scoring_svc.year_end.domain import (
    ArchiveKeyMissing,
    ArchiveUnderWay,
    FinalHeldUp,
    Holdup,
    RankingNotNewest,
    RankingNotOfYear,
    UnitNotOfSet,
    UseUnknown,
    Verb,
    YearResultExists,
    advance,
    demand_another,
    demand_year,
    holdups,
    last_day_of_notice,
)
from services.scoring_svc.year_end.repository import YearResult
from shared.auth import Actor
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import periods_of_year
from shared.db import UnitOfWork
from shared.directory.repository import working_days
from shared.errors import NotFound, Stale


@dataclass(frozen=True)
class Said:
    """On which document a step rests, and why it is taken."""

    document: str
    reason: str


async def demand_whole_set(uow: UnitOfWork, actor: Actor, permission: str, set_id: UUID, today: date) -> None:
    """Raise OutsideScope unless the permission reaches every unit of the set: a year's result is for all of them."""
    cards = await copies.cards_within(await uow.driver(), set_id)
    await demand_all_units(uow, actor, permission, cards, today, today)


async def seen(
    uow: UnitOfWork, actor: Actor, permission: str, result_id: UUID, version: int, today: date
) -> YearResult:
    """The result, held, that the actor may change and has read as it is. Raises NotFound, OutsideScope or Stale."""
    known = await repository.hold_result(await uow.driver(), result_id)
    if known is None:
        raise NotFound
    await demand_whole_set(uow, actor, permission, known.set_id, today)
    if known.version != version:
        raise Stale
    return known


async def moved(
    uow: UnitOfWork,
    known: YearResult,
    step: str,
    said: Said,
    now: datetime,
    verb: Verb | None,
    details: dict[str, Any] | None = None,
    **changes: Any,
) -> YearResult:
    """Store a held result after a step; `verb` is the rule behind it, None where a process ends what was asked for.

    Raises YearStepRefused.
    """  # fmt: skip
    state = changes.pop("state", None) or (known.state if verb is None else advance(known.state, verb))
    after = replace(known, state=state, version=known.version + 1, updated_at=now, **changes)
    await repository.save_result(await uow.driver(), after)
    await _keep_step(uow, after, step, said, now, details or {})
    return after


async def _keep_step(
    uow: UnitOfWork, after: YearResult, step: str, said: Said, now: datetime, details: dict[str, Any]
) -> None:
    row = {
        "result_id": after.result_id, "version": after.version, "step": step, "who": uow.who, "at": now,
        "document": said.document, "reason": said.reason, "details": msgspec.json.encode(details).decode(),
    }  # fmt: skip
    await repository.add_step(await uow.driver(), row)
    told = {"state": after.state, "version": after.version, "ranking_version": after.ranking_version, **details}
    uow.trail(step, "year_result", after.result_id, after={**told, "document": said.document, "reason": said.reason})


# --- draft, revise, approve, notice -----------------------------------------------------------------------------------


async def ranking_of_year(driver: asyncpg.Connection, set_id: UUID, year: int, ranking_id: UUID) -> asyncpg.Record:
    """The ranking that a result is to stand on. Raises RankingNotOfYear or RankingNotNewest."""
    found = await rankings.published(driver, ranking_id)
    if found is None or found["set_id"] != set_id:
        raise RankingNotOfYear(period=str(ranking_id))
    demand_year(parse_span(found["period"]), year)
    newest = await rankings.newest(driver, set_id, found["period"])
    if newest["version"] != found["version"]:
        raise RankingNotNewest(newest=newest["version"])
    return found


def _standing_on(ranking: asyncpg.Record) -> dict[str, Any]:
    """The columns that say which ranking a result stands on; whatever was noticed before is not noticed any more."""
    return {
        "period": ranking["period"], "ranking_id": ranking["ranking_id"], "ranking_version": ranking["version"],
        "notice_first": None, "notice_last": None,
    }  # fmt: skip


async def draft(
    uow: UnitOfWork, indicator_set: IndicatorSet, ranking_id: UUID, said: Said, now: datetime
) -> YearResult:
    """Open the year's result of a set. Raises RankingNotOfYear, RankingNotNewest or YearResultExists."""
    driver = await uow.driver()
    ranking = await ranking_of_year(driver, indicator_set.set_id, indicator_set.year, ranking_id)
    made = YearResult(
        result_id=uuid4(), version=1, state="drafted", set_id=indicator_set.set_id, year=indicator_set.year,
        drafted_by=uow.who, opened_at=now, updated_at=now, **_standing_on(ranking),
    )  # fmt: skip
    if not await repository.add_result(driver, made):
        raise YearResultExists(year=indicator_set.year)
    await _keep_step(uow, made, "draft", said, now, {"ranking_version": made.ranking_version})
    return made


async def revise(uow: UnitOfWork, known: YearResult, ranking_id: UUID, said: Said, now: datetime) -> YearResult:
    """Let a result stand on the newest ranking; it is approved and noticed anew.

    Raises YearStepRefused, RankingNotOfYear or RankingNotNewest.
    """
    advance(known.state, "revise")
    ranking = await ranking_of_year(await uow.driver(), known.set_id, known.year, ranking_id)
    told = {"ranking_version": ranking["version"]}
    changes = {**_standing_on(ranking), "drafted_by": uow.who, "approved_by": None}
    return await moved(uow, known, "revise", said, now, "revise", told, **changes)


async def approve(uow: UnitOfWork, known: YearResult, said: Said, now: datetime) -> YearResult:
    """The committee approves. Raises YearStepRefused, OwnDecision or RankingNotNewest."""
    advance(known.state, "approve")
    demand_another(uow.who, known.drafted_by)
    await ranking_of_year(await uow.driver(), known.set_id, known.year, known.ranking_id)
    told = {"ranking_version": known.ranking_version}
    return await moved(uow, known, "approve", said, now, "approve", told, approved_by=uow.who)


async def give_notice(
    uow: UnitOfWork, known: YearResult, first: date, days: int, said: Said, now: datetime
) -> YearResult:
    """Public notice for so many working days. Raises YearStepRefused, NoticeBackdated or CalendarUnknown."""
    advance(known.state, "notice")
    calendar = await working_days(await uow.driver())
    last = last_day_of_notice(first, days, calendar, now.date())
    told = {"first_day": first, "working_days": days, "last_day": last}
    return await moved(uow, known, "notice", said, now, "notice", told, notice_first=first, notice_last=last)


# --- final ------------------------------------------------------------------------------------------------------------


async def find_holdups(uow: UnitOfWork, known: YearResult, today: date) -> list[Holdup]:
    """What keeps a noticed result from being final now."""
    driver = await uow.driver()
    span, cards = parse_span(known.period), await copies.cards_within(driver, known.set_id)
    scored = scored_periods(cards, span)
    newest = await rankings.newest(driver, known.set_id, known.period)
    return holdups(
        known.notice_last,
        today,
        open_appeals=await repository.open_appeals(driver, known.result_id),
        unconfirmed=set(scored) - await rankings.confirmed_periods(driver, known.set_id),
        standing=known.ranking_version,
        newest=newest["version"],
        outdated=not await _still_holds(uow, known, scored),
    )


async def _still_holds(uow: UnitOfWork, known: YearResult, scored: Sequence[str]) -> bool:
    """Whether scores, entries and vetoes as they stand give the places and caps of the ranking."""
    driver = await uow.driver()
    ranking = await rankings.published(driver, known.ranking_id)
    if ranking is None:
        return False
    rules = await read_policy(uow, known.set_id, ranking["policy_version"])
    source = confirmed_source(known.set_id, scored, parse_span(known.period), rules)
    if not await rankings.still_holds(driver, known.ranking_id, source):
        return False
    if rules.grading is None or rules.grading.veto_not_above is None:
        return True
    ranked = {row["unit_id"] for row in await rankings.peer_places(driver, known.ranking_id)}
    now = {
        (row["unit_id"], f"{row['code']} {row['period']}")
        for row in await rankings.vetoed(driver, source)
        if row["unit_id"] in ranked
    }
    then = {
        (unit, cap["reason"])
        for unit, text in await rankings.caps_of(driver, known.ranking_id)
        for cap in msgspec.json.decode(text)
        if cap["source"] == "veto_indicator"
    }
    return now == then


async def finalise(uow: UnitOfWork, known: YearResult, said: Said, now: datetime) -> YearResult:
    """Make a result final, and keep what it rests on. Raises YearStepRefused, or FinalHeldUp with the list."""
    advance(known.state, "finalise")
    driver = await uow.driver()
    await hold_awards(driver)
    span, cards = parse_span(known.period), await copies.cards_within(driver, known.set_id)
    scored = scored_periods(cards, span)
    for key in sorted(scored):
        await periods.hold_period(driver, known.set_id, key, alone=True)
    found = await find_holdups(uow, known, now.date())
    if found:
        raise FinalHeldUp(count=len(found), holdups=[{"code": one.code, "text": one.text} for one in found])
    basis = await _basis(driver, known, cards, scored, now)
    told = {"ranking_version": known.ranking_version}
    return await moved(uow, known, "finalise", said, now, "finalise", told, basis=basis)


async def _basis(
    driver: asyncpg.Connection,
    known: YearResult,
    cards: Sequence[IndicatorPublished],
    scored: Collection[str],
    now: datetime,
) -> str:
    """What the result rests on: versions of what may get newer ones, and the entries of units that count by now.

    Context figures stand beside it as they are now: their facts may still be amended, and nothing follows from them.
    """
    span = parse_span(known.period)
    inside = [period.key for period in periods_of_year(known.year) if span.contains(period)]
    newest: dict[UUID, int] = {}
    for card in cards:
        if card.effective_from <= span.last:
            newest[card.indicator_id] = max(card.version, newest.get(card.indicator_id, 0))
    amended = [tuple(row) for row in await repository.amended_cells(driver, known.set_id, scored)]
    basis = {
        "periods": sorted(scored),
        "amended": amended,
        "cards": sorted(newest.items()),
        "entries": await repository.entries_counted(driver, known.set_id, inside),
        "context": await sources.context_lines(driver, known.set_id, span, now.date()),
    }
    return msgspec.json.encode(basis).decode()


# --- archive and use --------------------------------------------------------------------------------------------------


async def ask_for_archive(uow: UnitOfWork, known: YearResult, now: datetime, *, signs: bool) -> YearResult:
    """Let the archive of a final result be written. Raises YearStepRefused, ArchiveKeyMissing or ArchiveUnderWay."""
    advance(known.state, "archive")
    if not signs:
        raise ArchiveKeyMissing
    driver = await uow.driver()
    if not await repository.ask_for_archive(driver, known.result_id, uow.who, now):
        row = await repository.archive(driver, known.result_id)
        raise ArchiveUnderWay(state=row["state"] if row else "")
    uow.queued(repository.ARCHIVES.table)
    return await moved(uow, known, "ask_for_archive", Said("", ""), now, "archive")


async def units_of_party(driver: asyncpg.Connection, set_id: UUID, codes: Sequence[str], today: date) -> list[UUID]:
    """The units of these codes, all of which the set evaluates or which evaluate in it. Raises UnitNotOfSet."""
    known = await units_by_code(driver, list(codes), today)
    cards = await copies.cards_within(driver, set_id)
    party = {unit for card in cards for unit in (*card.evaluated_unit_ids, card.evaluating_unit_id)}
    if strangers := sorted({code for code in codes if known.get(code) not in party}):
        raise UnitNotOfSet(units=", ".join(strangers))
    return [known[code] for code in codes]


async def use(
    uow: UnitOfWork, known: YearResult, uses: Sequence[tuple[str, str, str]], said: Said, now: datetime
) -> YearResult:
    """Enter what follows from a final result: a unit's code, kind and text each.

    Raises YearStepRefused or UnitNotOfSet.
    """
    advance(known.state, "use")
    driver = await uow.driver()
    units = await units_of_party(driver, known.set_id, [unit for unit, _, __ in uses], now.date())
    first = await repository.next_number(driver, "year_result_uses", known.result_id)
    rows = [
        _use(uow, known, first + place, unit, kind, text, said, now)
        for place, (unit, (_, kind, text)) in enumerate(zip(units, uses, strict=True))
    ]
    await repository.add_uses(driver, rows)
    return await moved(uow, known, "use", said, now, "use", {"uses": [row["number"] for row in rows]})


async def withdraw_use(uow: UnitOfWork, known: YearResult, number: int, said: Said, now: datetime) -> YearResult:
    """Take a use back by a further row. Raises YearStepRefused or UseUnknown."""
    advance(known.state, "use")
    driver = await uow.driver()
    row = await repository.standing_use(driver, known.result_id, number)
    if row is None:
        raise UseUnknown
    further = await repository.next_number(driver, "year_result_uses", known.result_id)
    taken_back = _use(uow, known, further, row["unit_id"], row["kind"], row["text"], said, now)
    await repository.add_uses(driver, [{**taken_back, "withdraws": number}])
    return await moved(uow, known, "withdraw_use", said, now, "use", {"uses": [number]})


def _use(
    uow: UnitOfWork, known: YearResult, number: int, unit: UUID, kind: str, text: str, said: Said, now: datetime
) -> dict[str, Any]:
    return {
        "result_id": known.result_id, "number": number, "unit_id": unit, "kind": kind, "text": text,
        "document": said.document, "reason": said.reason, "who": uow.who, "at": now,
    }  # fmt: skip
