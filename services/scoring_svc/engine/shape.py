"""Forms of JSON: what a rule may look like, checked and read by the same tables.

Belongs here: the combinators (text, word, list, object ...), each with `check` (reports findings) and `read`
(builds the immutable part, only after `check` found nothing).
Does not belong here: which fields a primitive has; that stands with the primitive.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from services.scoring_svc.engine.findings import Report
from services.scoring_svc.engine.numbers import is_decimal, is_name

RESERVED = {"from": "from_", "in": "in_", "as": "as_", "self": "self_", "if": "if_", "is": "is_"}
"""Fields whose word Python keeps for itself, and the attribute that holds them."""

DEEPEST = 120
"""So many steps a JSON pointer may have: deeper rules are refused before they exhaust the stack."""


class Shape(Protocol):
    """One form of JSON."""

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report what is wrong with the form found at the pointer."""

    def read(self, found: Any, at: str) -> Any:
        """The immutable part for a form that `check` accepted."""


def wrong(report: Report, at: str, expected: str) -> None:
    """Report a form that does not exist."""
    report.add("SHAPE", at, f"此处应为：{expected}", f"here must stand: {expected}")


@dataclass(frozen=True)
class Text:
    """A text that passes a test, such as a decimal or a name."""

    expected: str
    test: Callable[[str], bool]

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report anything but a text that passes."""
        if not isinstance(found, str) or not self.test(found):
            wrong(report, at, self.expected)

    def read(self, found: Any, at: str) -> str:  # noqa: ARG002 - a form's common signature
        """The text itself."""
        return str(found)


@dataclass(frozen=True)
class Whole:
    """A whole JSON number between two ends."""

    least: int
    most: int | None = None

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report anything but a whole number in range; a boolean is none."""
        if type(found) is not int or found < self.least or (self.most is not None and found > self.most):
            wrong(report, at, f"a whole number from {self.least}")

    def read(self, found: Any, at: str) -> int:  # noqa: ARG002 - a form's common signature
        """The number itself."""
        return int(found)


@dataclass(frozen=True)
class ListOf:
    """A list whose members all have one form."""

    member: Shape
    least: int = 1
    unique: bool = False

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report anything but a list of enough members, and each member."""
        if not isinstance(found, list) or len(found) < self.least:
            wrong(report, at, f"a list of at least {self.least}")
            return
        if self.unique and any(item in found[:index] for index, item in enumerate(found)):
            wrong(report, at, "a list without repetition")
        for index, item in enumerate(found):
            self.member.check(item, f"{at}/{index}", report)

    def read(self, found: Any, at: str) -> tuple[Any, ...]:
        """The members as a tuple."""
        return tuple(self.member.read(item, f"{at}/{index}") for index, item in enumerate(found))


@dataclass(frozen=True)
class Named:
    """An object whose keys are names and whose values all have one form."""

    member: Shape
    least: int = 0

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report anything but an object of names, and each member."""
        if not isinstance(found, dict) or len(found) < self.least:
            wrong(report, at, "an object of names")
            return
        for name, item in found.items():
            if not isinstance(name, str) or not is_name(name):
                wrong(report, f"{at}/{name}", "a name: small letters, digits, underscores")
            else:
                self.member.check(item, f"{at}/{name}", report)

    def read(self, found: Any, at: str) -> dict[str, Any]:
        """The members by name."""
        return {name: self.member.read(item, f"{at}/{name}") for name, item in found.items()}


@dataclass(frozen=True)
class Form:
    """An object with exactly these fields; `build` receives them as keywords together with `at`."""

    build: Callable[..., Any]
    fields: Mapping[str, Shape]
    optional: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset({"kind"})

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report unknown fields, absent fields and each field's own form."""
        if not isinstance(found, dict):
            wrong(report, at, "an object")
            return
        for key in found:
            if key not in self.fields and key not in self.marks:
                report.add("UNKNOWN_FIELD", f"{at}/{key}", f"没有这个字段：{key}", f"there is no field {key}")
        for key, shape in self.fields.items():
            if key in found:
                shape.check(found[key], f"{at}/{key}", report)
            elif key not in self.optional:
                report.add("CHOICE_MISSING", f"{at}/{key}", f"必须选定：{key}", f"must be decided: {key}")

    def read(self, found: Any, at: str) -> Any:
        """The part built from the fields."""
        parts = {
            RESERVED.get(key, key): shape.read(found[key], f"{at}/{key}")
            for key, shape in self.fields.items()
            if key in found
        }
        return self.build(at=at, **parts)


@dataclass(frozen=True)
class Chosen:
    """Several forms, told apart by the word in one field."""

    field: str
    forms: Mapping[str, Shape]

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report an absent or unknown word, otherwise what the chosen form reports."""
        if not isinstance(found, dict):
            wrong(report, at, "an object")
            return
        word = found.get(self.field)
        if isinstance(word, str) and word in self.forms:
            self.forms[word].check(found, at, report)
        elif self.field == "kind":
            report.add("UNKNOWN_KIND", at, f"没有这种写法：{word}", f"there is no kind {word}")
        elif self.field not in found:
            report.add(
                "CHOICE_MISSING", f"{at}/{self.field}", f"必须选定：{self.field}", f"must be decided: {self.field}"
            )
        else:
            wrong(report, f"{at}/{self.field}", " | ".join(self.forms))

    def read(self, found: Any, at: str) -> Any:
        """The part built by the chosen form."""
        return self.forms[found[self.field]].read(found, at)


@dataclass(frozen=True)
class Either:
    """A word (or text) in one form, an object or a list in another."""

    text: Shape | None = None
    object: Shape | None = None
    list: Shape | None = None
    expected: str = "another form"

    def _pick(self, found: Any) -> Shape | None:
        if isinstance(found, str):
            return self.text
        if isinstance(found, dict):
            return self.object
        return self.list if isinstance(found, list) else None

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report with the form that belongs to the JSON type found."""
        shape = self._pick(found)
        if shape is None:
            wrong(report, at, self.expected)
        elif at.count("/") > DEEPEST:
            wrong(report, at, f"a rule not deeper than {DEEPEST} steps")
        else:
            shape.check(found, at, report)

    def read(self, found: Any, at: str) -> Any:
        """The part built by the form of the JSON type found."""
        shape = self._pick(found)
        return None if shape is None else shape.read(found, at)


DECIMAL = Text("a decimal number as text", is_decimal)
NAME = Text("a name", is_name)
FREE = Text("a text", lambda _: True)
FILLED = Text("a text that is not empty", bool)


def word(*words: str) -> Text:
    """One of these words."""
    return Text(" | ".join(words), words.__contains__)


NONE_OR_DECIMAL = Text("a decimal number as text, or none", lambda text: text == "none" or is_decimal(text))
