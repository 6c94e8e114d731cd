"""Amendments: a fact corrected after confirmation gives its deduction a new version, and the problem follows.

What belongs here: the two corrections that the pack's story names - one loss that shrinks, one that goes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from deploy.local.story import expectation
from deploy.local.story.confirming import claim_followed, deductions_of
from deploy.local.story.expectation import Sent
from deploy.local.story.screen import counted
from deploy.local.story.setting_up import district_set
from deploy.local.story.world import World, until
from shared.clock import SHANGHAI


async def amend(world: World, periods: Sequence[str], sent: Sent) -> int:
    """Amend the planned facts of these confirmed periods; claims versions, losses, entries and problems. How many."""
    planned = [each for each in world.pack.story["amendments"] if each["period"] in periods]
    if planned:
        day = world.pack.calendar.working_day_after(world.clock.today(), 3)
        world.until_day(datetime.combine(day, time(10, 0), SHANGHAI))
    for amendment in planned:
        await _amend(world, amendment, sent)
    for period in sorted({each["period"] for each in planned}):
        confirmed = await deductions_of(world, district_set(world).code, period)
        await claim_followed(world, confirmed)
    return len(planned)


async def _amend(world: World, amendment: Mapping[str, Any], sent: Sent) -> None:
    one = district_set(world)
    card = next(card for card in one.indicators if card.code == amendment["indicator"])
    unit, period = amendment["unit"], amendment["period"]
    identity = str(expectation.deduction_of(card, unit, period))
    before = expectation.loss_of(card, unit, period, sent)
    change = {
        "metric": amendment["metric"],
        "unit": unit,
        "period": period,
        "value": amendment["amended_value"],
        "reason": None,
    }
    await world.office.post("submission", "/v1/fact-changes", {"reason": amendment["reason"], "changes": [change]})
    sent.add(change)
    loss = expectation.loss_of(card, unit, period, sent)
    world.screen.say(
        f"{world.unit_name(unit)}, {card.name}, {period}: {amendment['value']} → {amendment['amended_value']}"
    )
    world.screen.quote(amendment["reason"])
    seen: dict[str, Any] = {}

    async def look() -> tuple[bool, object]:
        found = await world.office.get("audit", "/v1/problems", deduction_id=identity)
        seen.update(found["items"][0] if found["items"] else {})
        return seen.get("deduction_version") == 2, {  # noqa: PLR2004 - the version after the first
            name: seen.get(name) for name in ("deduction_version", "loss", "state")
        }

    await until("the second version of the deduction", look)
    deductions = await world.office.every("scoring", "/v1/deductions", set=one.code, period=period, unit=unit)
    deduction = next(each["deduction"] for each in deductions if each["deduction"]["deduction_id"] == identity)
    lifted = loss == 0
    world.claims.equal(
        f"deduction version 2: {before} → {loss} points"
        + (", so it is lifted, and the problem with it" if lifted else ", and the problem follows"),
        (deduction["version"], Decimal(deduction["loss"]), Decimal(seen["loss"]), seen["state"] == "lifted"),
        (2, loss, loss, lifted),
    )
    cell = await world.office.get("scoring", f"/v1/scores/{seen['indicator_id']}/{seen['unit_id']}/{period}")
    total = sum((Decimal(each["points"]) for each in cell["entries"]), Decimal(0))
    reversing = [each for each in cell["entries"] if each["reverses"] is not None]
    world.claims.claim(
        f"the ledger keeps both: {counted(len(reversing), 'entry', 'entries')} reversed, new ones entered, sum {total}",
        bool(reversing) and total == Decimal(card.points) - loss,
        cell["entries"],
    )
