import copy
from typing import Any

from services.scoring_svc.engine.schemas import EXAMPLE_RULE
from tests.scoring_svc.ledger.city import City


def broken(**result: Any) -> dict[str, Any]:
    rule = copy.deepcopy(EXAMPLE_RULE)
    rule["result"].update(result)
    return rule


async def test_rules_are_checked_and_need_no_key(city: City) -> None:
    body = {
        "rules": [
            {"id": "good", "rule": EXAMPLE_RULE},
            {"id": "bad", "rule": broken(rounding={})},
            {"id": "no", "rule": 7},
        ]
    }
    for caller in (city.office, city.person("E1"), city.service.client(client="peer")):
        answer = await caller.post("/v1/rule-checks", json=body, headers={"idempotency-key": ""})
        assert answer.status_code == 200, answer.text
        good, bad, no = answer.json()["results"]
        assert (good["ok"], good["findings"], good["attainable"]) == (True, [], {"lowest": "0", "highest": "2"})
        assert (bad["ok"], bad["findings"][0]["code"]) == (False, "CHOICE_MISSING")
        assert bad["findings"][0]["pointer"].startswith("/result/rounding")
        assert (no["ok"], no["findings"][0]["code"]) == (False, "SHAPE")


async def test_rules_in_words(city: City) -> None:
    body = {"rules": [{"id": "good", "rule": EXAMPLE_RULE}, {"id": "bad", "rule": {}}]}
    good, bad = (await city.office.post("/v1/rule-sentences", json=body)).json()["results"]
    assert good["zh"] == (
        "基础分2分。漏管率高于5%的部分，每1个百分点扣0.1分（不足一档不计）。扣完为止，不设上限，四舍五入保留2位小数。"
    )
    assert good["facts_zh"] == "漏管率（缺报须补报，不得豁免）"
    assert bad["zh"] is None
    assert bad["findings"][0]["code"] == "LANGUAGE_VERSION"


async def test_the_schema_is_published(city: City) -> None:
    answer = await city.office.get("/v1/rule-schema")
    assert answer.json()["$schema"].endswith("2020-12/schema")


async def test_the_method_catalogue_is_published(city: City) -> None:
    answer = await city.person("E1").get("/v1/rule-presets")
    found = {one["method"]: one for one in answer.json()["presets"]}
    assert found["tolerance"]["sentence_zh"].startswith("基础分9分。漏管率高于5%的部分，每1个百分点扣1.08分")
    checks = {"rules": [{"id": method, "rule": one["rule"]} for method, one in found.items()]}
    results = (await city.office.post("/v1/rule-checks", json=checks)).json()["results"]
    assert [(one["id"], one["ok"], one["findings"]) for one in results] == [(method, True, []) for method in found]
    assert (await city.person("L2").get("/v1/rule-presets")).json()["code"] == "forbidden"


async def test_who_may_not_draft_may_not_check(city: City) -> None:
    body = {"rules": [{"id": "good", "rule": EXAMPLE_RULE}]}
    for path in ("/v1/rule-checks", "/v1/rule-sentences"):
        assert (await city.person("L2").post(path, json=body)).json()["code"] == "forbidden"
        assert (await city.office.post(path, json={"rules": []})).status_code == 422
