"""The rules of points: the bonus table as data, what it gives, how a whole is shared, what caps take. Pure, exact."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from shared.errors import Detail, Refused

NOTHING = Decimal(0)
CapKind = Literal["class", "unit", "overall"]
Joint = Literal["each_full", "by_weight"]


class BonusTableInconsistent(Refused):
    """A table whose rows contradict each other is not published; the details name each row and what is wrong."""

    status, code = 422, "bonus_table_inconsistent"
    zh, en = "加分标准前后不一致，详见 errors", "The bonus table contradicts itself; see errors"


class BonusNotInTable(Refused):
    """The table gives nothing for this class at this level."""

    status, code = 422, "bonus_not_in_table"
    zh = "该加分标准没有“{bonus_class}”类“{level}”级的加分"
    en = "The bonus table gives no points for class {bonus_class} at level {level}"


class WeightsNotUsed(Refused):
    """Under a table that gives every unit the full points, weights would be ignored."""

    status, code = 422, "weights_not_used"
    zh = "按该加分标准，联合获奖的各单位均得全部加分，不能填写权重"
    en = "This bonus table gives each unit of a joint award the full points, so weights have no meaning"


class SharesDoNotAddUp(Refused):
    """Shares in points must make the whole, exactly."""

    status, code = 422, "shares_do_not_add_up"
    zh, en = "各单位分摊之和为 {sum}，应为 {whole}", "The shares add up to {sum}, not to {whole}"


@dataclass(frozen=True)
class BonusClass:
    """A class of bonus. `cap`: points a unit gets at most in it in a year, None: no such cap.

    `opinion_of`: code of the department that gives its opinion first, None: none is asked.
    """

    code: str
    name: str
    name_en: str
    cap: Decimal | None
    opinion_of: str | None


@dataclass(frozen=True)
class Level:
    """A level of the body that gave the award; the place in the table is its rank, the highest first."""

    code: str
    name: str
    name_en: str


@dataclass(frozen=True)
class PointsRow:
    """What an award of a class at a level gives."""

    bonus_class: str
    level: str
    points: Decimal


@dataclass(frozen=True)
class BonusTable:
    """A version of the bonus table (加分标准). `unit_cap`: for one unit in a year over all classes; `overall_cap`: for
    all units together in a year. `joint`: whether each unit of a joint award gets the full points or they share them.
    """

    classes: tuple[BonusClass, ...]
    levels: tuple[Level, ...]
    points: tuple[PointsRow, ...]
    unit_cap: Decimal | None
    overall_cap: Decimal | None
    joint: Joint

    def class_of(self, code: str) -> BonusClass | None:
        """A class by its code."""
        return next((one for one in self.classes if one.code == code), None)

    def rank_of(self, level: str) -> int:
        """The rank of a level, 1 for the highest."""
        return [one.code for one in self.levels].index(level) + 1

    def gives(self, bonus_class: str, level: str) -> Decimal:
        """The points of an award. Raises BonusNotInTable."""
        for row in self.points:
            if (row.bonus_class, row.level) == (bonus_class, level):
                return row.points
        raise BonusNotInTable(bonus_class=bonus_class, level=level)


def demand_consistent(table: BonusTable) -> None:
    """Raise BonusTableInconsistent naming codes used twice or unknown, and higher levels that give less."""
    details = [*_repeated("/classes", [one.code for one in table.classes])]
    details += _repeated("/levels", [one.code for one in table.levels])
    details += _repeated("/points", [f"{row.bonus_class}/{row.level}" for row in table.points])
    levels = {one.code: rank for rank, one in reversed(list(enumerate(table.levels)))}
    lowest: dict[str, tuple[int, Decimal]] = {}
    known = []
    for place, row in enumerate(table.points):
        if table.class_of(row.bonus_class) is None:
            details.append(Detail(f"/points/{place}/bonus_class", "unknown_class", row.bonus_class))
        elif row.level not in levels:
            details.append(Detail(f"/points/{place}/level", "unknown_level", row.level))
        elif row.points <= NOTHING:
            details.append(Detail(f"/points/{place}/points", "not_positive", str(row.points)))
        else:
            known.append((levels[row.level], place, row))
    for rank, place, row in sorted(known, key=lambda one: one[:2]):
        above = lowest.get(row.bonus_class)
        if above is not None and above[0] < rank and row.points > above[1]:
            details.append(Detail(f"/points/{place}/points", "higher_level_gives_less", row.level))
        lowest[row.bonus_class] = (rank, row.points if above is None else min(above[1], row.points))
    if details:
        raise BonusTableInconsistent(details=details)


def _repeated(at: str, codes: Sequence[str]) -> Iterable[Detail]:
    return [Detail(f"{at}/{place}", "duplicate", code) for place, code in enumerate(codes) if code in codes[:place]]


def apportioned(whole: Decimal, weights: Sequence[int], places: int = 2) -> list[Decimal]:
    """A whole shared by weights, in steps of `places` decimals (or of the whole's own, if finer): exact to the last.

    Largest remainders get the steps that are left over; of equal ones those named first. Negative wholes are refused by
    the callers' shapes; weights are at least 1.
    """
    exponent = whole.normalize().as_tuple().exponent
    places = max(places, -exponent if isinstance(exponent, int) else 0)
    steps, total = int(whole.scaleb(places)), sum(weights)
    parts = [steps * weight // total for weight in weights]
    rests = sorted(range(len(weights)), key=lambda place: (-(steps * weights[place] % total), place))
    for place in rests[: steps - sum(parts)]:
        parts[place] += 1
    return [Decimal(part).scaleb(-places) for part in parts]


def shared_among(points: Decimal, weights: Sequence[int], joint: Joint) -> list[Decimal]:
    """What each unit of an award is due before caps, in the order of the units. Raises WeightsNotUsed."""
    if joint == "by_weight":
        return apportioned(points, weights)
    if any(weight != 1 for weight in weights):
        raise WeightsNotUsed
    return [points] * len(weights)


def demand_whole(whole: Decimal, shares: Iterable[Decimal]) -> None:
    """Raise SharesDoNotAddUp unless the shares make the whole."""
    found = sum(shares, NOTHING)
    if found != whole:
        raise SharesDoNotAddUp(sum=format(found, "f"), whole=format(whole, "f"))


@dataclass(frozen=True)
class Capped:
    """What a unit gets of what it was due, and how much each cap took."""

    points: Decimal
    taken: Mapping[CapKind, Decimal]


def capped(due: Decimal, rooms: Sequence[tuple[CapKind, Decimal | None]]) -> Capped:
    """Points after the caps, one after another; a room is what a cap has left, None where there is no cap."""
    left, taken = due, {}
    for kind, room in rooms:
        fits = left if room is None else min(left, max(room, NOTHING))
        if fits != left:
            taken[kind] = left - fits
            left = fits
    return Capped(left, taken)


def room(cap: Decimal | None, used: Decimal) -> Decimal | None:
    """What a cap has left."""
    return None if cap is None else cap - used
