"""The rules of the tree of units, pure: timelines of units, dated changes, and where a unit stands on a day.

Two times: a timeline says what is known now about every day (effective); each span carries when that was recorded. A
change makes a new timeline; the old one stays among the recordings, so what was known then about a day never changes.
Does not belong here: appointments (terms.py), storage.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from shared.contracts.indicator import UnitKind
from shared.errors import Refused

_DEEPEST = 64
_ATTRIBUTES = ("name", "kind", "parent_id", "groups")


class UnitCodeTaken(Refused):
    """A code names one unit for ever; another unit needs another code."""

    code = "unit_code_taken"
    zh, en = "单位代码 {unit} 已被占用且内容不同", "The unit code {unit} is taken by a unit with other attributes"


class ParentUnknown(Refused):
    """The parent does not exist, or not on every day on which the unit would stand under it."""

    code = "parent_unknown"
    zh, en = "上级单位在 {day} 不存在", "The parent does not exist on {day}"


class UnitCycle(Refused):
    """A unit would stand below itself."""

    code = "unit_cycle"
    zh, en = "单位不能移到自身或其下级单位之下", "A unit cannot stand below itself or a unit of its own subtree"


class BeforeUnitExisted(Refused):
    """The day of the change lies before the unit existed, or after its end."""

    code = "before_unit_existed"
    zh, en = "该单位在 {day} 尚不存在或已撤销", "The unit does not exist on {day}"


@dataclass(frozen=True)
class Span:
    """What a unit is from a day to the day before `effective_to` (None: open). `path` follows from the parents'."""

    effective_from: date
    effective_to: date | None
    recorded_at: datetime
    name: str
    kind: UnitKind
    parent_id: UUID | None
    path: str
    groups: Mapping[str, str] = field(default_factory=dict)

    def covers(self, day: date) -> bool:
        """Whether the span holds on a day."""
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


@dataclass(frozen=True)
class Timeline:
    """A unit through time as now known: spans in order, without overlap. `version` counts the recordings."""

    unit_id: UUID
    code: str
    version: int
    spans: tuple[Span, ...]

    def on(self, day: date) -> Span | None:
        """The span of a day, or None if the unit does not exist then."""
        return next((span for span in self.spans if span.covers(day)), None)


@dataclass(frozen=True)
class Place:
    """The path of a unit between two days."""

    effective_from: date
    effective_to: date | None
    path: str


KnownTimelines = Callable[[UUID], "Timeline | None"]


def new_unit(
    unit_id: UUID,
    code: str,
    *,
    name: str,
    kind: UnitKind,
    parent_id: UUID | None,
    groups: Mapping[str, str],
    effective_from: date,
    recorded_at: datetime,
) -> Timeline:
    """The timeline of a unit that begins on a day; its path is still to be placed."""
    span = Span(effective_from, None, recorded_at, name, kind, parent_id, "", dict(groups))
    return Timeline(unit_id, code, 1, (span,))


def same_unit(known: Timeline, given: Timeline) -> bool:
    """Whether a unit that is given again says nothing new: the same beginning with the same attributes."""
    first, again = known.spans[0], given.spans[0]
    return first.effective_from == again.effective_from and _attributes(first) == _attributes(again)


def change_unit(timeline: Timeline, day: date, changes: Mapping[str, Any], recorded_at: datetime) -> Timeline:
    """The timeline with the changed attributes from a day on. Raises BeforeUnitExisted.

    Each attribute keeps its new value until the next day on which that attribute was already recorded to change: a
    backdated rename does not undo a later one. Days before `day`, and their time of recording, stay as they are.
    """
    start = timeline.on(day)
    if start is None:
        raise BeforeUnitExisted(day=day)
    until = {name: _next_change(timeline.spans, name, day) or date.max for name in changes}
    cuts = sorted({day, *until.values()} - {date.max})
    spans: list[Span] = []
    for span in _cut(timeline.spans, cuts):
        new = {name: value for name, value in changes.items() if day <= span.effective_from < until[name]}
        changed = replace(span, **new)
        spans.append(span if changed == span else replace(changed, recorded_at=recorded_at))
    return replace(timeline, version=timeline.version + 1, spans=merged(spans))


def place_unit(timeline: Timeline, known: KnownTimelines, settled: Callable[[UUID], bool]) -> Timeline:
    """The timeline with the paths that follow from the parents'. Raises ParentUnknown or UnitCycle.

    `known` gives the timelines of other units; the paths of those that are `settled` are taken as they stand, those of
    the rest follow from their own parents in turn.
    """
    spans: list[Span] = []
    for span in timeline.spans:
        for place in _places(timeline.code, span, known, settled, {timeline.unit_id}):
            placed = replace(span, effective_from=place.effective_from, effective_to=place.effective_to)
            spans.append(replace(placed, path=place.path))
    return replace(timeline, spans=merged(spans))


def place_together(fresh: Mapping[UUID, Timeline], known: Mapping[UUID, Timeline]) -> dict[UUID, Timeline | Refused]:
    """New units that come together, each placed once, after its parent; or why it cannot stand where it says.

    Below a refused unit the same refusal holds. A chain deeper than any bureau is refused as a circle is.
    """
    settled: dict[UUID, Timeline | Refused] = {}

    def parent_of(one: UUID) -> UUID | None:
        return fresh[one].spans[0].parent_id

    def placed(one: UUID) -> Timeline | None:
        found = known.get(one) or settled.get(one)
        return found if isinstance(found, Timeline) else None

    for start in fresh:
        chain: dict[UUID, None] = {}
        above: UUID | None = start
        while above is not None and above in fresh and above not in settled and above not in chain:
            chain[above] = None
            above = parent_of(above)
        if above in chain:
            settled.update(dict.fromkeys(chain, UnitCycle()))
            continue
        for one in reversed(chain):
            parent = parent_of(one)
            refused = settled.get(parent) if parent else None
            settled[one] = refused if isinstance(refused, Refused) else _placed_or_refused(fresh[one], placed)
    return settled


def _placed_or_refused(timeline: Timeline, placed: KnownTimelines) -> Timeline | Refused:
    try:
        done = place_unit(timeline, placed, lambda _: True)
    except Refused as refusal:
        return refusal
    return UnitCycle() if any(span.path.count("/") > _DEEPEST for span in done.spans) else done


def _places(
    code: str, span: Span, known: KnownTimelines, settled: Callable[[UUID], bool], below: set[UUID]
) -> list[Place]:
    if span.parent_id is None:
        return [Place(span.effective_from, span.effective_to, f"{code}/")]
    if span.parent_id in below or len(below) > _DEEPEST:
        raise UnitCycle
    parent = known(span.parent_id)
    if parent is None:
        raise ParentUnknown(day=span.effective_from)
    found: list[Place] = []
    for piece in clipped(parent.spans, span.effective_from, span.effective_to):
        if settled(parent.unit_id):
            above = [Place(piece.effective_from, piece.effective_to, piece.path)]
        else:
            above = _places(parent.code, piece, known, settled, below | {parent.unit_id})
        found += [Place(place.effective_from, place.effective_to, f"{place.path}{code}/") for place in above]
    _demand_no_gap(found, span)
    return found


def _demand_no_gap(places: Sequence[Place], span: Span) -> None:
    reached: date | None = span.effective_from
    for place in places:
        if reached is None or place.effective_from != reached:
            break
        reached = place.effective_to
    if reached != span.effective_to:
        raise ParentUnknown(day=reached)


def clipped(spans: Iterable[Span], start: date, end: date | None) -> list[Span]:
    """The parts of spans that lie between two days."""
    parts = []
    for span in spans:
        first = max(span.effective_from, start)
        last = _earlier(span.effective_to, end)
        if last is None or first < last:
            parts.append(replace(span, effective_from=first, effective_to=last))
    return parts


def merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Neighbouring spans that say the same become one; it counts as recorded when the later of them was."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last.effective_to == span.effective_from and _says(last) == _says(span):
            recorded_at = max(last.recorded_at, span.recorded_at)
            joined[-1] = replace(last, effective_to=span.effective_to, recorded_at=recorded_at)
        else:
            joined.append(span)
    return tuple(joined)


def re_recorded(before: Timeline, after: Timeline, recorded_at: datetime) -> Timeline:
    """The next version of a timeline: the spans that were not known so before are recorded now."""
    spans = tuple(span if span in before.spans else replace(span, recorded_at=recorded_at) for span in after.spans)
    return replace(after, version=before.version + 1, spans=spans)


def demand_outside_subtree(timeline: Timeline, parent: Timeline, day: date, until: date | None) -> None:
    """Raise UnitCycle if the new parent stands in the unit's own subtree on any day of the move."""
    for own in clipped(timeline.spans, day, until):
        for above in clipped(parent.spans, own.effective_from, own.effective_to):
            if above.path.startswith(own.path):
                raise UnitCycle


def _says(span: Span) -> tuple[Any, ...]:
    return (*_attributes(span), span.path)


def _attributes(span: Span) -> tuple[Any, ...]:
    return tuple(getattr(span, name) for name in _ATTRIBUTES)


def _next_change(spans: Sequence[Span], name: str, day: date) -> date | None:
    """The first day after `day` on which the attribute takes another value."""
    before = None
    for span in spans:
        if before is not None and span.effective_from > day and getattr(span, name) != getattr(before, name):
            return span.effective_from
        before = span
    return None


def _cut(spans: Sequence[Span], days: Sequence[date]) -> list[Span]:
    parts: list[Span] = []
    for span in spans:
        rest = span
        for day in days:
            if rest.effective_from < day and (rest.effective_to is None or day < rest.effective_to):
                parts.append(replace(rest, effective_to=day))
                rest = replace(rest, effective_from=day)
        parts.append(rest)
    return parts


def _earlier(one: date | None, other: date | None) -> date | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
