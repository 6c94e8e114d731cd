"""Routes of the rule language: checks as at publication, schema, method catalogue, sentences. They change nothing."""

import asyncio
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Response

from services.scoring_svc.engine.domain import (
    Finding,
    RuleRefused,
    attainable,
    check_rule,
    facts_line,
    parse_rule,
    sentence,
)
from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.engine.presets import Preset, presets
from services.scoring_svc.engine.schemas import (
    AttainableOut,
    FindingOut,
    PresetExampleOut,
    RuleCheckOut,
    RuleChecksIn,
    RuleChecksOut,
    RuleIn,
    RulePresetOut,
    RulePresetsOut,
    RuleSentenceOut,
    RuleSentencesIn,
    RuleSentencesOut,
)
from shared.auth import Actor
from shared.http import TransactionalRoute, computes, permits, takes_up_to

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["engine"])

_SCHEMA = Path(__file__).with_name("rule_language_1.schema.json")
_RULES_BODY = 8_000_000  # a whole indicator set is checked at once


@router.post("/rule-checks")
@takes_up_to(_RULES_BODY)
@computes
async def check_rules(body: RuleChecksIn, _: Annotated[Actor, permits("rules.check")]) -> RuleChecksOut:
    """All findings of rules, in the order of the checks; `ok` if a rule may be published."""
    # Beside the event loop: a whole set takes a while, and events go on meanwhile.
    return RuleChecksOut(results=await asyncio.to_thread(lambda: [_check(item) for item in body.rules]))


@router.get("/rule-schema")
async def read_rule_schema(_: Annotated[Actor, permits("rules.check")]) -> Response:
    """The JSON Schema of the rule language, version 1."""
    return Response(_SCHEMA.read_bytes(), media_type="application/schema+json")


@router.get("/rule-presets")
async def read_rule_presets(_: Annotated[Actor, permits("rules.check")]) -> RulePresetsOut:
    """The methods of assessment that an editor offers, each as a rule that may be published."""
    return RulePresetsOut(presets=[_preset(one) for one in presets()])


@router.post("/rule-sentences")
@takes_up_to(_RULES_BODY)
@computes
async def write_rule_sentences(body: RuleSentencesIn, _: Annotated[Actor, permits("rules.check")]) -> RuleSentencesOut:
    """Rules in words, Chinese and English."""
    return RuleSentencesOut(results=await asyncio.to_thread(lambda: [_sentence(item) for item in body.rules]))


def _check(item: RuleIn) -> RuleCheckOut:
    findings = check_rule(item.rule)
    ok = all(finding.severity != "error" for finding in findings)
    reach = None
    if ok:
        rule = parse_rule(item.rule)
        if rule.result.kind in {"points", "figure"}:
            low, high = attainable(rule)
            reach = AttainableOut(
                lowest=None if low is None else shortest(low), highest=None if high is None else shortest(high)
            )
    return RuleCheckOut(id=item.id, ok=ok, findings=[_finding(finding) for finding in findings], attainable=reach)


def _preset(found: Preset) -> RulePresetOut:
    return RulePresetOut(
        method=found.method,
        zh=found.zh,
        en=found.en,
        sentence_zh=sentence(found.rule, "zh"),
        sentence_en=sentence(found.rule, "en"),
        rule=dict(found.document),
        example=PresetExampleOut(**found.example),
    )


def _sentence(item: RuleIn) -> RuleSentenceOut:
    try:
        rule = parse_rule(item.rule)
    except RuleRefused as refusal:
        findings = [_finding(finding) for finding in refusal.findings]
        return RuleSentenceOut(id=item.id, zh=None, en=None, findings=findings)
    return RuleSentenceOut(
        id=item.id,
        zh=sentence(rule, "zh"),
        en=sentence(rule, "en"),
        facts_zh=facts_line(rule, "zh"),
        facts_en=facts_line(rule, "en"),
        findings=[_finding(finding) for finding in rule.findings],
    )


def _finding(finding: Finding) -> FindingOut:
    severity: Literal["error", "warning"] = "warning" if finding.severity == "warning" else "error"
    return FindingOut(
        code=finding.code, pointer=finding.pointer, text=finding.en, text_zh=finding.zh, severity=severity
    )
