"""Fences: after the answer nothing slips in, and the answer says exactly what came before."""

import asyncio

from shared.contracts.identity import set_id
from shared.contracts.submission import FactsRecorded
from tests.submission_svc.bureau import DISTRICTS, SET, Bureau, card, codes, published_set, row


async def put_up_fence(bureau: Bureau, period: str = "2015-01", set_code: str = SET) -> dict[str, int]:
    answer = await bureau.scoring.post("/v1/fences", json={"set_id": str(set_id(set_code)), "period": period})
    assert answer.status_code == 200, answer.text
    numbers: dict[str, int] = answer.json()
    return numbers


async def test_a_fence_refuses_by_its_own_code_and_is_repeatable(bureau: Bureau) -> None:
    await bureau.post([row(), row(period="2015-02")])
    put_up = await put_up_fence(bureau)
    assert put_up["chunks"] == 1
    answer = await bureau.post([row(value="1"), row(period="2015-02", value="1")])
    assert codes(answer) == {"/rows/0": "period_fenced"}
    assert answer.json()["updated"] == 1
    assert await put_up_fence(bureau) == put_up
    assert await put_up_fence(bureau, "2015-07") == {"last_chunk": 0, "chunks": 0}
    assert (
        await bureau.office.post("/v1/fences", json={"set_id": str(set_id(SET)), "period": "2015-01"})
    ).status_code == 403
    unknown = await bureau.scoring.post("/v1/fences", json={"set_id": str(set_id("NONE")), "period": "2015-01"})
    assert unknown.status_code == 404


async def test_another_set_goes_on(bureau: Bureau) -> None:
    await bureau.service.deliver(card("OTHER", ["M-SELF"], set_code="WH-2", fill_mode="self_reported"))
    await bureau.service.deliver(published_set(1, set_code="WH-2"))
    await put_up_fence(bureau, set_code="WH-2")
    assert (await bureau.post([row()])).json()["created"] == 1
    assert codes(await bureau.post([row("M-SELF", value="1")], by=bureau.liaison)) == {"/rows/0": "period_fenced"}


async def test_nothing_slips_in_while_batches_race_with_the_fence(bureau: Bureau) -> None:
    async def send(number: int) -> None:
        for turn in range(6):
            await bureau.post([row(unit=unit, value=str((number * 7 + turn) % 100)) for unit in DISTRICTS])

    senders = [asyncio.create_task(send(number)) for number in range(4)]
    await asyncio.sleep(0.05)
    put_up = await put_up_fence(bureau)
    await asyncio.gather(*senders)
    chunks = [chunk for chunk in await bureau.service.events(FactsRecorded) if chunk.period == "2015-01"]
    assert len(chunks) == put_up["chunks"]
    assert max((chunk.chunk_no for chunk in chunks), default=0) == put_up["last_chunk"]
