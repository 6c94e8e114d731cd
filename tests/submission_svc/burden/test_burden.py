"""The burden figure: 118 of 148 is 79.7 %, and it moves when an indicator moves."""

import pytest

from services.submission_svc.burden.domain import BurdenedIndicator, weigh
from shared.contracts.submission import BurdenReported
from tests.submission_svc.bureau import METRICS, SET, Bureau, card, published_set


def indicators(extracted: int, self_reported: int) -> list[BurdenedIndicator]:
    modes = ["extracted"] * extracted + ["self_reported"] * self_reported
    return [BurdenedIndicator(f"I-{place:03d}", "名", mode, "填报人") for place, mode in enumerate(modes)]


@pytest.mark.parametrize(
    ("extracted", "self_reported", "ratio"),
    [(118, 30, "79.7"), (117, 31, "79.1"), (148, 0, "100.0"), (0, 14, "0.0"), (0, 0, None), (1, 7, "12.5")],
)
def test_the_ratio(extracted: int, self_reported: int, ratio: str | None) -> None:
    burden = weigh(indicators(extracted, self_reported))
    assert (burden.ratio, len(burden.extracted), burden.indicators) == (ratio, extracted, extracted + self_reported)


async def test_one_indicator_moved_to_self_report_moves_the_figure(bureau: Bureau) -> None:
    for place in range(148):
        mode = "extracted" if place < 118 else "self_reported"
        await bureau.service.deliver(card(f"I-{place:03d}", ["M-RATE"], set_code="WH-148", fill_mode=mode), times=1)
    await bureau.service.deliver(published_set(148, set_code="WH-148"))
    before = (await bureau.liaison.get("/v1/burden", params={"set": "WH-148"})).json()
    assert (before["numerator"], before["denominator"], before["ratio"]) == (118, 148, "79.7")
    assert len(before["extracted"]) == 118
    await bureau.service.deliver(card("I-000", ["M-RATE"], set_code="WH-148", fill_mode="self_reported", version=2))
    after = (await bureau.liaison.get("/v1/burden", params={"set": "WH-148"})).json()
    assert (after["numerator"], after["denominator"], after["ratio"]) == (117, 148, "79.1")
    assert "I-000" in {each["code"] for each in after["self_reported"]}
    reports = [each for each in await bureau.service.events(BurdenReported) if each.indicators == 148]
    assert [(each.version, each.extracted, each.self_reported) for each in reports] == [(1, 118, 30), (2, 117, 31)]


async def test_the_burden_is_reported_once_all_cards_are_here_whatever_came_first(bureau: Bureau) -> None:
    assert [each.indicators for each in await bureau.service.events(BurdenReported)] == [len(METRICS)]
    await bureau.service.deliver(published_set(2, set_code="WH-2"))
    await bureau.service.deliver(card("B", ["M-RATE"], set_code="WH-2"))
    assert len(await bureau.service.events(BurdenReported)) == 1
    await bureau.service.deliver(card("A", ["M-RATE"], set_code="WH-2"))
    assert [each.extracted for each in await bureau.service.events(BurdenReported)][-1] == 2
    assert (await bureau.office.get("/v1/burden", params={"set": "NONE"})).status_code == 404
    assert (await bureau.office.get("/v1/burden", params={"set": SET})).json()["ratio"] == "87.5"
