"""The course of the story: which chapter follows which, from an empty system to the half-year's end.

What belongs here: the order. What does not: what happens in a chapter. `main` is what `make demo` calls.
"""

from collections.abc import Sequence
from functools import partial

from deploy.local.places import Addresses, Home
from deploy.local.story import figures, setting_up
from deploy.local.story.amending import amend
from deploy.local.story.claims import Claims
from deploy.local.story.closing import balance, check_gaps, rank, spans, verify_trails
from deploy.local.story.collecting import claim_completeness, collect, supply_missing
from deploy.local.story.confirming import (
    Confirmed,
    claim_holdups,
    claim_tiers,
    confirm,
    fence,
    tell_provisional,
    withheld_cells,
)
from deploy.local.story.expectation import Sent
from deploy.local.story.following import RedDeduction
from deploy.local.story.inspecting import inspect
from deploy.local.story.refusing import refuse_after_fence, refuse_bad_input, register_late
from deploy.local.story.screen import Screen
from deploy.local.story.setting_up import conduct_set, district_set
from deploy.local.story.world import StoryStuck, World, http_client
from deploy.local.tokens import Tokens
from deploy.local.wuhan2015.loader import load_pack
from shared.clock import Clock
from shared.contracts.periods import parse_period

_OPENING = """\
Liandong (联动) keeps a tax bureau's performance management: departments and systems post facts, rules turn them into \
scores, every lost point becomes a problem that somebody answers for, and points can be won back.
What follows happens now, on the four services just started, over plain HTTP: Wuhan, January to June 2015.
Published are the structure (17 district bureaus, 121 tax offices, 148 indicators, 118 of them extracted by systems, \
14 typical problems), the district codes, the holidays and the city's revenue. Invented are the people and the texts \
of the cards. Generated from a fixed seed is every fact: no value is a figure of any real bureau, nor is a district's \
or a month's share of the revenue."""


async def main(addresses: Addresses, once: bool) -> int:  # noqa: ARG001 - told the same way both times
    """Tell the story to a new, empty system; the exit status is 0 when every claim held.

    The last line printed is the count of claims, with `once` and without.
    """
    screen = Screen()
    claims = Claims(screen.check)
    async with http_client() as http:
        home = Home(addresses.state.parent)
        world = World(
            pack=figures.with_figures(load_pack()),
            urls=urls_of(addresses),
            http=http,
            tokens=Tokens(addresses, http),
            clock=Clock(addresses.clock_journal),
            screen=screen,
            claims=claims,
            environment_of=partial(_environment, home),
        )
        status = await told(world)
    screen.last(claims.summary)
    return status


async def told(world: World) -> int:
    """Tell all chapters; a story that cannot go on says why and fails. The exit status."""
    try:
        await tell(world)
    except StoryStuck as stuck:
        world.claims.claim("the story came to its end", held=False, found=stuck)
    return world.claims.status


async def tell(world: World, span: str = "2015-H1") -> None:
    """All chapters in their order. Raises StoryStuck when a service does not do its part."""
    sent, confirmed = Sent(), list[Confirmed]()
    await begin(world)
    for periods in stages(world.pack.story["periods"]):
        confirmed += await month(world, periods, sent, first=not confirmed)
    await end(world, span, confirmed)


async def begin(world: World) -> None:
    """What this is; the organisation, the sets, the source systems."""
    world.screen.chapter("联动 Liandong - one deduction, end to end")
    for paragraph in _OPENING.splitlines():
        world.screen.say(paragraph)
    world.screen.chapter("The bureau and its indicators")
    await setting_up.set_up(world)
    await setting_up.publish(world)
    await setting_up.register_sources(world, world.pack.source_systems[:-1])
    await figures.declare(world)


async def end(world: World, span: str, confirmed: Sequence[Confirmed]) -> None:
    """The figures of the whole span, and the checks over everything."""
    world.screen.chapter(f"The end of {span}")
    await rank(world, span, spans(district_set(world), world.pack.story["periods"]))
    await setting_up.tell_burden(world)
    await balance(world, span, [(each.set_code, each.period) for each in confirmed])
    await check_gaps(world, confirmed)
    await verify_trails(world)


def stages(periods: Sequence[str]) -> list[list[str]]:
    """Periods in the order of their ends, those that end on the same day together: they are collected together."""
    ends = sorted({parse_period(period).last for period in periods})
    return [[period for period in periods if parse_period(period).last == end] for end in ends]


async def month(world: World, periods: Sequence[str], sent: Sent, *, first: bool) -> list[Confirmed]:
    """Inspections, collecting, fence and confirmation of periods that end together; then what follows from them."""
    one, conduct = district_set(world), conduct_set(world)
    world.screen.chapter(" · ".join(periods))
    await inspect(world, periods, sent, follow=first)
    if first:
        await register_late(world, world.pack.source_systems[-1], world.machine(setting_up.OPERATOR), periods[0])
        await refuse_bad_input(world, periods[0], sent)
    await collect(world, periods, sent)
    if first:
        await claim_completeness(world, one.code, periods[0])
        if withheld_cells(world, one.code, periods[0]):
            await claim_holdups(world, one.code, periods[0])
        await tell_provisional(world, one.code, periods[0])
    await supply_missing(world, periods, sent)
    confirmed: list[Confirmed] = []
    for each in (one, conduct) if conduct else (one,):
        for period in spans(each, periods):
            await fence(world, each.code, period)
            if first and each is one:
                await refuse_after_fence(world, period, sent)
            confirmed.append(await confirm(world, each.code, period, sent))
    if first:
        await claim_tiers(world, confirmed[0])
    await amend(world, periods, sent)
    red = RedDeduction(world, one.code)
    if red.period in periods:
        await _follow(world, red, confirmed)
    if red.plan["cured_period"] in periods:
        world.screen.chapter("The cure is proved")
        await red.struck_off()
    return confirmed


async def _follow(world: World, red: RedDeduction, confirmed: Sequence[Confirmed]) -> None:
    world.screen.chapter("One deduction, followed by its ids")
    await red.trace_back(next(each for each in confirmed if each.period == red.period))
    await red.find_problem()
    await red.trace_to_problem()
    await red.hold_interview()
    await red.rectify()


def urls_of(addresses: Addresses) -> dict[str, str]:
    """The services' URLs by their short names."""
    return {name.removesuffix("_svc"): url for name, url in addresses.services.items()}


def _environment(home: Home, service: str) -> dict[str, str]:
    return {name: str(value) for name, value in home.recall(f"environment-{service}").items()}
