"""Ending a period: fence, what holds the confirmation up, confirmation, deductions, and the gap check in audit_svc.

What belongs here: the performance office's steps and the claims on what they produce. What does not: what happens to
a single deduction afterwards (following.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from deploy.local.story import expectation
from deploy.local.story.expectation import Cell, Sent
from deploy.local.story.screen import counted
from deploy.local.story.world import Refusal, StoryStuck, World, refusal_of, until

_NOT_APPLIED = "chunks_not_applied"
_HELD_UP = "confirmation_held_up"


@dataclass(frozen=True)
class Confirmed:
    """A confirmed period of a set with its deductions, as scoring_svc told them, by cell."""

    set_code: str
    period: str
    deductions: Mapping[Cell, Mapping[str, Any]]

    @property
    def lossy(self) -> dict[Cell, Decimal]:
        """Cells that lost points."""
        losses = {cell: Decimal(one["loss"]) for cell, one in self.deductions.items()}
        return {cell: loss for cell, loss in losses.items() if loss > 0}


async def fence(world: World, set_code: str, period: str) -> None:
    """End collecting for a set and period."""
    state = await world.office.post("scoring", f"/v1/period-states/{set_code}/{period}/fence")
    world.claims.equal(f"{set_code} {period}: collecting is ended (fence)", state["state"], "fenced")


async def confirm(world: World, set_code: str, period: str, sent: Sent) -> Confirmed:
    """Confirm a fenced period, taking out what the pack plans to take out; claims what must follow."""
    exclusions = exclusions_of(world, set_code, period)
    if exclusions:
        await _held_up(world, set_code, period, exclusions)
    with world.screen.working(f"confirming {period}"):
        state = await _confirm(world, set_code, period, exclusions)
    expected = expectation.cells_of(world.pack, set_code, period)
    world.claims.equal(f"{set_code} {period}: {counted(expected, 'cell')} confirmed", state["cells"], expected)
    confirmed = await deductions_of(world, set_code, period)
    await _claim_recount(world, confirmed, sent, exclusions)
    await claim_followed(world, confirmed)
    return confirmed


async def deductions_of(world: World, set_code: str, period: str) -> Confirmed:
    """All deductions of a set and period, as scoring_svc answers them."""
    found = await world.office.every("scoring", "/v1/deductions", set=set_code, period=period)
    return Confirmed(set_code, period, {(one["indicator"], one["unit"], period): one["deduction"] for one in found})


async def claim_followed(world: World, confirmed: Confirmed) -> None:
    """Wait until audit_svc is in step; claims that every deduction has exactly one problem, by id and loss."""
    query = {"set": confirmed.set_code, "period": confirmed.period}

    async def look() -> tuple[bool, object]:
        found = await world.office.get("audit", "/v1/reconciliation", **query)
        return bool(found["in_step"]), {name: found[name] for name in ("deductions", "problems", "gaps")}

    await until(f"a problem for every deduction of {confirmed.period}", look)
    problems = await world.office.every("audit", "/v1/problems", **query)
    deductions = {(one["deduction_id"], one["version"], Decimal(one["loss"])) for one in confirmed.deductions.values()}
    followed = [(one["deduction_id"], one["deduction_version"], Decimal(one["loss"])) for one in problems]
    world.claims.equal(
        f"{confirmed.set_code} {confirmed.period}: every deduction has its one problem: "
        f"{len(deductions & set(followed))}/{len(deductions)}",
        sorted(followed),
        sorted(deductions),
    )


async def tell_provisional(world: World, set_code: str, period: str) -> None:
    """The ranking as it stands before anything is confirmed, held against an own sum of the cells."""
    expected = expectation.cells_of(world.pack, set_code, period)

    async def look() -> tuple[bool, object]:
        count = len(await world.office.every("scoring", "/v1/scores", set=set_code, period=period))
        return count >= expected - len(withheld_cells(world, set_code, period)), f"{count} of {expected} cells"

    with world.screen.working("waiting for the provisional scores"):
        await until(f"the provisional scores of {period}", look)
    scores = await world.office.every("scoring", "/v1/scores", set=set_code, period=period)
    ranking = await world.office.get("scoring", "/v1/rankings/provisional", set=set_code, period=period)
    show_ranking(world, f"Provisional ranking, {period} (first five)", ranking["units"][:5])
    claim_ranking(world, f"the provisional ranking of {period}", scores, ranking)


def claim_ranking(world: World, what: str, scores: Sequence[Mapping[str, Any]], ranking: Mapping[str, Any]) -> None:
    """Places and totals of a ranking against an own sum over the cells that scoring_svc lists."""
    units = [district.code for district in world.pack.districts]
    cells = [(one["indicator"], one["unit"], Decimal(one["score"])) for one in scores if one["score"] is not None]
    totals = expectation.span_totals(cells, units)
    places = expectation.competition_places(totals)
    expected = {unit: (places[unit], expectation.rounded(totals[unit])) for unit in units}
    found = {one["unit"]: (one["place"], Decimal(one["total"])) for one in ranking["units"]}
    world.claims.equal(
        f"{what}: {len(units)} places and totals agree with an own sum over {len(cells):,} cells", found, expected
    )


def show_ranking(world: World, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of places."""
    world.screen.table(
        title,
        (">place", "单位", ">total", ">of"),
        [(one["place"], one["unit_name"], one["total"], one["full_marks"]) for one in rows],
    )


def withheld_cells(world: World, set_code: str, period: str) -> set[tuple[str, str]]:
    """Cells (indicator, unit) of a set whose fact the story withholds in this period."""
    return {
        (card.code, missing["unit"])
        for missing in world.pack.story["missing"]
        if missing["period"] == period
        for card in world.pack.sets[set_code].indicators
        if missing["metric"] in card.metrics
    }


async def claim_tiers(world: World, confirmed: Confirmed) -> None:
    """Which tier the policy gave to each problem; those that the share of points alone decides are decided here too."""
    problems = await world.office.every("audit", "/v1/problems", set=confirmed.set_code, period=confirmed.period)
    tiers = world.pack.policy.tiers
    counts = Counter(problem["tier"] for problem in problems)
    world.screen.table(
        f"Problems of {confirmed.period} by tier: {world.pack.policy.name}",
        ("tier", "measure", "interview", ">problems"),
        [(one.name, one.measure, "yes" if one.interview else "no", counts[one.tier]) for one in tiers],
    )
    cards = {card.code: card for card in world.pack.sets[confirmed.set_code].indicators}
    expected = {
        str(expectation.deduction_of(cards[cell[0]], cell[1], cell[2])): expectation.tier_by_share(
            tiers, cards[cell[0]], loss
        )
        for cell, loss in confirmed.lossy.items()
    }
    world.claims.equal(
        f"the share of points lost decides the tier of all {len(expected)}: the policy applied here gives the same",
        {problem["deduction_id"]: problem["tier"] for problem in problems},
        expected,
    )


def exclusions_of(world: World, set_code: str, period: str) -> list[dict[str, str]]:
    """The cells that the office takes out at confirmation, with the reason, as the pack plans them."""
    return [
        {"indicator": card.code, "unit": missing["unit"], "state": missing["excluded"], "reason": missing["reason"]}
        for missing in world.pack.story["missing"]
        if missing["period"] == period and "excluded" in missing
        for card in world.pack.sets[set_code].indicators
        if missing["metric"] in card.metrics
    ]


async def claim_holdups(world: World, set_code: str, period: str) -> None:
    """Before the fence the office sees exactly the cells whose facts are missing."""
    expected = withheld_cells(world, set_code, period)

    async def look() -> tuple[bool, object]:
        held = await world.office.get("scoring", f"/v1/period-states/{set_code}/{period}/holdups")
        found = {(item.get("indicator"), item.get("unit")) for item in held["items"]}
        return found == expected, (held["count"], held["items"][:3])

    with world.screen.working("asking what would hold the confirmation up"):
        found = await until(f"the list of what holds {period} up", look)
    names = ", ".join(f"{card} {world.unit_name(unit)}" for card, unit in sorted(expected))
    world.claims.claim(f"what would hold {period} up is named: {names}", held=bool(expected), found=found)


async def _held_up(world: World, set_code: str, period: str, exclusions: Sequence[Mapping[str, str]]) -> None:
    """Confirming without taking anything out is refused with exactly the planned cells."""
    refusal = await _settled_refusal(world, set_code, period)
    listed = [] if refusal is None else refusal.document.get("holdups", [])
    world.claims.equal(
        f"{period}: confirmation is held up by the {counted(len(exclusions), 'cell')} without a fact, and says which",
        (refusal.code if refusal else None, sorted((one.get("indicator"), one.get("unit")) for one in listed)),
        (_HELD_UP, sorted((one["indicator"], one["unit"]) for one in exclusions)),
    )
    for one in exclusions:
        world.screen.say(f"Taken out as {one['state']}, with the reason on record: {one['indicator']} {one['unit']}")
        world.screen.quote(one["reason"])


async def _settled_refusal(world: World, set_code: str, period: str) -> Refusal | None:
    """The refusal of a confirmation once all facts before the fence are applied."""
    path = f"/v1/period-states/{set_code}/{period}/confirm"
    last: list[Refusal | None] = []

    async def look() -> tuple[bool, object]:
        refusal = await world.office.refused("POST", "scoring", path, body={"exclusions": []})
        last[:] = [refusal]
        waits = refusal is not None and any(one["code"] == _NOT_APPLIED for one in refusal.document.get("holdups", []))
        return not waits, refusal

    await until(f"all facts of {period} in scoring_svc", look)
    return last[0]


async def _confirm(world: World, set_code: str, period: str, exclusions: Sequence[Mapping[str, str]]) -> Any:
    path = f"/v1/period-states/{set_code}/{period}/confirm"
    answered: list[Any] = []

    async def look() -> tuple[bool, object]:
        got = await world.office.answer("POST", "scoring", path, body={"exclusions": list(exclusions)})
        if got.is_success:
            answered[:] = [got.json()]
            return True, "confirmed"
        refusal = refusal_of(got)
        listed = refusal.document.get("holdups", [])
        if refusal.code != _HELD_UP or all(one["code"] != _NOT_APPLIED for one in listed):
            raise StoryStuck(f"{set_code} {period} cannot be confirmed: {refusal}, {listed[:5]}.")
        return False, listed

    await until(f"the confirmation of {period}", look)
    return answered[0]


async def _claim_recount(
    world: World, confirmed: Confirmed, sent: Sent, exclusions: Sequence[Mapping[str, str]]
) -> None:
    """Hold the deductions against the recount, and their identities against the ones that the cells must have."""
    taken_out = [(one["indicator"], one["unit"]) for one in exclusions]
    own = expectation.recount(world.pack, confirmed.set_code, confirmed.period, sent, taken_out)
    found = {cell: loss for cell, loss in confirmed.lossy.items() if cell in own.losses}
    points = sum(own.lossy.values(), Decimal(0))
    world.claims.equal(
        f"{counted(len(confirmed.lossy), 'deduction')}; {counted(len(own.losses), 'cell')} "
        f"({counted(own.cards, 'simple rule')}) recounted here: {len(own.lossy)} of them lost {points} points, "
        "as scoring_svc says",
        found,
        own.lossy,
    )
    cards = {card.code: card for card in world.pack.sets[confirmed.set_code].indicators}
    wrong = [
        cell
        for cell, one in confirmed.deductions.items()
        if one["deduction_id"] != str(expectation.deduction_of(cards[cell[0]], cell[1], cell[2]))
    ]
    world.claims.claim("each deduction has the identity that follows from its cell", not wrong, wrong[:3])
