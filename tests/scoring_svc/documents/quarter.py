"""A first quarter of the small city: three months and the quarter's own card, confirmed and ranked; reports of it."""

import asyncio
import contextlib
import io
from datetime import date, datetime
from typing import Any

import docx
import pypdf

from shared.clock import SHANGHAI
from shared.contracts.identity import unit_id
from shared.contracts.indicator import UnitChanged, UnitSpan
from tests.scoring_svc.bonus.awards import loss
from tests.scoring_svc.ledger.city import NOON, SET, City, fact, facts, full_month

QUARTER = "2015-Q1"
MONTHS = ("2015-01", "2015-02", "2015-03")
EXEMPT = {"indicator": "COL-03", "unit": "420103", "state": "exempt", "reason": "系统迁移 <b>停机</b>"}
HOSTILE = '#import "x" *粗* $x$ <w:p> =1+1 😀𠮷'


async def quarter(city: City) -> None:
    """Everything of the first quarter, confirmed; January closed.

    420103 is exempt once, 420102 bears an external loss, 420104 has a hostile name until the quarter's end.
    """
    city.service.app.state.clock.set(datetime(2015, 4, 10, 9, 30, tzinfo=SHANGHAI), by="test")
    await city.tell(renamed("420104", HOSTILE, "后来的名称"))
    for chunk, month in enumerate(MONTHS, 1):
        await full_month(city, month, chunk)
    await city.tell(
        facts(
            4,
            fact("M-QERR", "420102", "1"),
            fact("M-QERR", "420103", "0"),
            fact("M-QERR", "420104", "3"),
            period=QUARTER,
        )
    )
    for number, period in enumerate((*MONTHS, QUARTER), 1):
        await city.fence(number, 1, period)
        taken_out = [EXEMPT] if period == "2015-02" else []
        answer = await city.step("confirm", period, body={"exclusions": taken_out})
        assert answer.status_code == 200, answer.text
    body = loss(period="2015-02", shares=[{"unit": "420102", "share": "2"}])
    answer = await city.office.post("/v1/external-losses", json=body)
    assert answer.status_code == 201, answer.text
    assert (await city.step("close", MONTHS[0])).status_code == 200


def renamed(code: str, name: str, later: str) -> UnitChanged:
    """A district under another name in the quarter, and under a third one since."""
    april = date(2015, 4, 1)
    spans = [
        UnitSpan(
            effective_from=first, effective_to=end, recorded_at=NOON, code=code, name=said, kind="district_bureau",
            parent_id=unit_id("420100"), path=f"420100/{code}/", groups={"class": "甲"},
        )
        for first, end, said in ((date(2015, 1, 1), april, name), (april, None, later))
    ]  # fmt: skip
    return UnitChanged(unit_id=unit_id(code), version=2, spans=spans)


async def ranked(city: City) -> dict[str, Any]:
    """The published ranking of the quarter."""
    answer = await city.office.post("/v1/rankings", json={"set": SET, "period": QUARTER})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def ask(city: City, who: str = "PO1", form: str = "pdf", period: str = QUARTER) -> dict[str, Any]:
    """Ask for a report that must be taken up."""
    answer = await city.person(who).post("/v1/reports", json={"set": SET, "period": period, "format": form})
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/reports/{made['report_id']}"
    return made


async def until(city: City, report: dict[str, Any], *states: str, who: str = "PO1", within: float = 20) -> Any:
    """A report once it is in one of these states, or as it is after so long."""
    shown = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while shown is None or shown["state"] not in states:
                await asyncio.sleep(0.02)
                shown = (await city.person(who).get(f"/v1/reports/{report['report_id']}")).json()
    return shown


async def made(city: City, who: str = "PO1", form: str = "pdf") -> bytes:
    """The file of a new report."""
    report = await ask(city, who, form)
    state = await until(city, report, "done", "failed", who=who)
    assert state["state"] == "done", state
    answer = await city.person(who).get(state["content"])
    assert answer.status_code == 200, answer.text
    return answer.content


def text_of(content: bytes) -> str:
    """All text of a PDF or Word document, without blanks: where a line ends says nothing."""
    if content.startswith(b"%PDF"):
        found = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    else:
        word = docx.Document(io.BytesIO(content))
        found = "".join(one.text or "" for one in word.element.body.iter(docx.oxml.ns.qn("w:t")))
    return "".join(found.split())
