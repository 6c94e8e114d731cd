"""Values and conditions as immutable nodes, and the registry through which kinds are found.

Belongs here: what every primitive and condition must answer, constants, names, definitions, walking.
Does not belong here: any single primitive; each stands in one file under `primitives`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell, Known
from services.scoring_svc.engine.columns.algebra import NO_FORM, Column, NoColumn, Test, constant
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.language import LABEL, Input, Label
from services.scoring_svc.engine.measure import LITERAL, PLACE, UNKNOWN, Measure, Scope, declared
from services.scoring_svc.engine.numbers import is_decimal, is_name, rational
from services.scoring_svc.engine.reach import Reach
from services.scoring_svc.engine.shape import Chosen, Either, Form, ListOf, Shape, Text
from services.scoring_svc.engine.speech import Speech


@dataclass(frozen=True)
class Value(ABC):
    """A number, a date or a category: a constant, a name or one of the primitives.

    `at` is the JSON pointer of the node in its rule.
    """

    at: str
    kind: ClassVar[str] = ""

    @abstractmethod
    def type_in(self, scope: Scope) -> Measure:
        """The type rule: the node's measure; findings about types and constants go to the scope's report."""

    @abstractmethod
    def reach_in(self, scope: Scope) -> Reach:
        """The interval rule: what the node can attain; findings about ranges go to the scope's report."""

    @abstractmethod
    def evaluate(self, cell: Cell) -> Known:
        """The value in one cell with its proof. Raises Stop where it cannot be had."""

    @abstractmethod
    def words(self, speech: Speech, unit: Measure) -> str:
        """The node as people read it; `unit` is what a literal counts in at this place."""

    def column(self, planner: Planner) -> Column:  # noqa: ARG002 - the nodes' common signature
        """The column form: the same value for all rows at once. Raises NoColumn; then the reference evaluates."""
        raise NoColumn(NO_FORM, self.at)

    def measure(self, scope: Scope) -> Measure:
        """The node's measure, noted under its pointer for evaluation and sentences."""
        known = scope.measures.get(self.at)
        if known is None:
            known = scope.measures[self.at] = self.type_in(scope)
        return known

    def attains(self, scope: Scope) -> Reach:
        """What the node can attain, noted under its pointer so that each node is judged once."""
        known = scope.reaches.get(self.at)
        if known is None:
            known = scope.reaches[self.at] = self.reach_in(scope)
        return tuple(known)


@dataclass(frozen=True)
class Condition(ABC):
    """Something that holds or does not."""

    at: str
    kind: ClassVar[str] = ""

    @abstractmethod
    def type_in(self, scope: Scope) -> None:
        """The type rule; findings go to the scope's report."""

    @abstractmethod
    def judge(self, scope: Scope) -> None:
        """Have every value inside judged by its interval rule."""

    @abstractmethod
    def evaluate(self, cell: Cell) -> tuple[bool, dict[str, Any]]:
        """Whether it holds in the cell, with its proof. Raises Stop where that cannot be known."""

    @abstractmethod
    def words(self, speech: Speech) -> str:
        """The condition as people read it."""

    def column(self, planner: Planner) -> Test:  # noqa: ARG002 - the nodes' common signature
        """The column form: whether it holds in every row. Raises NoColumn; then the reference evaluates."""
        raise NoColumn(NO_FORM, self.at)


@dataclass(frozen=True)
class Constant(Value):
    """A literal number; its unit is the one its place asks for."""

    text: str
    kind: ClassVar[str] = "constant"

    @property
    def number(self) -> Fraction:
        """The exact number."""
        return rational(self.text)

    def type_in(self, scope: Scope) -> Measure:  # noqa: ARG002 - the nodes' common signature
        """A literal."""
        return LITERAL

    def reach_in(self, scope: Scope) -> Reach:  # noqa: ARG002 - the nodes' common signature
        """Itself."""
        return reach.point(self.number)

    def evaluate(self, cell: Cell) -> Known:  # noqa: ARG002 - the nodes' common signature
        """Itself."""
        return Known(self.number, {"kind": "constant", "at": self.at, "value": self.text})

    def column(self, planner: Planner) -> Column:  # noqa: ARG002 - the nodes' common signature
        """Itself in every row."""
        return constant(self.number)

    def words(self, speech: Speech, unit: Measure) -> str:
        """The number with its unit."""
        return speech.quantity(self.text, unit)


@dataclass(frozen=True)
class Name(Value):
    """A declared fact, a record's field, a definition, or `place`."""

    name: str
    kind: ClassVar[str] = "name"

    def type_in(self, scope: Scope) -> Measure:
        """The declared measure, or that of the definition."""
        if self.name == "place" and scope.place:
            return PLACE
        found = scope.resolve(self.name)
        if isinstance(found, Input):
            return declared(found)
        return UNKNOWN if found is None else scope.measures.get(found.value.at, UNKNOWN)

    def reach_in(self, scope: Scope) -> Reach:
        """What the fact may be, or what the definition attains."""
        if self.name == "place" and scope.place:
            return (reach.Span(Fraction(1), None, whole=True),)
        found = scope.resolve(self.name)
        if isinstance(found, Input):
            return reach.of_input(found) if declared(found).numeric else reach.ANYTHING
        return reach.ANYTHING if found is None else found.value.attains(scope)

    def evaluate(self, cell: Cell) -> Known:
        """What is known of the fact. Raises Stop where its state or policy says so."""
        return cell.read(self.name)

    def column(self, planner: Planner) -> Column:
        """What the name means at this place of the rule."""
        return planner.name(self.name)

    def words(self, speech: Speech, unit: Measure) -> str:  # noqa: ARG002 - the nodes' common signature
        """The label."""
        return speech.label(self.name)


@dataclass(frozen=True, slots=True)
class Definition:
    """A named value, used by its name in the rule and in its sentence."""

    at: str
    label: Label
    value: Value


_KINDS: dict[str, Shape] = {}
_CONDITIONS: dict[str, Shape] = {}
_Node = TypeVar("_Node", bound=type[Value] | type[Condition])


def _literal_or_name(found: str, at: str) -> Value:
    return Constant(at, found) if is_decimal(found) else Name(at, found)


class _ValueText(Text):
    """A text is a number if it begins with a digit or minus, and a name if it begins with a letter."""

    def read(self, found: Any, at: str) -> Any:
        """The constant or the name."""
        return _literal_or_name(str(found), at)


VALUE = Either(
    text=_ValueText("a number or a name", lambda text: is_decimal(text) or is_name(text)),
    object=Chosen("kind", _KINDS),
    expected="a number as text, a name or a primitive",
)
CONDITION = Either(object=Chosen("kind", _CONDITIONS), expected="a condition")
ONLY = Either(
    text=Text("all or a condition", "all".__eq__),
    object=Chosen("kind", _CONDITIONS),
    expected="all or a condition",
)
VALUES = ListOf(VALUE)
DEFINE = Form(Definition, {"label": LABEL, "value": VALUE}, marks=frozenset())


def primitive(shape: Callable[[type[Any]], Shape] | Mapping[str, Shape]) -> Callable[[_Node], _Node]:
    """Register a primitive under its kind, with its fields (or a function from the class to its shape)."""

    def register(node: _Node) -> _Node:
        _KINDS[node.kind] = shape(node) if callable(shape) else Form(node, shape)
        return node

    return register


def condition(shape: Mapping[str, Shape]) -> Callable[[_Node], _Node]:
    """Register a condition under its kind, with its fields."""

    def register(node: _Node) -> _Node:
        _CONDITIONS[node.kind] = Form(node, shape)
        return node

    return register


def parts(node: Any) -> Iterator[Any]:
    """The nodes and other parts directly inside a part, in the order of its fields."""
    if isinstance(node, tuple):
        for member in node:
            if is_dataclass(member) or isinstance(member, tuple):
                yield member
    elif is_dataclass(node):
        for one in fields(node):
            found = getattr(node, one.name)
            if is_dataclass(found) or isinstance(found, tuple):
                yield found


def inside(node: Any) -> Iterator[Any]:
    """The part itself and every part inside it, in reading order. Names are not looked through."""
    yield node
    for part in parts(node):
        yield from inside(part)
