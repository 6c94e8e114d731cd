"""HTTP shapes of the rule checks and sentences."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE_RULE: dict[str, Any] = {
    "rule_language": 1,
    "inputs": {
        "rate": {
            "label": {"zh": "漏管率", "en": "unregistered-taxpayer rate"},
            "type": "percent",
            "allowed": {"at_least": "0", "at_most": "100"},
            "missing": "refuse",
            "exempt": "refuse",
        }
    },
    "result": {
        "kind": "points",
        "base": "2",
        "clauses": [
            {
                "clause": "above_tolerance",
                "points": {
                    "kind": "step",
                    "of": "rate",
                    "from": "5",
                    "direction": "above",
                    "per": "1",
                    "gives": "-0.1",
                    "mode": "whole",
                },
            }
        ],
        "floor": "0",
        "ceiling": "none",
        "rounding": {"mode": "half_up", "places": 2},
    },
}


class RuleIn(BaseModel):
    """A rule with the id under which its findings come back."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    rule: Any


class RuleChecksIn(BaseModel):
    """Rules to be checked as at publication."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rules": [{"id": "COL-01", "rule": EXAMPLE_RULE}]}]}
    )

    rules: list[RuleIn] = Field(min_length=1, max_length=500)


class FindingOut(BaseModel):
    """One thing wrong with a rule; a warning needs a named person's confirmation, an error refuses publication."""

    code: str
    pointer: str
    text: str
    text_zh: str
    severity: Literal["error", "warning"]


class AttainableOut(BaseModel):
    """The lowest and highest attainable result as decimal text; None where there is no end."""

    lowest: str | None
    highest: str | None


class RuleCheckOut(BaseModel):
    """What the checks found of one rule."""

    id: str
    ok: bool
    findings: list[FindingOut]
    attainable: AttainableOut | None = None


class RuleChecksOut(BaseModel):
    """The findings of all rules, in the order they were sent."""

    results: list[RuleCheckOut]


class PresetExampleOut(BaseModel):
    """Facts of a unit (and of other units, where the rule reads them) and what the rule gives."""

    facts: dict[str, Any]
    peers: dict[str, dict[str, Any]] = {}
    result: str


class RulePresetOut(BaseModel):
    """A method of assessment: its names, a rule to start from, the rule in words, an example."""

    method: str
    zh: str
    en: str
    sentence_zh: str
    sentence_en: str
    rule: dict[str, Any]
    example: PresetExampleOut


class RulePresetsOut(BaseModel):
    """The method catalogue, in the order in which an editor offers it."""

    presets: list[RulePresetOut]


class RuleSentencesIn(BaseModel):
    """Rules to be put into words."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rules": [{"id": "COL-01", "rule": EXAMPLE_RULE}]}]}
    )

    rules: list[RuleIn] = Field(min_length=1, max_length=500)


class RuleSentenceOut(BaseModel):
    """A rule in words, with the line of its facts; None with the findings if the rule cannot be read."""

    id: str
    zh: str | None
    en: str | None
    facts_zh: str | None = None
    facts_en: str | None = None
    findings: list[FindingOut]


class RuleSentencesOut(BaseModel):
    """The sentences of all rules, in the order they were sent."""

    results: list[RuleSentenceOut]
