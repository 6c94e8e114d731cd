"""The five conditions: compare, in, state, all, any.

Belongs here: each condition's fields, type rule, evaluation and sentences.
Does not belong here: whether a case can ever hold; that is judged in `reachable`.
"""

import operator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from services.scoring_svc.engine.cell import Cell
from services.scoring_svc.engine.columns.algebra import Test, compared, constant, several
from services.scoring_svc.engine.columns.batch import STATES as STATE_NUMBERS
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.language import Input
from services.scoring_svc.engine.measure import Scope
from services.scoring_svc.engine.nodes import CONDITION, VALUE, Condition, Value, condition
from services.scoring_svc.engine.shape import NAME, ListOf, word
from services.scoring_svc.engine.speech import COMPARE, STATES, Speech

HOLDS = {
    "below": operator.lt,
    "at_most": operator.le,
    "equal": operator.eq,
    "at_least": operator.ge,
    "above": operator.gt,
}


@condition({"left": VALUE, "is": word(*HOLDS), "right": VALUE})
@dataclass(frozen=True)
class Compare(Condition):
    """Two numbers of one unit, or two dates, compared."""

    left: Value
    is_: str
    right: Value
    kind: ClassVar[str] = "compare"

    def type_in(self, scope: Scope) -> None:
        """Both sides must have one unit; a place compares with any count."""
        left, right = self.left.measure(scope), self.right.measure(scope)
        comparable = all(side.numeric or side.type == "date" for side in (left, right))
        if not comparable or not left.compares(right):
            scope.mismatch(self.at, "比较的两边计量单位不一致", "the two sides of the comparison differ in unit")

    def judge(self, scope: Scope) -> None:
        """Both sides."""
        self.left.attains(scope)
        self.right.attains(scope)

    def evaluate(self, cell: Cell) -> tuple[bool, dict[str, Any]]:
        """Compare the exact values."""
        left, right = self.left.evaluate(cell), self.right.evaluate(cell)
        held = bool(HOLDS[self.is_](left.value, right.value))
        return held, {"kind": self.kind, "at": self.at, "value": held, "of": [left.proof, right.proof]}

    def column(self, planner: Planner) -> Test:
        """Both numerators over one denominator, compared."""
        return compared(planner.value(self.left), self.is_, planner.value(self.right))

    def words(self, speech: Speech) -> str:
        """`漏管率不低于5%` / `rate is at least 5%`."""
        left, right = speech.measure(self.left), speech.measure(self.right)
        zh, en = COMPARE[self.is_]
        one = self.left.words(speech, right if left.literal else left)
        two = self.right.words(speech, left if right.literal else right)
        return speech.pick(f"{one}{zh}{two}", f"{one} is {en} {two}")


@condition({"of": NAME, "any_of": ListOf(NAME)})
@dataclass(frozen=True)
class In(Condition):
    """A category is one of these."""

    of: str
    any_of: tuple[str, ...]
    kind: ClassVar[str] = "in"

    def type_in(self, scope: Scope) -> None:
        """`of` must be a category and every word one of its choices."""
        check_categories(scope, self.of, self.any_of, self.at)

    def judge(self, scope: Scope) -> None:
        """No value inside."""

    def evaluate(self, cell: Cell) -> tuple[bool, dict[str, Any]]:
        """Whether the category is listed."""
        known = cell.read(self.of)
        held = known.value in self.any_of
        return held, {"kind": self.kind, "at": self.at, "value": held, "of": [known.proof]}

    def column(self, planner: Planner) -> Test:
        """The category's number among those listed."""
        return planner.one_of(self.of, self.any_of)

    def words(self, speech: Speech) -> str:
        """`类别为城区或郊区` / `class is urban or rural`."""
        chosen = [speech.category(self.of, choice) for choice in self.any_of]
        label = speech.label(self.of)
        return speech.pick(f"{label}为{'或'.join(chosen)}", f"{label} is {' or '.join(chosen)}")


@condition({"of": NAME, "is": word(*STATES)})
@dataclass(frozen=True)
class State(Condition):
    """What is known of a fact; it asks only and triggers no policy."""

    of: str
    is_: str
    kind: ClassVar[str] = "state"

    def type_in(self, scope: Scope) -> None:
        """Only a fact has a state; a definition has none."""
        found = scope.resolve(self.of)
        if found is not None and not isinstance(found, Input):
            scope.mismatch(f"{self.at}/of", "只有事实才有状态", "only a fact has a state")

    def judge(self, scope: Scope) -> None:
        """No value inside."""

    def evaluate(self, cell: Cell) -> tuple[bool, dict[str, Any]]:
        """Whether the fact is in the state."""
        found, leaf = cell.state(self.of)
        held = found == self.is_
        return held, {"kind": self.kind, "at": self.at, "value": held, "of": [leaf]}

    def column(self, planner: Planner) -> Test:
        """The column of states, compared."""
        wanted = constant(Fraction(STATE_NUMBERS.index(self.is_)))
        return compared(planner.state(self.of), "equal", wanted)

    def words(self, speech: Speech) -> str:
        """`调整任务已有` / `adjusted task is present`."""
        zh, en = STATES[self.is_]
        return speech.pick(f"{speech.label(self.of)}{zh}", f"{speech.label(self.of)} is {en}")


@dataclass(frozen=True)
class _Several(Condition):
    """Several conditions, read from the first and stopped when decided."""

    of: tuple[Condition, ...]
    decides: ClassVar[bool] = False
    joined: ClassVar[tuple[str, str]] = ("", "")

    def type_in(self, scope: Scope) -> None:
        """Each condition by its own rule."""
        for part in self.of:
            part.type_in(scope)

    def judge(self, scope: Scope) -> None:
        """Every condition."""
        for part in self.of:
            part.judge(scope)

    def evaluate(self, cell: Cell) -> tuple[bool, dict[str, Any]]:
        """Read from the first; the one that decides is the last one read."""
        proofs = []
        held = not self.decides
        for part in self.of:
            held, proof = part.evaluate(cell)
            proofs.append(proof)
            if held is self.decides:
                break
        return held, {"kind": self.kind, "at": self.at, "value": held, "of": proofs}

    def column(self, planner: Planner) -> Test:
        """Each part decides the rows that no earlier one has decided."""
        return several([planner.test(part) for part in self.of], decides=self.decides)

    def words(self, speech: Speech) -> str:
        """Joined by 且 / and, or by 或 / or; an inner mixture stands in brackets."""
        said = []
        for part in self.of:
            text = part.words(speech)
            mixed = isinstance(part, _Several) and len(part.of) > 1
            said.append(speech.pick(f"（{text}）", f"({text})") if mixed else text)
        return speech.pick(*self.joined).join(said)


@condition({"of": ListOf(CONDITION)})
@dataclass(frozen=True)
class All(_Several):
    """All hold."""

    kind: ClassVar[str] = "all"
    decides: ClassVar[bool] = False
    joined: ClassVar[tuple[str, str]] = ("且", " and ")


@condition({"of": ListOf(CONDITION)})
@dataclass(frozen=True)
class Any_(_Several):  # noqa: N801 - the language calls it any
    """At least one holds."""

    kind: ClassVar[str] = "any"
    decides: ClassVar[bool] = True
    joined: ClassVar[tuple[str, str]] = ("或", " or ")


def check_categories(scope: Scope, name: str, chosen: tuple[str, ...], at: str) -> None:
    """Report a name that is no category, and words that are not among its choices."""
    found = scope.resolve(name)
    if found is None:
        return
    if not isinstance(found, Input) or found.type != "category":
        scope.mismatch(at, "此处须为类别", "here must stand a category")
        return
    known = {choice.id for choice in found.choices}
    for word_ in chosen:
        if word_ not in known:
            scope.report.add("CATEGORY_UNKNOWN", at, f"没有这个类别：{word_}", f"there is no category {word_}")
