"""Evaluation of a rule: one unit among its peers, or all units of a group at once.

Belongs here: stages, substitution by the peers' mean, outcomes and proofs.
Does not belong here: what a primitive means; reading facts from anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from services.scoring_svc.engine.cell import Stop, UnitGroup
from services.scoring_svc.engine.facts import FactRefused, Facts, admit
from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.engine.results.base import Answer, Entry
from services.scoring_svc.engine.results.numeric import Points
from services.scoring_svc.engine.rule import LANGUAGE, Rule
from services.scoring_svc.engine.workdays import WorkingCalendar

FactsJson = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule says of one unit.

    `kind` is `points`, `figure`, `date`, `level`, `not_scorable` or `refused`. `value` is the published text (its
    places count), None for the last two; then `code` is the reason. The amounts of `entries` add up to the value
    exactly. `proof` is the JSON of rules §6.
    """

    kind: str
    value: str | None
    code: str | None
    entries: tuple[Entry, ...]
    proof: dict[str, Any]
    substituted: bool = False

    @property
    def result(self) -> str:
        """The value, or the reason why there is none."""
        return self.value if self.value is not None else str(self.code)


@dataclass
class _Run:
    """One evaluation of a group: every unit's answer or stop is found once."""

    group: UnitGroup
    found: dict[str, Answer | Stop] = field(default_factory=dict)

    def answer(self, unit: str) -> Answer | Stop:
        """Stages 0 to 3 of one unit."""
        known = self.found.get(unit)
        if known is None:
            try:
                known = self.group.rule.result.evaluate(self.group.cell(unit))
            except Stop as stopped:
                known = stopped.with_traceback(None)
            self.found[unit] = known
        return known

    def outcome(self, unit: str) -> Outcome:
        """The outcome of one unit, stage 4 included."""
        found = self.answer(unit)
        if isinstance(found, Stop) and found.how == "peers_mean":
            found = self._substituted(unit, found)
            if isinstance(found, Answer):
                return self._written(found, substituted=True)
        if isinstance(found, Stop):
            return self._stopped(found)
        return self._written(found)

    def _substituted(self, unit: str, stopped: Stop) -> Answer | Stop:
        """The mean of the published results of other units scored on their own facts, rounded like any other."""
        result = self.group.rule.result
        place = self._place(unit, stopped)
        if isinstance(place, Stop) or not isinstance(result, Points):
            return place if isinstance(place, Stop) else stopped
        within, mine = place
        of: list[dict[str, Any]] = []
        left_out: list[dict[str, Any]] = []
        numbers: list[Fraction] = []
        for other in sorted(self.group.facts.keys() - {unit}):
            answer = self._peer(other, within, mine)
            if isinstance(answer, Stop):
                left_out.append({"who": other, "code": answer.code})
            elif answer is not None and answer.number is not None:
                numbers.append(answer.number)
                of.append({"kind": "peer", "who": other, "value": answer.value})
        because: dict[str, Any] = {"kind": "peers_mean", "at": stopped.at, "stopped": stopped.as_proof(), "of": of}
        if left_out:
            because["left_out"] = left_out
        if not numbers:
            return Stop("not_scorable", "NOTHING_TO_COMBINE", stopped.at, because)
        mean = sum(numbers, Fraction(0)) / len(numbers)
        value = result.rounding.apply(mean)
        entry = Entry("peers_mean", value, because={**because, "value": shortest(mean)})
        return Answer(result.rounding.text(value), shortest(value), (entry,), number=value)

    def _place(self, unit: str, stopped: Stop) -> tuple[tuple[str, ...], tuple[Any, ...]] | Stop:
        """The unit's own categories of `within`; its own policy decides if they cannot be had."""
        seen: set[tuple[str, ...]] = set()
        within = stopped.within
        while within not in seen:
            seen.add(within)
            try:
                cell = self.group.cell(unit)
                return within, tuple(cell.read(name).value for name in within)
            except Stop as other:
                if other.how != "peers_mean":
                    return other
                within = other.within
        return Stop("not_scorable", "NOTHING_TO_COMBINE", stopped.at, stopped.leaf)

    def _peer(self, unit: str, within: tuple[str, ...], mine: tuple[Any, ...]) -> Answer | Stop | None:
        """A peer's own answer; None if it belongs to other units."""
        try:
            cell = self.group.cell(unit)
            if tuple(cell.read(name).value for name in within) != mine:
                return None
        except Stop as stopped:
            return stopped
        return self.answer(unit)

    def _head(self, kind: str, value: str | None) -> dict[str, Any]:
        calendar = self.group.calendar
        head: dict[str, Any] = {"rule": self.group.rule.hash, "rule_language": LANGUAGE, "result": kind}
        if calendar is not None:
            head["calendar"] = calendar.version
        if value is not None:
            head["value"] = value
        return head

    def _written(self, answer: Answer, *, substituted: bool = False) -> Outcome:
        kind = {"tree": "points"}.get(self.group.rule.result.kind, self.group.rule.result.kind)
        proof = self._head(kind, answer.value)
        if answer.because is not None:
            proof["because"] = answer.because
        if answer.entries:
            proof["entries"] = [entry.as_proof(kind) for entry in answer.entries]
        return Outcome(kind, answer.text, None, answer.entries, proof, substituted)

    def _stopped(self, stopped: Stop) -> Outcome:
        proof = self._head(stopped.how, None)
        proof["stopped"] = {"code": stopped.code, "at": stopped.at, "leaf": stopped.leaf}
        return Outcome(stopped.how, None, stopped.code, (), proof)


def _run(rule: Rule, units: Mapping[str, FactsJson], calendar: WorkingCalendar | None) -> _Run:
    admitted: dict[str, Facts | FactRefused] = {}
    for unit, supplied in units.items():
        try:
            admitted[unit] = admit(rule.inputs, supplied)
        except FactRefused as refusal:
            admitted[unit] = refusal
    return _Run(UnitGroup(rule, admitted, calendar))


def evaluate(
    rule: Rule,
    facts: FactsJson,
    peers: Mapping[str, FactsJson] | None = None,
    calendar: WorkingCalendar | None = None,
    *,
    unit: str = "self",
) -> Outcome:
    """The outcome of one unit, given its facts and those of the other units of its group.

    Facts are `{name: "7.6" | [records] | {"state": ..., "value"?, "reason"?}}`; an absent fact is missing. `unit` is
    the unit's id in the proof and must not be among `peers`. Nothing is raised for facts: a fact that is unknown,
    malformed or not allowed makes the outcome `refused`. Without a calendar a rule that needs one is refused with
    CALENDAR_UNKNOWN. Raises ValueError if the unit stands among its peers.
    """
    if peers and unit in peers:
        raise ValueError(f"unit {unit} stands among its peers")
    return _run(rule, {**(peers or {}), unit: facts}, calendar).outcome(unit)


def evaluate_group(
    rule: Rule, units: Mapping[str, FactsJson], calendar: WorkingCalendar | None = None
) -> dict[str, Outcome]:
    """The outcome of every unit of a group, by id: the same as `evaluate` for each, with peer work done once."""
    run = _run(rule, units, calendar)
    return {unit: run.outcome(unit) for unit in units}
