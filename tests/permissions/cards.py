"""What the bureau of the matrix publishes and writes down: metrics, cards, a policy, notices, plans, findings."""

from collections.abc import Sequence
from typing import Any

from tests.permissions.tree import EVALUATED, EVALUATOR, MERGED, OTHER_EVALUATOR, UNITS, secret

EXTRACTED, SELF_REPORTED, OWN_CARD, INSPECTED = "QM-1", "QM-2", "QM-3", "QM-4"
METRICS = (EXTRACTED, SELF_REPORTED, OWN_CARD, INSPECTED)
MONTHLY = (EXTRACTED, SELF_REPORTED, OWN_CARD)
_ALLOWED = {"at_least": "0", "at_most": "100"}
_LABEL = {"zh": "率", "en": "rate"}
RULE: dict[str, Any] = {
    "rule_language": 1,
    "inputs": {
        "rate": {"label": _LABEL, "type": "percent", "allowed": _ALLOWED, "missing": "refuse", "exempt": "refuse"}
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
SET: dict[str, Any] = {
    "code": "QSET",
    "name": "体系",
    "year": 2015,
    "evaluated_unit_codes": list(EVALUATED),
    "full_marks": str(2 * (3 + len(EVALUATED))),
    "outside_total": False,
}
RANKING_POLICY: dict[str, Any] = {
    "set": SET["code"],
    "ties": "competition",
    "spread": "0",
    "groups": [],
    "shows": "totals",
    "blend": {"how": "mean", "in_part": "full"},
    "blends": [],
    "ranks": "all_evaluated",
    "grading": {
        "measure": "points",
        "within": "all",
        "grades": [
            {"grade": "good", "name": "好", "name_en": "good", "at_least": "1", "quota": None},
            {"grade": "fair", "name": "一般", "name_en": "fair", "at_least": None, "quota": None},
        ],
        "veto_not_above": None,
        "capped_use_places": False,
    },
}
DRAFT_SET: dict[str, Any] = {
    "code": "QDRAFT",
    "name": "草稿",
    "year": 2015,
    "evaluated_unit_codes": list(UNITS),
    "full_marks": str(2 * len(UNITS)),
    "outside_total": False,
}
# Published by whoever may: the first set can no longer be, since it names an office that is gone.
LATER_SET: dict[str, Any] = {
    "code": "QLATER",
    "name": "年度",
    "year": 2015,
    "evaluated_unit_codes": [unit for unit in EVALUATED if unit != MERGED],
    "full_marks": "2",
    "outside_total": True,
}
POLICY: dict[str, Any] = {
    "name": "办法",
    "name_en": "policy",
    "effective_from": "2015-01-01",
    "tiers": [
        {
            "tier": "red",
            "name": "红色",
            "name_en": "red",
            "any_of": [{"share_at_least": "0"}],
            "measure": "interview",
            "interview": True,
            "interviewer_post": "局长",
            "respond_within_working_days": 5,
            "rectify_within_working_days": 20,
            "make_up_share": "0.5",
        }
    ],
}


def metric(code: str, suppliers: Sequence[str]) -> dict[str, Any]:
    return {"code": code, "name": _LABEL, "type": "percent", "allowed": _ALLOWED, "supplied_by": list(suppliers)}


def card(code: str, metric_code: str, evaluating: str, text: str, **more: Any) -> dict[str, Any]:
    return {
        "code": code,
        "name": f"卡片{code}",
        "level1": "一",
        "level2": "二",
        "type": "regular",
        "points": "2",
        "definition": text,
        "standard": "标准",
        "period_kind": "month",
        "evaluating_unit_code": evaluating,
        "fill_mode": "extracted",
        "filler": "各单位",
        "source_system": "cl-feed",
        "due_working_days": 5,
        "rule": RULE,
        "bindings": {"rate": {"metric": metric_code}},
        **more,
    }


def own_card(unit: str) -> str:
    """The published card that concerns one unit alone."""
    return f"QC-{UNITS.index(unit):02d}"


def draft(unit: str) -> str:
    """The drafted card that one unit evaluates."""
    return f"QX-{UNITS.index(unit):02d}"


def published_cards() -> list[dict[str, Any]]:
    own = {"fill_mode": "self_reported", "source_system": None}
    return [
        card("QK-1", EXTRACTED, EVALUATOR, "口径"),
        card("QK-2", SELF_REPORTED, EVALUATOR, "口径", **own),
        card("QK-4", INSPECTED, EVALUATOR, "口径", fill_mode="inspection", period_kind="quarter", source_system=None),
        *(
            card(own_card(unit), OWN_CARD, OTHER_EVALUATOR, secret(unit), evaluated_unit_codes=[unit])
            for unit in EVALUATED
        ),
    ]


def drafted_cards() -> list[dict[str, Any]]:
    return [card(draft(unit), OWN_CARD, unit, secret(unit)) for unit in UNITS]


def later_cards() -> list[dict[str, Any]]:
    return [card("QY-1", EXTRACTED, EVALUATOR, "口径", period_kind="year")]


def place_of(indicator: str) -> int:
    """How far the follow-up of a card's problem was taken: 0 untouched, 1 noticed, 2 held."""
    return {"QK-1": 0, "QK-2": 1}.get(indicator, 2)


def indicator_at(place: int, unit: str) -> str:
    """The card whose problem of the unit stands at a place."""
    return ("QK-1", "QK-2", own_card(unit))[place]


def notice(interviewer: str, interviewee: str, text: str) -> dict[str, Any]:
    return {
        "reason": text,
        "time": "2015-02-16T09:30:00+08:00",
        "place": "会议室",
        "participants": [],
        "material": "说明",
        "interviewer": interviewer,
        "interviewee": interviewee,
    }


def record(talker: str, recorder: str, talked_to: str, text: str) -> dict[str, Any]:
    return {
        "talkers": [talker],
        "recorder": recorder,
        "talked_to": [talked_to],
        "place": "会议室",
        "time": "2015-02-10T08:30:00+08:00",
        "points_raised": [text],
        "explanation": text,
        "commitments": [],
    }


def plan(problem_id: str, owner: str, text: str) -> dict[str, Any]:
    return {
        "problem_id": problem_id,
        "plan": text,
        "actions": [{"action": text, "owner": owner, "due": "2015-03-06"}],
    }


def finding(unit: str, text: str) -> dict[str, Any]:
    return {
        "problem_type": INSPECTED,
        "unit": unit,
        "period": "2015-Q1",
        "text": text,
        "evidence_hash": "0" * 64,
        "occurred_at": "2015-01-21T10:12:00+08:00",
    }


def bonus_table() -> dict[str, Any]:
    """A bonus table with a class that is decided at once, and one on which a department gives its opinion first."""
    classes = (("free", "none"), ("heard", EVALUATOR))
    return {
        "name": "加分标准",
        "effective_from": "2015-01-01",
        "classes": [
            {"code": code, "name": code, "name_en": code, "cap": "none", "opinion_of": opinion}
            for code, opinion in classes
        ],
        "levels": [{"code": "city", "name": "市级", "name_en": "city"}],
        "points": [{"bonus_class": code, "level": "city", "points": "1"} for code, _ in classes],
        "unit_cap": "none",
        "overall_cap": "none",
        "joint": "by_weight",
    }


def bonus_request(unit: str, matter: str, bonus_class: str = "free") -> dict[str, Any]:
    return {
        "set": SET["code"],
        "period": "2015-01",
        "units": [{"unit": unit}],
        "table": "QB",
        "bonus_class": bonus_class,
        "level": "city",
        "matter": matter,
        "document_no": matter,
        "awarded_on": "2015-01-20",
        "text": matter,
        "evidence": [{"name": matter, "sha256": "0" * 64}],
    }


def external_loss(unit: str, matter: str) -> dict[str, Any]:
    return {
        "set": SET["code"],
        "period": "2015-01",
        "points": "1",
        "source": matter,
        "matter": matter,
        "document_no": matter,
        "document_on": "2015-01-20",
        "by": "points",
        "shares": [{"unit": unit, "share": "1"}],
    }


def recompute(period: str) -> dict[str, Any]:
    """A recompute of the set in one period."""
    return {"set": SET["code"], "periods": [period], "reason": "抽查"}


def simulation(indicator: str) -> dict[str, Any]:
    """A simulation that lets one card's errors begin later."""
    change = {"kind": "constants", "indicator": indicator, "values": {"/result/clauses/0/points/from": "6"}}
    return {
        "set": SET["code"],
        "period": "2015-01",
        "name": "试算",
        "variants": [{"name": "放宽", "changes": [change]}],
    }


def personal_scheme() -> dict[str, Any]:
    """One dimension, marked by the office and leaders; every ranked unit gives the coefficient 1."""
    kinds = [{"kind": "performance_office", "weight": "60"}, {"kind": "unit_leader", "weight": "40"}]
    work = {"code": "WORK", "name": "工作", "name_en": "work", "weight": "100", "source": "marks", "evaluators": kinds}
    return {
        "name": "个人绩效办法",
        "year": 2015,
        "full_marks": "100",
        "allowed_marks": ["100", "80", "60"],
        "dimensions": [{**work, "missing": "renormalise"}],
        "posts": [{"code": "STAFF", "name": "干部", "role": None, "post_name": "干部"}],
        "indicators": [],
        "unit_result": {
            "sets": [SET["code"]],
            "of": "nearest_above",
            "by": "share",
            "rows": [{"grade": None, "at_least": None, "coefficient": "1"}],
        },
        "days": "calendar",
        "least_days": 1,
        "marks_shown_from": 1,
        "rounding": "half_up",
        "places": 2,
        "grading": {
            "measure": "points",
            "within": "unit",
            "capped_use_places": False,
            "grades": [
                {"grade": "good", "name": "好", "name_en": "good", "at_least": "1", "quota": None},
                {"grade": "fair", "name": "一般", "name_en": "fair", "at_least": None, "quota": None},
            ],
        },
    }


def correction(unit: str, reason: str) -> dict[str, Any]:
    """A unit's cell of the first card, to be exempt."""
    return {
        "set": SET["code"],
        "period": "2015-01",
        "unit": unit,
        "kind": "exempt",
        "indicator": "QK-1",
        "reason": reason,
        "document_no": "一号",
        "document_on": "2015-02-01",
    }
