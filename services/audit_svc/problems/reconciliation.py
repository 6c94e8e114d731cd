"""The reconciler: every deduction has its problem, every problem its deduction. Pure.

Two independent witnesses stand against the problems: scoring_svc's digest over its deductions says whether all is in
step, and the confirmed cells say which one is not.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

Side = Literal["problem_missing", "problem_behind", "deduction_missing", "digest_differs"]


@dataclass(frozen=True)
class Followed:
    """A problem as the reconciler sees it."""

    deduction_id: UUID
    version: int
    loss: Decimal
    indicator_id: UUID
    unit_id: UUID


@dataclass(frozen=True)
class LossyCell:
    """A confirmed cell, under the identity that its deduction has."""

    deduction_id: UUID
    loss: Decimal
    indicator_id: UUID
    unit_id: UUID


@dataclass(frozen=True)
class Gap:
    """One deduction that is not followed as it should be, and on which side something is missing."""

    side: Side
    deduction_id: UUID | None
    indicator_id: UUID | None
    unit_id: UUID | None
    expected_loss: Decimal | None
    followed_loss: Decimal | None


@dataclass(frozen=True)
class Reconciliation:
    """What was compared and what does not agree. `deductions`: scoring_svc's count, None before its digest."""

    deductions: int | None
    problems: int
    digest_agrees: bool | None
    gaps: tuple[Gap, ...]

    @property
    def in_step(self) -> bool:
        """Whether every deduction has its problem and every problem its deduction, by both witnesses."""
        return self.digest_agrees is True and not self.gaps


def digest_of(followed: Iterable[Followed]) -> str:
    """sha256 over the lines `deduction_id:version:loss` of those that lost, sorted: as scoring_svc digests its own.

    A loss is written as its shortest decimal text.
    """
    lines = sorted(f"{one.deduction_id}:{one.version}:{one.loss.normalize():f}" for one in followed if one.loss > 0)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def reconcile(
    problems: Iterable[Followed], cells: Iterable[LossyCell], digest: tuple[int, str] | None
) -> Reconciliation:
    """Compare the problems of a set and period with both witnesses and name every gap."""
    known: Mapping[UUID, Followed] = {one.deduction_id: one for one in problems}
    lossy = {cell.deduction_id: cell for cell in cells}
    standing = [one for one in known.values() if one.loss > 0]
    gaps: list[Gap] = []
    for key in sorted(known.keys() | lossy.keys(), key=str):
        gap = _gap(known.get(key), lossy.get(key), confirmed=digest is not None)
        if gap is not None:
            gaps.append(gap)
    if digest is None:
        return Reconciliation(None, len(standing), None, tuple(gaps))
    agrees = digest == (len(standing), digest_of(standing))
    if not agrees and not gaps:
        gaps.append(Gap("digest_differs", None, None, None, None, None))
    return Reconciliation(digest[0], len(standing), agrees, tuple(gaps))


def _gap(problem: Followed | None, cell: LossyCell | None, *, confirmed: bool) -> Gap | None:
    expected = cell.loss if cell else Decimal(0)
    followed = problem.loss if problem else Decimal(0)
    if expected == followed:
        return None
    # Before the period is confirmed, immediate deductions have problems but no confirmed cell yet.
    if cell is None and not confirmed:
        return None
    side: Side = "problem_behind"
    if problem is None:
        side = "problem_missing"
    elif cell is None:
        side = "deduction_missing"
    place = problem or cell
    indicator, unit = (place.indicator_id, place.unit_id) if place else (None, None)
    return Gap(side, (place.deduction_id if place else None), indicator, unit, expected, followed)
