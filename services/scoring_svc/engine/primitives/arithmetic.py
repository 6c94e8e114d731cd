"""Arithmetic: sum, difference, product, ratio, round, limit.

Belongs here: all of these six primitives. Does not belong here: weighted means, and anything that scores.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, ClassVar

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell, Known, answered
from services.scoring_svc.engine.columns import algebra
from services.scoring_svc.engine.columns.algebra import Column
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.columns.rounding import rounded
from services.scoring_svc.engine.language import LABEL, POLICY, Label, Policy
from services.scoring_svc.engine.measure import (
    LITERAL,
    NUMBER,
    PERCENT,
    POINTS,
    UNITS,
    UNKNOWN,
    Measure,
    Scope,
    measure_of,
)
from services.scoring_svc.engine.nodes import VALUE, VALUES, Constant, Value, primitive
from services.scoring_svc.engine.numbers import Rounding, rational, shortest
from services.scoring_svc.engine.reach import Reach
from services.scoring_svc.engine.shape import NONE_OR_DECIMAL, Either, Form, ListOf, Whole, word
from services.scoring_svc.engine.speech import Speech

_HUNDRED = Fraction(100)


def numeric(scope: Scope, value: Value) -> Measure:
    """The measure of a value that must be a number. Reports TYPE_MISMATCH."""
    measure = value.measure(scope)
    if not measure.numeric:
        return scope.mismatch(value.at, "此处须为数值", "here must stand a number")
    return measure


def proved(node: Value, value: Fraction, of: list[dict[str, Any]], **more: Any) -> Known:
    """A number with the proof of an inner node."""
    return Known(value, {"kind": node.kind, "at": node.at, "value": shortest(value), **more, "of": of})


def said_in(speech: Speech, node: Value, unit: Measure) -> Measure:
    """What literals inside a node count in: its own unit, or that of its place if it is a literal itself."""
    measure = speech.measure(node)
    return unit if measure.literal else measure


@primitive({"of": VALUES})
@dataclass(frozen=True)
class Sum(Value):
    """All parts added."""

    of: tuple[Value, ...]
    kind: ClassVar[str] = "sum"

    def type_in(self, scope: Scope) -> Measure:
        """The one unit of all parts."""
        return scope.common([numeric(scope, part) for part in self.of], self.at)

    def reach_in(self, scope: Scope) -> Reach:
        """The sum of what the parts attain."""
        return reach.plus([part.attains(scope) for part in self.of])

    def evaluate(self, cell: Cell) -> Known:
        """Add in the order written."""
        known = [part.evaluate(cell) for part in self.of]
        total = sum((part.value for part in known), Fraction(0))
        return proved(self, total, [part.proof for part in known])

    def column(self, planner: Planner) -> Column:
        """Numerators over one denominator, added."""
        return reduce(algebra.plus, map(planner.value, self.of))

    def words(self, speech: Speech, unit: Measure) -> str:
        """`‹a›与‹b›`; points are listed: `‹a›，‹b›`."""
        inner = said_in(speech, self, unit)
        said = [part.words(speech, inner) for part in self.of]
        if inner.unit == POINTS.unit:
            return speech.pick("，", ", ").join(said)
        return speech.pick("与", " plus ").join(said)


@primitive({"of": VALUE, "less": VALUE, "sign": word("signed", "absolute")})
@dataclass(frozen=True)
class Difference(Value):
    """One value less another, or the size of the gap between them."""

    of: Value
    less: Value
    sign: str
    kind: ClassVar[str] = "difference"

    def type_in(self, scope: Scope) -> Measure:
        """The one unit of both."""
        return scope.common([numeric(scope, self.of), numeric(scope, self.less)], self.at)

    def reach_in(self, scope: Scope) -> Reach:
        """The difference of what both attain; nothing below nought for a size."""
        minus = reach.scaled(self.less.attains(scope), Fraction(-1))
        signed = reach.plus([self.of.attains(scope), minus])
        if self.sign == "signed":
            return signed
        span = reach.hull(signed)
        zero = Fraction(0)
        if span.low is not None and span.low >= zero:
            return signed
        if span.high is not None and span.high <= zero:
            return reach.scaled(signed, Fraction(-1))
        ends = [(end, closed) for end, closed in _sizes(span) if end is not None]
        high, high_in = (None, True) if None in (span.low, span.high) else max(ends)
        return (reach.Span(zero, high, high_in=high_in, whole=span.whole),)

    def evaluate(self, cell: Cell) -> Known:
        """Subtract; drop the sign where only the size counts."""
        one, two = self.of.evaluate(cell), self.less.evaluate(cell)
        gap = one.value - two.value
        return proved(self, abs(gap) if self.sign == "absolute" else gap, [one.proof, two.proof])

    def column(self, planner: Planner) -> Column:
        """Numerators over one denominator, subtracted."""
        gap = algebra.minus(planner.value(self.of), planner.value(self.less))
        return algebra.sized(gap) if self.sign == "absolute" else gap

    def words(self, speech: Speech, unit: Measure) -> str:
        """`‹a›减‹b›`, or `‹a›与‹b›之差（不计正负）`."""
        inner = said_in(speech, self, unit)
        one, two = speech.wrapped(self.of, inner), speech.wrapped(self.less, inner)
        if self.sign == "signed":
            return speech.pick(f"{one}减{two}", f"{one} less {two}")
        return speech.pick(f"{one}与{two}之差（不计正负）", f"the gap between {one} and {two}")


def _sizes(span: reach.Span) -> list[tuple[Fraction | None, bool]]:
    return [(None if span.low is None else abs(span.low), span.low_in), (span.high, span.high_in)]


@primitive({"of": ListOf(VALUE, 2)})
@dataclass(frozen=True)
class Product(Value):
    """Factors multiplied; a factor in percent counts as hundredths."""

    of: tuple[Value, ...]
    kind: ClassVar[str] = "product"

    def type_in(self, scope: Scope) -> Measure:
        """The unit of the one factor that has one; without any a number, or a literal if a factor is one."""
        measures = [numeric(scope, part) for part in self.of]
        if any(measure.unknown for measure in measures):
            return UNKNOWN
        owners = [one for one in measures if not one.literal and one.unit not in {PERCENT.unit, NUMBER.unit}]
        if len(owners) > 1:
            return scope.mismatch(self.at, "至多一个因子带计量单位", "at most one factor has a unit")
        if owners:
            return owners[0]
        return LITERAL if any(measure.literal for measure in measures) else NUMBER

    def reach_in(self, scope: Scope) -> Reach:
        """The product of what the factors attain."""
        found = reach.point(Fraction(1))
        for part in self.of:
            factor = part.attains(scope)
            if part.measure(scope).type == "percent":
                factor = reach.scaled(factor, 1 / _HUNDRED)
            found = reach.times(found, factor)
        return found

    def evaluate(self, cell: Cell) -> Known:
        """Multiply in the order written."""
        result, proofs = Fraction(1), []
        for part in self.of:
            known = part.evaluate(cell)
            percent = cell.group.rule.measures[part.at].type == "percent"
            result *= known.value / _HUNDRED if percent else known.value
            proofs.append(known.proof)
        return proved(self, result, proofs)

    def column(self, planner: Planner) -> Column:
        """Numerators and denominators multiplied; a percent has a hundredfold denominator."""
        factors = [
            algebra.scaled(planner.value(part), 1 / _HUNDRED) if planner.percent(part) else planner.value(part)
            for part in self.of
        ]
        return reduce(algebra.times, factors)

    def words(self, speech: Speech, unit: Measure) -> str:
        """`‹a›×‹b›`."""
        inner = NUMBER if speech.measure(self).literal and unit.unit == POINTS.unit else LITERAL
        return speech.pick("×", " × ").join(speech.wrapped(part, inner) for part in self.of)


_AS_UNIT = Form(lambda at, unit: unit, {"unit": LABEL}, marks=frozenset())  # noqa: ARG005 - a form's builder


@primitive(
    {
        "of": VALUE,
        "to": VALUE,
        "as": Either(text=word("percent", "number", "points"), object=_AS_UNIT, expected="a unit of the ratio"),
        "if_zero": POLICY,
    }
)
@dataclass(frozen=True)
class Ratio(Value):
    """One value divided by another: the only place where a unit changes."""

    of: Value
    to: Value
    as_: str | Label
    if_zero: Policy
    kind: ClassVar[str] = "ratio"

    def type_in(self, scope: Scope) -> Measure:
        """A percent and a number need equal units; points and an own unit are declared conversions."""
        above, below = numeric(scope, self.of), numeric(scope, self.to)
        if isinstance(self.to, Constant) and self.to.number == 0:
            scope.report.add("DIVIDE_BY_ZERO", self.to.at, "除数恒为零", "the divisor is always nought")
        if isinstance(self.as_, Label):
            return measure_of("amount", self.as_)
        if self.as_ != "points" and not above.agrees(below):
            return scope.mismatch(self.at, "相除的两个量计量单位不一致", "the two quantities differ in unit")
        return {"percent": PERCENT, "number": NUMBER, "points": Measure("points", UNITS["points"])}[self.as_]

    def reach_in(self, scope: Scope) -> Reach:
        """The quotient of what both attain, and what `if_zero` counts as."""
        above, below = self.of.attains(scope), reach.hull(self.to.attains(scope))
        if below.low == below.high == 0 and not below.empty:
            scope.report.add("DIVIDE_BY_ZERO", self.to.at, "除数恒为零", "the divisor is always nought")
            found = reach.ANYTHING
        else:
            found = reach.times(above, (_inverse(below),))
        if self.as_ == "percent":
            found = reach.scaled(found, _HUNDRED)
        instead = self.if_zero.as_if
        return found if instead is None else reach.union([found, reach.point(rational(instead))])

    def evaluate(self, cell: Cell) -> Known:
        """Divide the numbers as written; percent times a hundred; a divisor of nought is for `if_zero`."""
        above, below = self.of.evaluate(cell), self.to.evaluate(cell)
        of = [above.proof, below.proof]
        if below.value == 0:
            return answered(self.if_zero, "DIVISION_BY_ZERO", {"kind": self.kind, "at": self.at, "of": of})
        quotient = above.value / below.value
        return proved(self, quotient * 100 if self.as_ == "percent" else quotient, of)

    def column(self, planner: Planner) -> Column:
        """The divisor becomes the denominator: one per row, unless it is a constant."""
        above, below = planner.value(self.of), planner.value(self.to)
        quotient = algebra.divided(above, below)
        if self.as_ == "percent":
            quotient = algebra.scaled(quotient, _HUNDRED)
        return planner.answered(quotient, lambda rows: below.of(rows).num == 0, self.if_zero, "DIVISION_BY_ZERO")

    def words(self, speech: Speech, unit: Measure) -> str:  # noqa: ARG002 - a ratio has its own unit
        """`‹a›÷‹b›（%）（除数为零时‹policy›）`."""
        above, below = speech.measure(self.of), speech.measure(self.to)
        one = speech.wrapped(self.of, below if above.literal else above)
        two = speech.wrapped(self.to, above if below.literal else below)
        policy = speech.policy(self.if_zero)
        zh, en = {"percent": ("（%）", " in %"), "points": ("（分）", " in points")}.get(str(self.as_), ("", ""))
        if isinstance(self.as_, Label):
            zh, en = f"（{self.as_.zh}）", f" in {self.as_.en}"
        return speech.pick(
            f"{one}÷{two}{zh}（除数为零时{policy}）", f"{one} ÷ {two}{en} (if the divisor is nought: {policy})"
        )


def _inverse(span: reach.Span) -> reach.Span:
    """What one divided by the span attains; everything where the span crosses nought."""
    zero = Fraction(0)
    if span.low is not None and span.low >= zero:
        low = None if span.high is None else 1 / span.high if span.high else None
        open_low = span.high is not None and span.high_in
        first = 1 if span.whole and span.low == zero else span.low
        high = None if not first else 1 / Fraction(first)
        return reach.Span(zero if low is None else low, high, open_low, span.low_in or span.whole)
    if span.high is not None and span.high <= zero:
        mirrored = _inverse(reach.hull(reach.scaled((span,), Fraction(-1))))
        return reach.hull(reach.scaled((mirrored,), Fraction(-1)))
    return reach.Span(None, None)


@primitive({"of": VALUE, "mode": word("half_up", "half_even", "floor", "ceiling"), "places": Whole(0, 10)})
@dataclass(frozen=True)
class Round(Value):
    """Rounding in the middle of a rule, such as that of a coefficient."""

    of: Value
    mode: str
    places: int
    kind: ClassVar[str] = "round"

    @property
    def _rounding(self) -> Rounding:
        return Rounding(self.at, self.mode, self.places)

    def type_in(self, scope: Scope) -> Measure:
        """The unit of what is rounded."""
        return numeric(scope, self.of)

    def reach_in(self, scope: Scope) -> Reach:
        """The ends rounded; an end that is not attained may be after rounding."""
        span = reach.hull(self.of.attains(scope))
        low = None if span.low is None else self._rounding.apply(span.low)
        high = None if span.high is None else self._rounding.apply(span.high)
        return (reach.Span(low, high, whole=self.places == 0 or span.whole),)

    def evaluate(self, cell: Cell) -> Known:
        """Round the exact value."""
        known = self.of.evaluate(cell)
        return proved(self, self._rounding.apply(known.value), [known.proof])

    def column(self, planner: Planner) -> Column:
        """Whole division on magnitudes."""
        return rounded(planner.value(self.of), self.mode, self.places)

    def words(self, speech: Speech, unit: Measure) -> str:
        """`‹v›（四舍五入，4位小数）`."""
        return f"{self.of.words(speech, unit)}{speech.rounded(self._rounding)}"


@primitive({"of": VALUE, "floor": NONE_OR_DECIMAL, "ceiling": NONE_OR_DECIMAL})
@dataclass(frozen=True)
class Limit(Value):
    """Not below the floor, not above the ceiling: a sub-cap."""

    of: Value
    floor: str
    ceiling: str
    kind: ClassVar[str] = "limit"

    @property
    def _edges(self) -> tuple[Fraction | None, Fraction | None]:
        return edge_of(self.floor), edge_of(self.ceiling)

    def type_in(self, scope: Scope) -> Measure:
        """The unit of what is limited."""
        low, high = self._edges
        if low is not None and high is not None and low >= high:
            scope.report.add("LIMIT_CROSSED", self.at, "下限不低于上限", "the floor is not below the ceiling")
        return numeric(scope, self.of)

    def reach_in(self, scope: Scope) -> Reach:
        """What is limited, clamped; each edge must be able to move it."""
        found = self.of.attains(scope)
        span, (low, high) = reach.hull(found), self._edges
        below = low is not None and (span.low is None or span.low < low)
        above = high is not None and (span.high is None or span.high > high)
        for name, edge, acts in (("floor", low, below), ("ceiling", high, above)):
            if edge is not None and not acts:
                scope.report.add(
                    "LIMIT_WITHOUT_EFFECT", f"{self.at}/{name}", "限额永远不起作用", "the limit can never act"
                )
        if low is None and high is None:
            scope.report.add("LIMIT_WITHOUT_EFFECT", self.at, "限额永远不起作用", "the limit can never act")
        return reach.clamp(found, low, high)

    def evaluate(self, cell: Cell) -> Known:
        """Floor, then ceiling; the proof says what each took."""
        known = self.of.evaluate(cell)
        low, high = self._edges
        value = known.value if low is None else max(known.value, low)
        value = value if high is None else min(value, high)
        return proved(self, value, [known.proof], moved=shortest(value - known.value))

    def column(self, planner: Planner) -> Column:
        """Floor, then ceiling."""
        return algebra.clamped(planner.value(self.of), *self._edges)

    def words(self, speech: Speech, unit: Measure) -> str:
        """`‹v›（最多扣2分）`, `‹v›（最低0分，最高1分）`."""
        inner = said_in(speech, self, unit)
        said = []
        if self.floor.startswith("-") and inner.unit == POINTS.unit:
            amount = self.floor.removeprefix("-")
            said.append(speech.pick(f"最多扣{amount}分", f"at most {amount} off"))
        elif self.floor != "none":
            said.append(speech.pick(f"最低{speech.quantity(self.floor, inner)}", f"at least {self.floor}"))
        if self.ceiling != "none":
            top = (
                f"最高{self.ceiling}分" if inner.unit == POINTS.unit else f"最高{speech.quantity(self.ceiling, inner)}"
            )
            said.append(speech.pick(top, f"at most {self.ceiling}"))
        text = self.of.words(speech, inner)
        return speech.pick(f"{text}（{'，'.join(said)}）", f"{text} ({', '.join(said)})")


def edge_of(text: str) -> Fraction | None:
    """The number of an edge that may be `none`."""
    return None if text == "none" else rational(text)
