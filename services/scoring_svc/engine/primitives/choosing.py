"""Choosing one of several: table and when.

Belongs here: these two primitives, gaps and overlaps of rows. Does not belong here: the conditions themselves.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell, Known, Stop, text_of
from services.scoring_svc.engine.columns.algebra import Column, Test, choose, compared, constant, several, stopped
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.conditions import check_categories
from services.scoring_svc.engine.findings import Report
from services.scoring_svc.engine.language import EDGES, LABEL, Input, Interval, Label, check_edges
from services.scoring_svc.engine.measure import Measure, Scope
from services.scoring_svc.engine.nodes import CONDITION, VALUE, Condition, Name, Value, primitive
from services.scoring_svc.engine.numbers import rational
from services.scoring_svc.engine.primitives.arithmetic import said_in
from services.scoring_svc.engine.reach import Reach
from services.scoring_svc.engine.reachable import unreachable
from services.scoring_svc.engine.shape import DECIMAL, NAME, Form, ListOf, wrong
from services.scoring_svc.engine.speech import COMPARE, Speech


@dataclass(frozen=True)
class Row:
    """One row of a table: a test (an interval, one number, or categories), and what it gives or why it refuses."""

    at: str
    interval: Interval | None
    equal: str | None = None
    in_: tuple[str, ...] | None = None
    gives: Value | None = None
    refuse: Label | None = None

    def holds(self, value: Any) -> bool:
        """Whether the row applies to a number or a category."""
        if self.in_ is not None:
            return value in self.in_
        if self.equal is not None:
            return bool(value == rational(self.equal))
        return self.interval is None or self.interval.holds(value)

    @property
    def edges(self) -> list[Fraction]:
        """The numbers at which the row begins or ends to apply."""
        found = [self.equal]
        if self.interval is not None:
            found += [self.interval.at_least, self.interval.above, self.interval.at_most, self.interval.below]
        return [rational(text) for text in found if text is not None]


def _row(at: str, **found: Any) -> Row:
    edges = {edge: found.pop(edge) for edge in EDGES if edge in found}
    return Row(at, Interval(at, **edges) if edges else None, **found)


_ROW_FIELDS = {**EDGES, "equal": DECIMAL, "in": ListOf(NAME), "gives": VALUE, "refuse": LABEL}


class _RowForm(Form):
    """A row has exactly one test, and either gives or refuses."""

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report what any object reports, then tests and ends that contradict each other."""
        Form.check(self, found, at, report)
        check_edges(found, at, report, needed=False)
        if not isinstance(found, dict):
            return
        if sum(("equal" in found, "in" in found, bool(EDGES.keys() & found.keys()))) != 1:
            wrong(report, at, "one test: an interval, equal or in")
        if {"gives", "refuse"} <= found.keys():
            wrong(report, at, "either gives or refuse")
        if not {"gives", "refuse"} & found.keys():
            report.add("CHOICE_MISSING", at, "必须选定：gives 或 refuse", "must be decided: gives or refuse")


_ROW = _RowForm(_row, _ROW_FIELDS, frozenset(_ROW_FIELDS), frozenset())


@primitive({"of": VALUE, "rows": ListOf(_ROW)})
@dataclass(frozen=True)
class Table(Value):
    """A decision table: exactly one row applies."""

    of: Value
    rows: tuple[Row, ...]
    kind: ClassVar[str] = "table"

    def type_in(self, scope: Scope) -> Measure:
        """The unit common to what the rows give; tests fit the measure, a number or a category."""
        measure = self.of.measure(scope)
        category = measure.type == "category"
        if not measure.numeric and not category:
            scope.mismatch(self.of.at, "此处须为数值或类别", "here must stand a number or a category")
        for row in self.rows:
            if not measure.unknown and category != (row.in_ is not None):
                scope.mismatch(row.at, "该行的条件与所对照的量不符", "the row's test does not fit the measure")
            elif category and row.in_ is not None and isinstance(self.of, Name):
                check_categories(scope, self.of.name, row.in_, row.at)
        return scope.common([row.gives.measure(scope) for row in self.rows if row.gives is not None], self.at)

    def reach_in(self, scope: Scope) -> Reach:
        """The union of what the rows give that some value belongs to; every attainable value belongs to exactly one."""
        met = {row.at for row in self.rows}
        found = scope.resolve(self.of.name) if isinstance(self.of, Name) else None
        if self.of.measure(scope).type == "category":
            if isinstance(found, Input):
                met = self._judge(scope, [choice.id for choice in found.choices])
        elif self.of.measure(scope).numeric:
            attained = self.of.attains(scope)
            met = self._judge(scope, reach.probes([edge for row in self.rows for edge in row.edges], attained))
        gives = [(row.at, row.gives.attains(scope)) for row in self.rows if row.gives is not None]
        return reach.union([given for at, given in gives if at in met]) or reach.ANYTHING

    def _judge(self, scope: Scope, values: list[Any]) -> set[str]:
        """Report what is wrong with the rows; returns those that some value belongs to."""
        met = {row.at: 0 for row in self.rows}
        for value in values:
            rows = [row for row in self.rows if row.holds(value)]
            text = text_of(value)
            if not rows:
                scope.report.add("TABLE_GAP", self.at, f"{text}不属于任何一行", f"{text} belongs to no row")
            if len(rows) > 1:
                scope.report.add("TABLE_OVERLAP", self.at, f"{text}同时属于多行", f"{text} belongs to several rows")
            for row in rows:
                met[row.at] += 1
        for row in self.rows:
            if not met[row.at]:
                code = "UNREACHABLE" if self._conceivable(row, scope) else "ROW_EMPTY"
                scope.report.add(code, row.at, "没有任何取值落入该行", "no value belongs to the row")
        return {at for at, count in met.items() if count}

    def _conceivable(self, row: Row, scope: Scope) -> bool:
        """Whether the row's own test can be met by any number of the measure's kind."""
        if row.in_ is not None:
            return True
        whole = self.of.measure(scope).type in {"count", "place"} and isinstance(self.of, Name)
        if row.equal is not None:
            return not whole or rational(row.equal).denominator == 1
        return not reach.from_interval(row.interval, whole=whole).empty

    def evaluate(self, cell: Cell) -> Known:
        """What the one row gives. Raises Stop ROW_REFUSED on ground that no regulation covers."""
        known = self.of.evaluate(cell)
        for index, row in enumerate(self.rows):
            if not row.holds(known.value):
                continue
            proof = {"kind": self.kind, "at": self.at, "row": index}
            if row.gives is None:
                leaf = {**proof, "of": [known.proof]}
                raise Stop("refused", "ROW_REFUSED", row.at, leaf)
            gives = row.gives.evaluate(cell)
            return Known(gives.value, {**proof, "value": text_of(gives.value), "of": [known.proof, gives.proof]})
        raise Stop("refused", "ROW_REFUSED", self.at, {"kind": self.kind, "at": self.at, "of": [known.proof]})

    def column(self, planner: Planner) -> Column:
        """The first row whose test holds."""
        of, uncovered = planner.value(self.of), stopped(planner.reason("refused", "ROW_REFUSED"))
        gives = [uncovered if row.gives is None else planner.value(row.gives) for row in self.rows]
        return choose([self._holds(planner, of, row) for row in self.rows], [*gives, uncovered], first=[of])

    def _holds(self, planner: Planner, of: Column, row: Row) -> Test:
        if row.in_ is not None:
            return planner.one_of(self.of.name if isinstance(self.of, Name) else "", row.in_)
        edges = {edge: getattr(row.interval, edge) for edge in EDGES} if row.equal is None else {"equal": row.equal}
        tests = [compared(of, how, constant(rational(text))) for how, text in edges.items() if text is not None]
        return several(tests, decides=False)

    def words(self, speech: Speech, unit: Measure) -> str:
        """`‹of›（不低于75%且低于85%：15分；…）`."""
        measure, inner = speech.measure(self.of), said_in(speech, self, unit)
        of = self.of.words(speech, measure)
        said = []
        for row in self.rows:
            test = self._test(row, speech, measure)
            gives = "" if row.gives is None else row.gives.words(speech, inner)
            if row.refuse is not None:
                gives = row.refuse.in_language(speech.lang)
            said.append(speech.pick(f"{test}：{gives}", f"{test}: {gives}"))
        return speech.pick(f"{of}（{'；'.join(said)}）", f"{of} ({'; '.join(said)})")

    def _test(self, row: Row, speech: Speech, measure: Measure) -> str:
        if row.in_ is not None:
            name = self.of.name if isinstance(self.of, Name) else ""
            return speech.pick("、", ", ").join(speech.category(name, choice) for choice in row.in_)
        if row.equal is not None:
            return speech.quantity(row.equal, measure)
        said = []
        for edge in ("at_least", "above", "at_most", "below"):
            text = getattr(row.interval, edge)
            if text is not None:
                zh, en = COMPARE[edge]
                quantity = speech.quantity(text, measure)
                said.append(speech.pick(f"{zh}{quantity}", f"{en} {quantity}"))
        return speech.pick("且", " and ").join(said)


@dataclass(frozen=True)
class Case:
    """One case: a condition, and the value if it holds."""

    at: str
    if_: Condition
    then: Value


_CASE = Form(Case, {"if": CONDITION, "then": VALUE}, marks=frozenset())


@primitive({"cases": ListOf(_CASE), "otherwise": VALUE})
@dataclass(frozen=True)
class When(Value):
    """The first case that holds, otherwise the last word."""

    cases: tuple[Case, ...]
    otherwise: Value
    kind: ClassVar[str] = "when"

    def type_in(self, scope: Scope) -> Measure:
        """The unit common to the branches."""
        for case in self.cases:
            case.if_.type_in(scope)
        branches = [*(case.then for case in self.cases), self.otherwise]
        return scope.common([branch.measure(scope) for branch in branches], self.at)

    def reach_in(self, scope: Scope) -> Reach:
        """The union of the branches that may apply; every case and `otherwise` must hold for something."""
        for case in self.cases:
            case.if_.judge(scope)
        names = [case.at for case in self.cases] + [self.otherwise.at]
        met = unreachable(scope, [case.if_ for case in self.cases], names)
        branches = [*(case.then.attains(scope) for case in self.cases), self.otherwise.attains(scope)]
        return reach.union([given for number, given in enumerate(branches) if number in met])

    def evaluate(self, cell: Cell) -> Known:
        """The branch that applies; the others are evaluated for the proof only and decide nothing."""
        proofs = []
        applied = len(self.cases)
        for index, case in enumerate(self.cases):
            held, proof = case.if_.evaluate(cell)
            proofs.append(proof)
            if held:
                applied = index
                break
        branches = [*(case.then for case in self.cases), self.otherwise]
        known = branches[applied].evaluate(cell)
        return Known(
            known.value,
            {
                "kind": self.kind,
                "at": self.at,
                "value": text_of(known.value),
                "case": str(applied) if applied < len(self.cases) else "otherwise",
                "of": [*proofs, known.proof],
                "not_applied": [_shadow(node, cell) for i, node in enumerate(branches) if i != applied],
            },
        )

    def column(self, planner: Planner) -> Column:
        """The branch of the first case that holds."""
        tests = [planner.test(case.if_) for case in self.cases]
        return choose(tests, [planner.value(branch) for branch in (*(c.then for c in self.cases), self.otherwise)])

    def words(self, speech: Speech, unit: Measure) -> str:
        """`‹if›的，‹then›；其余‹otherwise›`."""
        inner = said_in(speech, self, unit)
        said = []
        for case in self.cases:
            test, then = case.if_.words(speech), case.then.words(speech, inner)
            said.append(speech.pick(f"{test}的，{then}", f"if {test}: {then}"))
        last = self.otherwise.words(speech, inner)
        said.append(speech.pick(f"其余{last}", f"otherwise {last}"))
        return speech.pick("；", "; ").join(said)


def _shadow(node: Value, cell: Cell) -> dict[str, Any]:
    """The proof of a branch that does not apply; a failure there is written down and goes no further."""
    try:
        return node.evaluate(cell).proof
    except Stop as stopped:
        return stopped.as_proof()
