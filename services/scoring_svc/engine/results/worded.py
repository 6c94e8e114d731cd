"""Results that are no computed number: date, level and tree.

Belongs here: these three results. Does not belong here: how a level is reached from scores elsewhere.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, ClassVar

from services.scoring_svc.engine.cell import Cell
from services.scoring_svc.engine.columns.algebra import Column, choose, clamped, constant, plus
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.columns.results import EntryColumn, ResultColumn
from services.scoring_svc.engine.findings import Report
from services.scoring_svc.engine.language import CHOICE, Choice, Input
from services.scoring_svc.engine.measure import DATE, POINTS, Scope
from services.scoring_svc.engine.nodes import CONDITION, VALUE, Condition, Value
from services.scoring_svc.engine.numbers import rational
from services.scoring_svc.engine.primitives.time import dated
from services.scoring_svc.engine.reachable import unreachable
from services.scoring_svc.engine.results.base import Answer, Entry, Result, capital, result
from services.scoring_svc.engine.shape import DECIMAL, FREE, NAME, Either, Form, ListOf, Shape, Whole, wrong
from services.scoring_svc.engine.speech import Speech, said_choice


@result({"value": VALUE})
@dataclass(frozen=True)
class Date(Result):
    """A date: a deadline."""

    value: Value
    kind: ClassVar[str] = "date"

    def type_in(self, scope: Scope) -> None:
        """The value is a date."""
        dated(scope, self.value)

    def judge(self, scope: Scope) -> None:
        """Judge the value."""
        self.value.attains(scope)

    def evaluate(self, cell: Cell) -> Answer:
        """The date."""
        known = self.value.evaluate(cell)
        text = known.value.isoformat()
        return Answer(text, text, because=known.proof)

    def column(self, planner: Planner) -> ResultColumn:
        """The date as a day of the era; a row without a date holds 0."""
        return ResultColumn(
            self.kind, planner.value(self.value), lambda day: date.fromordinal(day).isoformat() if day else ""
        )

    def words(self, speech: Speech) -> str:
        """`期限：‹v›。` / `Due: ‹v›.`."""
        text = self.value.words(speech, DATE)
        return speech.pick(f"期限：{text}。", f"Due: {text}.")


@dataclass(frozen=True)
class LevelCase:
    """One case of the level a unit starts from."""

    at: str
    if_: Condition
    then: str


@dataclass(frozen=True)
class Start:
    """The level a unit starts from: the first case that holds, otherwise the last word."""

    at: str
    cases: tuple[LevelCase, ...]
    otherwise: str


@dataclass(frozen=True)
class LevelLimit:
    """A veto (`not_above`) or a lowering (`lower_by`)."""

    at: str
    if_: Condition
    not_above: str | None = None
    lower_by: int | None = None


_CASE = Form(LevelCase, {"if": CONDITION, "then": NAME}, marks=frozenset())
_START = Form(Start, {"cases": ListOf(_CASE), "otherwise": NAME}, marks=frozenset())


class _LimitForm(Form):
    """A limit has exactly one effect."""

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report what any object reports, then a limit with two effects or none."""
        Form.check(self, found, at, report)
        if isinstance(found, dict):
            effects = {"not_above", "lower_by"} & found.keys()
            if not effects:
                report.add("CHOICE_MISSING", at, "必须选定限制方式", "must be decided: not_above or lower_by")
            elif len(effects) > 1:
                wrong(report, at, "either not_above or lower_by")


_LIMIT = _LimitForm(
    LevelLimit,
    {"if": CONDITION, "not_above": NAME, "lower_by": Whole(1)},
    frozenset({"not_above", "lower_by"}),
    frozenset(),
)


@result(
    {
        "levels": ListOf(CHOICE, 2),
        "start": Either(text=NAME, object=_START, expected="a category input, or cases with otherwise"),
        "limits": ListOf(_LIMIT, 0),
    }
)
@dataclass(frozen=True)
class Level(Result):
    """A grade, an alert, a status; the only place where a veto can stand."""

    levels: tuple[Choice, ...]
    start: Start | str
    limits: tuple[LevelLimit, ...]
    kind: ClassVar[str] = "level"

    def _ids(self) -> list[str]:
        return [choice.id for choice in self.levels]

    def type_in(self, scope: Scope) -> None:
        """Levels are unique and those named are declared; conditions by their own rules."""
        ids = self._ids()
        for choice in self.levels:
            if ids.count(choice.id) > 1:
                scope.report.add("NAME_CLASH", choice.at, f"等级重名：{choice.id}", f"two levels {choice.id}")
        if isinstance(self.start, Start):
            for case in self.start.cases:
                case.if_.type_in(scope)
                self._known(scope, case.then, case.at)
            self._known(scope, self.start.otherwise, f"{self.start.at}/otherwise")
        else:
            self._start_input(scope, self.start)
        for limit in self.limits:
            limit.if_.type_in(scope)
            if limit.not_above is not None:
                self._known(scope, limit.not_above, limit.at)

    def _start_input(self, scope: Scope, name: str) -> None:
        found = scope.resolve(name)
        if isinstance(found, Input) and found.type == "category":
            for choice in found.choices:
                self._known(scope, choice.id, f"{self.at}/start")
        elif found is not None:
            scope.mismatch(f"{self.at}/start", "起始等级须为类别", "the start must be a category")

    def _known(self, scope: Scope, level: str, at: str) -> None:
        if level not in self._ids():
            scope.report.add("LEVEL_UNKNOWN", at, f"没有这个等级：{level}", f"there is no level {level}")

    def judge(self, scope: Scope) -> None:
        """Every case must occur, and every limit must be able to lower."""
        ids = self._ids()
        started = set(ids)
        if isinstance(self.start, Start):
            for case in self.start.cases:
                case.if_.judge(scope)
            places = [case.at for case in self.start.cases] + [f"{self.start.at}/otherwise"]
            unreachable(scope, [case.if_ for case in self.start.cases], places)
            started = {*(case.then for case in self.start.cases), self.start.otherwise}
        best = min((ids.index(level) for level in started if level in ids), default=0)
        for limit in self.limits:
            limit.if_.judge(scope)
            unreachable(scope, [limit.if_], [limit.at, limit.at])
            lowest = len(ids) - 1
            least = ids.index(limit.not_above) if limit.not_above in ids else lowest
            if best >= (lowest if limit.not_above is None else least):
                scope.report.add("LIMIT_WITHOUT_EFFECT", limit.at, "该限制永远不起作用", "the limit can never act")

    def evaluate(self, cell: Cell) -> Answer:
        """The start, then the limits in the order written, each on the level reached so far."""
        ids = self._ids()
        level, because = self._started(cell)
        place = ids.index(level)
        limits = []
        for limit in self.limits:
            held, proof = limit.if_.evaluate(cell)
            if held and limit.not_above is not None:
                place = max(place, ids.index(limit.not_above))
            elif held:
                place = min(place + (limit.lower_by or 0), len(ids) - 1)
            limits.append({"kind": "level_limit", "at": limit.at, "value": ids[place], "of": [proof]})
        proof = {"kind": "level", "at": self.at, "value": ids[place], "of": [*because, *limits]}
        return Answer(ids[place], ids[place], because=proof)

    def column(self, planner: Planner) -> ResultColumn:
        """The level's number from the best one down; each limit chooses between it and a lower one."""
        ids = self._ids()
        place = self._start_column(planner)
        for limit in self.limits:
            test = planner.test(limit.if_)
            if limit.not_above is not None:
                lower = clamped(place, Fraction(ids.index(limit.not_above)), None)
            else:
                lower = clamped(plus(place, constant(Fraction(limit.lower_by or 0))), None, Fraction(len(ids) - 1))
            place = choose([test], [lower, place], first=[place])
        return ResultColumn(self.kind, place, lambda index: ids[index])

    def _start_column(self, planner: Planner) -> Column:
        numbers = {level: constant(Fraction(index)) for index, level in enumerate(self._ids())}
        if isinstance(self.start, Start):
            tests = [planner.test(case.if_) for case in self.start.cases]
            return choose(tests, [numbers[level] for level in self._begun(self.start)])
        ids = planner.categories(self.start)
        tests = [planner.one_of(self.start, (one,)) for one in ids[:-1]]
        return choose(tests, [numbers[one] for one in ids], first=[planner.name(self.start)])

    def _begun(self, start: Start) -> list[str]:
        return [*(case.then for case in start.cases), start.otherwise]

    def _started(self, cell: Cell) -> tuple[str, list[dict[str, Any]]]:
        if not isinstance(self.start, Start):
            known = cell.read(self.start)
            return known.value, [known.proof]
        proofs = []
        for case in self.start.cases:
            held, proof = case.if_.evaluate(cell)
            proofs.append(proof)
            if held:
                return case.then, proofs
        return self.start.otherwise, proofs

    def words(self, speech: Speech) -> str:
        """`‹if›的为优秀；…；其余为一般；‹if›的，不得高于良好。`."""
        said = []
        if isinstance(self.start, Start):
            for case in self.start.cases:
                test, level = case.if_.words(speech), self._say(case.then, speech)
                said.append(speech.pick(f"{test}的为{level}", f"{level} if {test}"))
            last = self._say(self.start.otherwise, speech)
            said.append(speech.pick(f"其余为{last}", f"otherwise {last}"))
        else:
            label = speech.label(self.start)
            said.append(speech.pick(f"以{label}为起始等级", f"starting from {label}"))
        for limit in self.limits:
            test = limit.if_.words(speech)
            if limit.not_above is not None:
                level = self._say(limit.not_above, speech)
                said.append(speech.pick(f"{test}的，不得高于{level}", f"if {test}: not above {level}"))
            else:
                levels = "level" if limit.lower_by == 1 else "levels"
                said.append(
                    speech.pick(f"{test}的，下调{limit.lower_by}级", f"if {test}: {limit.lower_by} {levels} lower")
                )
        return speech.pick("；", "; ").join(said) + speech.pick("。", ".")

    def _say(self, level: str, speech: Speech) -> str:
        return said_choice(self.levels, level, speech.lang)


@dataclass(frozen=True)
class Item:
    """One node of an indicator set."""

    at: str
    item: str
    worth: str
    children: tuple["Item", ...]


class _ItemShape:
    """An item holds items of its own form."""

    def _form(self) -> Form:
        fields: dict[str, Shape] = {"item": FREE, "worth": DECIMAL, "children": ListOf(self, 0)}
        return Form(Item, fields, marks=frozenset())

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report what the form of an item reports."""
        Either(object=self._form(), expected="an item").check(found, at, report)

    def read(self, found: Any, at: str) -> Any:
        """The item with its children."""
        return self._form().read(found, at)


@result({"worth": DECIMAL, "children": ListOf(_ItemShape())})
@dataclass(frozen=True)
class Tree(Result):
    """The worth of an indicator set; every level adds up to its parent."""

    worth: str
    children: tuple[Item, ...]
    kind: ClassVar[str] = "tree"

    def type_in(self, scope: Scope) -> None:
        """No value inside."""

    def judge(self, scope: Scope) -> None:
        """Report every parent whose children do not add up to it."""
        _adds_up(scope, self.at, self.worth, self.children)

    def evaluate(self, cell: Cell) -> Answer:  # noqa: ARG002 - a tree reads no fact
        """Its worth as written."""
        number = rational(self.worth)
        return Answer(self.worth, self.worth, (Entry("value", number),), number=number)

    def column(self, planner: Planner) -> ResultColumn:  # noqa: ARG002 - a tree reads no fact
        """Its worth as written, in every row."""
        worth, text = constant(rational(self.worth)), self.worth
        return ResultColumn("points", worth, lambda _: text, (EntryColumn("value", worth),))

    def words(self, speech: Speech) -> str:
        """`总分‹w›分，各级之和相等。` / `‹w› points in all; every level adds up.`."""
        text = f"{speech.quantity(self.worth, POINTS)} in all; every level adds up."
        return speech.pick(f"总分{self.worth}分，各级之和相等。", capital(text))


def _adds_up(scope: Scope, at: str, worth: str, children: tuple[Item, ...]) -> None:
    if children and sum((rational(child.worth) for child in children), Fraction(0)) != rational(worth):
        scope.report.add("TREE_SUM", at, f"下级之和不等于{worth}", f"the children do not add up to {worth}")
    for child in children:
        _adds_up(scope, child.at, child.worth, child.children)
