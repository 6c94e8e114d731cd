"""The pack made small: four districts, a dozen monthly indicators, three months, with every part of the story in it."""

from dataclasses import replace
from typing import Any

from deploy.local.story.figures import with_figures
from deploy.local.wuhan2015.loader import Indicator, IndicatorSet, Pack, load_pack

DISTRICTS = ("420104", "420105", "420106", "420111")
PERIODS = ("2015-01", "2015-02", "2015-03")
DROPPED_PERIOD = "2015-04"
CARDS = (
    "COL-01", "COL-03", "COL-05", "COL-17", "OFF-01", "OFF-03", "SVC-08", "REV-01", "REV-07", "DIS-02", "EDU-01",
)  # fmt: skip
SPAN = "2015-Q1"


def reduced_pack() -> Pack:
    """The Wuhan pack with only what the story needs; levels are left out, full marks are the sum of what remains."""
    pack = load_pack()
    sets = {code: _reduced_set(one) for code, one in pack.sets.items()}
    metrics_read = {metric for one in sets.values() for card in one.indicators for metric in card.metrics}
    units = {}
    for unit in pack.units:
        if unit.kind == "district_bureau" and unit.code not in DISTRICTS:
            continue
        if not unit.parent_code or unit.parent_code in units:
            units[unit.code] = unit
    people = {one.code: one for one in pack.people if one.unit_code in units}
    systems = tuple(
        replace(one, metrics=tuple(code for code in one.metrics if code in metrics_read))
        for one in pack.source_systems
        if metrics_read & set(one.metrics)
    )
    subjects = set(people) | {one.client_id for one in systems}
    reduced = replace(
        pack,
        units=tuple(units.values()),
        people=tuple(people.values()),
        appointments=tuple(one for one in pack.appointments if one.unit_code in units and one.person_code in subjects),
        metrics={code: metric for code, metric in pack.metrics.items() if code in metrics_read},
        sets=sets,
        source_systems=systems,
        story=_reduced_story(pack, metrics_read),
        unit_by_code=units,
        person_by_code=people,
    )
    return with_figures(reduced)


def _reduced_set(one: IndicatorSet) -> IndicatorSet:
    if one.outside_total:
        return one
    cards: tuple[Indicator, ...] = tuple(card for card in one.indicators if card.code in CARDS)
    assert len(cards) == len(CARDS)
    assert {card.period_kind for card in cards} == {"month"}
    return replace(one, indicators=cards, levels=(), points=str(sum(int(card.points) for card in cards)))


def _reduced_story(pack: Pack, metrics: set[str]) -> dict[str, Any]:
    story = dict(pack.story)
    for part in ("late", "findings", "planned_facts", "amendments"):
        story[part] = [
            one
            for one in story[part]
            if one["unit"] in DISTRICTS and one["period"] in PERIODS and one.get("metric", "") in metrics | {""}
        ]
    supplied, excluded = story["missing"]
    return {
        **story,
        "periods": list(PERIODS),
        "missing": [{**supplied, "unit": "420106"}, {**excluded, "unit": "420111"}],
    }
