"""Results: worked out of a closed round and published as versions that never change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import msgspec

from services.scoring_svc.people import repository, sources
from services.scoring_svc.people.domain.results import (
    Result,
    Served,
    UnitResultMissing,
    main_posting,
    missing_items,
    result_of,
)
from services.scoring_svc.people.domain.roster import OwnPersonalResult, Posting, SecondPersonNeeded
from services.scoring_svc.people.domain.scheme import PersonalScheme
from services.scoring_svc.people.proof import body_of
from services.scoring_svc.people.repository import Round
from services.scoring_svc.people.round_schemas import PersonCapIn, PublicationIn
from services.scoring_svc.people.sources import RankedUnit
from services.scoring_svc.people.use_cases import (
    PersonUnknown,
    RoundNotClosed,
    counted_days,
    demand_none_missing,
    scheme_of,
)
from services.scoring_svc.ranking import repository as ranking
from services.scoring_svc.ranking.domain import CorrectionReasonRequired, Grading
from services.scoring_svc.ranking.grading import Candidate, Graded, QuotaNotMet, grade
from shared.contracts.periods import Period, parse_period, periods_of_year
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, Refused

Caps = Mapping[UUID, Sequence[Mapping[str, str]]]


class ResultsUnchanged(Refused):
    """A version that says what the last one says would only hide which publication counts."""

    code = "results_unchanged"
    zh = "与已发布的第 {version} 版相同，未再发布"
    en = "Nothing differs from version {version}, which is published already"


class PeopleQuotaNotMet(QuotaNotMet):
    """The quota of a grade cannot be met with these scores; which people stand at its edge is said."""

    zh = "“{grade}”在“{group}”中应有 {places} 个名额，实际可定 {found} 人：{units}"
    en = "Grade {grade} has {places} places in {group}, and {found} people can hold it: {units}"


@dataclass(frozen=True)
class Worked:
    """A person's result before grading; `result` None: not assessed. `ranked`: by posting, whose result counted."""

    postings: Sequence[Posting]
    served: Sequence[Served]
    ranked: Sequence[tuple[str, RankedUnit] | None]
    result: Result | None


async def publish_results(uow: UnitOfWork, known: Round, told: PublicationIn, now: datetime) -> Round:
    """Publish the next version of a round's results, from marks, postings and unit results as they are now.

    Of two publications at once the second waits for the first and is then stale.
    Raises OwnPersonalResult, SecondPersonNeeded, RoundNotClosed, ItemsMissing, UnitResultMissing, QuotaNotMet,
    CorrectionReasonRequired, ResultsUnchanged, PersonUnknown, Malformed.
    """
    if known.state == "open":
        raise RoundNotClosed
    driver = await uow.driver()
    scheme, grading = await scheme_of(driver, known)
    worked = await _work(driver, known, scheme)
    before = await repository.results_of(driver, known.round_id, known.results_version)
    caps = await _caps(driver, grading, worked, told.caps, before)
    _demand_impartial(uow.who, known, worked, caps, before)
    try:
        graded = _grade(grading, scheme, worked, caps)
    except QuotaNotMet as error:
        named = [UUID(one) for one in str(error.values["units"]).split(", ") if one]
        people = ", ".join(sorted(one.code for one in await sources.people_by_id(driver, named)))
        said = {name: error.values[name] for name in ("grade", "group", "places", "found")}
        raise PeopleQuotaNotMet(details=(), **said, units=people) from error
    version = known.results_version + 1
    rows = [
        (
            known.round_id, version, person, uuid5(known.round_id, f"result/{person}"),
            "assessed" if one.result else "not_assessed",
            Decimal(one.result.score) if one.result else None,
            graded[person].grade if person in graded else None,
            graded[person].earned if person in graded else None,
            msgspec.json.encode(caps.get(person, [])).decode(),
            sorted({posting.unit_id for posting in one.postings}) or [known.unit_id],
            msgspec.json.encode(body_of(scheme, one.postings, one.served, one.ranked, one.result)).decode(),
        )
        for person, one in sorted(worked.items())
    ]  # fmt: skip
    _demand_news(known, told.reason, before, rows)
    await repository.add_results(driver, rows)
    publication = {
        "round_id": known.round_id, "version": version, "reason": told.reason, "published_at": now,
        "published_by": uow.who,
    }  # fmt: skip
    await ranking.add_row(driver, "personal_publications", publication)
    after = replace(known, version=known.version + 1, state="published", results_version=version)
    await repository.save_round(driver, after)
    uow.trail(
        "publish", "personal_round", known.round_id, before={"results_version": known.results_version},
        after={"results_version": version, "people": len(rows), "reason": told.reason},
    )  # fmt: skip
    return after


def _demand_impartial(
    who: str, known: Round, worked: Mapping[UUID, Worked], caps: Caps, before: Mapping[UUID, asyncpg.Record]
) -> None:
    """Raise OwnPersonalResult for a publisher's own cap set, changed or lifted, SecondPersonNeeded for their round.

    A round for a whole bureau assesses everybody of the office, so somebody in it must publish: but not alone.
    """
    own = next((person for person in worked if str(person) == who), None)
    if own is None:
        return
    had = msgspec.json.decode(before[own]["caps"]) if own in before else []
    if list(caps.get(own, [])) != had:
        raise OwnPersonalResult
    if known.closed_by == who:
        raise SecondPersonNeeded


def _demand_news(
    known: Round, reason: str | None, before: Mapping[UUID, asyncpg.Record], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Raise ResultsUnchanged or CorrectionReasonRequired."""
    if not known.results_version:
        return
    names = ("state", "score", "grade", "earned", "caps", "body")
    old = {person: tuple(row[name] for name in names) for person, row in before.items()}
    if old == {row[2]: (*row[4:9], row[10]) for row in rows}:
        raise ResultsUnchanged(version=known.results_version)
    if reason is None:
        raise CorrectionReasonRequired(version=known.results_version)


# --- the arithmetic's inputs ----------------------------------------------------------------------------------------


async def _work(driver: asyncpg.Connection, known: Round, scheme: PersonalScheme) -> dict[UUID, Worked]:
    """The result of everybody in a round. Raises ItemsMissing, UnitResultMissing, CalendarUnknown."""
    period = parse_period(known.period)
    members = {person: found for person, (found, _) in (await repository.members_of(driver, known.round_id)).items()}
    days = await counted_days(driver, scheme, members)
    marks = await repository.marks_of_round(driver, known.round_id)
    inputs = await _inputs(driver, scheme, period, [one for postings in members.values() for one in postings])
    worked: dict[UUID, Worked] = {}
    missing: dict[UUID, list[str]] = {}
    unknown: set[str] = set()
    for person, postings in members.items():
        served = [inputs.served(one, count) for one, count in zip(postings, days[person], strict=True)]
        ranked = [inputs.ranked_of(one) for one in postings]
        result = None
        if sum(days[person]) >= scheme.least_days:
            missing[person] = missing_items(scheme, served, marks.get(person, {}))
            try:
                result = result_of(scheme, served, marks.get(person, {}))
            except UnitResultMissing as error:
                unknown.add(str(error.values["units"]))
        worked[person] = Worked(postings, served, ranked, result)
    await demand_none_missing(driver, missing)
    if unknown:
        raise UnitResultMissing(units=", ".join(sorted(unknown)))
    return worked


@dataclass(frozen=True)
class _Inputs:
    """What postings are judged by: paths of units on their last days, published unit results, shares of cells."""

    scheme: PersonalScheme
    paths: Mapping[tuple[UUID, Any], Sequence[str]]
    ranks: Mapping[str, RankedUnit]
    shares: Mapping[tuple[str, str, str], Fraction]

    def chain(self, posting: Posting) -> Sequence[str]:
        """The units whose result may count for a posting, the own one first."""
        path = self.paths.get((posting.unit_id, _last(posting)), [str(posting.unit_id)])
        return path[::-1] if self.scheme.unit_result.of == "nearest_above" else path[-1:]

    def ranked_of(self, posting: Posting) -> tuple[str, RankedUnit] | None:
        """The unit whose result counts, and the result."""
        return next(((code, self.ranks[code]) for code in self.chain(posting) if code in self.ranks), None)

    def served(self, posting: Posting, days: int) -> Served:
        """A posting as the arithmetic sees it; a cell is that of the unit itself or, as its result, of one above."""
        chain = self.chain(posting)
        ranked = self.ranked_of(posting)
        cells = {}
        for one in self.scheme.indicators:
            if one.post == posting.post and one.set is not None and one.indicator is not None:
                found = [self.shares.get((one.set, one.indicator, code)) for code in chain]
                share = next((number for number in found if number is not None), None)
                if share is not None:
                    cells[one.code] = share
        share, grade_held = (ranked[1].share, ranked[1].grade) if ranked else (None, None)
        return Served(posting.unit_id, chain[0], posting.post, days, share, grade_held, cells)


def _last(posting: Posting) -> Any:
    return posting.until - timedelta(days=1)


async def _inputs(
    driver: asyncpg.Connection, scheme: PersonalScheme, period: Period, postings: Sequence[Posting]
) -> _Inputs:
    places = sorted({(one.unit_id, _last(one)) for one in postings})
    wanted = sorted({(one.set, one.indicator) for one in scheme.indicators if one.set and one.indicator})
    inside = [one.key for one in periods_of_year(period.first.year) if period.contains(one)]
    return _Inputs(
        scheme,
        await sources.paths_on(driver, places),
        await sources.unit_results(driver, scheme.unit_result.sets, period),
        await sources.cell_shares(driver, wanted, inside, period.last),
    )


# --- grades ---------------------------------------------------------------------------------------------------------


async def _caps(
    driver: asyncpg.Connection,
    grading: Grading,
    worked: Mapping[UUID, Worked],
    decided: Sequence[PersonCapIn] | None,
    before: Mapping[UUID, asyncpg.Record],
) -> Caps:
    """What holds grades back: as decided now, or else as in the version before. Raises PersonUnknown, Malformed."""
    if decided is None:
        return {person: msgspec.json.decode(row["caps"]) for person, row in before.items() if person in worked}
    people = await sources.people_by_code(driver, [cap.person for cap in decided])
    if unknown := [cap.person for cap in decided if cap.person not in people]:
        raise PersonUnknown(people=", ".join(unknown))
    names = {one.grade for one in grading.grades}
    found: dict[UUID, list[Mapping[str, str]]] = {}
    for number, cap in enumerate(decided):
        if cap.not_above not in names:
            raise Malformed(details=[Detail(f"/caps/{number}/not_above", "grade_unknown", cap.not_above)])
        person = people[cap.person].person_id
        if person not in worked:
            raise Malformed(details=[Detail(f"/caps/{number}/person", "not_in_round", cap.person)])
        found.setdefault(person, []).append({"not_above": cap.not_above, "reason": cap.reason})
    return found


def _grade(
    grading: Grading, scheme: PersonalScheme, worked: Mapping[UUID, Worked], caps: Caps
) -> Mapping[UUID, Graded]:
    """The grades of who is assessed, by the scores as rounded: anybody can check them from what is published."""
    groups: dict[str, list[Candidate]] = {}
    for person, one in worked.items():
        if one.result is not None:
            main = main_posting(one.served)
            group = {"unit": main.unit, "post": main.post or ""}.get(grading.within, grading.within)
            held = [cap["not_above"] for cap in caps.get(person, [])]
            lowest = max(held, key=grading.position) if held else None
            candidate = Candidate(person, Fraction(one.result.score), Fraction(scheme.full_marks), lowest)
            groups.setdefault(group, []).append(candidate)
    return {person: found for name, people in groups.items() for person, found in grade(name, people, grading).items()}
