"""The rules of points won back. Pure."""

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


def bonus_id(problem: UUID) -> UUID:
    """The one bonus entry of a problem."""
    return uuid5(problem, "points.regained")
