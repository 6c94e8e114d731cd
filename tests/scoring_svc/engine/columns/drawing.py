"""Facts for comparing the two evaluators: at and beside every constant of a rule, at the ends, drawn, in all states."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from services.scoring_svc.engine.cases import OWN_CASES
from services.scoring_svc.engine.columns.algebra import Column, Vector
from services.scoring_svc.engine.columns.batch import Batch
from services.scoring_svc.engine.columns.outcomes import RowOutcome
from services.scoring_svc.engine.columns.plan import ColumnPlan, columns_of
from services.scoring_svc.engine.domain import (
    Outcome,
    Rule,
    RuleRefused,
    Table,
    WorkingCalendar,
    evaluate_group,
    parse_rule,
)
from services.scoring_svc.engine.language import WHOLE_TYPES, Input
from services.scoring_svc.engine.numbers import fixed, is_decimal, rational, shortest

PACK = Path("deploy/local/wuhan2015/indicators")
CALENDAR = WorkingCalendar.from_days(
    "two-years",
    closed=["2015-01-01", "2015-02-18", "2015-02-19", "2015-02-20", "2015-05-01", "2015-10-01", "2015-10-02"],
    open_days=["2015-02-15", "2015-02-28", "2015-10-10"],
    first=date(2015, 1, 1),
    last=date(2016, 3, 31),
)
_STATES = ("missing", "exempt", "not_scorable")
Facts = dict[str, Any]


@cache
def case_rules() -> dict[str, Rule]:
    """The rules of the acceptance cases that may be published, by the first case that has them."""
    found: dict[str, Rule] = {}
    for line in OWN_CASES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        try:
            rule = parse_rule(case["rule"])
        except RuleRefused:
            continue
        if all(rule.hash != known.hash for known in found.values()):
            found[case["id"]] = rule
    return found


@cache
def pack_rules(department: str) -> dict[str, Rule]:
    content = json.loads((PACK / f"{department}.json").read_text(encoding="utf-8"))
    return {one["code"]: parse_rule(one["rule"]) for one in content["indicators"]}


def departments() -> list[str]:
    return sorted(path.stem for path in PACK.glob("*.json"))


def constants(node: Any) -> set[Fraction]:
    """Every number that stands in a part of a rule."""
    if isinstance(node, str):
        return {rational(node)} if is_decimal(node) else set()
    if isinstance(node, tuple | list):
        return {number for part in node for number in constants(part)}
    if isinstance(node, Mapping):
        return {number for part in node.values() for number in constants(part)}
    names = getattr(type(node), "__dataclass_fields__", {})
    return {number for name in names for number in constants(getattr(node, name))}


def candidates(item: Input, numbers: set[Fraction]) -> list[str]:
    """Numbers at every edge, and one unit beside it, that the input's type can say."""
    edges = numbers | constants(item) | {Fraction(0)}
    if item.type in WHOLE_TYPES:
        found = {Fraction(edge.numerator // edge.denominator + step) for edge in edges for step in (-1, 0, 1)}
        return [shortest(number) for number in sorted(found)]
    unit = Fraction(1, 100)
    return [shortest(number) for number in sorted({edge + step * unit for edge in edges for step in (-1, 0, 1)})]


@dataclass
class Drawer:
    """Draws facts of one rule; `plain` numbers lie inside `allowed` nearly always."""

    rule: Rule
    dice: random.Random

    def __post_init__(self) -> None:
        numbers = constants((tuple(self.rule.defines.values()), self.rule.result))
        every = {**self.rule.inputs}
        for item in self.rule.inputs.values():
            every |= item.fields or {}
        self.edges = {
            name: self._allowed(item, candidates(item, numbers))
            for name, item in every.items()
            if item.type not in {"date", "key", "category", "records"}
        }

    def _allowed(self, item: Input, texts: list[str]) -> tuple[list[str], list[str]]:
        least = {"count": 0, "place": 1}.get(item.type)
        good = [
            text
            for text in texts
            if (item.allowed is None or item.allowed.holds(rational(text)))
            and (least is None or rational(text) >= least)
        ]
        return good or texts, [text for text in texts if text not in good]

    def number(self, name: str, item: Input) -> str:
        good, bad = self.edges[name]
        luck = self.dice.random()
        if bad and luck < 0.02:
            return self.dice.choice(bad)
        if luck < 0.7 or (item.allowed is not None and item.allowed.listed is not None):
            return self.dice.choice(good)
        low, high = rational(good[0]), rational(good[-1])
        if item.type in WHOLE_TYPES:
            return str(self.dice.randint(int(low), int(high) + 5))
        return fixed(Fraction(self.dice.randint(int(low * 100), int(high * 100)), 100), 2)

    def fact(self, name: str, item: Input) -> Any:
        luck = self.dice.random()
        if luck < 0.03:
            told: Facts = {"state": self.dice.choice(_STATES), "reason": "drawn"}
            if item.type in {"count", "percent"}:
                told["value"] = "1"
            return told
        if luck < 0.033:
            return self.dice.choice(["?", {"state": "gone"}, 7, [{"unknown": "1"}]])
        if item.fields is not None:
            count = self.dice.choice([0, 0, 1, 1, 2, 3, 5])
            return [self.facts(item.fields, 0.01) for _ in range(count)]
        if item.choices:
            return self.dice.choice(item.choices).id
        if item.type == "date":
            start = date(2015, self.dice.randint(1, 12), 28)
            return (start + timedelta(days=self.dice.choice([-40, 0, 1, 2, 3, 4, 5, 9, 14, 31, 100]))).isoformat()
        return self.dice.choice("abc") if item.type == "key" else self.number(name, item)

    def facts(self, inputs: Mapping[str, Input], absent: float = 0.02) -> Facts:
        found = {name: self.fact(name, item) for name, item in inputs.items() if self.dice.random() >= absent}
        if self.dice.random() < 0.003:
            found["nobody_knows"] = "1"
        return found

    def sweep(self) -> Iterator[Facts]:
        """Every edge of every number once, the other facts drawn."""
        for name in self.rule.inputs:
            for text in self.edges[name][0] if name in self.edges else ():
                yield {**self.facts(self.rule.inputs, 0), name: text}

    def groups(self, many: int) -> list[list[Facts]]:
        """Groups of several sizes; in some many units say the same, so that there are ties."""
        rows = list(self.sweep())
        self.dice.shuffle(rows)
        rows = rows[: many // 2]
        while len(rows) < many:
            rows.append(self.facts(self.rule.inputs))
        found = []
        while rows:
            size = self.dice.choice([1, 2, 3, 5, 8, 13])
            piece, rows = rows[:size], rows[size:]
            if self.dice.random() < 0.4:
                piece = [dict(self.dice.choice(piece[:3])) for _ in piece]
            found.append(piece)
        return found


def said(outcome: Outcome) -> RowOutcome:
    """The reference's outcome without its proof."""
    entries = tuple((entry.entry, entry.clause, entry.text) for entry in outcome.entries)
    return RowOutcome(outcome.kind, outcome.value, outcome.code, entries, outcome.substituted)


@dataclass
class Comparison:
    """What was compared: rows, how many of them in columns, states met, and the rows that differ."""

    rows: int = 0
    in_columns: int = 0
    kinds: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()

    def __add__(self, other: "Comparison") -> "Comparison":
        kinds = tuple(sorted({*self.kinds, *other.kinds}))
        differences = (*self.differences, *other.differences)
        return Comparison(self.rows + other.rows, self.in_columns + other.in_columns, kinds, differences)


def reference(rule: Rule, groups: list[list[Facts]]) -> list[RowOutcome]:
    found = []
    for group in groups:
        outcomes = evaluate_group(rule, {f"{index:03}": facts for index, facts in enumerate(group)}, CALENDAR)
        found += [said(outcome) for outcome in outcomes.values()]
    return found


def compared(name: str, plan: ColumnPlan, groups: list[list[Facts]], wanted: list[RowOutcome]) -> Comparison:
    rows = [facts for group in groups for facts in group]
    peers = [index for index, group in enumerate(groups) for _ in group]
    found = plan.evaluate(Table.of_rows(rows), peers, CALENDAR)
    differences = [
        f"{name}: {facts} in {peer}: columns say {one}, the reference {other}"
        for facts, peer, one, other in zip(rows, peers, found.rows(), wanted, strict=True)
        if one != other
    ]
    kinds = tuple(sorted({outcome.kind for outcome in wanted}))
    return Comparison(len(rows), len(rows) - len(found.by_reference), kinds, tuple(differences))


def plan_of(rule: Rule) -> ColumnPlan:
    plan = columns_of(rule)
    assert isinstance(plan, ColumnPlan), plan
    return plan


def batches(batch: Batch) -> Iterator[Batch]:
    yield batch
    for key, found in batch.memory.items():
        if isinstance(key, tuple) and key[0] == "records":
            yield from batches(found[0])


def outside(batch: Batch) -> list[Column]:
    """The columns that hold a numerator, a denominator or a value that they said they would never hold."""
    found = []
    for here in batches(batch):
        for column, vector in here.memory.items():
            if not isinstance(column, Column) or not isinstance(vector, Vector) or not here.size:
                continue
            dens = vector.dens()
            inside = bool(
                (vector.num >= min(column.low, 0)).all()
                and (vector.num <= max(column.high, 0)).all()
                and (dens >= 1).all()
                and (dens <= column.den).all()
                and (dens % column.common == 0).all()
            )
            # Rows that have a value lie inside the interval analysis; the others are dropped before any rounding.
            low, high = column.span
            had = vector.stop == 0
            nums, own = vector.num[had].tolist(), dens[had].tolist()
            if not inside or not all(low * den <= num <= high * den for num, den in zip(nums, own, strict=True)):
                found.append(column)
    return found
