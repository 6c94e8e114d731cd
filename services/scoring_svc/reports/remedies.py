"""What would it take: the nearest change of one fact of a unit that gains points, found with the engine and exact.

Candidates lie on the fact's own grid: whole numbers, days, the listed values or categories, or as many places as the
fact and its rule have. They are tried from the nearest outwards; a stretch of them is passed over only where the
interval rule proves that no value in it suffices. So what is answered is the nearest change, or that none was found.
Pure.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Literal

from services.scoring_svc.engine.domain import (
    Allowed,
    FactsJson,
    Interval,
    Rule,
    WorkingCalendar,
    attainable,
    attainable_with,
    evaluate,
)
from services.scoring_svc.engine.language import WHOLE_TYPES, Input
from services.scoring_svc.engine.numbers import fixed, is_decimal, rational
from services.scoring_svc.engine.reach import Span, allowed_spans

Code = Literal["impossible", "too_many_values", "records", "fact_not_there", "peers_hidden"]
MOST_TRIED = 1_500
MOST_AMONG_PEERS = 300
MOST_DAYS = 400
_MOST_PLACES = 15
_POINTS = frozenset({"inputs", "label", "gives", "base", "floor", "ceiling", "rounding", "if_unranked", "if_zero"})
_UNFIXED = frozenset({"records", "date", "key"})
_FARTHEST = 2**80  # steps of the grid; farther than any figure of a bureau


@dataclass(frozen=True)
class Change:
    """A fact changed from one text to another, everything else as it is, and the score that this gives."""

    before: str
    after: str
    score: str


Answer = Change | Code


@dataclass(frozen=True)
class Situation:
    """A unit's cell: its rule, the facts of the unit and of those whom the rule compares, the working calendar."""

    rule: Rule
    unit: str
    facts: Mapping[str, FactsJson]
    calendar: WorkingCalendar | None

    def score_with(self, name: str, text: str) -> Fraction | None:
        """The score if the fact had this value; None where there would be none."""
        outcome = self._outcome(name, text)
        return Fraction(outcome) if outcome is not None else None

    def change(self, name: str, text: str) -> Change:
        """The change to a value that is known to give a score."""
        outcome = self._outcome(name, text)
        return Change(str(self.facts[self.unit][name]), text, str(outcome))

    def _outcome(self, name: str, text: str) -> str | None:
        own = {**self.facts[self.unit], name: text}
        peers = {unit: facts for unit, facts in self.facts.items() if unit != self.unit}
        found = evaluate(self.rule, own, peers, self.calendar, unit=self.unit)
        return found.value if found.kind == "points" else None


def nearest(situation: Situation, name: str, document: Any, suffices: Fraction, *, above: bool) -> Answer:
    """The nearest value of a fact with which the score is at least (`above`: more than) so much.

    `document` is the rule as JSON. `impossible`: proven that no value does. `too_many_values`: not found among those
    that could be tried, and not proven either.
    """
    item = situation.rule.inputs[name]
    if item.type == "records":
        return "records"
    if not isinstance(situation.facts[situation.unit].get(name), str):
        return "fact_not_there"

    def enough(score: Fraction | None) -> bool:
        return score is not None and (score > suffices if above else score >= suffices)

    tried = _candidates(situation, name, item, document)
    if tried is not None:
        values, complete = tried
        found = next((text for text in values if enough(situation.score_with(name, text))), None)
        if found is not None:
            return situation.change(name, found)
        return "impossible" if complete else "too_many_values"
    return _Search(situation, name, item, _places(situation, name, item, document), enough).run()


def _candidates(situation: Situation, name: str, item: Input, document: Any) -> tuple[list[str], bool] | None:
    """The values that are worth trying, nearest first, and whether there are no others; None: too many to list."""
    now = str(situation.facts[situation.unit][name])
    if item.type == "category":
        return [choice.id for choice in item.choices if choice.id != now], True
    if item.type == "date":
        return list(_days(date.fromisoformat(now))), False
    if not is_decimal(now):
        return [], False
    if item.allowed is not None and item.allowed.listed is not None:
        listed = [text for text in item.allowed.listed if rational(text) != rational(now)]
        return sorted(listed, key=lambda text: (abs(rational(text) - rational(now)), rational(text))), True
    if situation.rule.reads_peers and _only_ranked(document, name):
        return _beside_peers(situation, name, item, _places(situation, name, item, document)), True
    return None


def _days(now: date) -> Iterator[str]:
    for away in range(1, MOST_DAYS + 1):
        yield (now - timedelta(away)).isoformat()
        yield (now + timedelta(away)).isoformat()


def _only_ranked(document: Any, name: str) -> bool:
    """Whether the fact acts through places among peers alone, so that only the order of values counts."""
    return name not in {str(one) for one in document.get("define", {})} and _uses(document, name) == _ranked(
        document, name
    )


def _walk(node: Any, *, skip: frozenset[str] = frozenset({"inputs", "label"})) -> Iterator[Any]:
    yield node
    if isinstance(node, dict):
        for key, part in node.items():
            if key not in skip:
                yield from _walk(part, skip=skip)
    elif isinstance(node, list):
        for part in node:
            yield from _walk(part, skip=skip)


def _uses(document: Any, name: str) -> int:
    return sum(1 for node in _walk(document) if node == name)


def _ranked(document: Any, name: str) -> int:
    ranks = (node for node in _walk(document) if isinstance(node, dict) and node.get("kind") == "rank")
    return sum(1 for node in ranks if node.get("of") == name)


def _beside_peers(situation: Situation, name: str, item: Input, places: int) -> list[str]:
    """Every peer's value and its neighbours on the grid: between two of them the order stays the same."""
    step, now = Fraction(1, 10**places), rational(str(situation.facts[situation.unit][name]))
    theirs = {rational(text) for facts in situation.facts.values() if is_decimal(text := str(facts.get(name)))}
    around = {value + away for value in theirs for away in (-step, Fraction(0), step)} - {now}
    fits = [value for value in around if any(span.holds(value) for span in allowed_spans(item))]
    return [fixed(value, places) for value in sorted(fits, key=lambda value: (abs(value - now), value))]


def _places(situation: Situation, name: str, item: Input, document: Any) -> int:
    """How many places the grid has: those of the fact, of its peers' facts, and of what the rule compares with."""
    if item.type in WHOLE_TYPES:
        return 0
    texts = [str(facts[name]) for facts in situation.facts.values() if isinstance(facts.get(name), str)]
    texts += [node for node in _walk(document, skip=_POINTS) if isinstance(node, str)]
    own = [one for one in (item.allowed.interval,) if one] if item.allowed is not None else []
    texts += [edge for one in own for edge in (one.at_least, one.above, one.at_most, one.below) if edge]
    longest = max((len(text.partition(".")[2]) for text in texts if is_decimal(text)), default=0)
    return min(longest, _MOST_PLACES)


@dataclass(frozen=True)
class _Search:
    """From the present value outwards in both directions, by stretches of the grid that are halved or passed over."""

    situation: Situation
    name: str
    item: Input
    places: int
    enough: Callable[[Fraction | None], bool]

    def run(self) -> Answer:
        """The nearest value that suffices."""
        scale = 10**self.places
        now = rational(str(self.situation.facts[self.situation.unit][self.name])) * scale
        if now.denominator != 1:
            return "too_many_values"
        middle, waiting, number = int(now), [], 0
        for low, high in self._stretches(middle, scale):
            if self._may(low, high):
                waiting.append((self._away(middle, low, high), number, low, high))
                number += 1
        heapq.heapify(waiting)
        tried = 0
        while waiting:
            if (tried := tried + 1) > (MOST_AMONG_PEERS if self.situation.rule.reads_peers else MOST_TRIED):
                return "too_many_values"
            _, __, low, high = heapq.heappop(waiting)
            if low == high:
                text = fixed(Fraction(low, scale), self.places)
                if self.enough(self.situation.score_with(self.name, text)):
                    return self.situation.change(self.name, text)
                continue
            half = (low + high) // 2
            for part in ((low, half), (half + 1, high)):
                if self._may(*part):
                    number += 1
                    heapq.heappush(waiting, (self._away(middle, *part), number, *part))
        return "impossible" if self._bounded(scale, middle) else "too_many_values"

    def _away(self, middle: int, low: int, high: int) -> int:
        return low - middle if low > middle else middle - high

    def _ends(self, scale: int) -> tuple[int | None, int | None]:
        """The lowest and highest point of the grid that the fact may have; None: no end."""
        spans = allowed_spans(self.item)
        lows, highs = [self._low(span, scale) for span in spans], [self._high(span, scale) for span in spans]
        low = None if None in lows else min((one for one in lows if one is not None), default=0)
        return low, None if None in highs else max((one for one in highs if one is not None), default=0)

    def _low(self, span: Span, scale: int) -> int | None:
        if span.low is None:
            return None
        edge = span.low * scale
        first = -(-edge.numerator // edge.denominator)
        return first + 1 if edge == first and not span.low_in else first

    def _high(self, span: Span, scale: int) -> int | None:
        if span.high is None:
            return None
        edge = span.high * scale
        last = edge.numerator // edge.denominator
        return last - 1 if edge == last and not span.high_in else last

    def _bounded(self, scale: int, middle: int) -> bool:
        """Whether what lies beyond the farthest stretch was proven, too."""
        low, high = self._ends(scale)
        beyond = []
        if high is None or high > middle + _FARTHEST:
            beyond.append(Interval("", at_least=fixed(Fraction(middle + _FARTHEST, scale), self.places)))
        if low is None or low < middle - _FARTHEST:
            beyond.append(Interval("", at_most=fixed(Fraction(middle - _FARTHEST, scale), self.places)))
        return not any(self._attains(one) for one in beyond)

    def _stretches(self, middle: int, scale: int) -> Iterator[tuple[int, int]]:
        """The grid in both directions, each stretch twice as long as the one before."""
        low, high = self._ends(scale)
        away = 1
        while away <= _FARTHEST:
            if high is None or middle + away <= high:
                yield middle + away, middle + 2 * away - 1 if high is None else min(high, middle + 2 * away - 1)
            if low is None or middle - away >= low:
                yield middle - 2 * away + 1 if low is None else max(low, middle - 2 * away + 1), middle - away
            away *= 2

    def _may(self, low: int, high: int) -> bool:
        """Whether any value of the stretch may suffice, as far as the interval rule can tell."""
        scale = 10**self.places
        edges = [fixed(Fraction(end, scale), self.places) for end in (low, high)]
        return self._attains(Interval("", at_least=edges[0], at_most=edges[1]))

    def _attains(self, interval: Interval) -> bool:
        rule = self.situation.rule
        if rule.reads_peers:  # a fact that is known of one unit is not known of its peers
            _, high = attainable(rule)
            return high is None or self.enough(high)
        known = {self.name: Allowed("", interval=interval)}
        for name, text in self.situation.facts[self.situation.unit].items():
            item = rule.inputs[name]
            fits = item.type == "category" or (item.type not in _UNFIXED and is_decimal(str(text)))
            if name != self.name and isinstance(text, str) and fits:
                known[name] = Allowed("", listed=(text,))
        _, high = attainable_with(rule, known)
        return high is None or self.enough(high)
