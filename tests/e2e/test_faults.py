"""What must survive on the whole system: events twice, an event lost, an indicator moved. Runs after the story."""

import asyncio
import os
import sys
from dataclasses import replace
from datetime import datetime, time
from typing import Any

from deploy.local.story import collecting, expectation, setting_up
from deploy.local.story.confirming import deductions_of, fence
from deploy.local.story.setting_up import district_set
from deploy.local.story.world import until
from deploy.local.system import DATABASE_OF
from deploy.local.wuhan2015.loader import Indicator, IndicatorSet, load_pack
from shared.clock import SHANGHAI
from tests.e2e.conftest import Bureau
from tests.e2e.reduced import DROPPED_PERIOD, PERIODS

_STATE = {
    "submission": "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (SELECT * FROM facts) t",
    "scoring": "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (SELECT * FROM deductions) t",
    "audit": "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (SELECT * FROM problems) t",
}

_LOSE_DEDUCTIONS = """
CREATE FUNCTION lose_event() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER lose_event BEFORE INSERT ON outbox FOR EACH ROW
WHEN (NEW.type = 'indicator.deducted.v1') EXECUTE FUNCTION lose_event();
"""


async def _command(bureau: Bureau, service: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments,
        env={**os.environ, **bureau.system.environment_of(service)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def _value(bureau: Bureau, service: str, statement: str) -> Any:
    connection = await bureau.owner(service)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _script(bureau: Bureau, service: str, statements: str) -> None:
    connection = await bureau.owner(service)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def _state(bureau: Bureau) -> dict[str, Any]:
    found = {short: await _value(bureau, f"{short}_svc", statement) for short, statement in _STATE.items()}
    found["entries"] = await _value(bureau, "scoring_svc", "SELECT count(*) FROM entries")
    return found


async def test_every_event_handled_twice_over_the_real_bus_changes_nothing(told: Bureau) -> None:
    before = await _state(told)
    handled = {service: await _value(told, service, "SELECT count(*) FROM inbox") for service in DATABASE_OF}
    assert handled["audit_svc"] > 50
    # Without their inboxes the services cannot know that they had these events: the handlers' own guards must hold.
    for service in DATABASE_OF:
        await _value(told, service, "TRUNCATE inbox")
    for service in DATABASE_OF:
        said = await _command(
            told, service, "shared.messaging", "--service", service, "redrive", "--since", "2020-01-01T00:00:00+08:00"
        )
        assert "again" in said

    async def all_again() -> tuple[bool, object]:
        now = {service: await _value(told, service, "SELECT count(*) FROM inbox") for service in DATABASE_OF}
        return all(now[service] >= handled[service] for service in DATABASE_OF), (now, handled)

    await until("every event handled a second time", all_again, seconds=30)
    assert await _state(told) == before
    for service in DATABASE_OF:
        assert await _value(told, service, "SELECT count(*) FROM dead_letters") == 0


async def test_a_dropped_event_is_named_by_the_reconciliation_and_a_snapshot_heals_it(told: Bureau) -> None:
    world, one = told.world, district_set(told.world)
    world.until_day(datetime.combine(datetime(2015, 5, 4, tzinfo=SHANGHAI).date(), time(9), SHANGHAI))
    await collecting.collect(world, [DROPPED_PERIOD], told.sent)
    await fence(world, one.code, DROPPED_PERIOD)

    async def applied() -> tuple[bool, object]:
        path = f"/v1/period-states/{one.code}/{DROPPED_PERIOD}/holdups"
        held = await world.office.get("scoring", path)
        return held["count"] == 0, held["items"]

    await until("all facts in scoring_svc", applied)
    await _script(told, "scoring_svc", _LOSE_DEDUCTIONS)
    try:
        path = f"/v1/period-states/{one.code}/{DROPPED_PERIOD}/confirm"
        await world.office.ask("POST", "scoring", path, body={"exclusions": []})
    finally:
        await _script(told, "scoring_svc", "DROP FUNCTION lose_event CASCADE")
    confirmed = await deductions_of(world, one.code, DROPPED_PERIOD)
    assert len(confirmed.lossy) > 1
    query = {"set": one.code, "period": DROPPED_PERIOD}

    async def digested() -> tuple[bool, object]:
        found = await world.office.get("audit", "/v1/reconciliation", **query)
        return found["deductions"] is not None and len(found["gaps"]) > 0, found

    found = await until("the digest in audit_svc", digested, seconds=30)
    assert isinstance(found, dict)
    assert found["in_step"] is False
    assert (found["deductions"], found["problems"]) == (len(confirmed.lossy), 0)
    named = {gap["deduction_id"] for gap in found["gaps"] if gap["side"] == "problem_missing"}
    assert named == {deduction["deduction_id"] for deduction in confirmed.deductions.values()}

    await _command(told, "scoring_svc", "services.scoring_svc", "snapshot", "--to", "audit_svc")

    async def healed() -> tuple[bool, object]:
        found = await world.office.get("audit", "/v1/reconciliation", **query)
        return bool(found["in_step"]), found

    await until("the snapshot in audit_svc", healed, seconds=30)
    for period in PERIODS:
        found = await world.office.get("audit", "/v1/reconciliation", set=one.code, period=period)
        assert found["in_step"] is True


async def test_one_indicator_moved_to_self_report_moves_the_burden(told: Bureau) -> None:
    """118/148 = 79.7 % and, with one indicator moved, 117/148 = 79.1 %: on the whole pack's cards."""
    world, whole = told.world, load_pack()
    metrics = [
        setting_up.metric_body(metric) for code, metric in whole.metrics.items() if code not in world.pack.metrics
    ]
    await world.office.post("indicator", "/v1/metric-batches", {"metrics": metrics})
    cards = whole.sets["WH2015-DISTRICT"].indicators
    moving = next(card for card in cards if card.fill_mode == "extracted")
    moved = replace(moving, fill_mode="self_reported", source_system=None)
    one = replace(whole.sets["WH2015-DISTRICT"], code="WH2015-BURDEN")
    await _publish(told, one, cards)
    assert await _burden(told, one.code, 118) == (118, 148, "79.7", set())
    path = f"/v1/indicator-sets/{one.code}/cards/{moved.code}"
    draft = await world.office.get("indicator", path)
    await world.office.put("indicator", path, setting_up.card_body(moved), version=draft["version"])
    await world.office.post("indicator", f"/v1/indicator-sets/{one.code}/publication")
    assert await _burden(told, one.code, 117) == (117, 148, "79.1", {moved.code})
    assert expectation.burden_of(cards) == (118, 148, "79.7")
    assert expectation.burden_of([moved if card is moving else card for card in cards]) == (117, 148, "79.1")


async def _publish(told: Bureau, one: IndicatorSet, cards: tuple[Indicator, ...]) -> None:
    office = told.world.office
    await office.post("indicator", "/v1/indicator-sets", setting_up.set_body(told.world, one))
    body = {"cards": [setting_up.card_body(card) for card in cards]}
    await office.post("indicator", f"/v1/indicator-sets/{one.code}/card-batches", body)
    published = await office.post("indicator", f"/v1/indicator-sets/{one.code}/publication")
    assert published["cards"] == len(cards)


async def _burden(told: Bureau, code: str, numerator: int) -> tuple[int, int, str, set[str]]:
    """The burden once it has the numerator waited for, and the extracted cards that are self-reported now."""
    extracted = {card.code for card in load_pack().sets["WH2015-DISTRICT"].indicators if card.fill_mode == "extracted"}

    async def look() -> tuple[bool, object]:
        got = await told.world.office.answer("GET", "submission", "/v1/burden", query={"set": code})
        body = got.json() if got.is_success else {}
        return body.get("numerator") == numerator and body.get("denominator") == 148, body

    body: Any = await until(f"the burden {numerator}/148", look, seconds=30)
    listed = {card["code"] for card in body["self_reported"]}
    return body["numerator"], body["denominator"], body["ratio"], listed & extracted
