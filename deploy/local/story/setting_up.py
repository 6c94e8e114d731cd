"""Setting up the bureau: organisation, people, calendar, metrics, source systems, sets, policy - and publishing.

What belongs here: the pack's records in the words of the services' requests, and waiting until every service has
its read copies. What does not: facts (collecting.py).
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from deploy.local.story import expectation
from deploy.local.story.refusing import source_body
from deploy.local.story.screen import counted
from deploy.local.story.world import Caller, World, at_once, refusal_of, until
from deploy.local.wuhan2015.loader import Indicator, IndicatorSet, Metric, SourceSystem
from shared.clock import SHANGHAI

OPERATOR = "setup"
_SAMPLE_PERIODS = (("half_year", "H1"), ("quarter", "Q1"), ("month", "01"))
_DISTRICT_SET, _CONDUCT_SET = "WH2015-DISTRICT", "WH2015-CONDUCT"
BEGIN = datetime(2015, 1, 5, 9, 0, tzinfo=SHANGHAI)
_KINDS = (
    ("city_bureau", "市局 city bureau"),
    ("department", "处室 departments"),
    ("performance_office", "绩效办 performance offices"),
    ("district_bureau", "区局 district bureaus"),
    ("section", "科室 sections"),
    ("tax_office", "税务所 tax offices"),
)


async def set_up(world: World) -> None:
    """Load the organisation and the catalogue as the operator, and wait until people may act in every service."""
    operator, pack = world.machine(OPERATOR), world.pack
    world.begin(BEGIN)
    with world.screen.working("loading the organisation"):
        units = [
            {
                "code": unit.code,
                "name": unit.name,
                "kind": unit.kind,
                "parent_code": unit.parent_code or None,
                "groups": dict(unit.groups),
                "effective_from": unit.effective_from.isoformat(),
            }
            for unit in pack.units
        ]
        await operator.post("indicator", "/v1/unit-batches", {"units": units})
        people = [
            {"code": one.code, "name": one.name, "unit_code": one.unit_code, "post": one.post} for one in pack.people
        ]
        await operator.post("indicator", "/v1/person-batches", {"people": people})
        await operator.post("indicator", "/v1/appointment-batches", {"appointments": list(_appointments(world))})
        for year, days in _calendars(world).items():
            await operator.put("indicator", f"/v1/calendars/{year}", {"days": days})
        metrics = [metric_body(metric) for metric in pack.metrics.values()]
        await operator.post("indicator", "/v1/metric-batches", {"metrics": metrics})
    await _tell_organisation(world, operator)
    with world.screen.working("waiting until every service knows its people"):
        await _until_people_may_act(world)


async def publish(world: World) -> None:
    """The performance office drafts and publishes the sets and the policy; every service gets its copy."""
    office, pack = world.office, world.pack
    for one in pack.sets.values():
        with world.screen.working(f"publishing {one.name}"):
            await office.post("indicator", "/v1/indicator-sets", set_body(world, one))
            cards = [card_body(card) for card in one.indicators]
            await office.post("indicator", f"/v1/indicator-sets/{one.code}/card-batches", {"cards": cards})
            published = await office.post("indicator", f"/v1/indicator-sets/{one.code}/publication")
        world.claims.equal(
            f"{one.name} is published: {counted(len(one.indicators), 'indicator')}, every rule checked by scoring_svc",
            published["cards"],
            len(one.indicators),
        )
    await office.put("audit", f"/v1/policies/{pack.policy.code}", policy_body(world), version=0)
    world.screen.say(f"The accountability policy stands: {pack.policy.name}.")
    with world.screen.working("waiting until every service has all cards"):
        for one in pack.sets.values():
            await until_cards_are_known(world, one)


async def until_cards_are_known(world: World, one: IndicatorSet) -> None:
    """Wait until submission_svc and scoring_svc answer with every card of a set; claims both counts."""
    expected = len(one.indicators)
    office = world.office

    async def in_submission() -> tuple[bool, object]:
        got = await office.answer("GET", "submission", "/v1/burden", query={"set": one.code})
        count = got.json()["denominator"] if got.is_success else 0
        return count == expected, f"{count} of {expected} cards in submission_svc"

    kinds = {card.period_kind for card in one.indicators}
    period = next(f"{one.year}-{sample}" for kind, sample in _SAMPLE_PERIODS if kind in kinds)

    async def in_scoring() -> tuple[bool, object]:
        # scoring_svc knows a set as whole by the count and the hash that its publication announced.
        got = await office.answer("GET", "scoring", f"/v1/period-states/{one.code}/{period}/holdups")
        codes = {item["code"] for item in got.json()["items"]} if got.is_success else {refusal_of(got).code}
        whole = got.is_success and "set_incomplete" not in codes
        return whole, f"{sorted(codes)} in scoring_svc"

    await until(f"the cards of {one.code}", in_submission)
    await until(f"the cards of {one.code}", in_scoring)
    world.claims.claim(f"submission_svc and scoring_svc have all of {one.code}: {counted(expected, 'card')}", held=True)


async def register_sources(world: World, systems: Sequence[SourceSystem]) -> None:
    """Register source systems with the metrics that each may supply."""
    operator = world.machine(OPERATOR)
    for system in systems:
        body = source_body(world, system)

        async def registered(body: dict[str, Any] = body) -> tuple[bool, object]:
            # Metrics and units reach submission_svc as events, a moment after they were loaded.
            refusal = await operator.refused("POST", "submission", "/v1/source-systems", body=body)
            return refusal is None, refusal

        await until(f"the registration of {system.client_id}", registered)


def policy_body(world: World) -> dict[str, Any]:
    """The accountability policy in the words of the request."""
    policy = world.pack.policy
    tiers = [
        {
            "tier": tier.tier,
            "name": tier.name,
            "name_en": tier.name_en,
            "any_of": [dict(condition) for condition in tier.any_of],
            "measure": tier.measure,
            "interview": tier.interview,
            "interviewer_post": tier.interviewer_post,
            "respond_within_working_days": tier.respond_within_working_days,
            "rectify_within_working_days": tier.rectify_within_working_days,
            "make_up_share": tier.make_up_share,
            "cured_share": tier.cured_share,
        }
        for tier in policy.tiers
    ]
    return {
        "name": policy.name,
        "name_en": policy.name_en,
        "effective_from": policy.effective_from.isoformat(),
        "tiers": tiers,
    }


async def _tell_organisation(world: World, operator: Caller) -> None:
    units = await operator.every("indicator", "/v1/units")
    counts = {kind: sum(unit["kind"] == kind for unit in units) for kind, _ in _KINDS}
    world.screen.table("The bureau", ("单位", ">count"), [(label, counts[kind]) for kind, label in _KINDS])
    expected = {kind: sum(unit.kind == kind for unit in world.pack.units) for kind, _ in _KINDS}
    world.claims.equal(
        f"{expected['district_bureau']} district bureaus and {expected['tax_office']} tax offices stand in the tree, "
        "as the pack lists them",
        counts,
        expected,
    )


async def _until_people_may_act(world: World) -> None:
    """Wait until the appointments that the story needs have reached the services, by asking as those subjects."""
    pack = world.pack
    liaisons = [pack.holder("unit_liaison", district.code) for district in pack.districts]
    leaders = [pack.holder("unit_leader", district.code) for district in pack.districts]
    cast = pack.story["cast"]
    looks = [
        *((world.machine(system.client_id), "submission", "/v1/receipts") for system in pack.source_systems),
        *((world.person(code), "submission", "/v1/receipts") for code in (*liaisons, cast["performance_office"])),
        *((world.person(cast["performance_office"]), service, "/v1/indicators") for service in ("indicator",)),
        *((world.person(cast["performance_office"]), "scoring", f"/v1/period-states?set={_DISTRICT_SET}"),),
        *((world.person(code), "audit", "/v1/problems") for code in (*liaisons, *leaders, cast["performance_office"])),
        *((world.person(code), "audit", "/v1/findings") for code in cast["inspectors"]),
        *((world.person(cast["auditor"]), name, "/v1/trail") for name in world.urls),
    ]

    async def one(caller: Caller, service: str, path: str) -> None:
        async def look() -> tuple[bool, object]:
            got = await caller.answer("GET", service, path)
            return got.status_code not in {401, 403}, f"{got.status_code} for {caller.name} at {service}_svc{path}"

        await until(f"the appointment of {caller.name} in {service}_svc", look)

    await at_once([partial(one, *look) for look in looks])


def _appointments(world: World) -> Iterator[dict[str, Any]]:
    for one in world.pack.appointments:
        subject = "client_id" if one.role == "source_system" else "person_code"
        yield {
            subject: one.person_code,
            "role": one.role,
            "unit_code": one.unit_code,
            "scope": one.scope,
            "effective_from": one.effective_from.isoformat(),
            "effective_to": None if one.effective_to is None else one.effective_to.isoformat(),
        }


def _calendars(world: World) -> dict[int, list[dict[str, str]]]:
    calendar = world.pack.calendar
    days: dict[int, list[dict[str, str]]] = {}

    def add(named: Any, kind: str) -> None:
        day: date
        for day, name in named.items():
            days.setdefault(day.year, []).append({"day": day.isoformat(), "kind": kind, "name": name})

    add(calendar.closed, "closed")
    add(calendar.working, "working")
    return {year: sorted(listed, key=lambda one: one["day"]) for year, listed in sorted(days.items())}


def metric_body(metric: Metric) -> dict[str, Any]:
    """A metric in the words of the request."""
    described: dict[str, Any] = {"fields": metric.allowed} if metric.type == "records" else {"allowed": metric.allowed}
    if metric.allowed is None:
        described = {}
    if metric.type in {"count", "amount", "number"}:
        described["unit"] = {"zh": metric.unit, "en": metric.unit_en}
    machine = metric.supplied_by not in {"self_report", "inspection"}
    return {
        "code": metric.code,
        "name": {"zh": metric.name, "en": metric.name_en},
        "type": metric.type,
        **described,
        "supplied_by": [metric.supplied_by] if machine else [],
    }


def set_body(world: World, one: IndicatorSet) -> dict[str, Any]:
    """A set for the evaluated units of the pack in the words of the request."""
    return {
        "code": one.code,
        "name": one.name,
        "year": one.year,
        "evaluated_unit_codes": [district.code for district in world.pack.districts],
        "full_marks": one.points,
        "outside_total": one.outside_total,
        "levels": [
            {
                "name": level["name"],
                "points": level["points"],
                "level2": [{"name": under["name"], "points": under["points"]} for under in level["level2"]],
            }
            for level in one.levels
        ],
    }


def card_body(card: Indicator) -> dict[str, Any]:
    """A card in the words of the request."""
    ends = {} if card.effective_to is None else {"effective_to": card.effective_to.isoformat()}
    return {
        "code": card.code,
        "name": card.name,
        "level1": card.level1,
        "level2": card.level2,
        "type": card.type,
        "points": card.points,
        "definition": card.definition,
        "standard": card.standard,
        "period_kind": card.period_kind,
        "evaluating_unit_code": card.evaluating_department,
        "fill_mode": card.fill_mode,
        "filler": card.filler,
        "source_system": card.source_system,
        "due_working_days": card.due_working_days,
        "rule": dict(card.rule),
        "bindings": {name: dict(binding) for name, binding in card.bindings.items()},
        "immediate": card.immediate,
        **ends,
    }


def district_set(world: World) -> IndicatorSet:
    """The set whose points add up to the whole."""
    return world.pack.sets[_DISTRICT_SET]


def conduct_set(world: World) -> IndicatorSet | None:
    """The set of typical problems, found by inspections, whose points stand outside the whole."""
    return world.pack.sets.get(_CONDUCT_SET)


async def tell_burden(world: World) -> None:
    """The burden ratio with its lists, against the pack's own count."""
    one = district_set(world)
    burden = await world.office.get("submission", "/v1/burden", set=one.code)
    extracted, total, share = expectation.burden_of(one.indicators)
    world.claims.equal(
        f"burden: {extracted} of {total} indicators are extracted by systems, {share} % of the load is saved",
        (burden["numerator"], burden["denominator"], burden["ratio"]),
        (extracted, total, share),
    )
    expected = {card.code for card in one.indicators if card.fill_mode == "self_reported"}
    shown = [(card["code"], card["name"], card["filler"]) for card in burden["self_reported"]]
    world.screen.table("What districts still report themselves (first five)", ("code", "指标", "filler"), shown[:5])
    world.claims.equal(
        f"behind the ratio stand the lists: {extracted} extracted, {len(expected)} self-reported",
        ({card["code"] for card in burden["self_reported"]}, len(burden["extracted"])),
        (expected, extracted),
    )
