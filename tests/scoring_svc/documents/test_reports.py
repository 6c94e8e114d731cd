"""Reports over HTTP: figures as the routes answer them, what each asker sees, refusals, files, problems."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Response

from deploy.local.ports import free_port
from shared.clock import SHANGHAI
from shared.service_client import ServiceClient
from tests.scoring_svc.context.test_context_figures import TAX, collected
from tests.scoring_svc.documents.quarter import HOSTILE, MONTHS, QUARTER, ask, made, quarter, ranked, text_of, until
from tests.scoring_svc.ledger.city import DISTRICTS, SET, City, fact, facts, full_month

OWN, OTHER = "420102", "420103"
_GRANTS_ARE_KEPT = 1.1


async def get(city: City, path: str, who: str = "PO1", **query: Any) -> Any:
    answer = await city.person(who).get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def deductions(city: City, who: str = "PO1") -> list[dict[str, Any]]:
    pages = [await get(city, "/v1/deductions", who, set=SET, period=one) for one in (*MONTHS, QUARTER)]
    return [row["deduction"] for page in pages for row in page["items"]]


def shown(form: str, name: str, code: str) -> str:
    """A unit as a document of a form shows it."""
    rare = name if form == "docx" else name.replace("😀", "〔U+1F600〕").replace("𠮷", "〔U+20BB7〕")
    return "".join(f"{rare}（{code}）".split())


@pytest.mark.parametrize("form", ["pdf", "docx"])
async def test_figures_are_those_of_the_routes_digit_for_digit(city: City, form: str) -> None:
    await quarter(city)
    ranking = await ranked(city)
    said = text_of(await made(city, form=form))
    names = {OWN: f"单位{OWN}", OTHER: f"单位{OTHER}", "420104": HOSTILE}
    for code in DISTRICTS:
        card = await get(city, f"/v1/score-cards/{code}", set=SET, period=QUARTER)
        name, total = shown(form, names[code], code), card["total"]
        points = "".join(level["points"] for level in card["levels"])
        assert f"{name}{points}{card['beside_points']}{card['result']}" in said
        figures = (total[key] for key in ("full_marks", "loss", "bonus", "score", "won_back"))
        assert f"{name}{''.join(figures)}" in said
    for row in ranking["units"]:
        name = shown(form, names[row["unit"]], row["unit"])
        assert f"{row['place_by_policy']}{name}{row['total']}{row['full_marks']}—{row['to_next'] or '—'}" in said
    balance = await get(city, "/v1/points-balance", set=SET, period=QUARTER)
    for row in balance["items"]:
        name = shown(form, names[row["unit"]], row["unit"])
        assert f"{name}{row['deductions']}{row['lost']}{row['won_back']}{row['open']}" in said
    scores = await get(city, "/v1/indicator-scores", set=SET, period=QUARTER, indicator="COL-02")
    lost = sum(Decimal(row["loss"]) for row in scores["items"])
    assert f"COL-02指标COL-02税收征管2690{lost}0.2000" in said
    found = await deductions(city)
    assert len(found) == 12
    for row in found:
        assert row["deduction_id"] in said
        assert f"{row['period']}{row['loss']}{row['version']}0{row['loss']}" in said
    assert "2015-01已关闭92015-04-1009:30人员PO1（PO1）2015-04-1009:30人员PO1（PO1）" in said
    assert f"第{ranking['version']}版，2015-04-1009:30公布" in said
    assert "审计服务" in said
    assert "后来的名称" not in said
    assert "单位420103（420103）COL-03指标COL-032015-02豁免系统迁移<b>停机</b>" in said
    assert "单位420102（420102）外部失分2015-02-2" in said


@pytest.mark.parametrize("form", ["pdf", "docx"])
async def test_context_figures_are_those_of_the_route_digit_for_digit(city: City, form: str) -> None:
    await quarter(city)
    await collected(city)
    for chunk, month, values in ((20, "2014-03", ("3", "4", "5")), (21, "2015-03", ("4.5", "4", "2"))):
        await city.tell(
            facts(chunk, *(fact(TAX, unit, value) for unit, value in zip(DISTRICTS, values, strict=True)), period=month)
        )
    for who in ("PO1", "L2"):
        found = await get(city, "/v1/context-figures", who, set=SET, period=QUARTER)
        said = text_of(await made(city, who, form=form))
        assert "背景数据不计分" in said
        named = {OWN: f"单位{OWN}", OTHER: f"单位{OTHER}", "420104": HOSTILE}
        rows = [(shown(form, named[one["unit"]], one["unit"]), one["figures"]) for one in found["items"]]
        assert len(rows) == (3 if who == "PO1" else 1)
        for name, (figure,) in [*rows, ("各单位合计", found["total"])]:
            growth = figure["growth"] or "上年同期缺数"
            told = f"{name}税收收入万元{figure['value']}{figure['year_before'] or '—'}{growth}"
            assert told in said
    assert said.count("税收收入") == 2, "L2 reads the own figure, and its sum"


async def test_a_report_covers_what_its_asker_may_read(city: City) -> None:
    await quarter(city)
    await ranked(city)
    everything = await deductions(city)
    own = {row["deduction_id"] for row in await deductions(city, "L2")}
    assert 0 < len(own) < len(everything)
    said = text_of(await made(city, "L2"))
    listed = {row["deduction_id"] for row in everything if row["deduction_id"] in said}
    assert listed == own
    # The published ranking shows totals to its party; no figure of another unit stands anywhere else.
    assert (said.count(f"单位{OTHER}"), said.count("仅含制表人申请时有权阅读的部分，共1个单位")) == (1, 1)
    department = text_of(await made(city, "E1"))
    assert "COL-01" in department
    assert "COL-03" not in department
    assert "※" in department
    assert text_of(await made(city, "DPO")).count(f"单位{OTHER}") == 1


async def test_who_may_read_a_report(city: City) -> None:
    await quarter(city)
    report = await ask(city, "L2")
    assert (await until(city, report, "done", who="L2"))["code"] is None
    path = f"/v1/reports/{report['report_id']}"
    for who, status in (("L2", 200), ("PO1", 200), ("A1", 200), ("L3", 404), ("DPO", 404), ("E1", 404)):
        for part in ("", "/content"):
            assert (await city.person(who).get(f"{path}{part}")).status_code == status, who
    whole = await ask(city, "PO1")
    assert (await city.person("L2").get(f"/v1/reports/{whole['report_id']}")).status_code == 404
    # Who no longer reaches what they asked with reads it no more.
    owner = city.service.database.reads
    await owner.execute("UPDATE directory_appointments SET revoked = true WHERE subject = $1", report["made_by"])
    await asyncio.sleep(_GRANTS_ARE_KEPT)
    assert (await city.person("L2").get(f"{path}/content")).status_code == 403
    await city.service.seed_person("L2", OTHER, "unit_liaison", scope="own")
    await asyncio.sleep(_GRANTS_ARE_KEPT)
    assert (await city.person("L2").get(f"{path}/content")).status_code == 404


async def test_what_is_refused(city: City) -> None:
    async def refused(who: str = "PO1", **body: str) -> tuple[int, str]:
        told = {"set": SET, "period": QUARTER, "format": "pdf", **body}
        answer = await city.person(who).post("/v1/reports", json=told)
        return answer.status_code, answer.json()["code"]

    await full_month(city)
    answer = await city.office.post("/v1/reports", json={"set": SET, "period": QUARTER, "format": "pdf"})
    assert (answer.status_code, answer.json()["code"]) == (409, "report_period_open")
    assert answer.json()["periods"] == "2015-01, 2015-02, 2015-03, 2015-Q1"
    assert await refused(period="2014-Q1") == (404, "period_unknown")
    assert await refused(period="2015-Q5") == (422, "malformed")
    assert await refused(period="2015-01-YTD") == (422, "malformed")
    assert await refused(format="html") == (422, "malformed")
    assert await refused(set="NONE") == (404, "not_found")
    assert await refused("S2", period="2015-01") == (409, "report_period_open")
    await city.fence(1, 1)
    assert (await city.step("confirm", body={})).status_code == 200
    assert await refused("S2", period="2015-01") == (403, "outside_scope")
    assert await city.service.database.reads.fetchval("SELECT count(*) FROM reports") == 0
    await ask(city, period="2015-01")


async def test_the_same_key_asks_once_and_an_asker_waits_for_five(city: City) -> None:
    await quarter(city)
    body = {"set": SET, "period": QUARTER, "format": "docx"}
    once = [await city.office.post("/v1/reports", json=body, headers={"idempotency-key": "r"}) for _ in range(2)]
    assert once[0].json() == once[1].json()
    assert once[1].headers["location"] == once[0].headers["location"]
    reads = city.service.database.reads
    assert await reads.fetchval("SELECT count(*) FROM reports") == 1
    await until(city, once[0].json(), "done")
    hour = "clock_timestamp() + interval '1 hour'"
    await reads.execute(f"UPDATE reports SET state = 'running', claimed_until = {hour}")
    for _ in range(4):
        await ask(city)
    await reads.execute(f"UPDATE reports SET state = 'running', claimed_until = {hour}")
    answer = await city.office.post("/v1/reports", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (409, "too_many_reports", 5)
    assert (await city.person("A1").post("/v1/reports", json=body)).status_code == 202


async def test_a_file_is_there_when_it_is_done_and_while_it_is_kept(city: City) -> None:
    await quarter(city)
    report = await ask(city)
    path, reads = f"/v1/reports/{report['report_id']}", city.service.database.reads
    done = await until(city, report, "done")
    assert done["progress"] == {"done": 3, "total": 3}
    answer = await city.office.get(done["content"])
    digest = hashlib.sha256(answer.content).hexdigest()
    assert (done["sha256"], done["size"]) == (digest, len(answer.content))
    headers = answer.headers
    assert (headers["etag"], headers["content-type"]) == (f'"{digest}"', "application/pdf")
    assert "filename*=UTF-8''WH-T%202015" in headers["content-disposition"]
    # Others of the same asker take its place, then time does.
    reports = city.service.app.state.reports
    await reads.execute(
        "INSERT INTO report_files SELECT $1, '', 0, '', kept_until FROM report_files", UUID(int=7)
    )  # a file without a report is nobody's
    await reads.execute(
        "INSERT INTO reports SELECT gen_random_uuid(), set_id, period, format, asked, state, done, total, code, tries, "
        "NULL, NULL, made_at + interval '1 second', made_by, finished_at FROM reports"
    )
    await reports.drop_files()
    assert (await city.office.get(done["content"])).status_code == 200
    city.service.app.state.clock.set(datetime(2015, 7, 10, 10, tzinfo=SHANGHAI), by="test")
    await reports.drop_files()
    gone = await city.office.get(done["content"])
    assert (gone.status_code, gone.json()["code"]) == (410, "report_gone")
    shown = (await city.office.get(path)).json()
    assert (shown["state"], shown["content"], shown["sha256"]) == ("done", None, None)


async def test_only_the_newest_files_of_an_asker_are_kept(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await quarter(city)
    reports = city.service.app.state.reports
    first, other = await ask(city), await ask(city, "L2")
    second = await ask(city)
    for report in (first, other, second):
        await until(city, report, "done")
    monkeypatch.setattr(reports, "_keeping", type(reports._keeping)(days=90, newest=1, most_bytes=1))
    await reports.drop_files()
    found = await city.service.database.reads.fetch("SELECT report_id::text AS id FROM report_files")
    assert {row["id"] for row in found} == {second["report_id"], other["report_id"]}


# --- problems ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def audit(city: City, answer: Any, status: int = 200) -> AsyncIterator[list[dict[str, str]]]:
    """audit_svc's answer on loopback, two rows a page; gives what it was asked."""
    app, port, asked = FastAPI(), free_port(), []

    @app.get("/v1/problem-register")
    async def register(period: str, cursor: int = 0) -> Response:
        asked.append(period)
        rows = answer.get(period, [])
        onward = cursor + 2 if cursor + 2 < len(rows) else None
        page = {"items": rows[cursor : cursor + 2], "next": None if onward is None else str(onward)}
        return httpx_json(page, status)

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag, no event
        await asyncio.sleep(0.01)
    reports, settings = city.service.app.state.reports, city.service.app.state.settings
    reports._client = ServiceClient.of(settings, what="audit_svc", base_url=f"http://127.0.0.1:{port}", tries=1)
    try:
        yield asked
    finally:
        await reports.close()
        reports._client = None
        server.should_exit = True
        await task


def httpx_json(content: Any, status: int) -> Response:
    return Response(httpx.Response(200, json=content).content, status, media_type="application/json")


async def test_problems_are_asked_of_audit_svc_and_shown_to_who_may_see_them(city: City) -> None:
    await quarter(city)
    found = await deductions(city)
    register: dict[str, list[dict[str, Any]]] = {}
    for number, row in enumerate(found[1:], 1):
        state = "verified" if number % 2 else "open"
        told = {"problem_id": str(UUID(int=number)), "state": state, "overdue": state == "open", "more": "ignored"}
        register.setdefault(row["period"], []).append({"deduction_id": row["deduction_id"], **told})
    async with audit(city, register) as asked:
        said = text_of(await made(city))
        department = text_of(await made(city, "E1"))
    assert set(asked) == {*MONTHS, QUARTER}
    assert len(asked) > 4  # page by page
    for rows in register.values():
        for row in rows:
            words = "整改已验收" if row["state"] == "verified" else "待整改（逾期）"
            assert f"{row['problem_id']}{words}" in said
            assert row["problem_id"] not in department
    assert said.count("—尚未立项") == 1
    assert "本次未能或无权取得问题清单" in department


@pytest.mark.parametrize("status", [403, 503, 200], ids=["refused", "down", "control: answers"])
async def test_a_report_is_made_without_audit_svc_too(city: City, status: int) -> None:
    await quarter(city)
    async with audit(city, {}, status):
        said = text_of(await made(city))
    assert ("本次未能或无权取得问题清单" in said) is (status != 200)
    assert len(await deductions(city)) == 12
