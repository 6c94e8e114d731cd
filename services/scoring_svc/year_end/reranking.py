"""Works out the places and grades of an archive again, and says what differs. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from uuid import UUID

import msgspec

from services.scoring_svc.ranking.domain import SCALE, TOTAL, Grading, points_text
from services.scoring_svc.ranking.grading import Candidate, grade
from services.scoring_svc.ranking.policy_schemas import policy_of
from services.scoring_svc.ranking.schemas import RankingOut
from services.scoring_svc.year_end.lines import GradeLine, PlaceLine
from services.scoring_svc.year_end.placing import ARCHIVED, Boards
from services.scoring_svc.year_end.replaying import Difference, exact


def placed_differently(
    recorded: Iterable[tuple[tuple[str, str], Iterable[PlaceLine]]],
    members: Mapping[str, Collection[str]],
    boards: Boards,
    ranking: RankingOut,
    standing: Collection[str],
) -> Iterator[str]:
    """Compare every recorded place with the one worked out from scores.

    Who belongs to which peers is recorded only, on the board of totals; among "all" are all that have a total, or those
    of them that stood on the last day, as the policy says; `standing`: those that did, as the archive says.
    """
    if ranking.rules is None:
        raise Difference("the ranking states no policy")
    everybody = set(boards.lines.get(TOTAL, {}))
    if ranking.rules.ranks == "standing_at_end":
        everybody &= set(standing)
    if set(members.get("all", ())) != everybody:
        yield f"{len(members.get('all', ()))} units are ranked among all, {len(everybody)} have scores"
    spread = Fraction(ranking.rules.spread)
    missing = {(board, peers) for board in boards.lines for peers in members}
    for (board, peers), lines in recorded:
        missing.discard((board, peers))
        expected = boards.places(board, members.get(peers, ()), spread)
        for line in lines:
            found = expected.pop(line.unit_id, None)
            told = {name: value for name, value in msgspec.structs.asdict(line).items() if name in (found or ())}
            if found is None or told != found:
                differing = {name: (told[name], value) for name, value in (found or {}).items() if told[name] != value}
                yield f"{board} among {peers}, {line.unit_id}: recorded and worked out {differing or 'no place'}"
        if expected:
            yield f"{board} among {peers}: {len(expected)} units have no place"
    for board, peers in sorted(missing):
        if boards.places(board, members[peers], spread):
            yield f"{board} among {peers}: nobody has a place"


def graded_differently(
    grades: Sequence[GradeLine], totals: Sequence[PlaceLine], ranking: RankingOut, vetoed: Collection[tuple[str, str]]
) -> Iterator[str]:
    """Compare the recorded grades, and the caps of veto indicators, with what totals and scores give."""
    if ranking.rules is None:
        raise Difference("the ranking states no policy")
    grading = policy_of(ranking.rules, ranking.rules.version).grading
    recorded = {line.unit_id: line for line in grades}
    if len(recorded) != len(grades):
        yield "a unit is graded twice"
    if grading is None:
        if grades:
            yield f"{len(grades)} grades are recorded under a policy that grades nobody"
        return
    if grading.veto_not_above is not None:
        told = {
            (unit, cap.reason) for unit, line in recorded.items() for cap in line.caps if cap.source == "veto_indicator"
        }
        due = {(unit, reason) for unit, reason in vetoed if unit in recorded}
        for unit, reason in sorted(told ^ due):
            yield f"{unit}: the veto {reason} is {'recorded' if (unit, reason) in told else 'not recorded'} as a cap"
    found = _graded(recorded, totals, grading)
    for unit in sorted(found.keys() | recorded.keys()):
        line = recorded.get(unit)
        told_grade = (line.grade, line.earned) if line else None
        if told_grade != found.get(unit):
            yield f"{unit}: grade and grade earned {told_grade} recorded, {found.get(unit)} worked out"


def _graded(
    recorded: Mapping[str, GradeLine], totals: Sequence[PlaceLine], grading: Grading
) -> dict[str, tuple[str, str]]:
    groups: dict[str, list[Candidate]] = {}
    for line in totals:
        if line.peers == grading.within or line.peers.startswith(f"{grading.within}:"):
            caps = [cap.not_above for cap in recorded[line.unit_id].caps] if line.unit_id in recorded else []
            lowest = max(caps, key=grading.position) if caps else None
            total, marks = exact(line.total) / ARCHIVED, exact(line.full_marks) / ARCHIVED
            groups.setdefault(line.peers, []).append(Candidate(UUID(line.unit_id), total, marks, lowest))
    return {
        str(unit): (one.grade, one.earned)
        for name, units in groups.items()
        for unit, one in grade(name, units, grading).items()
    }


def _points(archived: str) -> str:
    return points_text(exact(archived) * SCALE / ARCHIVED)


def published_differently(
    ranking: RankingOut, totals: Sequence[PlaceLine], grades: Mapping[UUID, str]
) -> Iterator[str]:
    """Compare the ranking that people were shown with the recorded places and grades."""
    recorded = {UUID(line.unit_id): (line.place, _points(line.total), _points(line.full_marks)) for line in totals}
    shown = {unit.unit_id: (unit.place, unit.total, unit.full_marks) for unit in ranking.units}
    for unit in sorted(recorded.keys() | shown.keys()):
        if recorded.get(unit) != shown.get(unit):
            yield f"{unit}: {shown.get(unit)} published, {recorded.get(unit)} recorded"
    for row in ranking.units:
        if row.grade != grades.get(row.unit_id):
            yield f"{row.unit_id}: grade {row.grade} published, {grades.get(row.unit_id)} recorded"
