"""The parts that rules are made of besides values: labels, policies, inputs, definitions, groups.

Belongs here: immutable parts and their forms. Does not belong here: values and conditions (nodes), results.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from services.scoring_svc.engine import shape
from services.scoring_svc.engine.findings import Report
from services.scoring_svc.engine.numbers import Rounding, is_decimal, is_name, rational
from services.scoring_svc.engine.shape import DECIMAL, FILLED, FREE, NAME, Chosen, Either, Form, ListOf, Named, word

WHOLE_TYPES = frozenset({"count", "place"})
SCALARS = ("count", "amount", "number", "percent", "days", "marks", "points", "place")


@dataclass(frozen=True, slots=True)
class Label:
    """What people read, in both languages."""

    at: str
    zh: str
    en: str

    def in_language(self, lang: str) -> str:
        """The text in `zh` or `en`."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Choice:
    """One category or level."""

    at: str
    id: str
    zh: str
    en: str

    def in_language(self, lang: str) -> str:
        """The text in `zh` or `en`."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Policy:
    """What follows when a value cannot be had: `refuse`, `not_scorable`, `peers_mean` or `as_if`.

    `within` names the category inputs of `peers_mean`; empty means all units of the group.
    """

    at: str
    word: str
    as_if: str | None = None
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Within:
    """The units that are compared: all of the group (no names), or those with my values of these categories."""

    at: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of numbers; each edge says whether it belongs. None: no edge."""

    at: str
    at_least: str | None = None
    above: str | None = None
    at_most: str | None = None
    below: str | None = None

    def holds(self, number: Fraction) -> bool:
        """Whether the number lies inside."""
        return (
            (self.at_least is None or number >= rational(self.at_least))
            and (self.above is None or number > rational(self.above))
            and (self.at_most is None or number <= rational(self.at_most))
            and (self.below is None or number < rational(self.below))
        )


@dataclass(frozen=True, slots=True)
class Allowed:
    """The numbers a fact may have: an interval, a list, or any (both None)."""

    at: str
    interval: Interval | None = None
    listed: tuple[str, ...] | None = None

    def holds(self, number: Fraction) -> bool:
        """Whether a fact may have this number."""
        if self.listed is not None:
            return any(rational(text) == number for text in self.listed)
        return self.interval is None or self.interval.holds(number)


@dataclass(frozen=True, slots=True)
class Input:
    """One declared fact, or one field of a record."""

    at: str
    label: Label
    type: str
    missing: Policy
    exempt: Policy
    unit: Label | None = None
    allowed: Allowed | None = None
    choices: tuple[Choice, ...] = ()
    fields: dict[str, "Input"] | None = None


@dataclass(frozen=True, slots=True)
class Combine:
    """How several values become one; the two counts belong to `trimmed_mean` alone."""

    at: str
    word: str
    drop_highest: int = 0
    drop_lowest: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Combine first inside each group: by a category or key, a calendar period, or a rolling window of days."""

    at: str
    combine: Combine
    by: str
    calendar: str | None = None
    rolling_days: int | None = None


class _IntervalForm(Form):
    """The form of an interval: at least one edge, at most one on each side."""

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report what any object reports, then edges that contradict each other."""
        Form.check(self, found, at, report)
        check_edges(found, at, report, needed=True)


def check_edges(found: Any, at: str, report: Report, *, needed: bool) -> None:
    """Report two edges on one side, or no edge at all where one is needed."""
    if not isinstance(found, dict):
        return
    if {"at_least", "above"} <= found.keys() or {"at_most", "below"} <= found.keys():
        shape.wrong(report, at, "one edge on each side")
    if needed and not found:
        shape.wrong(report, at, "an edge: at_least, above, at_most or below")


EDGES: dict[str, shape.Shape] = {"at_least": DECIMAL, "above": DECIMAL, "at_most": DECIMAL, "below": DECIMAL}
INTERVAL = _IntervalForm(Interval, EDGES, frozenset(EDGES), frozenset())


@dataclass(frozen=True)
class _Built:
    """A form whose reading is passed through a function of (found, at)."""

    inner: shape.Shape
    build: Any

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report what the inner form reports."""
        self.inner.check(found, at, report)

    def read(self, found: Any, at: str) -> Any:
        """The part that the function makes of what the inner form read."""
        return self.build(self.inner.read(found, at), at)


LABEL = Form(Label, {"zh": FREE, "en": FREE}, marks=frozenset())
CHOICE = Form(Choice, {"id": NAME, "zh": FILLED, "en": FILLED}, marks=frozenset())
_MODE: dict[str, shape.Shape] = {"mode": word("half_up", "half_even", "floor", "ceiling"), "places": shape.Whole(0, 10)}
ROUNDING = Form(Rounding, _MODE, marks=frozenset())


def _within_names(found: Any, _: str) -> tuple[str, ...]:
    if isinstance(found, tuple):
        return found
    return () if found == "all" else (found,)


_WITHIN_NAMES = _Built(
    Either(text=NAME, list=ListOf(NAME, 2, unique=True), expected="all, a category or categories"), _within_names
)
WITHIN = _Built(_WITHIN_NAMES, lambda names, at: Within(at, names))


class _PolicyObject:
    """The two policies that are objects, told apart by their only field."""

    forms = {  # noqa: RUF012 - never changed
        "as_if": Form(
            lambda at, as_if: Policy(at, "as_if", as_if=as_if),
            {"as_if": shape.Text("a decimal or a name", lambda text: is_decimal(text) or is_name(text))},
            marks=frozenset(),
        ),
        "peers_mean": Form(
            lambda at, peers_mean: Policy(at, "peers_mean", within=peers_mean),
            {"peers_mean": _WITHIN_NAMES},
            marks=frozenset(),
        ),
    }

    def _form(self, found: Any) -> Form:
        return self.forms["peers_mean" if "peers_mean" in found else "as_if"]

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report with the form whose field is there."""
        self._form(found).check(found, at, report)

    def read(self, found: Any, at: str) -> Any:
        """The policy."""
        return self._form(found).read(found, at)


POLICY = Either(
    text=_Built(word("refuse", "not_scorable", "peers_mean"), lambda text, at: Policy(at, text)),
    object=_PolicyObject(),
    expected="refuse, not_scorable, peers_mean or as_if",
)
_TRIMMED = Form(
    lambda at, **drops: Combine(at, "trimmed_mean", **drops),
    {"drop_highest": shape.Whole(0), "drop_lowest": shape.Whole(0)},
)
COMBINE = Either(
    text=_Built(word("sum", "mean", "highest", "lowest"), lambda text, at: Combine(at, text)),
    object=Chosen("kind", {"trimmed_mean": _TRIMMED}),
    expected="a way to combine",
)


class _ByObject:
    """Grouping by a calendar period or by a rolling window, told apart by their field."""

    calendar = Form(
        lambda at, calendar, of: Group(at, Combine(at, ""), of, calendar=calendar),
        {"calendar": word("month", "quarter", "half_year", "year"), "of": NAME},
        marks=frozenset(),
    )
    rolling = Form(
        lambda at, rolling_days, of: Group(at, Combine(at, ""), of, rolling_days=rolling_days),
        {"rolling_days": shape.Whole(1), "of": NAME},
        marks=frozenset(),
    )

    def check(self, found: Any, at: str, report: Report) -> None:
        """Report with the form whose field is there."""
        (self.rolling if "rolling_days" in found else self.calendar).check(found, at, report)

    def read(self, found: Any, at: str) -> Any:
        """The grouping, still without its way to combine."""
        return (self.rolling if "rolling_days" in found else self.calendar).read(found, at)


def _group(at: str, by: Group | str, combine: Combine) -> Group:
    if isinstance(by, str):
        return Group(at, combine, by)
    return Group(at, combine, by.by, by.calendar, by.rolling_days)


GROUP = Either(
    text=_Built(word("none"), lambda _, __: None),
    object=Form(
        _group,
        {"by": Either(text=NAME, object=_ByObject(), expected="what to group by"), "combine": COMBINE},
        marks=frozenset(),
    ),
    expected="none or a group",
)

_ALLOWED = Either(
    text=_Built(word("any"), lambda _, at: Allowed(at)),
    object=_Built(INTERVAL, lambda interval, at: Allowed(at, interval=interval)),
    list=_Built(ListOf(DECIMAL), lambda listed, at: Allowed(at, listed=listed)),
    expected="any, an interval or a list",
)
_STATES: dict[str, shape.Shape] = {"missing": POLICY, "exempt": POLICY}


def _category(at: str, allowed: tuple[Choice, ...], **parts: Any) -> Input:
    return Input(at=at, choices=allowed, **parts)


_BARE: dict[str, shape.Shape] = {"label": LABEL, "type": FREE}
_FIELD_FORMS: dict[str, shape.Shape] = {
    **dict.fromkeys(("count", "amount", "number"), Form(Input, _BARE | {"unit": LABEL, "allowed": _ALLOWED} | _STATES)),
    **dict.fromkeys(
        ("percent", "days", "marks", "points", "place"), Form(Input, _BARE | {"allowed": _ALLOWED} | _STATES)
    ),
    "category": Form(_category, _BARE | {"allowed": ListOf(CHOICE)} | _STATES),
    "date": Form(Input, _BARE | _STATES),
    "key": Form(Input, _BARE | _STATES),
}
FIELD = Chosen("type", _FIELD_FORMS)
INPUT = Chosen(
    "type",
    _FIELD_FORMS | {"records": Form(Input, _BARE | {"fields": Named(FIELD, 1)} | _STATES)},
)
