"""What the catalogue's routes take and answer. A published card is answered as it was published, by api.py."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator

from services.indicator_svc.fields import Answer, Body, Code, Day, Document, Line, Points, Prose, RowOut, Word
from shared.contracts.indicator import FillMode
from shared.contracts.periods import PeriodKind

_RULE: dict[str, Any] = {
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
_METRIC: dict[str, Any] = {
    "code": "M-COL-UNREGISTERED",
    "name": {"zh": "漏管率", "en": "unregistered-taxpayer rate"},
    "type": "percent",
    "allowed": {"at_least": "0", "at_most": "100"},
    "supplied_by": ["sys-collection"],
}
_CARD: dict[str, Any] = {
    "code": "COL-01",
    "name": "漏征漏管户清理",
    "level1": "税收征管",
    "level2": "税源管理",
    "type": "regular",
    "points": "2",
    "definition": "漏管率＝漏管户数÷应管户数。",
    "standard": "漏管率高于5%的，每1个百分点扣0.1分，扣完为止。",
    "period_kind": "month",
    "evaluating_unit_code": "420102",
    "fill_mode": "extracted",
    "filler": "420102",
    "source_system": "sys-collection",
    "due_working_days": 7,
    "rule": _RULE,
    "bindings": {"rate": {"metric": "M-COL-UNREGISTERED"}},
}


class Text(Body):
    """A text in both languages."""

    zh: Line
    en: Line


class UnitWord(Body):
    """A unit of measure in both languages; a number may have none, which is two empty texts."""

    zh: Annotated[str, Field(max_length=40)]
    en: Annotated[str, Field(max_length=40)]


class MetricIn(Body):
    """What is collected: type, unit, allowed and fields exactly as the rule language declares an input."""

    model_config = ConfigDict(json_schema_extra={"examples": [_METRIC]})
    code: Code
    name: Text
    type: Word
    unit: UnitWord | None = None
    allowed: Document = None
    fields: Document = None
    supplied_by: Annotated[list[Code], Field(max_length=50, default_factory=list)]


class MetricBatch(Body):
    """Metrics to be added."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"metrics": [_METRIC]}]})
    metrics: Annotated[list[MetricIn], Field(min_length=1, max_length=10_000)]


class MetricOut(Answer):
    """A metric with its version."""

    metric_id: UUID
    version: int
    code: str
    name: dict[str, str]
    type: str
    unit: dict[str, str] | None
    allowed: Any
    fields: dict[str, Any] | None
    supplied_by: list[str]


class MetricPage(Answer):
    """A page of metrics in the order of their codes."""

    items: list[MetricOut]
    next: str | None


class Level2(Body):
    """A level 2 of the tree and the points it is stated to be worth."""

    name: Line
    points: Points


class Level1(Body):
    """A level 1 of the tree and the points it is stated to be worth."""

    name: Line
    points: Points
    level2: Annotated[list[Level2], Field(default_factory=list)]


class SetIn(Body):
    """An indicator set for the units named or those of a group: `kind:district_bureau`, `location:urban`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "WH2015-EXAMPLE",
                    "name": "2015年度区局绩效考评指标体系（示例）",
                    "year": 2015,
                    "group": "kind:district_bureau",
                    "full_marks": "2",
                    "outside_total": False,
                }
            ]
        }
    )
    code: Code
    name: Line
    year: Annotated[StrictInt, Field(ge=1990, le=2200)]
    evaluated_unit_codes: Annotated[list[Code], Field(min_length=1, max_length=5_000)] | None = None
    group: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*:[a-z][a-z0-9_]*$", max_length=100)] | None = None
    full_marks: Points
    outside_total: StrictBool = False
    levels: Annotated[list[Level1], Field(max_length=200, default_factory=list)]

    @model_validator(mode="after")
    def _one_way(self) -> "SetIn":
        if (self.evaluated_unit_codes is None) == (self.group is None):
            raise ValueError("give exactly one of evaluated_unit_codes and group")
        return self


class BindingIn(Body):
    """Where an input comes from: a metric's code, a date of the calendar, a group of the unit, or another card's code.

    Another card of the set, with the same period kind, gives the unit's points by it.
    """

    metric: Code | None = None
    calendar: Literal["period_start", "period_end", "due"] | None = None
    unit_group: Word | None = None
    indicator: Code | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "BindingIn":
        if len(self.model_fields_set) != 1 or all(value is None for value in vars(self).values()):
            raise ValueError("give exactly one of metric, calendar, unit_group, indicator")
        return self


class CardIn(Body):
    """An indicator card as drafted. Without own evaluated units it is for those of its set."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CARD]})
    code: Code
    name: Line
    level1: Line
    level2: Line
    type: Literal["regular", "bonus", "deduction", "situational", "veto"]
    points: Points
    definition: Prose
    standard: Prose
    period_kind: PeriodKind
    evaluating_unit_code: Code
    evaluated_unit_codes: Annotated[list[Code], Field(min_length=1, max_length=5_000)] | None = None
    fill_mode: FillMode
    filler: Line
    source_system: Code | None = None
    due_working_days: Annotated[StrictInt, Field(ge=0, le=250)]
    rule: Annotated[dict[str, Document], Field(max_length=20)]
    bindings: Annotated[dict[Word, BindingIn], Field(max_length=200)]
    immediate: StrictBool = False
    effective_from: Day | None = None
    effective_to: Day | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "CardIn":
        if self.fill_mode == "extracted" and self.source_system is None:
            raise ValueError("an extracted indicator names its source system")
        if self.effective_from and self.effective_to and self.effective_to <= self.effective_from:
            raise ValueError("effective_to lies after effective_from")
        return self


class CardBatch(Body):
    """Drafts of cards to be added to a set."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cards": [_CARD]}]})
    cards: Annotated[list[CardIn], Field(min_length=1, max_length=5_000)]


class CardOut(Answer):
    """A draft with its version and the version last published (0: never)."""

    indicator_id: UUID
    version: int
    published_version: int
    card: dict[str, Any]


class SetOut(Answer):
    """An indicator set: `draft_version` grows with each change of its drafts, `published_version` with publications."""

    set_id: UUID
    code: str
    name: str
    year: int
    evaluated_unit_codes: list[str] | None
    group: str | None
    full_marks: str
    outside_total: bool
    levels: list[Level1]
    draft_version: int
    published_version: int
    published_at: datetime | None
    drafts: int
    cards: int


class SetPage(Answer):
    """A page of indicator sets in the order of their codes."""

    items: list[SetOut]
    next: str | None


class PublicationOut(Answer):
    """What a publication did: the set's version, how many cards it has, and which got a new version."""

    set_id: UUID
    version: int
    cards: int
    cards_hash: str
    published: list[RowOut]
