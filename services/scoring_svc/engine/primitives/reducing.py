"""One value per record, combined: each.

Belongs here: each. Does not belong here: combining itself, other units.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell, Known, answered, text_of
from services.scoring_svc.engine.columns.algebra import Column, Vector, earlier
from services.scoring_svc.engine.columns.batch import Batch
from services.scoring_svc.engine.columns.combining import Reduced, first_stop, parts_column
from services.scoring_svc.engine.columns.grouping import grouped as grouped_columns
from services.scoring_svc.engine.columns.grouping import grouped_bounds
from services.scoring_svc.engine.columns.planning import MOST_RECORDS, Planner
from services.scoring_svc.engine.language import COMBINE, GROUP, POLICY, Combine, Group, Input, Policy
from services.scoring_svc.engine.measure import UNKNOWN, Measure, Scope
from services.scoring_svc.engine.nodes import ONLY, VALUE, Condition, Constant, Name, Value, primitive
from services.scoring_svc.engine.numbers import rational
from services.scoring_svc.engine.primitives.arithmetic import said_in
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
from services.scoring_svc.engine.shape import NAME
from services.scoring_svc.engine.speech import Speech


@primitive({"in": NAME, "only": ONLY, "gives": VALUE, "group": GROUP, "combine": COMBINE, "if_empty": POLICY})
@dataclass(frozen=True)
class Each(Value):
    """One value per record of a records input, combined."""

    in_: str
    only: Condition | str
    gives: Value
    group: Group | None
    combine: Combine
    if_empty: Policy
    kind: ClassVar[str] = "each"

    def _inner(self, scope: Scope) -> Scope | None:
        found = scope.resolve(self.in_)
        fields = found.fields if isinstance(found, Input) else None
        return None if fields is None else scope.inside(fields)

    def type_in(self, scope: Scope) -> Measure:
        """The unit of what each record gives."""
        inner = self._inner(scope)
        if inner is None:
            known = scope.resolve(self.in_) is None
            return UNKNOWN if known else scope.mismatch(self.at, "此处须为记录集", "here must stand records")
        if isinstance(self.only, Condition):
            self.only.type_in(inner)
        measure = self.gives.measure(inner)
        check_group(inner, self.group, self.combine, measure, self.at)
        return measure

    def reach_in(self, scope: Scope) -> Reach:
        """Combined from any number of records, or what `if_empty` counts as."""
        inner = self._inner(scope)
        if inner is None:
            return reach.ANYTHING
        if isinstance(self.only, Condition):
            self.only.judge(inner)
            always(inner, self.only)
        if not self.gives.measure(inner).numeric:
            return reach.ANYTHING
        found = attained(self.gives.attains(inner), self.group, self.combine)
        instead = self.if_empty.as_if
        return found if instead is None else reach.union([found, reach.point(rational(instead))])

    def evaluate(self, cell: Cell) -> Known:
        """Records in fact order; each is read `only`, `gives`, `group`."""
        records = cell.read(self.in_)
        items, proofs = [], []
        for index, record in enumerate(records.value):
            here = cell.inside(self.in_, index, record)
            proof: dict[str, Any] = {"kind": "record", "in": self.in_, "record": index}
            if isinstance(self.only, Condition):
                held, test = self.only.evaluate(here)
                proof["only"] = test
                if not held:
                    proofs.append(proof)
                    continue
            given = self.gives.evaluate(here)
            by = None
            if self.group is not None:
                by = here.read(self.group.by).value
                proof["by"] = text_of(by)
            items.append(Item(given.value, by))
            proofs.append({**proof, "value": text_of(given.value), "of": [given.proof]})
        proof = {"kind": self.kind, "at": self.at, "of": proofs}
        try:
            value = grouped(self.group, self.combine, items)
        except NothingToCombine as nothing:
            return answered(self.if_empty, nothing.code, proof)
        return Known(value, {**proof, "value": text_of(value)})

    def column(self, planner: Planner) -> Column:
        """All records of all rows at once, combined by the row that owns them."""
        inner, records = planner.inside(self.in_), planner.name(self.in_)
        gives = inner.value(self.gives)
        bounds = grouped_bounds(self.group, self.combine, gives, MOST_RECORDS, inner.classes(self.group))
        part = parts_column(inner.only(self.only), gives, inner.by(self.group))

        def found(batch: Batch) -> tuple[Reduced, Vector]:
            rows, owner = batch.opened(self.in_)
            parts = part(rows)
            reduced = grouped_columns(self.group, self.combine, parts.items(owner), batch.size)
            stop = earlier(records.of(batch).stop, first_stop(owner, parts.stop, batch.size))
            return reduced, Vector(reduced.num, reduced.den, stop)

        return planner.combined(bounds, found, self.if_empty)

    def words(self, speech: Speech, unit: Measure) -> str:
        """`‹in›逐项计：‹gives›；取合计`; a name: `‹in›‹name›的平均值`; gives "1": `‹in›的次数`."""
        found = speech.declared(self.in_)
        inner = speech.inside((found.fields or {}) if isinstance(found, Input) else {})
        label, how = speech.label(self.in_), speech.combine(self.combine)
        test = self.only.words(inner) if isinstance(self.only, Condition) else None
        empty = self._empty(speech)
        if (
            self.group is None
            and isinstance(self.gives, Constant)
            and self.gives.text == "1"
            and how in {"合计", "total"}
        ):
            zh, en = ("", "") if test is None else (f"中{test}", f" where {test}")
            return speech.pick(f"{label}{zh}的次数", f"the number of {label}{en}") + empty
        if self.group is None and isinstance(self.gives, Name):
            zh, en = ("", "") if test is None else (f"（仅{test}的）", f" where {test}")
            name = inner.label(self.gives.name)
            return speech.pick(f"{label}{zh}{name}的{how}", f"the {how} {name} of {label}{en}") + empty
        zh, en = ("", "") if test is None else (f"中{test}的", f" where {test}")
        gives = self.gives.words(inner, said_in(speech, self, unit))
        first = said_group(inner, self.group) or speech.pick("", "")
        return (
            speech.pick(
                f"{label}{zh}逐项计：{gives}；{first}取{how}", f"for each of {label}{en}: {gives}; {first}{how}"
            )
            + empty
        )

    def _empty(self, speech: Speech) -> str:
        if self.if_empty.as_if == "0":
            return ""
        policy = speech.policy(self.if_empty)
        return speech.pick(f"（没有记录时{policy}）", f" (if there is none: {policy})")
