"""Inspections: two inspectors record and confirm a finding, and the deduction arises at once, before any confirmation.

What belongs here: the findings that the pack's story names. What does not: the month's own evaluation (confirming.py).
"""

import hashlib
import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from deploy.local.story import expectation
from deploy.local.story.expectation import Sent
from deploy.local.story.setting_up import conduct_set
from deploy.local.story.tracing import claim_one_trace
from deploy.local.story.world import World, until
from deploy.local.wuhan2015.loader import Indicator
from shared.clock import SHANGHAI

_HOUR = "T15:00:00"


async def inspect(world: World, periods: Sequence[str], sent: Sent, *, follow: bool) -> int:
    """Record and confirm the findings of these periods; claims the immediate deductions. How many findings."""
    one = conduct_set(world)
    planned = [] if one is None else [each for each in world.pack.story["findings"] if each["period"] in periods]
    for finding in planned:
        card = next(
            card for card in world.pack.sets[one.code if one else ""].indicators if card.code == finding["indicator"]
        )
        finding_id, identity = await _found(world, finding, card, sent)
        if follow and finding is planned[0]:
            await _trace(world, finding_id, identity)
    return len(planned)


async def _trace(world: World, finding_id: str, identity: str) -> None:
    """From the inspector's confirmation through three services to the problem: one trace id."""
    (problem,) = (await world.office.get("audit", "/v1/problems", deduction_id=identity))["items"]
    await claim_one_trace(
        world,
        "the confirmed finding",
        (
            ("audit", "confirm_finding", "finding", finding_id),
            ("submission", "record_finding", "finding", ""),
            ("audit", "opened", "problem", problem["problem_id"]),
        ),
    )


async def _found(world: World, finding: dict[str, Any], card: Indicator, sent: Sent) -> tuple[str, str]:
    """The finding's id and that of its deduction."""
    occurred = datetime.fromisoformat(finding["found_on"] + _HOUR).replace(tzinfo=SHANGHAI)
    world.until_day(occurred.replace(hour=17))
    inspectors = [finding["inspector"], *world.pack.story["cast"]["inspectors"]]
    second = next(code for code in inspectors if code != finding["inspector"])
    (metric,) = card.metrics
    begun = time.monotonic()
    for number in range(1, finding["count"] + 1):
        evidence = f"{finding['evidence']}（{number}）"
        recorded = await world.person(finding["inspector"]).post(
            "audit",
            "/v1/findings",
            {
                "problem_type": metric,
                "unit": finding["unit"],
                "period": finding["period"],
                "text": evidence,
                "evidence_hash": hashlib.sha256(evidence.encode()).hexdigest(),
                "occurred_at": occurred.isoformat(),
            },
        )
        path = f"/v1/findings/{recorded['finding_id']}/confirmation"
        if number == 1:
            own = await world.person(finding["inspector"]).refused("POST", "audit", path)
        begun = time.monotonic()
        await world.person(second).post("audit", path)
    sent.add({"metric": metric, "unit": finding["unit"], "period": finding["period"], "value": str(finding["count"])})
    loss = expectation.loss_of(card, finding["unit"], finding["period"], sent)
    identity = str(expectation.deduction_of(card, finding["unit"], finding["period"]))

    async def look() -> tuple[bool, object]:
        got = await world.office.get("audit", "/v1/problems", deduction_id=identity)
        losses = [Decimal(each["loss"]) for each in got["items"]]
        return losses == [loss], losses

    await until(f"the immediate deduction for {card.name}", look)
    took = time.monotonic() - begun
    world.claims.claim(
        f"{finding['found_on']} {finding['manner']} inspection, {world.unit_name(finding['unit'])}: {card.name}, "
        f"{finding['count']} confirmed by a second inspector → {loss} points deducted and one problem open, "
        f"{took * 1000:.0f} ms later",
        own is not None,
        own or "one person alone could confirm",
    )
    return recorded["finding_id"], identity
