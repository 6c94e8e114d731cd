"""Results that are numbers: points and figure.

Belongs here: base, clauses, floor, ceiling, rounding and their entries. Does not belong here: the mean of peers
that replaces a result; that is the group's.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import ClassVar

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell
from services.scoring_svc.engine.columns.algebra import clamped, compared, constant, minus, plus
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.columns.results import EntryColumn, ResultColumn, decimal_text, moved
from services.scoring_svc.engine.columns.rounding import rounding
from services.scoring_svc.engine.language import LABEL, ROUNDING, Label
from services.scoring_svc.engine.measure import POINTS, Scope, measure_of
from services.scoring_svc.engine.nodes import VALUE, Value
from services.scoring_svc.engine.numbers import Rounding, rational, shortest
from services.scoring_svc.engine.primitives.arithmetic import edge_of, numeric
from services.scoring_svc.engine.reach import Reach
from services.scoring_svc.engine.results.base import Answer, Entry, Result, capital, result
from services.scoring_svc.engine.shape import DECIMAL, NAME, NONE_OR_DECIMAL, Form, ListOf, word
from services.scoring_svc.engine.speech import Speech


@dataclass(frozen=True)
class Clause:
    """One clause of a score: the unit of the ledger."""

    at: str
    clause: str
    points: Value


_CLAUSE = Form(Clause, {"clause": NAME, "points": VALUE}, marks=frozenset())


@result(
    {
        "base": DECIMAL,
        "clauses": ListOf(_CLAUSE),
        "floor": NONE_OR_DECIMAL,
        "ceiling": NONE_OR_DECIMAL,
        "rounding": ROUNDING,
    }
)
@dataclass(frozen=True)
class Points(Result):
    """A score: (1) base and clauses, (2) floor, then ceiling, (3) rounding."""

    base: str
    clauses: tuple[Clause, ...]
    floor: str
    ceiling: str
    rounding: Rounding
    kind: ClassVar[str] = "points"

    @property
    def places(self) -> int:
        """Those of its rounding."""
        return self.rounding.places

    def type_in(self, scope: Scope) -> None:
        """Every clause is points or a literal; ids are unique; the floor is below the ceiling."""
        seen: set[str] = set()
        for clause in self.clauses:
            if clause.clause in seen:
                scope.report.add("NAME_CLASH", clause.at, f"条款重名：{clause.clause}", f"two clauses {clause.clause}")
            seen.add(clause.clause)
            if not numeric(scope, clause.points).agrees(POINTS):
                scope.mismatch(clause.points.at, "条款的取值须为得分", "a clause must give points")
        low, high = edge_of(self.floor), edge_of(self.ceiling)
        if low is not None and high is not None and low >= high:
            scope.report.add("LIMIT_CROSSED", self.at, "下限不低于上限", "the floor is not below the ceiling")

    def attains(self, scope: Scope) -> Reach:
        """The lowest and highest attainable score, rounded."""
        total = reach.plus([reach.point(rational(self.base)), *(one.points.attains(scope) for one in self.clauses)])
        span = reach.hull(reach.clamp(total, edge_of(self.floor), edge_of(self.ceiling)))
        low = None if span.low is None else self.rounding.apply(span.low)
        return (reach.Span(low, None if span.high is None else self.rounding.apply(span.high)),)

    def judge(self, scope: Scope) -> None:
        """Judge every clause; warn of a score that may fall below nought."""
        low = self.attains(scope)[0].low
        if rational(self.base) > 0 and self.floor == "none" and (low is None or low < 0):
            scope.report.add("MAY_GO_NEGATIVE", self.at, "得分可能为负", "the score may fall below nought")

    def evaluate(self, cell: Cell) -> Answer:
        """The score with one entry for the base, each clause, and what floor, ceiling and rounding moved."""
        entries = [Entry("base", rational(self.base))]
        for clause in self.clauses:
            known = clause.points.evaluate(cell)
            entries.append(Entry("clause", known.value, clause.clause, known.proof))
        total = sum((entry.amount for entry in entries), Fraction(0))
        low, high = edge_of(self.floor), edge_of(self.ceiling)
        if low is not None and total < low:
            entries.append(Entry("floor", low - total))
            total = low
        if high is not None and total > high:
            entries.append(Entry("ceiling", high - total))
            total = high
        value = self.rounding.apply(total)
        if value != total:
            entries.append(Entry("rounding", value - total))
        return Answer(self.rounding.text(value), shortest(value), tuple(entries), number=value)

    def column(self, planner: Planner) -> ResultColumn:
        """Each clause a column; their sum, its floor and ceiling, its rounding, and what each of these moved."""
        base = constant(rational(self.base))
        clauses = [EntryColumn("clause", planner.value(one.points), one.clause) for one in self.clauses]
        total = reduce(plus, [base, *(entry.amount for entry in clauses)])
        entries = [EntryColumn("base", base), *clauses]
        for name, how, edge in (("floor", "below", edge_of(self.floor)), ("ceiling", "above", edge_of(self.ceiling))):
            if edge is not None:
                acts = compared(total, how, constant(edge))
                entries.append(EntryColumn(name, minus(constant(edge), total), acts=acts))
                total = clamped(total, edge if name == "floor" else None, edge if name == "ceiling" else None)
        value, rest = rounding(total, self.rounding.mode, self.rounding.places)
        entries.append(moved("rounding", rest))
        places = self.rounding.places
        return ResultColumn(self.kind, value, lambda scaled: decimal_text(scaled, places), tuple(entries))

    def words(self, speech: Speech) -> str:
        """`基础分2分。…。扣完为止，不设上限，四舍五入保留2位小数。`."""
        said = []
        if rational(self.base) != 0:
            amount = speech.quantity(self.base, POINTS)
            said.append(speech.pick(f"基础分{self.base}分。", f"Base {amount}."))
        many = len(self.clauses) > 1
        for number, clause in enumerate(self.clauses, 1):
            text = clause.points.words(speech, POINTS)
            if many:
                said.append(speech.pick(f"（{number}）{text}。", f"({number}) {text}."))
            else:
                said.append(speech.pick(f"{text}。", f"{capital(text)}."))
        said.append(self._edges(speech))
        return speech.pick("", " ").join(said)

    def _edges(self, speech: Speech) -> str:
        floor = {"none": ("不设下限", "no floor"), "0": ("扣完为止", "not below 0")}.get(
            self.floor, (f"最低{self.floor}分", f"not below {self.floor}")
        )
        ceiling = ("不设上限", "no ceiling")
        if self.ceiling != "none":
            ceiling = (f"最高{self.ceiling}分", f"not above {self.ceiling}")
        mode, places = speech.rounding(self.rounding.mode, self.rounding.places)
        zh = f"{floor[0]}，{ceiling[0]}，{mode}保留{places}。"
        return speech.pick(zh, f"{capital(floor[1])}, {ceiling[1]}, {mode} to {places}.")


@result(
    {
        "type": word("count", "amount", "number", "percent", "days"),
        "unit": LABEL,
        "value": VALUE,
        "rounding": ROUNDING,
    }
)
@dataclass(frozen=True)
class Figure(Result):
    """A number that is no score: a quota, a share, an amount."""

    type: str
    unit: Label
    value: Value
    rounding: Rounding
    kind: ClassVar[str] = "figure"

    @property
    def places(self) -> int:
        """Those of its rounding."""
        return self.rounding.places

    def type_in(self, scope: Scope) -> None:
        """The value has the figure's unit, or is a literal."""
        if not numeric(scope, self.value).agrees(measure_of(self.type, self.unit)):
            scope.mismatch(self.value.at, "取值的计量单位与结果不一致", "the value differs in unit from the figure")

    def attains(self, scope: Scope) -> Reach:
        """The lowest and highest attainable figure, rounded."""
        span = reach.hull(self.value.attains(scope))
        low = None if span.low is None else self.rounding.apply(span.low)
        return (reach.Span(low, None if span.high is None else self.rounding.apply(span.high)),)

    def judge(self, scope: Scope) -> None:
        """Judge the value."""
        self.attains(scope)

    def evaluate(self, cell: Cell) -> Answer:
        """The figure with its entries `value` and, where it acts, `rounding`."""
        known = self.value.evaluate(cell)
        value = self.rounding.apply(known.value)
        entries = [Entry("value", known.value, because=known.proof)]
        if value != known.value:
            entries.append(Entry("rounding", value - known.value))
        return Answer(self.rounding.text(value), shortest(value), tuple(entries), number=value)

    def column(self, planner: Planner) -> ResultColumn:
        """The value rounded, and what rounding moved."""
        exact, places = planner.value(self.value), self.rounding.places
        value, rest = rounding(exact, self.rounding.mode, places)
        entries = (EntryColumn("value", exact), moved("rounding", rest))
        return ResultColumn(self.kind, value, lambda scaled: decimal_text(scaled, places), entries)

    def words(self, speech: Speech) -> str:
        """`‹v›（只舍不入，0位小数）。`."""
        text = self.value.words(speech, measure_of(self.type, self.unit))
        return speech.pick(
            f"{text}{speech.rounded(self.rounding)}。", f"{capital(text)}{speech.rounded(self.rounding)}."
        )
