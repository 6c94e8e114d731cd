"""Schemes and rounds: publishing a scheme, opening a round, stating postings, marks and recusals, closing.

A round is held FOR SHARE by who marks and alone by who changes it, so no mark comes in after the closing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.scoring_svc.people import repository, sources
from services.scoring_svc.people.domain.results import ItemsMissing, Served, missing_items
from services.scoring_svc.people.domain.roster import OwnPersonalResult, Posting, days_in, demand_orderly, seed
from services.scoring_svc.people.domain.scheme import PersonalScheme, demand_sound
from services.scoring_svc.people.repository import Round
from services.scoring_svc.people.round_schemas import PostingsIn, RoundIn
from services.scoring_svc.people.scheme_schemas import PersonalGradingIn, PersonalSchemeIn
from services.scoring_svc.ranking import repository as ranking
from services.scoring_svc.ranking.domain import Grading
from services.scoring_svc.ranking.policy_schemas import GradingIn, grading_of
from shared.auth import Actor
from shared.contracts.periods import Period, parse_period
from shared.db import UnitOfWork
from shared.directory.repository import unit_on, working_days
from shared.errors import Detail, Malformed, NotFound, OutsideScope, Refused, Stale, VersionRequired

_MOST_DETAILS = 200


class SchemeUnknown(Refused):
    """No such scheme is published."""

    status, code = 422, "personal_scheme_unknown"
    zh, en = "没有代码为 {scheme} 的个人绩效办法", "There is no personal scheme {scheme}"


class PeriodNotOfScheme(Refused):
    """A round lies in the year of its scheme."""

    status, code = 422, "period_not_of_scheme"
    zh, en = "{period} 不在该办法的年度 {year} 内", "{period} is not in {year}, the year of the scheme"


class RoundExists(Refused):
    """A scheme, period and unit have one round."""

    code = "round_exists"
    zh, en = "该办法、考核期和单位的个人考评已经开启", "There is a round of this scheme, period and unit already"


class PeopleInOtherRound(Refused):
    """A person has one result in a scheme and period."""

    code = "people_in_other_round"
    zh, en = "以下人员已在同期的另一轮考评中：{people}", "These people are in another round of the period: {people}"


class NobodyServes(Refused):
    """Nobody serves at or below the unit."""

    status, code = 422, "nobody_serves"
    zh, en = "该单位及其下级没有在职人员", "Nobody serves at or below this unit"


class PersonUnknown(Refused):
    """Staff numbers that the directory does not know."""

    status, code = 422, "person_unknown"
    zh, en = "没有工号 {people}", "There is nobody with the staff number {people}"


class PersonOfNoUnit(Refused):
    """A round is for who serves, or held a post, at or below its unit: nobody else's people are taken into it."""

    status, code = 422, "person_of_no_unit"
    zh, en = (
        "{person} 在考核期内不属于该轮考评的单位及其下级",
        "{person} neither serves nor held a post in the round's unit",
    )


class RoundNotOpen(Refused):
    """Marks are taken, and a round is closed, while it is open."""

    code = "round_not_open"
    zh, en = "该轮考评已结束评分", "Marks are no longer taken in this round"


class RoundNotClosed(Refused):
    """Results are worked out, and a round is opened again, once the marking has ended."""

    code = "round_not_closed"
    zh, en = "该轮考评尚未结束评分", "This round still takes marks"


# --- schemes --------------------------------------------------------------------------------------------------------


async def publish_scheme(
    uow: UnitOfWork, actor: Actor, code: str, body: PersonalSchemeIn, seen: int | None, now: datetime
) -> int:
    """Publish the next version of a scheme; rounds keep theirs. Returns its number.

    Raises OutsideScope, VersionRequired, Stale, PersonalSchemeRefused.
    """
    # A scheme is for the whole bureau, so an appointment over a part of it is not enough.
    if not actor.reach("personal.run").everything:
        raise OutsideScope
    text = body.model_dump_json()
    demand_sound(repository.read_scheme(text), _grading(body.grading))
    driver = await uow.driver()
    last = await repository.hold_scheme(driver, code)
    if last and seen is None:
        raise VersionRequired
    if (seen or 0) != last:
        raise Stale
    row = {
        "code": code, "version": last + 1, "name": body.name, "year": body.year, "body": text, "published_at": now,
        "published_by": uow.who,
    }  # fmt: skip
    await ranking.add_row(driver, "personal_schemes", row)
    uow.trail("publish", "personal_scheme", f"{code}/{last + 1}", after={"scheme": text})
    return last + 1


def _grading(told: PersonalGradingIn) -> Grading:
    return grading_of(GradingIn(**told.model_dump(), veto_not_above=None))


async def scheme_of(connection: asyncpg.Connection, one: Round) -> tuple[PersonalScheme, Grading]:
    """The scheme that a round was opened under, and its grading."""
    found = await repository.find_scheme(connection, one.scheme_code, one.scheme_version)
    if found is None:
        raise NotFound
    told = msgspec.json.decode(found[1])
    return repository.read_scheme(found[1]), _grading(PersonalGradingIn(**told["grading"]))


# --- rounds ---------------------------------------------------------------------------------------------------------


async def open_round(uow: UnitOfWork, actor: Actor, body: RoundIn, period: Period, now: datetime) -> Round:
    """Open a round with everybody who serves at or below the unit, and their postings as the directory tells them.

    Raises SchemeUnknown, PeriodNotOfScheme, PersonUnknown, Malformed, OutsideScope, RoundExists, PeopleInOtherRound,
    NobodyServes.
    """
    driver = await uow.driver()
    found = await repository.find_scheme(driver, body.scheme)
    if found is None:
        raise SchemeUnknown(scheme=body.scheme)
    scheme = repository.read_scheme(found[1])
    if period.first.year != scheme.year:
        raise PeriodNotOfScheme(period=period.key, year=scheme.year)
    unit = await _root(driver, actor, body.unit, now.date())
    panel = await sources.people_by_code(driver, body.panel)
    if unknown := [code for code in body.panel if code not in panel]:
        raise PersonUnknown(people=", ".join(unknown))
    await repository.hold_people(driver, body.scheme, period.key)
    if await repository.round_exists(driver, body.scheme, period.key, unit.unit_id):
        raise RoundExists
    people = await sources.serving(driver, unit.path, now.date())
    if not people:
        raise NobodyServes
    ids = [one.person_id for one in people]
    await _demand_nowhere_else(driver, body.scheme, period.key, ids, None)
    posts = {str(post.role): post.code for post in scheme.posts if post.role is not None}
    held = await sources.appointments_in(driver, ids, list(posts), period)
    members = [
        (
            one.person_id,
            seed(
                period,
                (one.unit_id, scheme.post_of(None, one.post)),
                [(place, posts[role], first, until) for place, role, first, until in held.get(one.person_id, [])],
            ),
        )
        for one in people
    ]
    made = Round(
        round_id=uuid4(), version=1, state="open", scheme_code=body.scheme, scheme_version=found[0], period=period.key,
        unit_id=unit.unit_id, panel=sorted(one.person_id for one in panel.values()), opened_at=now, opened_by=uow.who,
    )  # fmt: skip
    await repository.save_round(driver, made)
    places = sorted({posting.unit_id for _, postings in members for posting in postings})
    codes = await sources.codes_of_units(driver, places, max(period.last, now.date()))
    await repository.add_members(driver, made, members, codes, "", uow.who, now)
    uow.trail("open", "personal_round", made.round_id, after={**_told(made), "people": len(people)})
    return made


async def _root(driver: asyncpg.Connection, actor: Actor, code: str, today: date) -> Any:
    """The unit of a round, over which the office must reach. Raises OutsideScope, Malformed."""
    units = await sources.units_by_code(driver, [code], Period(today, today, ""))
    if code not in units:
        raise Malformed(details=[Detail("/unit", "unit_unknown", code)])
    unit = await unit_on(driver, units[code], today)
    actor.reach("personal.run").demand(unit.unit_id, unit.path)
    return unit


async def _demand_nowhere_else(
    driver: asyncpg.Connection, scheme: str, period: str, people: Sequence[UUID], but: UUID | None
) -> None:
    if elsewhere := await repository.people_elsewhere(driver, scheme, period, people, but):
        raise PeopleInOtherRound(people=", ".join(elsewhere[:_MOST_DETAILS]))


def _told(one: Round) -> dict[str, Any]:
    return {"state": one.state, "version": one.version, "scheme": f"{one.scheme_code}/{one.scheme_version}",
            "period": one.period, "results_version": one.results_version}  # fmt: skip


async def hold_round(
    uow: UnitOfWork, actor: Actor, round_id: UUID, seen: int, today: date, *, people: bool = False
) -> Round:
    """The round, held alone, if it is the one that was read; `people`: who is assessed is held before it.

    The office must reach the round's unit where it stands today; one that is gone is left to who reaches everything.
    Raises NotFound, OutsideScope, Stale.
    """
    driver = await uow.driver()
    known = await repository.find_round(driver, round_id)
    if known is not None and people:
        await repository.hold_people(driver, known.scheme_code, known.period)
    known = await repository.find_round(driver, round_id, "FOR UPDATE")
    if known is None:
        raise NotFound
    if not covers(actor, "personal.run", await sources.places_now(driver, [known.unit_id], today)):
        raise OutsideScope
    if known.version != seen:
        raise Stale
    return known


def covers(actor: Actor, permission: str, places: Sequence[tuple[UUID, str]]) -> bool:
    """Whether a permission reaches one of some places, or everything."""
    if not actor.may(permission):
        return False
    reach = actor.reach(permission)
    return reach.everything or any(reach.covers(unit, path) for unit, path in places)


async def state_postings(uow: UnitOfWork, known: Round, person_code: str, body: PostingsIn, now: datetime) -> Round:
    """State the postings of a person by day, with the reason; also of somebody who was not assessed so far.

    Results that are published stay until the office publishes again.
    Raises PersonUnknown, OwnPersonalResult, PeopleInOtherRound, PostingsRefused, PersonOfNoUnit.
    """
    driver = await uow.driver()
    scheme, _ = await scheme_of(driver, known)
    people = await sources.people_by_code(driver, [person_code])
    if person_code not in people:
        raise PersonUnknown(people=person_code)
    person = people[person_code].person_id
    if str(person) == uow.who:
        raise OwnPersonalResult
    await _demand_nowhere_else(driver, known.scheme_code, known.period, [person], known.round_id)
    period = parse_period(known.period)
    units = await sources.units_by_code(driver, [one.unit for one in body.postings], period)
    if unknown := [number for number, one in enumerate(body.postings) if one.unit not in units]:
        raise Malformed(details=[Detail(f"/postings/{number}/unit", "unit_unknown") for number in unknown])
    postings = [Posting(units[one.unit], one.post, one.first, one.until, "stated") for one in body.postings]
    demand_orderly(period, postings, [one.code for one in scheme.posts])
    before = await repository.members_of(driver, known.round_id, person)
    if person not in before:
        days = [(one.unit_id, one.first) for one in postings]
        await _demand_belongs(driver, known, person_code, [*days, (people[person_code].unit_id, now.date())])
    after = replace(known, version=known.version + 1)
    await repository.save_round(driver, after)
    codes = {unit: code for code, unit in units.items()}
    await repository.add_members(driver, after, [(person, postings)], codes, body.reason, uow.who, now)
    uow.trail(
        "state_postings",
        "personal_round",
        known.round_id,
        before={"person": person_code, "postings": msgspec.to_builtins(before.get(person, ([], {}))[0])},
        after={"person": person_code, "postings": msgspec.to_builtins(postings), "reason": body.reason},
    )
    return after


async def _demand_belongs(
    driver: asyncpg.Connection, known: Round, person: str, places: Sequence[tuple[UUID, date]]
) -> None:
    """Raise PersonOfNoUnit unless one of the places, units on days, lies at or below the round's unit."""
    paths = await sources.paths_on(driver, [*places, *((known.unit_id, day) for _, day in places)])
    if not any(paths[known.unit_id, day][-1] in paths.get((unit, day), ()) for unit, day in places):
        raise PersonOfNoUnit(person=person)


# --- closing --------------------------------------------------------------------------------------------------------


async def counted_days(
    driver: asyncpg.Connection, scheme: PersonalScheme, members: Mapping[UUID, Sequence[Posting]]
) -> dict[UUID, list[int]]:
    """The days of each person's postings as the scheme counts them. Raises CalendarUnknown."""
    calendar = await working_days(driver) if scheme.days == "working" else None
    return {
        person: [days_in(one, calendar.is_working if calendar else lambda _: True) for one in postings]
        for person, postings in members.items()
    }


async def close_round(uow: UnitOfWork, known: Round, now: datetime) -> Round:
    """End the marking, if no mark is missing that may not be left out. Raises RoundNotOpen, ItemsMissing."""
    if known.state != "open":
        raise RoundNotOpen
    driver = await uow.driver()
    scheme, _ = await scheme_of(driver, known)
    members = {person: found[0] for person, found in (await repository.members_of(driver, known.round_id)).items()}
    marks = await repository.marks_of_round(driver, known.round_id)
    missing = {}
    for person, days in (await counted_days(driver, scheme, members)).items():
        if sum(days) >= scheme.least_days:
            served = [
                Served(one.unit_id, "", one.post, count, None, None, {})
                for one, count in zip(members[person], days, strict=True)
            ]
            missing[person] = missing_items(scheme, served, marks.get(person, {}), only_marks=True)
    await demand_none_missing(driver, missing)
    after = replace(known, version=known.version + 1, state="closed", closed_at=now, closed_by=uow.who)
    await repository.save_round(driver, after)
    uow.trail("close", "personal_round", known.round_id, before=_told(known), after=_told(after))
    return after


async def reopen_round(uow: UnitOfWork, known: Round, reason: str) -> Round:
    """Let marks be given and changed again, with the reason; what is published stays. Raises RoundNotClosed."""
    if known.state == "open":
        raise RoundNotClosed
    after = replace(known, version=known.version + 1, state="open", closed_at=None, closed_by=None)
    await repository.save_round(await uow.driver(), after)
    told = {**_told(after), "reason": reason}
    uow.trail("reopen", "personal_round", known.round_id, before=_told(known), after=told)
    return after


async def demand_none_missing(driver: asyncpg.Connection, missing: Mapping[UUID, Sequence[str]]) -> None:
    """Raise ItemsMissing, with who lacks what."""
    if count := sum(len(items) for items in missing.values()):
        people = await sources.people_by_id(driver, [person for person, items in missing.items() if items])
        codes = {one.person_id: one.code for one in people}
        details = [
            Detail(f"/people/{codes[person]}", "item_missing", item)
            for person, items in missing.items()
            for item in items
        ]
        raise ItemsMissing(
            count=count, details=sorted(details, key=lambda one: (one.pointer, one.text))[:_MOST_DETAILS]
        )
