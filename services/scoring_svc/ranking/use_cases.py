"""Rankings: the policy of a set, the provisional ranking as it stands now, and publishing an immutable version."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import msgspec

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import governing
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger.use_cases import PeriodUnknown
from services.scoring_svc.ranking import domain, repository
from services.scoring_svc.ranking.domain import (
    ALL_PEERS,
    PLAIN,
    TOTAL,
    BoardUnknown,
    CorrectionReasonRequired,
    Grading,
    GroupUnknown,
    Policy,
    RankingNotReady,
    RankingUnchanged,
    Span,
)
from services.scoring_svc.ranking.grading import Candidate, grade
from services.scoring_svc.ranking.marks import Cells, periods_with_cells
from services.scoring_svc.ranking.policy_schemas import PolicyBody, PolicyIn, PolicyOut, policy_of
from services.scoring_svc.ranking.repository import Source, Wanted
from services.scoring_svc.ranking.schemas import CapIn, PeerPlace, RankedOut, RankingIn, RankingOut
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import parse_period, periods_of_year
from shared.contracts.scoring import RankedUnit, RankingPublished
from shared.db import UnitOfWork
from shared.directory.repository import units_by
from shared.errors import Detail, Malformed, NotFound

# --- policies ---------------------------------------------------------------------------------------------------------


async def make_policy(uow: UnitOfWork, indicator_set: IndicatorSet, body: PolicyIn, now: datetime) -> PolicyOut:
    """Make the next version of a set's ranking policy. Raises RankingPolicyRefused or GroupUnknown.

    Published rankings keep the policy that they were published under.
    """
    driver = await uow.driver()
    await repository.hold_rankings(driver, indicator_set.set_id, "policy")
    last = await repository.last_policy(driver, indicator_set.set_id)
    version = (last["version"] if last else 0) + 1
    domain.demand_sound(policy_of(body, version))
    known = await repository.dimensions_of(driver, now.date())
    for group in body.groups:
        if group not in known:
            raise GroupUnknown(group=group)
    text = PolicyBody(**body.model_dump(exclude={"set"})).model_dump_json()
    row = {
        "set_id": indicator_set.set_id, "version": version, "body": text, "made_at": now, "made_by": uow.who,
    }  # fmt: skip
    await repository.add_row(driver, "ranking_policies", row)
    uow.trail("make", "ranking_policy", indicator_set.set_id, after={"version": version, "policy": text})
    return PolicyOut(**body.model_dump(exclude={"set"}), version=version, made_at=now, made_by=uow.who)


async def read_policy(uow: UnitOfWork, set_id: UUID, version: int | None = None) -> PolicyOut:
    """The policy that holds for a set, or one of its versions. Raises NotFound for a version that is not there."""
    row = None if version == 0 else await repository.last_policy(await uow.driver(), set_id, version)
    if row is not None:
        made = {"version": row["version"], "made_at": row["made_at"], "made_by": row["made_by"]}
        return PolicyOut(**msgspec.json.decode(row["body"]), **made)
    if version:
        raise NotFound
    return PolicyOut(
        ties=PLAIN.ties, spread="0", groups=[], shows=PLAIN.shows, grading=None, version=0, made_at=None, made_by=None
    )


# --- the ranking as it stands -----------------------------------------------------------------------------------------


async def provisional_ranking(
    uow: UnitOfWork, indicator_set: IndicatorSet, span: Span, board: str, group: str, today: date
) -> RankingOut:
    """The ranking over a span from confirmed and provisional scores alike.

    Raises BlendUnfit, GroupUnknown or BoardUnknown.
    """
    driver = await uow.driver()
    keys = [period.key for period in span.periods]
    rules = await read_policy(uow, indicator_set.set_id)
    policy = policy_of(rules, rules.version)
    blend = policy.over(span)
    if blend.blend.weights is not None:
        found = await periods_with_cells(driver, indicator_set.set_id, keys)
        blend.demand_weights([parse_period(key).kind for key in found])
    dimensions = [] if group == ALL_PEERS else [group.partition(":")[0]]
    source = Source(
        Cells(indicator_set.set_id, keys, confirmed=False, blend=blend), last=span.last, day=today,
        dimensions=dimensions, spread=Decimal(rules.spread), span=keys, standing=policy.standing,
    )  # fmt: skip
    before = await repository.newest(driver, indicator_set.set_id, span.before())
    previous = before["ranking_id"] if before else None
    wanted = Wanted(board, group, previous, today)
    rows = await repository.provisional_places(driver, source, wanted)
    if not rows and board != TOTAL:
        raise BoardUnknown(board=board)
    if not rows and group != ALL_PEERS:
        raise GroupUnknown(group=group)
    return RankingOut(
        ranking_id=None,
        set=indicator_set.code,
        period=span.key,
        version=0,
        published_at=None,
        published_by=None,
        ranked=len(rows),
        policy=domain.policy_words(policy, blend.blend),
        rules=rules,
        previous=previous,
        board=board,
        group=group,
        units=[shown(row, rules.ties) for row in rows],
    )


def shown(
    row: Mapping[str, Any],
    ties: domain.Ties,
    *,
    grades: Mapping[UUID, str] | None = None,
    peers: Mapping[UUID, Mapping[str, PeerPlace]] | None = None,
) -> RankedOut:
    """One row of a ranking as it is answered."""
    gap = None if row["next_total"] is None else row["next_total"] - row["total"]
    return RankedOut(
        unit_id=row["unit_id"],
        unit=row["unit"],
        unit_name=row["unit_name"],
        place=row["place"],
        place_by_policy=domain.place_text(ties, row["place"], row["tied"], row["dense"]),
        tied=row["tied"],
        best=row["best"],
        worst=row["worst"],
        total=domain.points_text(row["total"]),
        full_marks=domain.points_text(row["full_marks"]),
        indicators=row["indicators"],
        to_next=None if gap is None else domain.points_text(gap),
        moved=domain.moved(row["place_before"], row["place"]),
        grade=(grades or {}).get(row["unit_id"]),
        peers=dict((peers or {}).get(row["unit_id"], {})),
    )


# --- publishing -------------------------------------------------------------------------------------------------------


async def publish_ranking(
    uow: UnitOfWork, indicator_set: IndicatorSet, span: Span, told: RankingIn, now: datetime
) -> RankingOut:
    """Publish the next version of the ranking over a span.

    Of two publications at once the second waits for the first, and then has nothing new to say.
    Raises PeriodUnknown, RankingNotReady, BlendUnfit, RankingUnchanged, CorrectionReasonRequired, QuotaNotMet or
    Malformed.
    """
    driver, set_id = await uow.driver(), indicator_set.set_id
    await repository.hold_rankings(driver, set_id, span.key)
    scored = scored_periods(await copies.cards_within(driver, set_id), span)
    if not scored:
        raise PeriodUnknown(period=span.key)
    missing = sorted(set(scored) - await repository.confirmed_periods(driver, set_id))
    if missing:
        raise RankingNotReady(periods=", ".join(missing))
    rules = await read_policy(uow, set_id)
    policy = policy_of(rules, rules.version)
    source = confirmed_source(set_id, scored, span, rules)
    blend = source.cells.blend
    blend.demand_fit([parse_period(key).kind for key in scored])
    last = await repository.newest(driver, set_id, span.key)
    before = await repository.newest(driver, set_id, span.before())
    version = (last["version"] if last else 0) + 1
    ranking_id = uuid5(set_id, f"ranking/{span.key}/{version}/{now.isoformat()}")
    amended = await repository.place_all(driver, ranking_id, source)
    places = await repository.peer_places(driver, ranking_id)
    grades = await _grade(driver, ranking_id, policy, source, places, told.caps, last)
    if last:
        same_policy = last["policy_version"] == policy.version
        if same_policy and not await repository.differs(driver, ranking_id, last["ranking_id"]):
            raise RankingUnchanged(version=last["version"])
        if told.reason is None:
            raise CorrectionReasonRequired(version=last["version"])
    previous = before["ranking_id"] if before else None
    rows = await repository.published_places(driver, ranking_id, Wanted(TOTAL, ALL_PEERS, previous, span.last))
    peers = _peers(places)
    ranking = RankingOut(
        ranking_id=ranking_id,
        set=indicator_set.code,
        period=span.key,
        version=version,
        published_at=now,
        published_by=uow.who,
        ranked=len(rows),
        policy=domain.policy_words(policy, blend.blend),
        rules=rules,
        previous=previous,
        reason=told.reason,
        units=[shown(row, policy.ties, grades=grades, peers=peers) for row in rows],
    )
    row = {
        "ranking_id": ranking_id, "set_id": set_id, "period": span.key, "version": version,
        "body": ranking.model_dump_json(), "published_at": now, "published_by": uow.who,
        "policy_version": policy.version, "shows": policy.shows, "previous_id": previous, "reason": told.reason,
        "amended": msgspec.json.encode(amended).decode(),
    }  # fmt: skip
    await repository.add_row(driver, "rankings", row)
    uow.record(published_event(set_id, ranking), subject=span.key)
    uow.trail("publish", "ranking", ranking_id, after={"period": span.key, "version": version, "reason": told.reason})
    return ranking


def confirmed_source(set_id: UUID, scored: Sequence[str], span: Span, rules: PolicyBody) -> Source:
    """What a published ranking ranks: the confirmed cells of the scored periods, as grouped on the span's last day."""
    policy = policy_of(rules, 0)
    return Source(
        Cells(set_id, scored, confirmed=True, blend=policy.over(span)), last=span.last, day=span.last,
        dimensions=rules.groups, spread=Decimal(rules.spread), span=[period.key for period in span.periods],
        standing=policy.standing,
    )  # fmt: skip


async def _grade(
    driver: asyncpg.Connection,
    ranking_id: UUID,
    policy: Policy,
    source: Source,
    places: Sequence[Mapping[str, Any]],
    decided: Sequence[CapIn] | None,
    last: Mapping[str, Any] | None,
) -> Mapping[UUID, str]:
    """Grade the units in each group that the policy grades within, and keep grades with their caps."""
    grading = policy.grading
    if grading is None:
        if decided:
            raise Malformed(details=[Detail("/caps/0/not_above", "not_graded")])
        return {}
    caps = await _caps(driver, grading, source, decided, last)
    lowest = {unit: max((one["not_above"] for one in found), key=grading.position) for unit, found in caps.items()}
    groups: dict[str, list[Candidate]] = {}
    for row in places:
        if row["peers"] == grading.within or row["peers"].startswith(f"{grading.within}:"):
            total, marks = Fraction(row["total"]) / domain.SCALE, Fraction(row["full_marks"]) / domain.SCALE
            one = Candidate(row["unit_id"], total, marks, lowest.get(row["unit_id"]))
            groups.setdefault(row["peers"], []).append(one)
    graded = {unit: one for name, units in groups.items() for unit, one in grade(name, units, grading).items()}
    rows = [
        (unit, one.grade, one.earned, msgspec.json.encode(caps.get(unit, [])).decode()) for unit, one in graded.items()
    ]
    await repository.add_grades(driver, ranking_id, rows)
    return {unit: one.grade for unit, one in graded.items()}


async def _caps(
    driver: asyncpg.Connection,
    grading: Grading,
    source: Source,
    decided: Sequence[CapIn] | None,
    last: Mapping[str, Any] | None,
) -> Mapping[UUID, list[dict[str, str]]]:
    """What holds grades back: points lost under veto indicators, and decisions, by default those made before."""
    caps: dict[UUID, list[dict[str, str]]] = {}
    if grading.veto_not_above is not None:
        for row in await repository.vetoed(driver, source):
            one = {"not_above": grading.veto_not_above, "reason": f"{row['code']} {row['period']}"}
            caps.setdefault(row["unit_id"], []).append({**one, "source": "veto_indicator"})
    if decided is None:
        grades = {one.grade for one in grading.grades}
        for unit, text in await repository.caps_of(driver, last["ranking_id"]) if last else ():
            stays = [
                one for one in msgspec.json.decode(text) if one["source"] == "decision" and one["not_above"] in grades
            ]
            caps.setdefault(unit, []).extend(stays)
        return {unit: found for unit, found in caps.items() if found}
    units = {unit.code: unit.unit_id for unit in await units_by(driver, source.day)} if decided else {}
    names = [one.grade for one in grading.grades]
    for number, cap in enumerate(decided):
        if cap.unit not in units:
            raise Malformed(details=[Detail(f"/caps/{number}/unit", "unit_unknown", cap.unit)])
        if cap.not_above not in names:
            raise Malformed(details=[Detail(f"/caps/{number}/not_above", "grade_unknown", cap.not_above)])
        one = {"not_above": cap.not_above, "reason": cap.reason, "source": "decision"}
        caps.setdefault(units[cap.unit], []).append(one)
    return caps


def _peers(places: Sequence[Mapping[str, Any]]) -> Mapping[UUID, Mapping[str, PeerPlace]]:
    found: dict[UUID, dict[str, PeerPlace]] = {}
    for row in places:
        if row["peers"] != ALL_PEERS:
            found.setdefault(row["unit_id"], {})[row["peers"]] = PeerPlace(place=row["place"], ranked=row["ranked"])
    return found


def published_event(set_id: UUID, ranking: RankingOut) -> RankingPublished:
    """What others are told of a published ranking."""
    return RankingPublished(
        set_id=set_id,
        period=ranking.period,
        version=ranking.version,
        units=[
            RankedUnit(unit_id=unit.unit_id, place=unit.place, total=unit.total, grade=unit.grade)
            for unit in ranking.units
        ],
        ranking_id=ranking.ranking_id,
        reason=ranking.reason,
    )


def scored_periods(cards: Sequence[IndicatorPublished], span: Span) -> list[str]:
    """The periods inside a span in which some card of the set is scored."""
    by_indicator: dict[UUID, list[IndicatorPublished]] = {}
    for card in cards:
        by_indicator.setdefault(card.indicator_id, []).append(card)
    return [
        period.key
        for period in periods_of_year(span.last.year)
        if span.contains(period) and any(governing(versions, period) for versions in by_indicator.values())
    ]
