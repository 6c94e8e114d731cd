"""One rule over the facts of all units of all periods of a span: the one place where a simulation meets the engine.

Facts are read into columns once for all rules that have the same inputs; a rule without columns is the reference's.
Pure and long, so callers run it beside the event loop. Does not belong here: where facts come from (repository).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from services.scoring_svc.engine.columns.planning import Room
from services.scoring_svc.engine.columns.reading import Reading
from services.scoring_svc.engine.domain import (
    ByReference,
    ColumnPlan,
    Outcome,
    Rule,
    Table,
    WorkingCalendar,
    canonical,
    evaluate_group,
    plan_of,
)
from services.scoring_svc.engine.numbers import rational
from services.scoring_svc.ledger.domain import CellStatus
from services.scoring_svc.ledger.evaluation import state_of

Numbers: TypeAlias = npt.NDArray[Any]  # int64, or Python's whole numbers where 64 bits might not hold them
States: tuple[CellStatus, ...] = ("scored", "exempt", "not_scorable", "refused")
SCORED, REFUSED = States.index("scored"), States.index("refused")
ROOM_OF_64_BITS = 2**62


@dataclass(frozen=True)
class Marks:
    """The scores of all rows: whole numbers over `below`, 0 where there is none; a row's state; codes of refusals."""

    values: Numbers
    below: int
    states: npt.NDArray[np.int8]
    refusals: Mapping[str, int] = field(default_factory=dict)

    def over(self, below: int) -> "Marks":
        """The same scores over a multiple of their denominator."""
        return replace(self, values=times(self.values, below // self.below), below=below)


@dataclass
class Block:
    """Rows that were evaluated under one calendar. `groups` tells which rows are peers: those of one period.

    `stopped`: rows whose card has no deadline in that calendar, which the ledger refuses too.
    """

    rows: list[Mapping[str, Any]]
    groups: list[int]
    calendar: WorkingCalendar | None
    stopped: str | None = None
    _read: dict[tuple[bytes, Room], Reading] = field(default_factory=dict)

    def reading(self, plan: ColumnPlan, inputs: bytes) -> Reading:
        """The rows as columns of a plan, read once for all plans with the same inputs and scales."""
        key = (inputs, plan.room)
        if key not in self._read:
            self._read[key] = plan.read(Table.of_rows(self.rows), self.groups, self.calendar)
        known = self._read[key]
        # What a batch remembers belongs to the nodes of one rule.
        return replace(known, batch=replace(known.batch, memory={}))


def evaluate_all(rule: Rule, document: Mapping[str, Any], blocks: Sequence[Block]) -> Marks:
    """The score of every row of every block, in their order, by columns where the rule has them.

    `document` is the rule's JSON. Nothing is raised for facts: a row without a score has its state and code.
    """
    largest = max((max(Counter(block.groups).values(), default=0) for block in blocks), default=0)
    plan, inputs = plan_of(rule, largest), canonical(document["inputs"])
    return joined([_evaluate(rule, plan, inputs, block) for block in blocks])


def _evaluate(rule: Rule, plan: ColumnPlan | ByReference, inputs: bytes, block: Block) -> Marks:
    count = len(block.rows)
    if block.stopped is not None:
        refused = np.full(count, REFUSED, np.int8)
        return Marks(np.zeros(count, np.int64), 1, refused, {block.stopped: count})
    if isinstance(plan, ByReference):
        return _of_outcomes(_by_reference(rule, block), count)
    found = plan.evaluate_read(block.reading(plan, inputs), Table.of_rows(block.rows))
    if found.result.kind != "points":
        refused = np.full(count, REFUSED, np.int8)
        return Marks(np.zeros(count, np.int64), 1, refused, {"RESULT_WITHOUT_POINTS": count})
    kinds = [SCORED, *(States.index(state_of(reason.how, reason.code)) for reason in found.reasons[1:])]
    states = np.array(kinds, np.int8)[found.stop]
    values = np.where(states == SCORED, found.value, 0)
    apart = found.by_reference
    if apart:
        rows = np.fromiter(apart, np.int64, len(apart))
        states[rows], values[rows] = REFUSED, 0
    refusals = Counter(found.reasons[stop].code for stop in found.stop[states == REFUSED].tolist() if stop)
    marks = Marks(values, int(found.result.value.den), states, refusals)
    return _with(marks, apart) if apart else marks


def _by_reference(rule: Rule, block: Block) -> dict[int, Outcome]:
    """Every row by the reference, the rows of one group together."""
    groups: dict[int, dict[str, Mapping[str, Any]]] = {}
    for row, group in enumerate(block.groups):
        groups.setdefault(group, {})[str(row)] = block.rows[row]
    return {
        int(row): outcome
        for facts in groups.values()
        for row, outcome in evaluate_group(rule, facts, block.calendar).items()
    }


def _of_outcomes(outcomes: Mapping[int, Outcome], count: int) -> Marks:
    none = Marks(np.zeros(count, np.int64), 1, np.full(count, REFUSED, np.int8))
    return _with(none, outcomes)


def _with(marks: Marks, outcomes: Mapping[int, Outcome]) -> Marks:
    """Marks with the rows that the reference evaluated put in their places."""
    known = {
        row: rational(one.value) for row, one in outcomes.items() if one.kind == "points" and one.value is not None
    }
    below = int(np.lcm.reduce([marks.below, *(value.denominator for value in known.values())], dtype=object))
    made = marks.over(below)
    values, states = made.values, made.states.copy()
    numbers = {row: value.numerator * (below // value.denominator) for row, value in known.items()}
    if any(abs(number) >= ROOM_OF_64_BITS for number in numbers.values()):
        values = values.astype(object)
    refusals = Counter(marks.refusals)
    for row, outcome in outcomes.items():
        state = state_of(outcome.kind, outcome.code)
        states[row], values[row] = States.index(state), numbers.get(row, 0)
        if state == "refused":
            refusals[outcome.code or "RESULT_WITHOUT_POINTS"] += 1
    return Marks(values, below, states, refusals)


def joined(parts: Sequence[Marks]) -> Marks:
    """Marks one after another, over one denominator."""
    below = int(np.lcm.reduce([part.below for part in parts], dtype=object))
    over = [part.over(below) for part in parts]
    refusals: Counter[str] = Counter()
    for part in parts:
        refusals.update(part.refusals)
    return Marks(
        np.concatenate([one.values for one in over]), below, np.concatenate([one.states for one in over]), refusals
    )


def times(values: Numbers, factor: int) -> Numbers:
    """Numbers times a whole number, exact whatever their size."""
    if factor == 1:
        return values
    if values.dtype == object:
        return values * factor
    most = int(np.abs(values).max(initial=0))
    return values.astype(object) * factor if most * abs(factor) >= ROOM_OF_64_BITS else values * factor
