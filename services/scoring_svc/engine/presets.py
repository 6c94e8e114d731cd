"""The method catalogue for editors: each method of assessment as a rule that may be published, with an example.

Belongs here: reading the data file beside this module. Does not belong here: more language; a method that no
composition expresses is a matter for a new primitive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from services.scoring_svc.engine.domain import Rule, parse_rule
from services.scoring_svc.engine.rule import load

_FILE = Path(__file__).with_name("rule_presets.json")


@dataclass(frozen=True, slots=True)
class Preset:
    """A method: its name in both languages, a rule to start from, and what it gives for some facts.

    `example` is {facts, peers?, result}: the facts of the unit, those of other units, and the result as text, counting
    Monday to Friday as working days.
    """

    method: str
    zh: str
    en: str
    document: Mapping[str, Any]
    rule: Rule
    example: Mapping[str, Any]


@cache
def presets() -> tuple[Preset, ...]:
    """All methods, in the order in which an editor offers them."""
    return tuple(
        Preset(item["method"], item["zh"], item["en"], item["rule"], parse_rule(item["rule"]), item["example"])
        for item in load(_FILE.read_bytes())
    )
