"""The rules of points won back. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid5

from shared.errors import Refused


class DeductionUnknown(Refused):
    """Points can only be won back where points were lost."""

    code = "deduction_unknown"
    zh, en = "没有该扣分，不能补分", "There is no such deduction, so no points can be won back on it"


class PointsNotPositive(Refused):
    """A make-up gives points."""

    code = "points_not_positive"
    zh, en = "补分须大于零", "Points won back must be more than nothing"


def granted(asked: Decimal, loss: Decimal) -> Decimal:
    """The points won back: what was asked, at most the loss as it now stands. Raises PointsNotPositive.

    The loss may have shrunk by an amendment since the cure was verified; then only what is still lost is won back.
    """
    if not asked.is_finite() or asked <= 0:
        raise PointsNotPositive
    return min(asked, loss)


@dataclass(frozen=True)
class Regained:
    """What was won back on a problem: what its cure was granted, what of it stands, the version of its last entry."""

    problem_id: UUID
    granted: Decimal
    standing: Decimal
    version: int


def adjusted(regained: Iterable[Regained], loss: Decimal) -> list[tuple[Regained, Decimal]]:
    """What now stands won back on problems of one deduction, where that is another amount than before.

    No more points than are lost: what exceeds a loss that shrank is taken back, the later grants first, and comes
    back with the loss. So it makes no difference whether the cure or the change of the loss came first.
    """
    changed, left = [], loss
    for one in regained:
        stands = min(one.granted, left)
        left -= stands
        if stands != one.standing:
            changed.append((one, stands))
    return changed


def bonus_id(problem: UUID, version: int = 1) -> UUID:
    """The bonus entry of a problem: the first is the points won back, later ones follow the loss."""
    return uuid5(problem, "points.regained" if version == 1 else f"points.regained/{version}")
