"""Every example of every body is sent to the real services, in the order of the work, and does what it says."""

from pathlib import Path
from typing import Any

from deploy.local.postgres import Postgres
from shared.contracts.identity import indicator_id, unit_id
from shared.testing import TestIssuer
from tests.openapi.prepared import (
    COLLECTION,
    FIRST,
    HEAD,
    LEADER,
    LIAISON,
    NEXT_HEAD,
    OFFICE,
    OPINION,
    REVENUE,
    SET,
    THIRD_HEAD,
    Prepared,
    fenced,
    head_recalled,
    it_is,
    rest_of_the_facts,
    rest_of_the_metrics,
    rest_of_the_organisation,
    rest_of_the_set,
    set_of_examples,
    set_of_the_cards,
)
from tests.permissions.bureau import done, four_services

_I, _S, _C, _A = "indicator_svc", "submission_svc", "scoring_svc", "audit_svc"
_REST_OF_THE_HALF_YEAR = ("2015-03", "2015-04", "2015-05", "2015-06")


async def test_every_example_does_what_it_says(postgres: Postgres, issuer: TestIssuer, tmp_path: Path) -> None:
    async with four_services(postgres, issuer, tmp_path) as bureau:
        prepared = Prepared(bureau)
        assert len(prepared.examples) >= 30
        await _organisation_and_catalogue(prepared)
        await _facts(prepared)
        await _scores(prepared)
        await _simulations(prepared)
        made = await prepared.send(_C, "POST", "/v1/recomputes", OFFICE)
        assert made["pieces"]["all"] > 0
        await _reports(prepared)
        await _corrections(prepared)
        await _bonuses(prepared)
        await _follow_up(prepared)
        await _half_year(prepared)
        await _personal_results(prepared)
        await _year_end(prepared)
        assert prepared.unsent() == [], "examples that nobody tried; send them in tests/openapi/test_examples.py"


async def _organisation_and_catalogue(prepared: Prepared) -> None:
    send, bureau = prepared.send, prepared.bureau
    await send(_I, "POST", "/v1/unit-batches", "setup")
    await send(_I, "PATCH", "/v1/units/{code}", "setup", version=1, code="420102")
    await send(_I, "POST", "/v1/person-batches", "setup")
    await rest_of_the_organisation(bureau)
    made = await send(_I, "POST", "/v1/appointment-batches", "setup")
    term = made["rows"][0]["id"]
    await send(_I, "PATCH", "/v1/appointments/{appointment_id}", "setup", version=1, appointment_id=term)
    await send(_I, "POST", "/v1/appointments/{appointment_id}/revocations", "setup", appointment_id=term)
    await send(_I, "POST", "/v1/backdating-approvals", OFFICE)
    await send(_I, "PUT", "/v1/calendars/{year}", "setup", year=2015)
    await send(_I, "POST", "/v1/metric-batches", "setup")
    await send(_I, "PUT", "/v1/metrics/{code}", "setup", version=1, code=COLLECTION)
    await rest_of_the_metrics(bureau)
    await bureau.tell()
    await send(_I, "POST", "/v1/indicator-sets", OFFICE)
    await set_of_the_cards(bureau)
    await send(_I, "POST", "/v1/indicator-sets/{code}/card-batches", OFFICE, code=SET)
    await send(
        _I, "PUT", "/v1/indicator-sets/{code}/cards/{card_code}", OFFICE, version=1, code=SET, card_code="COL-01"
    )
    await send(_C, "POST", "/v1/rule-checks", OFFICE)
    await send(_C, "POST", "/v1/rule-sentences", OFFICE)
    await rest_of_the_set(bureau)
    await bureau.tell()


async def _facts(prepared: Prepared) -> None:
    send, bureau = prepared.send, prepared.bureau
    await send(_S, "POST", "/v1/source-systems", "setup")
    await send(_S, "PUT", "/v1/source-systems/{client_id}/metrics", "setup", version=1, client_id="sys-revenue")
    await send(_S, "POST", "/v1/fact-batches", "sys-revenue", name="batch")
    at = "/v1/facts/{period}/{metric}/{unit}"
    await send(_S, "PUT", at, OFFICE, version=1, period="2015-01", metric=REVENUE, unit="420103")
    await rest_of_the_facts(bureau, "2015-01")
    await rest_of_the_facts(bureau, "2015-02")
    await send(_S, "POST", "/v1/fences", "scoring_svc", told={"set_id": set_of_examples()})


async def _scores(prepared: Prepared) -> None:
    bureau = prepared.bureau
    await prepared.send(_A, "PUT", "/v1/policies/{code}", OFFICE, code="WH2015")
    await fenced(bureau, ("2015-01", "2015-02"))
    confirm = "/v1/period-states/{set_code}/{period}/confirm"
    await prepared.send(_C, "POST", confirm, OFFICE, set_code=SET, period="2015-01")
    await prepared.send(_C, "POST", confirm, OFFICE, name="1", set_code=SET, period="2015-02")
    await bureau.tell()
    declared = await prepared.send(_C, "PUT", "/v1/context-metrics/{set_code}", OFFICE, set_code=SET)
    assert [one["metric"] for one in declared["metrics"]] == ["M-CTX-TAX-REVENUE"]


async def _simulations(prepared: Prepared) -> None:
    made = await prepared.send(_C, "POST", "/v1/simulations", OFFICE)
    assert (made["state"], made["simulated"], len(made["variants"])) == ("done", True, 3)


async def _reports(prepared: Prepared) -> None:
    made = await prepared.send(_C, "POST", "/v1/reports", OFFICE)
    assert (made["state"], made["format"]) == ("waiting", "pdf")


async def _corrections(prepared: Prepared) -> None:
    at = "/v1/corrections"
    for name, verb in (("0", "rejection"), ("1", "approval")):
        made = await prepared.send(_C, "POST", at, OFFICE, name=name)
        key = {"correction_id": made["correction_id"]}
        answer = await prepared.send(_C, "POST", f"{at}/{{correction_id}}/{verb}", HEAD, version=1, **key)
        assert answer["decided_by"] != made["asked_by"]
    await prepared.bureau.tell()


async def _bonuses(prepared: Prepared) -> None:
    send, at = prepared.send, "/v1/bonus-requests/{request_id}"
    table = await send(_C, "PUT", "/v1/bonus-tables/{code}", OFFICE, code="WH2015-BONUS")
    assert table["version"] == 1

    async def asked(**told: str) -> Any:
        made = await send(_C, "POST", "/v1/bonus-requests", LEADER, told=told)
        key = {"request_id": made["request_id"]}
        edited = await send(_C, "PUT", at, LEADER, version=1, told=told, **key)
        headers = {"if-match": f'"{edited["version"]}"'}
        submission = at.format(**key) + "/submission"
        return await done(prepared.bureau.ask(_C, LEADER).post(submission, headers=headers))

    async def step(known: Any, verb: str, who: str) -> Any:
        return await send(_C, "POST", f"{at}/{verb}", who, version=known["version"], request_id=known["request_id"])

    approved = await step(await asked(), "approval", OFFICE)
    assert [entry["points"] for entry in approved["entries"]] == ["1"]
    await step(approved, "revocation", OFFICE)
    heard = await step(await asked(bonus_class="best_practice"), "opinion", OPINION)
    await step(heard, "refusal", OFFICE)
    await step(await asked(), "withdrawal", LEADER)
    entered = await send(_C, "POST", "/v1/external-losses", OFFICE)
    key = {"loss_id": entered["loss_id"]}
    await send(_C, "POST", "/v1/external-losses/{loss_id}/withdrawal", OFFICE, version=entered["version"], **key)


async def _follow_up(prepared: Prepared) -> None:
    bureau, send = prepared.bureau, prepared.send
    office = bureau.ask(_A, OFFICE)
    shown = await done(office.get("/v1/problems", params={"unit": "420102", "indicator": "COL-01"}))
    problem = shown["items"][0]
    key = problem["problem_id"]
    at = "/v1/problems/{problem_id}/cause-analysis"
    await send(_A, "POST", at, LEADER, version=problem["version"], problem_id=key)
    await _interview(prepared, problem["case_id"])
    made = await send(_A, "POST", "/v1/rectifications", LEADER, told={"problem_id": key})
    cure = {"rectification_id": made["rectification_id"]}
    at = "/v1/rectifications/{rectification_id}"
    await done(office.post(at.format(**cure) + "/acceptance", headers={"if-match": f'"{made["version"]}"'}))
    await send(_A, "POST", f"{at}/extension", OFFICE, **cure)
    await send(_A, "POST", f"{at}/actions/{{no}}/completion", LEADER, no=1, **cure)
    reported = await send(_A, "POST", f"{at}/report", LEADER, **cure)
    await send(_A, "POST", f"{at}/return", OFFICE, version=reported["version"], **cure)
    found = await send(_A, "POST", "/v1/findings", FIRST)
    await send(_A, "POST", "/v1/findings/{finding_id}/withdrawal", FIRST, finding_id=found["finding_id"])


async def _interview(prepared: Prepared, case_id: str) -> None:
    send, at = prepared.send, "/v1/interviews/{interview_id}"
    listed = await done(prepared.bureau.ask(_A, OFFICE).get("/v1/interviews", params={"case_id": case_id}))
    one = {"interview_id": listed["items"][0]["interview_id"]}
    noticed = await send(_A, "POST", f"{at}/notice", OFFICE, version=listed["items"][0]["version"], **one)
    await head_recalled(prepared.bureau)
    held = await send(_A, "POST", f"{at}/record", OFFICE, version=noticed["version"], **one)
    await send(_A, "POST", f"{at}/successions", OFFICE, version=held["version"], **one)
    await send(_A, "POST", f"{at}/signatures", NEXT_HEAD, told={"content_hash": held["content_hash"]}, **one)
    await send(_A, "POST", f"{at}/refusals", OFFICE, **one)


async def _half_year(prepared: Prepared) -> None:
    bureau, send = prepared.bureau, prepared.send
    await send(_S, "POST", "/v1/fact-changes", OFFICE)
    await bureau.tell()
    for period in _REST_OF_THE_HALF_YEAR:
        await rest_of_the_facts(bureau, period)
    await fenced(bureau, _REST_OF_THE_HALF_YEAR)
    office = bureau.ask(_C, OFFICE)
    for period in _REST_OF_THE_HALF_YEAR:
        await done(office.post(f"/v1/period-states/{SET}/{period}/confirm", json={"exclusions": []}))
    await send(_C, "POST", "/v1/ranking-policies", OFFICE)
    ranking = await send(_C, "POST", "/v1/rankings", OFFICE)
    assert [(row["place"], row["grade"]) for row in ranking["units"]] == [
        (1, "fair"), (1, "fair"), (3, "fair"),
    ]  # fmt: skip
    shown = await done(office.get(f"/v1/scores/{indicator_id(SET, 'COL-01')}/{unit_id('420102')}/2015-02"))
    assert shown["state"] == "exempt"


async def _personal_results(prepared: Prepared) -> None:
    bureau, send, at = prepared.bureau, prepared.send, "/v1/personal-rounds/{round_id}"
    office = bureau.ask(_C, OFFICE)
    await done(office.post("/v1/rankings", json={"set": SET, "period": "2015-01"}))
    await send(_C, "PUT", "/v1/personal-schemes/{code}", OFFICE, code="WH2015-PERSONAL")
    opened = await send(_C, "POST", "/v1/personal-rounds", OFFICE)
    key = {"round_id": opened["round_id"]}
    stated = await send(_C, "PUT", f"{at}/people/{{person}}", OFFICE, version=opened["version"], person=LIAISON, **key)
    await send(_C, "PUT", f"{at}/marks/{{person}}/{{item}}", LEADER, person=LIAISON, item="CONDUCT", **key)
    await send(_C, "POST", f"{at}/recusals", LEADER, **key)
    marks = at.format(**key) + f"/marks/{LIAISON}/CONDUCT"
    await done(bureau.ask(_C, LIAISON).put(marks, json={"mark": "90", "text": ""}))
    headers = {"if-match": f'"{stated["version"]}"'}
    closed = await done(office.post(at.format(**key) + "/closing", headers=headers))
    published = await send(_C, "POST", f"{at}/publication", OFFICE, version=closed["version"], **key)
    await send(_C, "POST", f"{at}/reopening", OFFICE, version=published["version"], **key)
    shown = await done(bureau.ask(_C, LIAISON).get(f"/v1/personal-results/{key['round_id']}/{LIAISON}"))
    # Ten days and more at the coefficient of one district, the rest at that of the other, which lost everything.
    told = [(one["unit"], one["days"]) for one in shown["postings"]]
    assert (told, shown["base"], shown["grade"]) == ([("420103", 11), ("420102", 20)], "90", "basic")


async def _year_end(prepared: Prepared) -> None:
    bureau, send, at = prepared.bureau, prepared.send, "/v1/year-results/{result_id}"
    ranking = await done(bureau.ask(_C, OFFICE).post("/v1/rankings", json={"set": SET, "period": "2015-06-YTD"}))
    stands_on = {"ranking_id": ranking["ranking_id"]}
    made = await send(_C, "POST", "/v1/year-results", OFFICE, told=stands_on)

    async def step(verb: str, who: str = OFFICE, told: dict[str, str] | None = None, **places: object) -> None:
        nonlocal made
        path, version = f"{at}/{verb}", made["version"]
        made = await send(_C, "POST", path, who, version=version, told=told, result_id=made["result_id"], **places)

    await step("revision", told=stands_on)
    await step("approval", NEXT_HEAD)
    await step("notice")
    it_is(bureau, 12, 14)
    await step("appeals")
    await step("appeals/{number}/decision", THIRD_HEAD, number=1)
    it_is(bureau, 12, 19)
    await step("finalisation")
    await step("uses")
    await step("uses/{number}/withdrawal", number=2)
    assert (made["state"], made["notice_last"]) == ("final", "2015-12-18")
