"""The weighted mean, arithmetic and geometric.

Belongs here: weighted_mean. Does not belong here: means over records or units; those combine.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import ceil, lcm
from typing import ClassVar

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell, Known, Stop
from services.scoring_svc.engine.columns import algebra
from services.scoring_svc.engine.columns.algebra import NO_FORM, Column, NoColumn, Test
from services.scoring_svc.engine.columns.batch import Batch
from services.scoring_svc.engine.columns.planning import Planner, Scale
from services.scoring_svc.engine.language import ROUNDING
from services.scoring_svc.engine.measure import Measure, Scope
from services.scoring_svc.engine.nodes import VALUE, Value, primitive
from services.scoring_svc.engine.numbers import Rounding, geometric_mean, rational, shortest
from services.scoring_svc.engine.primitives.arithmetic import numeric, proved, said_in
from services.scoring_svc.engine.reach import Reach
from services.scoring_svc.engine.shape import DECIMAL, Chosen, Form, ListOf, Shape, word
from services.scoring_svc.engine.speech import Speech

HIGHEST_DEGREE = 10_000
"""The weights of a geometric mean as whole numbers may add up to this: 100 with two places."""


@dataclass(frozen=True)
class Part:
    """One value with its weight."""

    at: str
    weight: str
    value: Value


_PART = Form(Part, {"weight": DECIMAL, "value": VALUE}, marks=frozenset())
_FIELDS: dict[str, Shape] = {
    "out_of": DECIMAL,
    "parts": ListOf(_PART),
    "missing": word("not_scorable", "renormalise"),
}


def _shape(node: type["WeightedMean"]) -> Shape:
    method: dict[str, Shape] = {"method": word("arithmetic", "geometric")}
    return Chosen(
        "method",
        {
            "arithmetic": Form(node, method | _FIELDS),
            "geometric": Form(node, method | _FIELDS | {"rounding": ROUNDING}),
        },
    )


@primitive(_shape)
@dataclass(frozen=True)
class WeightedMean(Value):
    """Σwx/Σw, or Πx^(w/Σw) correctly rounded; weights add up to `out_of`."""

    method: str
    out_of: str
    parts: tuple[Part, ...]
    missing: str
    rounding: Rounding | None = None
    kind: ClassVar[str] = "weighted_mean"

    def type_in(self, scope: Scope) -> Measure:
        """The one unit of all parts; weights are positive and add up."""
        weights = [rational(part.weight) for part in self.parts]
        if sum(weights, Fraction(0)) != rational(self.out_of) or min(weights) <= 0:
            scope.report.add(
                "WEIGHTS_SUM",
                f"{self.at}/parts",
                f"权重之和应为{self.out_of}，且均为正数",
                f"the weights must be positive and add up to {self.out_of}",
            )
        finest = lcm(*(weight.denominator for weight in weights))
        if self.rounding is not None and sum(weights, Fraction(0)) * finest > HIGHEST_DEGREE:
            scope.report.add("SHAPE", f"{self.at}/parts", "几何平均的权重过细", "weights too fine for a geometric mean")
        return scope.common([numeric(scope, part.value) for part in self.parts], self.at)

    def reach_in(self, scope: Scope) -> Reach:
        """From the lowest to the highest of the parts; the geometric mean admits none below nought."""
        spans = [reach.hull(part.value.attains(scope)) for part in self.parts]
        if self.rounding is not None:
            for part, span in zip(self.parts, spans, strict=True):
                if span.low is None or span.low < 0:
                    scope.report.add(
                        "GEOMETRIC_NEGATIVE", part.value.at, "几何平均的各项不得为负", "a part may be negative"
                    )
        span = reach.hull(tuple(spans))
        if self.rounding is not None:
            low = None if span.low is None else self.rounding.apply(span.low)
            return (reach.Span(low, None if span.high is None else self.rounding.apply(span.high)),)
        return (reach.Span(span.low, span.high, span.low_in, span.high_in),)

    def evaluate(self, cell: Cell) -> Known:
        """The mean of the parts that can be had; `renormalise` leaves out exactly those not scorable."""
        kept: list[tuple[Fraction, Fraction]] = []
        proofs = []
        for part in self.parts:
            try:
                known = part.value.evaluate(cell)
            except Stop as stopped:
                if self.missing != "renormalise" or stopped.how != "not_scorable":
                    raise
                proofs.append({"kind": "left_out", "at": part.at, **stopped.as_proof()})
                continue
            kept.append((rational(part.weight), known.value))
            proofs.append(known.proof)
        if not kept:
            leaf = {"kind": self.kind, "at": self.at, "of": proofs}
            raise Stop("not_scorable", "NOTHING_SCORABLE", self.at, leaf)
        weight = sum((weight for weight, _ in kept), Fraction(0))
        if self.rounding is not None:
            return proved(self, geometric_mean(kept, self.rounding), proofs, weight=shortest(weight))
        mean = sum((weight * value for weight, value in kept), Fraction(0)) / weight
        return proved(self, mean, proofs, weight=shortest(weight))

    def column(self, planner: Planner) -> Column:
        """Weighted values added, over the weights; `renormalise` adds up the weights of each row's own parts."""
        weights = [rational(part.weight) for part in self.parts]
        values = [planner.value(part.value) for part in self.parts]
        if self.rounding is not None:
            return self._geometric(planner, values, weights, self.rounding)
        if self.missing != "renormalise":
            total = reduce(algebra.plus, map(algebra.scaled, values, weights))
            return algebra.scaled(total, 1 / sum(weights, Fraction(0)))
        gone, zero = [planner.not_scorable(value) for value in values], algebra.constant(Fraction(0))
        kept = [algebra.choose([test], [zero, value]) for test, value in zip(gone, values, strict=True)]
        shares = [
            algebra.choose([test], [zero, algebra.constant(weight)]) for test, weight in zip(gone, weights, strict=True)
        ]
        weight = reduce(algebra.plus, shares)
        mean = algebra.divided(reduce(algebra.plus, map(algebra.scaled, kept, weights)), weight)
        empty = Test(lambda rows: (weight.of(rows).num == 0, algebra.nothing(rows)))
        none = algebra.stopped(planner.reason("not_scorable", "NOTHING_SCORABLE"))
        return algebra.choose([empty], [none, mean], first=[mean])

    def _geometric(self, planner: Planner, values: list[Column], weights: list[Fraction], rounding: Rounding) -> Column:
        """The same comparing of whole powers, far beyond 62 bits, once for every distinct row of parts."""
        if self.missing == "renormalise":
            raise NoColumn(NO_FORM, self.at)
        shift = 10**rounding.places

        def answer(_: Batch, *parts: int) -> tuple[int, int]:
            numbers = [Fraction(num, value.den) for num, value in zip(parts, values, strict=True)]
            return int(geometric_mean(list(zip(weights, numbers, strict=True)), rounding) * shift), 0

        return planner.distinct(values, answer, Scale(shift, 0, ceil(max(value.span[1] for value in values) * shift)))

    def words(self, speech: Speech, unit: Measure) -> str:
        """`加权平均（‹v› ‹w›、…，共‹out_of›；缺项则不可考核）`."""
        inner = said_in(speech, self, unit)
        listed = speech.pick("、", ", ").join(
            f"{speech.wrapped(part.value, inner)} {part.weight}" for part in self.parts
        )
        renormalise = self.missing == "renormalise"
        zh = "缺项按其余权重折算" if renormalise else "缺项则不可考核"
        en = "a part not scorable is left out" if renormalise else "not scorable if a part is"
        name_zh, name_en = ("加权平均", "weighted mean")
        if self.rounding is not None:
            name_zh, name_en = ("加权几何平均", "weighted geometric mean")
        rounded = "" if self.rounding is None else speech.rounded(self.rounding)
        return speech.pick(
            f"{name_zh}（{listed}，共{self.out_of}；{zh}）{rounded}",
            f"{name_en} ({listed}, out of {self.out_of}; {en}){rounded}",
        )
