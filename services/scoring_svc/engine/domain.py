"""The rule language, version 1: everything that other parts of the product may use of the engine.

Belongs here: the public names. Pure: no I/O, no clock, no framework. Does not belong here: where rules, facts
and calendars are kept.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.columns.outcomes import ColumnOutcomes, RowOutcome, row_of
from services.scoring_svc.engine.columns.plan import ByReference, ColumnPlan, columns_of, plan_of
from services.scoring_svc.engine.columns.reading import ABSENT, Table
from services.scoring_svc.engine.evaluation import FactsJson, Outcome, evaluate, evaluate_group
from services.scoring_svc.engine.findings import CODES, Finding, Report, RuleRefused
from services.scoring_svc.engine.language import Allowed, Interval, Policy
from services.scoring_svc.engine.results.base import Entry
from services.scoring_svc.engine.rule import LANGUAGE, Rule, canonical, judged, load, parse
from services.scoring_svc.engine.sentences import clause_sentences, facts_line, sentence, value_words
from services.scoring_svc.engine.workdays import CalendarUnknown, WorkingCalendar, weekdays

__all__ = [
    "ABSENT",
    "CODES",
    "LANGUAGE",
    "Allowed",
    "ByReference",
    "CalendarUnknown",
    "ColumnOutcomes",
    "ColumnPlan",
    "Entry",
    "FactsJson",
    "Finding",
    "Interval",
    "Outcome",
    "RowOutcome",
    "Rule",
    "RuleRefused",
    "Table",
    "WorkingCalendar",
    "attainable",
    "attainable_with",
    "canonical",
    "check_rule",
    "clause_sentences",
    "columns_of",
    "depends_on_peers",
    "evaluate",
    "evaluate_group",
    "facts_line",
    "load_rule",
    "parse_rule",
    "places_of",
    "plan_of",
    "row_of",
    "rule_hash",
    "sentence",
    "value_words",
    "weekdays",
]


def parse_rule(document: Any) -> Rule:
    """The rule of a JSON document, read once and kept by its hash. Raises RuleRefused with all findings."""
    return parse(document)


def load_rule(text: str | bytes) -> Rule:
    """The rule of a JSON text; a key that stands twice is refused too. Raises RuleRefused."""
    return parse(load(text))


def check_rule(document: Any) -> list[Finding]:
    """All findings of the publication checks, in their order; empty if the rule may be published as it is."""
    try:
        return judged(document)[0]
    except RecursionError:
        return [Finding("SHAPE", "", "规则嵌套过深", "the rule is nested too deeply")]


def rule_hash(rule: Rule) -> str:
    """`sha256:` and the digest of the rule's RFC 8785 JSON."""
    return rule.hash


def depends_on_peers(rule: Rule) -> bool:
    """Whether a unit's result depends on other units, so that one new fact re-scores the whole group."""
    return rule.reads_peers


def attainable_with(rule: Rule, fixed: Mapping[str, Allowed]) -> tuple[Fraction | None, Fraction | None]:
    """`attainable` where some facts are known to be there with only these values: never too narrow.

    A category is fixed by a list of its ids.
    """
    inputs = dict(rule.inputs)
    for name, allowed in fixed.items():
        item, certain = inputs[name], Policy(inputs[name].at, "refuse")
        choices = tuple(one for one in item.choices if one.id in (allowed.listed or ()))
        kept = None if item.choices else allowed
        inputs[name] = replace(item, allowed=kept, choices=choices, missing=certain, exempt=certain)
    span = reach.hull(rule.result.attains(replace(rule.scope, inputs=inputs, report=Report(), reaches={})))
    return span.low, span.high


def attainable(rule: Rule) -> tuple[Fraction | None, Fraction | None]:
    """The lowest and highest attainable value of a points or figure result; None where there is no end."""
    span = reach.hull(rule.result.attains(rule.scope))
    return span.low, span.high


def places_of(rule: Rule) -> int | None:
    """To how many decimal places a points or figure result is rounded; None where nothing is rounded."""
    return rule.result.places
