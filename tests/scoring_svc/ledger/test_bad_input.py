"""Facts that a rule cannot take, at scoring time: each has its code, holds the confirmation up, and spoils nothing."""

from typing import Any

import pytest

from shared.contracts.identity import metric_id
from shared.contracts.indicator import IndicatorPublished, MetricChanged
from tests.scoring_svc.ledger.city import (
    COL1,
    DISTRICTS,
    SET,
    City,
    card,
    count_input,
    fact,
    facts,
    metric,
    points,
    published,
)


def shares(if_zero: Any) -> IndicatorPublished:
    """Errors over files, as points: what a divisor of nought gives is the rule's to say."""
    ratio = {"kind": "ratio", "of": "errors", "to": "files", "as": "number", "if_zero": if_zero}
    clause = {
        "kind": "step",
        "of": ratio,
        "from": "0",
        "direction": "above",
        "per": "1",
        "gives": "-1",
        "mode": "whole",
    }
    inputs = {"errors": count_input(), "files": count_input()}
    rule = {"rule_language": 1, "inputs": inputs, "result": points("10", [("share", clause)])}
    return card("COL-01", rule, {"errors": metric("M-ERR"), "files": metric("M-FILES")})


@pytest.mark.parametrize(
    ("if_zero", "state", "code", "held"),
    [
        ("refuse", "refused", "DIVISION_BY_ZERO", [("DIVISION_BY_ZERO", "420102")]),
        ("not_scorable", "not_scorable", "DIVISION_BY_ZERO", []),
        ({"as_if": "1"}, "scored", None, []),
    ],
)
async def test_division_by_zero_is_what_the_rule_says_it_is(
    bare_city: City, if_zero: Any, state: str, code: str | None, held: list[tuple[str, str]]
) -> None:
    divided = shares(if_zero)
    files = [fact("M-FILES", unit, "0" if unit == "420102" else "4") for unit in DISTRICTS]
    await bare_city.tell(published(SET, [divided]), divided)
    await bare_city.tell(facts(1, *(fact("M-ERR", unit, "2") for unit in DISTRICTS), *files))
    cell = (await bare_city.scores())["COL-01", "420102"]
    assert (cell["state"], cell["code"]) == (state, code)
    assert (await bare_city.scores())["COL-01", "420103"]["score"] == "10.00"
    await bare_city.fence(1, 1)
    answer = await bare_city.step("confirm", body={})
    assert answer.status_code == (409 if held else 200)
    assert [(one["code"], one["unit"]) for one in answer.json().get("holdups", ())] == held


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("good", "VALUE_MALFORMED"),
        ("2015-01-31", "VALUE_MALFORMED"),
        ([{"month": "2015-01"}], "VALUE_MALFORMED"),
        ("1.5", "VALUE_NOT_ALLOWED"),
        ("-1", "VALUE_NOT_ALLOWED"),
    ],
)
async def test_a_fact_whose_type_changed_is_refused_and_a_confirmed_score_stands(
    bare_city: City, value: Any, code: str
) -> None:
    await bare_city.tell(published(SET, [COL1]), COL1, facts(1, *(fact("M-ERR", unit, "0") for unit in DISTRICTS)))
    await bare_city.tell(
        MetricChanged(
            metric_id=metric_id("M-ERR"), version=9, code="M-ERR", name={"zh": "差错", "en": "errors"}, type="category",
            unit=None, allowed=None, fields=None, supplied_by=[],
        ),
        facts(2, fact("M-ERR", "420102", value, 2)),
    )  # fmt: skip
    cell = (await bare_city.scores())["COL-01", "420102"]
    assert (cell["state"], cell["code"], cell["score"], cell["loss"]) == ("refused", code, None, "0")
    await bare_city.fence(2, 2)
    held = (await bare_city.step("confirm", body={})).json()
    assert (held["code"], [one["code"] for one in held["holdups"]]) == ("confirmation_held_up", [code])
    await bare_city.tell(facts(3, fact("M-ERR", "420102", "1", 3)))
    assert (await bare_city.step("confirm", body={})).status_code == 200
    await bare_city.tell(facts(4, fact("M-ERR", "420102", value, 4), amendment="换了类型"))
    assert (await bare_city.scores())["COL-01", "420102"]["score"] == "8.00"
    outcome = await bare_city.service.database.reads.fetchval("SELECT outcome FROM trail WHERE object_type = 'cell'")
    assert outcome == f"refused:{code}"
