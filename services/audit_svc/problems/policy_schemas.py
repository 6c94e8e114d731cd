"""HTTP shapes of the policy table."""

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator
from pydantic.config import JsonDict

from services.audit_svc.shapes import Answer, Body, Code, Points, Share, Text

_TIER_EXAMPLE: JsonDict = {
    "tier": "red",
    "name": "红色",
    "name_en": "red",
    "any_of": [{"share_at_least": "0.8"}, {"repeats_at_least": 4, "repeats_within_months": 6}],
    "measure": "interview",
    "interview": True,
    "interviewer_post": "局长",
    "respond_within_working_days": 5,
    "rectify_within_working_days": 20,
    "make_up_share": "0.5",
}
_DAYS = Annotated[StrictInt, Field(ge=1, le=250)]


class ConditionIn(Body):
    """One condition; all that it names must hold. `of_tier` counts only repeats of that tier or a graver one."""

    share_at_least: Share | None = None
    loss_at_least: Points | None = None
    repeats_at_least: Annotated[StrictInt, Field(ge=1, le=100)] | None = None
    repeats_within_months: Annotated[StrictInt, Field(ge=1, le=60)] | None = None
    of_tier: Code | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        repeats = self.repeats_at_least is not None
        if repeats != (self.repeats_within_months is not None):
            raise ValueError("repeats_at_least and repeats_within_months belong together")
        if self.of_tier is not None and not repeats:
            raise ValueError("of_tier needs repeats_at_least")
        if self.share_at_least is None and self.loss_at_least is None and not repeats:
            raise ValueError("a condition must say something")
        return self


class TierIn(Body):
    """One tier. `cured_share`: the largest share of the full marks that a cured later period may lose."""

    tier: Code
    name: Text
    name_en: Text
    any_of: Annotated[list[ConditionIn], Field(min_length=1, max_length=20)]
    measure: Code
    interview: StrictBool
    interviewer_post: Text
    respond_within_working_days: _DAYS
    rectify_within_working_days: _DAYS
    make_up_share: Share
    cured_share: Share = "0"


class PolicyIn(Body):
    """An accountability policy (追责办法): tiers from the gravest to the lightest; the first that fits applies.

    `sets` names the indicator sets it judges, none means all. `code`, if given, repeats the path's.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "绩效扣分追责办法",
                    "name_en": "accountability for points lost",
                    "effective_from": "2015-01-01",
                    "sets": [],
                    "tiers": [_TIER_EXAMPLE],
                }
            ]
        },
    )

    code: Code | None = None
    name: Text
    name_en: Text
    effective_from: date
    sets: Annotated[list[Code], Field(max_length=50, default_factory=list)]
    fields: Annotated[dict[str, str], Field(default_factory=dict)]
    tiers: Annotated[list[TierIn], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _tiers_are_known(self) -> Self:
        names = [tier.tier for tier in self.tiers]
        if len(set(names)) != len(names):
            raise ValueError("two tiers bear the same name")
        if {"unassigned", "below_threshold"} & set(names):
            raise ValueError("unassigned and below_threshold are reserved")
        unknown = {one.of_tier for tier in self.tiers for one in tier.any_of if one.of_tier} - set(names)
        if unknown:
            raise ValueError(f"of_tier names no tier of this policy: {sorted(unknown)}")
        return self


class PolicyOut(Answer):
    """The newest version of a policy, as it was published."""

    code: str
    version: int
    name: str
    name_en: str
    effective_from: date
    sets: list[str]
    fields: dict[str, str]
    tiers: list[TierIn]
    published_at: datetime


class PolicyVersionOut(Answer):
    """The version under which a policy was published."""

    code: str
    version: int
