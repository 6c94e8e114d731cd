"""The figures beside the scores: the year before is sent, the office declares them, a district's card shows them.

What belongs here: what gives no points. The months of 2015 come in with all other facts (collecting.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from deploy.local.story.collecting import post_batch
from deploy.local.story.screen import counted
from deploy.local.story.setting_up import district_set
from deploy.local.story.world import World, until
from deploy.local.wuhan2015 import year_before
from deploy.local.wuhan2015.context import context_facts, default_context, with_context
from deploy.local.wuhan2015.generate_facts import FactRow
from deploy.local.wuhan2015.loader import Pack
from shared.contracts.periods import parse_period, periods_of_year

_WAN_IN_YI = 10_000  # 万元 in 亿元


def with_figures(pack: Pack) -> Pack:
    """The pack with the metric and the sets that ask for it, in the year before too; of that year nothing else."""
    both = with_context(year_before.with_year_before(pack))
    return replace(both, sets={code: one for code, one in both.sets.items() if code != year_before.SET})


async def declare(world: World) -> None:
    """The source sends the first half of the year before; the office says that the metric stands beside the scores."""
    one, metric = district_set(world), default_context().metric
    rows = _rows(world, f"{one.year - 1}-H1")
    receipt = await post_batch(world.machine(metric.supplied_by), [row.wire() for row in rows])
    world.claims.equal(
        f"{metric.name}, {one.year - 1}: {counted(len(rows), 'figure')} recorded, to compare with",
        (receipt["created"], receipt["rejected"]),
        (len(rows), 0),
    )

    async def declared() -> tuple[bool, object]:
        # The metric reaches scoring_svc as an event.
        refusal = await world.office.refused(
            "PUT", "scoring", f"/v1/context-metrics/{one.code}", body={"metrics": [metric.code]}
        )
        return refusal is None, refusal

    await until(f"the declaration of {metric.code}", declared)


async def show(world: World, span: str, ranking: Mapping[str, Any]) -> None:
    """The first district's score with its figure beside it, and the city's; all against the pack's own sums."""
    one, first = district_set(world), ranking["units"][0]
    liaison = world.person(world.pack.holder("unit_liaison", first["unit"]))
    card = await liaison.get("scoring", f"/v1/score-cards/{first['unit']}", set=one.code, period=span)
    figures = await world.office.get("scoring", "/v1/context-figures", set=one.code, period=span)
    (own,), (city,) = card["context"], figures["total"]
    world.claims.equal(
        f"{first['unit_name']}: {card['result']} points in {span}, beside them {own['name']['zh']} {_said(own)}; "
        f"the whole city {_said(city)}",
        (Decimal(card["result"]), _told(own), _told(city)),
        (Decimal(first["total"]), _expected(world, span, first["unit"]), _expected(world, span)),
    )


def _rows(world: World, span: str, unit: str | None = None) -> list[FactRow]:
    """The pack's figures of a span's months, of one unit or of all."""
    whole = parse_period(span)
    months = [one.key for one in periods_of_year(whole.first.year) if one.kind == "month" and whole.contains(one)]
    return [row for month in months for row in context_facts(month, world.pack) if unit in {None, row.unit}]


def _expected(world: World, span: str, unit: str | None = None) -> tuple[int, int, Decimal]:
    """Sum, that of the year before, and growth in percent; of the whole city as published where it is."""
    known = default_context().city_totals if unit is None else {}
    earlier = f"{int(span[:4]) - 1}{span[4:]}"
    now, before = (known.get(one, _sum(_rows(world, one, unit))) for one in (span, earlier))
    growth = Decimal((now - before) * 100) / before
    return now, before, growth.quantize(Decimal("0.1"), ROUND_HALF_UP)


def _sum(rows: Iterable[FactRow]) -> int:
    return sum(int(str(row.value)) for row in rows)


def _told(figure: Mapping[str, Any]) -> tuple[int, int, Decimal]:
    return int(figure["value"]), int(figure["year_before"]), Decimal(figure["growth"])


def _said(figure: Mapping[str, Any]) -> str:
    """A figure in 亿元 with its growth."""
    amount = (Decimal(figure["value"]) / _WAN_IN_YI).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{amount} 亿元, {Decimal(figure['growth']):+} %"
