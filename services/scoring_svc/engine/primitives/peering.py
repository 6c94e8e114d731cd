"""Other units: peers and rank, the one barrier of a rule.

Belongs here: these two primitives and what they share, the units of the same `within`.
Does not belong here: substitution by the peers' mean; it works on results.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell, Known, Stop, answered, text_of
from services.scoring_svc.engine.columns.algebra import MOVING, NO_FORM, Column, NoColumn, Vector
from services.scoring_svc.engine.columns.batch import Batch
from services.scoring_svc.engine.columns.combining import Reduced, check_order
from services.scoring_svc.engine.columns.grouping import grouped as grouped_columns
from services.scoring_svc.engine.columns.grouping import grouped_bounds
from services.scoring_svc.engine.columns.placing import average_of, given_by, peer_parts, places_in, rows_of
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.conditions import check_categories
from services.scoring_svc.engine.language import COMBINE, GROUP, POLICY, WITHIN, Combine, Group, Policy, Within
from services.scoring_svc.engine.measure import Measure, Scope
from services.scoring_svc.engine.nodes import ONLY, VALUE, Condition, Value, primitive
from services.scoring_svc.engine.numbers import rational, shortest
from services.scoring_svc.engine.primitives.arithmetic import numeric, said_in
from services.scoring_svc.engine.primitives.combining import (
    Item,
    NothingToCombine,
    attained,
    check_group,
    grouped,
    said_group,
)
from services.scoring_svc.engine.reach import Reach
from services.scoring_svc.engine.reachable import always
from services.scoring_svc.engine.shape import word
from services.scoring_svc.engine.speech import Speech


@dataclass(frozen=True, slots=True)
class Part:
    """One unit's part in a peer value: its group, whether it takes part, and its value; or why it has none."""

    place: tuple[Any, ...] = ()
    counted: bool = False
    item: Item | None = None
    proof: dict[str, Any] | None = None
    stopped: Stop | None = None


def part_of(cell: Cell, node: "Peers | Rank", value: Value, group: Group | None) -> Part:
    """One unit's part, read in the order `within`, `only`, then the value; found once for the whole group."""

    def find() -> Part:
        try:
            place = tuple(cell.read(name).value for name in node.within.names)
            if isinstance(node.only, Condition) and not node.only.evaluate(cell)[0]:
                return Part(place)
            known = value.evaluate(cell)
            by = None if group is None else cell.read(group.by).value
        except Stop as stopped:
            return Part(stopped=stopped)
        return Part(place, counted=True, item=Item(known.value, by), proof=known.proof)

    part: Part = remembered(cell, (node.at, cell.unit), find)
    return part


def remembered(cell: Cell, key: Any, find: Callable[[], Any]) -> Any:
    """What was found once for the whole group."""
    memory = cell.group.memory
    if key not in memory:
        memory[key] = find()
    return memory[key]


def place_of(cell: Cell, within: Within) -> tuple[Any, ...]:
    """The unit's own categories of `within`. Raises Stop as its own policy says."""
    return tuple(cell.read(name).value for name in within.names)


def others(cell: Cell, node: "Peers | Rank", value: Value, group: Group | None, place: tuple[Any, ...]) -> Any:
    """The parts of all other units of the same `within` that take part, by id; and those left out, with why."""

    def find() -> tuple[list[tuple[str, Part]], list[dict[str, str]]]:
        taking, left_out = [], []
        for unit in sorted(cell.group.facts):
            try:
                part = part_of(cell.group.cell(unit), node, value, group)
            except Stop as stopped:
                part = Part(stopped=stopped)
            if part.stopped is not None:
                left_out.append({"who": unit, "code": part.stopped.code})
            elif part.counted and part.place == place:
                taking.append((unit, part))
        return taking, left_out

    return remembered(cell, (node.at, "all", place), find)


@primitive(
    {
        "within": WITHIN,
        "only": ONLY,
        "self": word("included", "excluded"),
        "gives": VALUE,
        "group": GROUP,
        "combine": COMBINE,
        "if_empty": POLICY,
    }
)
@dataclass(frozen=True)
class Peers(Value):
    """One value per unit of the peer group, combined."""

    within: Within
    only: Condition | str
    self_: str
    gives: Value
    group: Group | None
    combine: Combine
    if_empty: Policy
    kind: ClassVar[str] = "peers"

    def type_in(self, scope: Scope) -> Measure:
        """The unit of what each unit gives; `within` names categories."""
        check_within(scope, self.within, self.only)
        measure = self.gives.measure(scope)
        check_group(scope, self.group, self.combine, measure, self.at)
        return measure

    def reach_in(self, scope: Scope) -> Reach:
        """Combined from any number of units, or what `if_empty` counts as."""
        judge_only(scope, self.only)
        if not self.gives.measure(scope).numeric:
            return reach.ANYTHING
        found = attained(self.gives.attains(scope), self.group, self.combine)
        instead = self.if_empty.as_if
        return found if instead is None else reach.union([found, reach.point(rational(instead))])

    def evaluate(self, cell: Cell) -> Known:
        """Units whose value cannot be had are left out; if the unit's own cannot be had, its policy decides."""
        place = place_of(cell, self.within)
        if self.self_ == "included":
            own = part_of(cell, self, self.gives, self.group)
            if own.stopped is not None:
                raise own.stopped.with_traceback(None)
        taking, left_out = others(cell, self, self.gives, self.group, place)
        units = [(unit, part) for unit, part in taking if self.self_ == "included" or unit != cell.unit]
        proof: dict[str, Any] = {
            "kind": self.kind,
            "at": self.at,
            "of": [{"kind": "peer", "who": unit, "value": text_of(part.item.value)} for unit, part in units],
        }
        gone = [one for one in left_out if one["who"] != cell.unit]
        if gone:
            proof["left_out"] = gone
        try:
            value = self._combined(cell, place, units)
        except NothingToCombine as nothing:
            return answered(self.if_empty, nothing.code, proof)
        return Known(value, {**proof, "value": text_of(value)})

    def column(self, planner: Planner) -> Column:
        """One value per group of units; without the unit itself, one per unit."""
        if self.group is not None and (self.self_ == "excluded" or self.group.rolling_days is not None):
            raise NoColumn(NO_FORM, self.at)
        gives = planner.value(self.gives)
        classes = planner.classes(self.group)
        bounds = grouped_bounds(self.group, self.combine, gives, planner.room.units, classes)
        part = peer_parts(planner, self.within, planner.only(self.only), gives, planner.by(self.group))

        def found(batch: Batch) -> tuple[Reduced, Vector]:
            units = part(batch)
            taken, segment = units.parts.taken(batch.refused), units.segment
            items = units.parts.items(segment, taken)
            if self.self_ == "excluded":
                own = segment, np.where(taken, np.cumsum(taken) - 1, -1)
                reduced = grouped_columns(self.group, self.combine, items, units.count, own)
                return reduced, Vector(reduced.num, reduced.den, units.place_stop)
            reduced = rows_of(grouped_columns(self.group, self.combine, items, units.count), segment)
            return reduced, Vector(reduced.num, reduced.den, units.parts.stop)

        return planner.combined(bounds, found, self.if_empty)

    def _combined(self, cell: Cell, place: tuple[Any, ...], units: list[tuple[str, Part]]) -> Any:
        def find() -> Any:
            items = [part.item for _, part in units if part.item is not None]
            try:
                return grouped(self.group, self.combine, items)
            except NothingToCombine as nothing:
                return nothing

        who = "" if self.self_ == "included" else cell.unit
        found = remembered(cell, (self.at, "value", place, who), find)
        if isinstance(found, NothingToCombine):
            raise NothingToCombine(found.code)
        return found

    def words(self, speech: Speech, unit: Measure) -> str:
        """`（‹within›相同的）各单位‹name›的最高值` / `the highest ‹name› of the units (of the same ‹within›)`."""
        gives = self.gives.words(speech, said_in(speech, self, unit))
        how, first = speech.combine(self.combine), said_group(speech, self.group)
        same = [speech.label(name) for name in self.within.names]
        whose_zh = "其他单位" if self.self_ == "excluded" else "各单位"
        whose_en = "of the other units" if self.self_ == "excluded" else "of the units"
        if same:
            whose_zh, whose_en = f"{'、'.join(same)}相同的{whose_zh}", f"{whose_en} of the same {' and '.join(same)}"
        if isinstance(self.only, Condition):
            test = self.only.words(speech)
            whose_zh, whose_en = f"{whose_zh}（仅{test}的）", f"{whose_en} whose {test}"
        policy = speech.policy(self.if_empty)
        empty = speech.pick(f"（没有单位时{policy}）", f" (if there is no unit: {policy})")
        if self.if_empty.word == "not_scorable":
            empty = ""
        zh = f"{whose_zh}{gives}的{how}" if not first else f"{whose_zh}{gives}，{first}取{how}"
        en = f"the {how} {gives} {whose_en}" if not first else f"{gives} {whose_en}, {first}{how}"
        return speech.pick(zh, en) + empty


@primitive(
    {
        "of": VALUE,
        "within": WITHIN,
        "only": ONLY,
        "best": word("highest", "lowest"),
        "ties": word("competition", "dense", "average"),
        "gives": VALUE,
        "if_unranked": POLICY,
    }
)
@dataclass(frozen=True)
class Rank(Value):
    """The unit's place among its peers, and what a place gives."""

    of: Value
    within: Within
    only: Condition | str
    best: str
    ties: str
    gives: Value
    if_unranked: Policy
    kind: ClassVar[str] = "rank"

    def type_in(self, scope: Scope) -> Measure:
        """The unit of what a place gives; `of` is a number."""
        check_within(scope, self.within, self.only)
        numeric(scope, self.of)
        return numeric(scope.placed(), self.gives)

    def reach_in(self, scope: Scope) -> Reach:
        """What places without end give, or what `if_unranked` counts as."""
        judge_only(scope, self.only)
        self.of.attains(scope)
        found = self.gives.attains(scope.placed())
        if self.ties == "average":
            span = reach.hull(found)
            found = (reach.Span(span.low, span.high, span.low_in, span.high_in),)
        instead = self.if_unranked.as_if
        return found if instead is None else reach.union([found, reach.point(rational(instead))])

    def evaluate(self, cell: Cell) -> Known:
        """Order the exact values; only a unit that `only` excludes is unranked."""
        own = part_of(cell, self, self.of, None)
        if own.stopped is not None:
            raise own.stopped.with_traceback(None)
        proof: dict[str, Any] = {"kind": self.kind, "at": self.at}
        if own.item is None:
            return answered(self.if_unranked, "UNRANKED", {**proof, "of": []})
        taking, left_out = others(cell, self, self.of, None, own.place)
        sign = 1 if self.best == "highest" else -1
        values = [part.item.value * sign for _, part in taking]
        mine = own.item.value * sign
        better, tied = [value for value in values if value > mine], values.count(mine)
        place = 1 + (len(set(better)) if self.ties == "dense" else len(better))
        places = range(place, place + tied) if self.ties == "average" else [place]
        given = [self._given(cell, one) for one in places]
        value = sum((known.value for known in given), Fraction(0)) / len(given)
        proof |= {
            "value": shortest(value),
            "place": str(place),
            "ranked": str(len(values)),
            "tied": str(tied),
            "of": [own.proof, *(known.proof for known in given)],
            "units": [{"kind": "peer", "who": unit, "value": text_of(part.item.value)} for unit, part in taking],
        }
        if left_out:
            proof["left_out"] = left_out
        return Known(value, proof)

    def column(self, planner: Planner) -> Column:
        """Units sorted by exact value inside their group; what places give is tabulated once."""
        of, gives = planner.value(self.of), planner.placed().value(self.gives)
        check_order(of)
        averaged = self.ties == "average"
        if averaged and gives.moving:
            raise NoColumn(MOVING, self.at)
        part = peer_parts(planner, self.within, planner.only(self.only), of, None)

        def run(batch: Batch) -> Vector:
            units = part(batch)
            taken = np.flatnonzero(units.parts.taken(batch.refused))
            num = units.parts.value.num[taken] * (-1 if self.best == "highest" else 1)
            dens = units.parts.value.dens()[taken] if of.moving else of.den
            place, tied = places_in(units.segment[taken], units.count, num, dens, dense=self.ties == "dense")
            given = average_of(gives, place, tied) if averaged else given_by(gives, place)
            found = np.zeros(batch.size, np.int64)
            den, stop = np.ones(batch.size, np.int64), units.parts.stop.copy()
            found[taken], den[taken], stop[taken] = given.num, given.dens(), given.stop
            return Vector(found, den if averaged or gives.moving else gives.den, stop)

        most = planner.room.units if averaged else 1
        bounds = min(gives.low, 0) * most, max(gives.high, 0) * most, gives.den * most
        placed = Column(*bounds, run, moving=averaged or gives.moving)
        return planner.answered(
            placed, lambda batch: ~part(batch).parts.taken(batch.refused), self.if_unranked, "UNRANKED"
        )

    def _given(self, cell: Cell, place: int) -> Known:
        """What a place gives: tabulated once, since it depends on the place alone."""

        def find() -> Known | Stop:
            try:
                return self.gives.evaluate(cell.at_place(place))
            except Stop as stopped:
                return stopped

        found: Known | Stop = remembered(cell, (self.at, "place", place), find)
        if isinstance(found, Stop):
            raise found.with_traceback(None)
        return found

    def words(self, speech: Speech, unit: Measure) -> str:
        """`仅‹only›的单位参加，按‹of›从高到低排名，并列占用名次：‹gives›；未参加排名的按0计`."""
        of = self.of.words(speech, speech.measure(self.of))
        gives = self.gives.words(speech, said_in(speech, self, unit))
        zh, en = "", ""
        if isinstance(self.only, Condition):
            test = self.only.words(speech)
            zh, en = f"仅{test}的单位参加，", f"only units whose {test} take part; "
        same = [speech.label(name) for name in self.within.names]
        if same:
            zh += f"在{'、'.join(same)}相同的单位中"
        among = f"ranked among units of the same {' and '.join(same)} by" if same else "ranked by"
        order = ("从高到低", "highest") if self.best == "highest" else ("从低到高", "lowest")
        ties = {
            "competition": ("并列占用名次", "tied units share the better place and the next places are skipped"),
            "dense": ("并列不占用名次", "tied units share a place and none is skipped"),
            "average": ("并列取所占名次得分的平均", "tied units share the mean of their places"),
        }[self.ties]
        policy = speech.policy(self.if_unranked)
        last_zh, last_en = f"；未参加排名的{policy}", f"; not ranked: {policy}"
        if not isinstance(self.only, Condition):
            last_zh = last_en = "" if self.if_unranked.word == "not_scorable" else speech.pick(last_zh, last_en)
        return speech.pick(
            f"{zh}按{of}{order[0]}排名，{ties[0]}：{gives}{last_zh}",
            f"{en}{among} {of}, {order[1]} first, {ties[1]}: {gives}{last_en}",
        )


def check_within(scope: Scope, within: Within, only: Condition | str) -> None:
    """Report `within` that is no category, and what the condition `only` reports."""
    for name in within.names:
        check_categories(scope, name, (), within.at)
    if isinstance(only, Condition):
        only.type_in(scope)


def judge_only(scope: Scope, only: Condition | str) -> None:
    """Report a condition `only` that always or never holds."""
    if isinstance(only, Condition):
        only.judge(scope)
        always(scope, only)
