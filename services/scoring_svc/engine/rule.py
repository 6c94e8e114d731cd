"""A rule: read from JSON once, then evaluated many times.

Belongs here: the rule's parts, its canonical text and hash, reading it. Does not belong here: the checks.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.scoring_svc.engine import catalogue
from services.scoring_svc.engine.checks import check_parts, reads_other_units
from services.scoring_svc.engine.findings import Finding, Report, RuleRefused
from services.scoring_svc.engine.language import INPUT, Input
from services.scoring_svc.engine.measure import Measure, Scope
from services.scoring_svc.engine.nodes import DEFINE, Definition
from services.scoring_svc.engine.results.base import RESULTS, Result
from services.scoring_svc.engine.shape import Chosen, Either, Form, Named

LANGUAGE = 1
_KEPT = 4096
"""So many parsed rules are kept; a bureau has some hundreds."""

_RULE = Form(
    lambda at, **parts: parts,  # noqa: ARG005 - a form's builder
    {
        "inputs": Named(INPUT),
        "define": Named(DEFINE),
        "result": Either(object=Chosen("kind", RESULTS), expected="a result"),
    },
    frozenset({"define"}),
    frozenset({"rule_language"}),
)


@dataclass(frozen=True)
class Rule:
    """A rule that may be published: immutable nodes, and what the checks found out about them.

    `measures` holds the measure of every value by its pointer; `span` is the lowest and highest attainable value.
    """

    hash: str
    inputs: Mapping[str, Input]
    defines: Mapping[str, Definition]
    result: Result
    measures: Mapping[str, Measure]
    scope: Scope
    findings: tuple[Finding, ...]
    reads_peers: bool


def canonical(document: Any) -> bytes:
    """The RFC 8785 text of a JSON document without fractions: keys by UTF-16 code units, no blanks."""
    return json.dumps(_ordered(document), ensure_ascii=False, separators=(",", ":")).encode()


def _ordered(document: Any) -> Any:
    if isinstance(document, dict):
        keys = sorted(document, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {key: _ordered(document[key]) for key in keys}
    return [_ordered(member) for member in document] if isinstance(document, list | tuple) else document


def load(text: str | bytes) -> Any:
    """A rule's JSON from text. Raises RuleRefused SHAPE for text that is no JSON or repeats a key."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise RuleRefused([Finding("SHAPE", "", f"不是合法的JSON：{error}", f"this is no JSON: {error}")]) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key} stands twice")
        found[key] = value
    return found


def shape_findings(document: Any) -> list[Finding]:
    """What the forms report: the codes up to CHOICE_MISSING."""
    report = Report()
    if not isinstance(document, dict):
        report.add("SHAPE", "", "规则须为对象", "a rule is an object")
    elif type(document.get("rule_language")) is not int or document["rule_language"] != LANGUAGE:
        report.add("LANGUAGE_VERSION", "/rule_language", "未知的规则语言版本", "unknown version of the rule language")
    else:
        _RULE.check(document, "", report)
    return report.ordered()


def judged(document: Any) -> tuple[list[Finding], dict[str, Any], Scope | None]:
    """All findings of a rule, its parts, and the scope that noted measures; no scope if the shape is wrong."""
    findings = shape_findings(document)
    if findings:
        return findings, {}, None
    parts = _RULE.read(document, "")
    parts.setdefault("define", {})
    scope = check_parts(parts["inputs"], parts["define"], parts["result"])
    return scope.report.ordered(), parts, scope


_PARSED: OrderedDict[str, Rule] = OrderedDict()


def parse(document: Any) -> Rule:
    """The rule of a JSON document, from memory if it was read before. Raises RuleRefused with all findings."""
    if not catalogue.PRIMITIVES:
        raise AssertionError
    try:
        digest = hashlib.sha256(canonical(document)).hexdigest()
    except (RecursionError, TypeError, AttributeError, UnicodeEncodeError) as error:
        raise RuleRefused([Finding("SHAPE", "", "不是合法的JSON", "this is no JSON document")]) from error
    known = _PARSED.get(digest)
    if known is not None:
        return known
    findings, parts, scope = judged(document)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors or scope is None:
        raise RuleRefused(errors + [finding for finding in findings if finding.severity != "error"])
    rule = Rule(
        hash=f"sha256:{digest}",
        inputs=parts["inputs"],
        defines=parts["define"],
        result=parts["result"],
        measures=scope.measures,
        scope=scope,
        findings=tuple(findings),
        reads_peers=reads_other_units(parts["inputs"], parts["define"], parts["result"]),
    )
    _PARSED[digest] = rule
    while len(_PARSED) > _KEPT:
        _PARSED.popitem(last=False)
    return rule
