"""Scoring along a measure: step and linear.

Belongs here: these two primitives. Does not belong here: choices between rows or cases.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import ClassVar

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell, Known, Stop
from services.scoring_svc.engine.columns import algebra
from services.scoring_svc.engine.columns.algebra import Column
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.columns.rounding import rounded
from services.scoring_svc.engine.language import WHOLE_TYPES, Input
from services.scoring_svc.engine.measure import LITERAL, Measure, Scope
from services.scoring_svc.engine.nodes import VALUE, Constant, Name, Value, primitive
from services.scoring_svc.engine.numbers import rational, shortest
from services.scoring_svc.engine.primitives.arithmetic import numeric, proved
from services.scoring_svc.engine.reach import Reach, Span
from services.scoring_svc.engine.shape import DECIMAL, Form, ListOf, word
from services.scoring_svc.engine.speech import Speech, signed_points


@primitive(
    {
        "of": VALUE,
        "from": VALUE,
        "direction": word("above", "below"),
        "per": DECIMAL,
        "gives": DECIMAL,
        "mode": word("whole", "started", "proportional"),
    }
)
@dataclass(frozen=True)
class Step(Value):
    """`gives` for every `per` by which `of` lies beyond `from`; nothing on the other side."""

    of: Value
    from_: Value
    direction: str
    per: str
    gives: str
    mode: str
    kind: ClassVar[str] = "step"

    def type_in(self, scope: Scope) -> Measure:
        """A literal; the line has the measure's unit."""
        if rational(self.per) <= 0:
            scope.report.add("STEP_NOT_POSITIVE", f"{self.at}/per", "每档宽度须为正数", "the width must be positive")
        if rational(self.gives) == 0:
            scope.report.add("STEP_WITHOUT_EFFECT", f"{self.at}/gives", "每档分值不得为零", "a step is worth nothing")
        measure, line = numeric(scope, self.of), numeric(scope, self.from_)
        if not measure.compares(line):
            scope.mismatch(self.from_.at, "界线与所计量的单位不一致", "the line differs in unit from the measure")
        return LITERAL

    def reach_in(self, scope: Scope) -> Reach:
        """From no step to the steps of the widest gap; a line never crossed is unreachable."""
        sign = Fraction(1 if self.direction == "above" else -1)
        measure = reach.scaled(self.of.attains(scope), sign)
        line = reach.scaled(self.from_.attains(scope), -sign)
        per = rational(self.per)
        if per <= 0:
            return reach.ANYTHING
        beyond = reach.hull(reach.plus([measure, line]))
        if beyond.high is not None and beyond.high <= 0:
            scope.report.add("UNREACHABLE", self.at, "永远不会越过界线", "the line is never crossed")
        steps = reach.hull(reach.scaled(reach.clamp((beyond,), Fraction(0), None), 1 / per))
        return reach.scaled((self._counted(steps),), rational(self.gives))

    def _counted(self, steps: Span) -> Span:
        if self.mode == "proportional" or steps.low is None:
            return steps
        count = floor if self.mode == "whole" else ceil
        low = Fraction(count(steps.low)) if steps.low_in or self.mode == "whole" else Fraction(floor(steps.low) + 1)
        if steps.high is None:
            return Span(low, None, whole=True)
        high = Fraction(count(steps.high))
        if not steps.high_in and self.mode == "whole" and high == steps.high:
            high -= 1
        return Span(low, high, whole=True)

    def evaluate(self, cell: Cell) -> Known:
        """The gap = max(0, distance beyond the line); steps = gap ÷ per, counted by mode; result = steps × gives."""
        measure, line = self.of.evaluate(cell), self.from_.evaluate(cell)
        gap = measure.value - line.value if self.direction == "above" else line.value - measure.value
        steps = max(gap, Fraction(0)) / rational(self.per)
        if self.mode != "proportional":
            steps = Fraction(floor(steps) if self.mode == "whole" else ceil(steps))
        result = steps * rational(self.gives)
        return proved(self, result, [measure.proof, line.proof], steps=shortest(steps))

    def column(self, planner: Planner) -> Column:
        """The gap cut off at nought, divided down or up to whole steps, or left over a larger denominator."""
        gap = algebra.minus(planner.value(self.of), planner.value(self.from_))
        if self.direction == "below":
            gap = algebra.scaled(gap, Fraction(-1))
        steps = algebra.scaled(algebra.clamped(gap, Fraction(0), None), 1 / rational(self.per))
        if self.mode != "proportional":
            steps = rounded(steps, "floor" if self.mode == "whole" else "ceiling", 0)
        return algebra.scaled(steps, rational(self.gives))

    def words(self, speech: Speech, unit: Measure) -> str:  # noqa: ARG002 - a step gives points
        """`‹of›高于‹from›的部分，每‹per›扣‹g›分（不足一档不计）`; from 0: `‹of›每‹per›扣‹g›分`."""
        measure = speech.measure(self.of)
        of = self.of.words(speech, measure)
        width, gives = speech.width(self.per, measure), signed_points(self.gives, speech.lang)
        mode = self._mode_words(speech)
        if self.direction == "above" and isinstance(self.from_, Constant) and self.from_.text == "0":
            return speech.pick(f"{of}每{width}{gives}{mode}", f"{gives} for every {width} of {of}{mode}")
        line = self.from_.words(speech, measure)
        if self.direction == "above":
            return speech.pick(
                f"{of}高于{line}的部分，每{width}{gives}{mode}",
                f"{gives} for every {width} that {of} is above {line}{mode}",
            )
        return speech.pick(
            f"{of}低于{line}的差额，每{width}{gives}{mode}",
            f"{gives} for every {width} that {of} is below {line}{mode}",
        )

    def _mode_words(self, speech: Speech) -> str:
        if self._mode_idle(speech):
            return ""
        zh, en = {
            "whole": ("（不足一档不计）", " (whole steps only)"),
            "started": ("（不足一档按一档计）", " (each started step counts)"),
            "proportional": ("（按比例计）", " (part steps pro rata)"),
        }[self.mode]
        return speech.pick(zh, en)

    def _mode_idle(self, speech: Speech) -> bool:
        """Whether nothing depends on the mode: by 1 over a whole-number fact or `place`, from a whole number."""
        if self.per != "1" or not isinstance(self.of, Name) or not isinstance(self.from_, Constant):
            return False
        found = speech.declared(self.of.name)
        whole = speech.measure(self.of).type in WHOLE_TYPES and (found is None or isinstance(found, Input))
        return whole and self.from_.number.denominator == 1


@dataclass(frozen=True)
class LinePoint:
    """One point of a line."""

    at_pointer: str
    at: Value
    gives: str


class _PointForm(Form):
    """A point has a field called `at`, so its pointer is kept under another name."""

    def read(self, found: dict[str, str], at: str) -> LinePoint:
        """The point."""
        return LinePoint(at, VALUE.read(found["at"], f"{at}/at"), found["gives"])


_POINT = _PointForm(LinePoint, {"at": VALUE, "gives": DECIMAL}, marks=frozenset())


@primitive(
    {"of": VALUE, "through": ListOf(_POINT, 2), "before": word("hold", "extend"), "after": word("hold", "extend")}
)
@dataclass(frozen=True)
class Linear(Value):
    """Straight lines through given points; beyond the first and last it stays or goes on."""

    of: Value
    through: tuple[LinePoint, ...]
    before: str
    after: str
    kind: ClassVar[str] = "linear"

    def type_in(self, scope: Scope) -> Measure:
        """A literal; the points have the measure's unit, and rise or fall."""
        measure = numeric(scope, self.of)
        for place in self.through:
            if not measure.agrees(numeric(scope, place.at)):
                scope.mismatch(place.at.at, "各点与所计量的单位不一致", "a point differs in unit from the measure")
        numbers = [place.at.number for place in self.through if isinstance(place.at, Constant)]
        fixed = len(numbers) == len(self.through)
        code = disorder(numbers) if fixed else "LINE_FLAT" if len(set(numbers)) < len(numbers) else None
        if code == "LINE_FLAT":
            scope.report.add(code, f"{self.at}/through", "两个点位置相同", "two points stand at the same place")
        elif code is not None:
            scope.report.add(code, f"{self.at}/through", "各点须依次上升或下降", "the points neither rise nor fall")
        return LITERAL

    def reach_in(self, scope: Scope) -> Reach:
        """The hull of what the ends of the measure and the points give; all numbers if the points move."""
        span = reach.hull(self.of.attains(scope))
        for place in self.through:
            place.at.attains(scope)
        gives = [rational(place.gives) for place in self.through]
        moving = any(not isinstance(place.at, Constant) for place in self.through)
        if moving:
            held = self.before == self.after == "hold"
            return (Span(min(gives), max(gives)),) if held else reach.ANYTHING
        points = self._constant_points()
        if disorder([at for at, _ in points]) is not None:
            return reach.ANYTHING
        return self._hull(span, points)

    def _constant_points(self) -> list[tuple[Fraction, Fraction]]:
        return [(place.at.number, rational(place.gives)) for place in self.through if isinstance(place.at, Constant)]

    def _hull(self, span: Span, points: list[tuple[Fraction, Fraction]]) -> Reach:
        found = [(self.at_value(end, points), closed) for end, closed in _ends(span)]
        found += [(gives, True) for at, gives in points if span.holds(at)]
        if span.low is not None and span.high is not None:
            return (_closed(found),)
        return self._unbounded(span, found, points, rising=points[0][0] < points[-1][0])

    def _unbounded(
        self, span: Span, found: list[tuple[Fraction, bool]], points: list[tuple[Fraction, Fraction]], *, rising: bool
    ) -> Reach:
        """Where the measure has no end and the line goes on, it goes to infinity unless it is level."""
        ordered = points if rising else points[::-1]
        left, right = (self.before, self.after) if rising else (self.after, self.before)
        low = high = True
        for unbounded, how, (one, two), direction in (
            (span.low is None, left, (ordered[0], ordered[1]), -1),
            (span.high is None, right, (ordered[-2], ordered[-1]), 1),
        ):
            edge = one if direction < 0 else two
            if not unbounded:
                continue
            slope = (two[1] - one[1]) * direction if how == "extend" else Fraction(0)
            low, high = low and slope >= 0, high and slope <= 0
            found.append((edge[1], True))
        span = _closed(found)
        return (
            Span(
                span.low if low else None, span.high if high else None, span.low_in or not low, span.high_in or not high
            ),
        )

    def at_value(self, number: Fraction, points: list[tuple[Fraction, Fraction]]) -> Fraction:
        """What the line gives at a number; the points rise or fall."""
        if points[0][0] > points[-1][0]:
            return self.at_value(-number, [(-at, gives) for at, gives in points])
        if number <= points[0][0]:
            return points[0][1] if self.before == "hold" else _along(number, points[0], points[1])
        if number >= points[-1][0]:
            return points[-1][1] if self.after == "hold" else _along(number, points[-2], points[-1])
        one, two = next((one, two) for one, two in pairwise(points) if number <= two[0])
        return _along(number, one, two)

    def evaluate(self, cell: Cell) -> Known:
        """Interpolate exactly; moving points that meet or turn back are not scorable."""
        known = self.of.evaluate(cell)
        proofs, points = [known.proof], []
        for place in self.through:
            at = place.at.evaluate(cell)
            proofs.append(at.proof)
            points.append((at.value, rational(place.gives)))
        code = disorder([at for at, _ in points])
        if code is not None:
            raise Stop("not_scorable", code, self.at, {"kind": self.kind, "at": self.at, "of": proofs})
        return proved(self, self.at_value(known.value, points), proofs)

    def column(self, planner: Planner) -> Column:
        """One straight line per segment, chosen by the measure; points that move may also change the order."""
        of, ats = planner.value(self.of), [planner.value(place.at) for place in self.through]
        gives = [rational(place.gives) for place in self.through]
        segments = [
            _segment(of, (one, gives[index]), (two, gives[index + 1])) for index, (one, two) in enumerate(pairwise(ats))
        ]
        ends = [algebra.constant(gives[0]), algebra.constant(gives[-1])]
        if self.before == "extend":
            ends[0] = segments[0]
        if self.after == "extend":
            ends[1] = segments[-1]
        values = [ends[0], ends[1], *segments]

        def along(outer: str, inner: str) -> Column:
            tests = [algebra.compared(of, outer, ats[0]), algebra.compared(of, inner, ats[-1])]
            return algebra.choose([*tests, *(algebra.compared(of, outer, at) for at in ats[1:-1])], values)

        numbers = [at.fixed for at in ats if at.fixed is not None]
        if len(numbers) == len(ats):
            return along("at_most", "at_least") if numbers[0] < numbers[-1] else along("at_least", "at_most")
        flat = [algebra.compared(one, "equal", two) for index, one in enumerate(ats) for two in ats[index + 1 :]]
        rising = algebra.several([algebra.compared(one, "below", two) for one, two in pairwise(ats)], decides=False)
        falling = algebra.several([algebra.compared(one, "above", two) for one, two in pairwise(ats)], decides=False)
        disordered = [algebra.stopped(planner.reason("not_scorable", code)) for code in ("LINE_FLAT", "LINE_UNORDERED")]
        return algebra.choose(
            [algebra.several(flat, decides=True), rising, falling],
            [disordered[0], along("at_most", "at_least"), along("at_least", "at_most"), disordered[1]],
            first=[of, *ats],
        )

    def words(self, speech: Speech, unit: Measure) -> str:  # noqa: ARG002 - a line gives points
        """`按‹of›直线计分：‹at›得‹g›分，…；起点之外保持不变，终点之外按同一直线延伸`."""
        measure = speech.measure(self.of)
        of = self.of.words(speech, measure)
        said = []
        for place in self.through:
            at = speech.wrapped(place.at, measure)
            gives = signed_points(place.gives, "zh") if place.gives.startswith("-") else f"得{place.gives}分"
            said.append(speech.pick(f"{at}{gives}", f"{place.gives} at {at}"))
        zh = {"hold": "保持不变", "extend": "按同一直线延伸"}
        en = {"hold": "it stays there", "extend": "it goes on along the line"}
        return speech.pick(
            f"按{of}直线计分：{'，'.join(said)}；起点之外{zh[self.before]}，终点之外{zh[self.after]}",
            f"by straight line on {of}: {', '.join(said)}; before the first point {en[self.before]}, "
            f"after the last {en[self.after]}",
        )


def disorder(numbers: list[Fraction]) -> str | None:
    """LINE_FLAT if two points meet, LINE_UNORDERED if they neither rise nor fall, None if all is well."""
    if len(set(numbers)) < len(numbers):
        return "LINE_FLAT"
    rising = [one < two for one, two in pairwise(numbers)]
    return None if all(rising) or not any(rising) else "LINE_UNORDERED"


def _along(number: Fraction, one: tuple[Fraction, Fraction], two: tuple[Fraction, Fraction]) -> Fraction:
    return one[1] + (number - one[0]) * (two[1] - one[1]) / (two[0] - one[0])


def _segment(of: Column, one: tuple[Column, Fraction], two: tuple[Column, Fraction]) -> Column:
    """The line through two points: `gives` of the first, and what the way from it to `of` adds."""
    way = algebra.divided(algebra.minus(of, one[0]), algebra.minus(two[0], one[0]))
    return algebra.plus(algebra.constant(one[1]), algebra.scaled(way, two[1] - one[1]))


def _ends(span: Span) -> Iterator[tuple[Fraction, bool]]:
    if span.low is not None:
        yield span.low, span.low_in
    if span.high is not None:
        yield span.high, span.high_in


def _closed(found: list[tuple[Fraction, bool]]) -> Span:
    low = min(value for value, _ in found)
    high = max(value for value, _ in found)
    return Span(low, high, any(v == low and closed for v, closed in found), any(v == high and c for v, c in found))
