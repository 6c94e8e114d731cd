"""Adjudicated inputs: what an upheld appeal (ruling) or an approved correction lays down for a cell.

Every evaluation reads them, so no recompute undoes them. The rules, pure:

- Of one source (an appeal, a correction) the highest version stands; a withdrawn one no longer does.
- A corrected value takes the place of what the input read, for this cell's card alone, and for the unit's peers in it.
- Exempt or a fixed score stand above corrected values and above exclusions: an appeal may be about an exclusion.
  Facts and corrected values of such a cell stay what its peers are compared with.
- A fixed score is one that the cell's rule may give: between the ends of its result, with no more places than it
  keeps. What is above full marks is possible where the rule goes there. Another one is refused, and its cell with it.
- Of several the one decided last counts; the same moment is settled by the id, so the order of arrival is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from services.scoring_svc.engine.domain import ABSENT, Rule, Table, attainable, places_of
from services.scoring_svc.engine.numbers import is_decimal, rational, shortest
from services.scoring_svc.ledger.domain import Entry, Exclusion, Finding, Scored, excluded
from services.scoring_svc.ledger.evaluation import Group
from shared.errors import Refused

Source = Literal["ruling", "correction"]
Kind = Literal["value", "exempt", "score"]
Cell = tuple[UUID, UUID]
# Among a cell's inputs, beside the version of the fact that was there: no name of an input has a colon.
_MARK = "adjudicated:"
_WHOLE = "*"
NOT_POSSIBLE = "SCORE_NOT_POSSIBLE"
"""The code of a cell for which a score was ruled that its rule cannot give."""


class AdjudicationUnreadable(Refused):
    """A value needs its input, a score is decimal text."""

    status, code = 422, "adjudication_unreadable"
    zh, en = (
        "裁定内容不完整：更正数据须指明输入项和值，核定得分须为十进制数",
        "The decision is incomplete: a corrected value needs its input and the value, a score is a decimal number",
    )


class ScoreNotPossible(Refused):
    """A score is fixed within what the rule may give, to as many places as it keeps."""

    status, code = 422, "score_not_possible"
    zh = "核定得分 {score} 不是该指标计分规则可得的分数：应在 {lowest} 至 {highest} 之间，小数不超过 {places} 位"
    en = "The rule cannot give the score {score}: it gives {lowest} to {highest}, with at most {places} decimal places"


@dataclass(frozen=True)
class Adjudication:
    """One standing decision on a cell. `value` as the rule language reads facts, or the score as decimal text."""

    source: Source
    source_id: UUID
    version: int
    kind: Kind
    input: str | None
    value: Any
    reason: str
    decided_by: str
    decided_at: datetime

    @property
    def reference(self) -> str:
        """Under which a cell's inputs name it: `ruling:ID:VERSION`."""
        return f"{self.source}:{self.source_id}:{self.version}"

    @property
    def mark(self) -> str:
        """At which place of a cell's inputs it is named."""
        return mark_of(self.input or _WHOLE)


Standing = Mapping[Cell, Sequence[Adjudication]]


def demand_readable(kind: Kind, name: str | None, value: Any) -> None:
    """Raise AdjudicationUnreadable unless a decision says what its kind needs, and nothing besides."""
    fits = {
        "value": bool(name) and value is not None,
        "exempt": not name and value is None,
        "score": not name and isinstance(value, str) and is_decimal(value),
    }
    if not fits[kind]:
        raise AdjudicationUnreadable


def demand_possible(rule: Rule, score: str) -> None:
    """Raise ScoreNotPossible unless the rule may give the score, with the ends and places that it has."""
    if not _possible(rule, score):
        low, high = attainable(rule)
        raise ScoreNotPossible(
            score=score,
            lowest="-∞" if low is None else shortest(low),
            highest="∞" if high is None else shortest(high),
            places=places_of(rule),
        )


def _possible(rule: Rule, score: str) -> bool:
    low, high = attainable(rule)
    number, places, most = rational(score), len(score.partition(".")[2]), places_of(rule)
    within = (low is None or low <= number) and (high is None or number <= high)
    return within and (most is None or places <= most)


def mark_of(name: str) -> str:
    """At which place of a cell's inputs a decision on an input is named."""
    return _MARK + name


def is_mark(name: str) -> bool:
    """Whether a name among a cell's inputs is that of a decision, not of an input."""
    return name.startswith(_MARK)


def references(inputs: Mapping[str, int | str]) -> Mapping[str, str]:
    """The decisions that a cell read: reference by mark."""
    return {name: str(text) for name, text in inputs.items() if is_mark(name)}


def fixed(inputs: Mapping[str, int | str]) -> bool:
    """Whether the cell as a whole was decided: exempt, or its score."""
    return mark_of(_WHOLE) in inputs


def counting(decisions: Sequence[Adjudication]) -> Mapping[str, Adjudication]:
    """Of a cell's decisions those that count, by mark: the last one of each input, the last one of the whole."""
    ordered = sorted(decisions, key=lambda one: (one.decided_at, str(one.source_id)))
    return {one.mark: one for one in ordered}


def whole(decisions: Sequence[Adjudication]) -> Adjudication | None:
    """The decision on the cell as a whole that counts."""
    return counting(decisions).get(mark_of(_WHOLE))


def adjudicated(group: Group, standing: Standing) -> Group:
    """What a group reads once decisions are in place; inputs that its rule does not have are left aside."""
    if not standing:
        return group
    columns: dict[str, list[Any]] = {}
    versions: dict[str, list[int | str | None]] = {}
    size = len(group.units)
    for row, unit in enumerate(group.units):
        for decided in counting(standing.get((group.card.indicator_id, unit), ())).values():
            if decided.input is not None:
                if decided.input not in group.card.bindings:
                    continue
                known = group.table.columns.get(decided.input, [ABSENT] * size)
                columns.setdefault(decided.input, list(known))[row] = decided.value
            versions.setdefault(decided.mark, [None] * size)[row] = decided.reference
    table = Table(size, {**group.table.columns, **columns})
    return replace(group, table=table, versions={**group.versions, **versions})


def settled(scored: Scored, exclusion: Exclusion | None, decisions: Sequence[Adjudication]) -> Scored:
    """The cell as it stands: a decision on the whole of it above an exclusion above what was evaluated.

    A corrected value stands above an exclusion too: it was decided so that the cell counts.
    """
    if not references(scored.inputs):
        return excluded(scored, exclusion)
    decided = whole(decisions)
    if decided is None:
        return scored
    if decided.kind == "exempt":
        return scored._replace(finding=Finding("exempt", scored.full_marks, note=decided.reason))
    entry = Entry(decided.source, None, str(decided.value))
    score = Decimal(str(decided.value))
    score = score or abs(
        score
    )  # no column keeps the sign of nought, so the replay would differ from the ledger for ever
    return scored._replace(finding=Finding("scored", scored.full_marks, score, note=decided.reason, entries=(entry,)))


def as_settled(
    groups: Sequence[Group],
    scored: Sequence[Sequence[Scored]],
    taken_out: Mapping[Cell, Exclusion],
    standing: Standing,
) -> Sequence[Sequence[Scored]]:
    """The cells of groups as they stand, in the order of what was evaluated."""
    if not taken_out and not standing:
        return scored
    return [
        [_settled(group, cell, taken_out, standing) for cell in cells]
        for group, cells in zip(groups, scored, strict=True)
    ]


def _settled(group: Group, scored: Scored, taken_out: Mapping[Cell, Exclusion], standing: Standing) -> Scored:
    cell = (group.card.indicator_id, scored.unit_id)
    decided = standing.get(cell, ())
    if refused_score(group.rule, decided):
        # Only here, not where the ledger is replayed: what was entered before there were bounds stays as it was.
        return scored._replace(finding=Finding("refused", scored.full_marks, code=NOT_POSSIBLE))
    return settled(scored, taken_out.get(cell), decided)


def refused_score(rule: Rule, decisions: Sequence[Adjudication]) -> bool:
    """Whether the decision on the cell as a whole that counts is a score that the rule cannot give."""
    decided = whole(decisions)
    return decided is not None and decided.kind == "score" and not _possible(rule, str(decided.value))


def proof_with(decided: Adjudication | None, proof: dict[str, Any], *, refused: bool = False) -> dict[str, Any]:
    """The proof of a cell that was decided as a whole: what was evaluated stands inside, as what it replaced.

    `refused`: the decision is a score that the rule cannot give.
    """
    if decided is None:
        return proof
    because = {"kind": decided.source, "decision": decided.reference, "replaced": proof}
    head: dict[str, Any] = {name: proof[name] for name in ("rule", "rule_language", "calendar") if name in proof}
    if refused:
        return {**head, "result": "refused", "stopped": {"code": NOT_POSSIBLE}, "because": because}
    if decided.kind == "exempt":
        return {**head, "result": "exempt", "because": because}
    entry = {"entry": decided.source, "points": str(decided.value)}
    return {**head, "result": "points", "value": str(decided.value), "entries": [entry], "because": because}
