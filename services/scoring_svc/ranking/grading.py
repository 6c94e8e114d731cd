"""Grades (等次) from totals: thresholds and quotas, then caps. Pure and exact.

A veto (一票否优) caps the grade, never the score: places and totals of a capped unit are those of any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from uuid import UUID

from services.scoring_svc.ranking.domain import Grade, Grading
from shared.errors import Refused


class QuotaNotMet(Refused):
    """The quota of a grade cannot be met with these totals; which units stand at its edge is said."""

    code = "quota_not_met"
    zh = "“{grade}”在分组“{group}”中应有 {places} 个名额，实际可定 {found} 个：{units}"
    en = "Grade {grade} has {places} places in group {group}, and {found} units can hold it: {units}"


@dataclass(frozen=True)
class Candidate:
    """A ranked unit of one peer group: exact total, exact full marks, and the best grade it may hold, None: any."""

    unit_id: UUID
    total: Fraction
    full_marks: Fraction
    not_above: str | None = None


@dataclass(frozen=True)
class Graded:
    """The grade of a unit, and the one it had earned before its cap."""

    grade: str
    earned: str


def grade(group: str, units: Sequence[Candidate], grading: Grading) -> Mapping[UUID, Graded]:
    """The grades of the units of one peer group. Raises QuotaNotMet."""
    ordered = sorted(units, key=lambda unit: (-unit.total, str(unit.unit_id)))
    earned = _fill(group, ordered, grading, heed_caps=False)
    held = earned if grading.capped_use_places else _fill(group, ordered, grading, heed_caps=True)
    return {
        unit.unit_id: Graded(grading.grades[max(held[unit.unit_id], _cap(unit, grading))].grade,
                             grading.grades[earned[unit.unit_id]].grade)
        for unit in ordered
    }  # fmt: skip


def _cap(unit: Candidate, grading: Grading) -> int:
    return 0 if unit.not_above is None else grading.position(unit.not_above)


def _fill(group: str, ordered: Sequence[Candidate], grading: Grading, *, heed_caps: bool) -> dict[UUID, int]:
    """The position of each unit's grade: every grade in turn takes the best of those that are left and may hold it."""
    found: dict[UUID, int] = {}
    for position, one in enumerate(grading.grades):
        left = [
            unit
            for unit in ordered
            if unit.unit_id not in found
            and not (heed_caps and _cap(unit, grading) > position)
            and _reaches(unit, one, grading)
        ]
        found |= dict.fromkeys(_within_quota(group, one, left, len(ordered)), position)
    return found


def _reaches(unit: Candidate, one: Grade, grading: Grading) -> bool:
    if one.at_least is None:
        return True
    if grading.measure == "points":
        return unit.total >= one.at_least
    return unit.total * 100 >= one.at_least * unit.full_marks


def _within_quota(group: str, one: Grade, left: Sequence[Candidate], ranked: int) -> list[UUID]:
    """Who of those left holds the grade; tied units are taken or left together, as the quota says."""
    if one.quota is None:
        return [unit.unit_id for unit in left]
    places = one.quota.places(ranked)
    taken: list[UUID] = []
    edge: list[UUID] = []
    for _, block in groupby(left, key=lambda unit: unit.total):
        tied = [unit.unit_id for unit in block]
        if len(taken) + len(tied) <= places:
            taken += tied
            continue
        if len(taken) < places:
            edge = tied
        break
    if edge and one.quota.edge == "take_in":
        taken += edge
    unmet = bool(edge) and one.quota.edge == "refuse"
    if unmet or (one.quota.bound == "exactly" and len(taken) != places):
        named = ", ".join(str(unit) for unit in (edge or taken))
        raise QuotaNotMet(grade=one.grade, group=group, places=places, found=len(taken), units=named)
    return taken
