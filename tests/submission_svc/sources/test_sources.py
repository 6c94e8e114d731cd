"""Source systems: registered once, changed over the version read, held to their metrics."""

from tests.submission_svc.bureau import CLIENT, Bureau, codes, row

SOURCE = {"client_id": "sys-two", "name": "第二系统", "owner_unit_code": "D-REV", "metric_codes": ["M-RATE"]}


async def test_registration_is_repeatable_and_not_overwritten(bureau: Bureau) -> None:
    made = await bureau.office.post("/v1/source-systems", json=SOURCE)
    assert (made.status_code, made.json()["metric_codes"]) == (201, ["M-RATE"]), made.text
    assert (await bureau.office.post("/v1/source-systems", json=SOURCE)).status_code == 200
    other = await bureau.office.post("/v1/source-systems", json={**SOURCE, "name": "别的"})
    assert (other.status_code, other.json()["code"]) == (409, "source_registered_otherwise")
    bad = await bureau.office.post(
        "/v1/source-systems", json={**SOURCE, "client_id": "sys-3", "metric_codes": ["M-RATE", "M-NONE"]}
    )
    assert [(e["pointer"], e["code"]) for e in bad.json()["errors"]] == [("/metric_codes/1", "metric_unknown")]
    assert (await bureau.liaison.post("/v1/source-systems", json=SOURCE)).status_code == 403
    listed = (await bureau.office.get("/v1/source-systems", params={"limit": 1})).json()
    assert [each["client_id"] for each in listed["items"]] == [min("sys-two", CLIENT)]
    following = (await bureau.office.get("/v1/source-systems", params={"cursor": listed["next"]})).json()
    assert (len(following["items"]), following["next"]) == (1, None)


async def test_a_source_supplies_only_what_it_is_registered_for(bureau: Bureau) -> None:
    marks = row("M-MARKS", value="5")
    assert codes(await bureau.post([marks])) == {"/rows/0": "metric_not_registered"}
    url = f"/v1/source-systems/{CLIENT}/metrics"
    assert (await bureau.office.put(url, json={"metric_codes": ["M-MARKS"]})).status_code == 428
    assert (
        await bureau.office.put(url, json={"metric_codes": ["M-MARKS"]}, headers={"if-match": '"9"'})
    ).status_code == 412
    changed = await bureau.office.put(url, json={"metric_codes": ["M-MARKS"]}, headers={"if-match": '"1"'})
    assert (changed.json()["version"], changed.json()["metric_codes"]) == (2, ["M-MARKS"])
    assert codes(await bureau.post([marks, row()])) == {"/rows/1": "metric_not_registered"}
    assert codes(await bureau.post([row("M-MARKS", value="6")])) == {"/rows/0": "value_not_allowed"}
