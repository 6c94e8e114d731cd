"""The end of the story: the half-year's ranking, the burden, points lost and won back, the gap check, the trails.

What belongs here: the figures that stand for the whole half-year, each against an own count.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from deploy.local.story import figures
from deploy.local.story.confirming import Confirmed, claim_ranking, deductions_of, show_ranking
from deploy.local.story.screen import counted
from deploy.local.story.setting_up import district_set
from deploy.local.story.world import World
from deploy.local.wuhan2015.loader import IndicatorSet
from shared.contracts.periods import parse_period

EXCELLENT_PERCENT = 20
POLICY = {
    "ties": "competition",
    "spread": "0",
    "groups": ["location", "size"],
    "shows": "totals",
    "blend": {"how": "mean", "in_part": "full"},
    "blends": [],
    "ranks": "all_evaluated",
    "grading": {
        "measure": "percent",
        "within": "all",
        "grades": [
            {
                "grade": "excellent",
                "name": "优秀",
                "name_en": "excellent",
                "quota": {
                    "share": str(EXCELLENT_PERCENT), "bound": "at_most", "rounding": "floor", "edge": "leave_out",
                },
            },
            {"grade": "good", "name": "良好", "name_en": "good", "at_least": "90"},
            {"grade": "fair", "name": "一般", "name_en": "fair"},
        ],
        "veto_not_above": "good",
        "capped_use_places": False,
    },
}  # fmt: skip


async def rank(world: World, span: str, periods: Sequence[str]) -> None:
    """Publish the graded ranking of the span and hold it against an own sum over all cells inside."""
    one = district_set(world)
    await world.office.post("scoring", "/v1/ranking-policies", {"set": one.code, **POLICY})
    ranking = await world.office.post("scoring", "/v1/rankings", {"set": one.code, "period": span})
    scores = [
        cell
        for period in periods
        for cell in await world.office.every("scoring", "/v1/scores", set=one.code, period=period)
    ]
    show_ranking(world, f"Published ranking, {span}", ranking["units"])
    claim_ranking(world, f"the published ranking of {span}", scores, ranking)
    liaison = world.pack.holder("unit_liaison", world.pack.districts[-1].code)
    seen = await world.person(liaison).get("scoring", f"/v1/rankings/{ranking['ranking_id']}")
    world.claims.equal(
        "a district's liaison sees the published ranking of all", len(seen["units"]), len(world.pack.districts)
    )
    _grades(world, ranking)
    await _dearest(world, ranking, scores)
    await figures.show(world, span, ranking)


def _grades(world: World, ranking: Mapping[str, Any]) -> None:
    """The grades, and the places among peers, of the published ranking."""
    rows = ranking["units"]
    world.screen.table(
        f"Grades, {ranking['period']} (first five): among all, of the same location, of the same size",
        (">place", "单位", "grade", "among peers", ">to the next"),
        [
            (
                one["place"],
                one["unit_name"],
                one["grade"],
                ", ".join(f"{group} {peer['place']}/{peer['ranked']}" for group, peer in one["peers"].items()),
                one["to_next"] or "",
            )
            for one in rows[:5]
        ],
    )
    places = len(rows) * EXCELLENT_PERCENT // 100
    excellent = [one for one in rows if one["grade"] == "excellent"]
    expected = [one for one in rows if one["place"] + one["tied"] - 1 <= places]
    world.claims.equal(
        f"{len(excellent)} of {len(rows)} districts are excellent: at most {EXCELLENT_PERCENT} %, rounded down",
        [one["unit"] for one in excellent],
        [one["unit"] for one in expected],
    )


async def _dearest(world: World, ranking: Mapping[str, Any], scores: Iterable[Mapping[str, Any]]) -> None:
    """What cost the last district most against the mean of all, held against an own mean."""
    last = ranking["units"][-1]["unit"]
    at = f"/v1/rankings/{ranking['ranking_id']}/leading-losses"
    found = (await world.office.get("scoring", at, unit=last, limit=1))["items"][0]
    marks: dict[str, list[Fraction]] = {}
    for one in scores:
        if one["indicator"] == found["indicator"] and one["score"] is not None:
            marks.setdefault(one["unit"], []).append(Fraction(one["score"]))
    means = {unit: sum(each, Fraction(0)) / len(each) for unit, each in marks.items()}
    cost = sum(means.values(), Fraction(0)) / len(means) - means[last]
    world.claims.claim(
        f"{found['indicator']} cost the last district most: {found['cost']} points below the mean of all",
        abs(Fraction(found["cost"]) - cost) <= Fraction(1, 200),
        (found, str(cost)),
    )


async def balance(world: World, span: str, confirmed: Iterable[tuple[str, str]]) -> None:
    """Points lost, won back and open by district, from scoring_svc, against the problems in audit_svc."""
    one = district_set(world)
    answered = await world.office.get("scoring", "/v1/points-balance", set=one.code, period=span)
    lost: dict[str, Decimal] = {district.code: Decimal(0) for district in world.pack.districts}
    won = dict(lost)
    for set_code, period in confirmed:
        if set_code != one.code:
            continue
        for problem in await world.office.every("audit", "/v1/problems", set=set_code, period=period):
            lost[problem["unit"]] += Decimal(problem["loss"])
            won[problem["unit"]] += Decimal(problem["regained"] or "0")
    rows = {row["unit"]: row for row in answered["items"]}
    world.screen.table(
        f"Points by district, {span}",
        ("区局", ">deductions", ">lost", ">won back", ">open"),
        [(row["unit_name"], row["deductions"], row["lost"], row["won_back"], row["open"]) for row in rows.values()],
    )
    found = {unit: (Decimal(row["lost"]), Decimal(row["won_back"])) for unit, row in rows.items()}
    expected = {unit: (lost[unit], won[unit]) for unit in lost if unit in rows or lost[unit]}
    world.claims.equal(
        f"{answered['lost']} points lost, {answered['won_back']} won back, {answered['open']} open: "
        "scoring_svc and the problems of audit_svc agree for every district",
        found,
        expected,
    )


async def check_gaps(world: World, confirmed: Sequence[Confirmed]) -> None:
    """Every deduction has its problem: the count of each set and period once more, at the very end."""
    rows: list[tuple[object, ...]] = []
    whole = True
    for each in confirmed:
        now = await deductions_of(world, each.set_code, each.period)
        found = await world.office.get("audit", "/v1/reconciliation", set=each.set_code, period=each.period)
        expected = len(now.lossy)
        whole &= bool(found["in_step"]) and found["problems"] == expected
        rows.append((each.set_code, each.period, followed(found["problems"], now), len(found["gaps"])))
    world.screen.table("Every deduction has its problem", ("set", "period", ">problems/deductions", ">gaps"), rows)
    total = sum(len(each.lossy) for each in confirmed)
    world.claims.claim(
        f"gap check over {counted(len(confirmed), 'period')}: every deduction has its problem, "
        "none is missing, none too many",
        whole and total > 0,
        rows,
    )


def followed(problems: int, now: Confirmed) -> str:
    """Problems against deductions that still cost points; those lifted by a correction since are named beside them."""
    lifted = len(now.deductions) - len(now.lossy)
    return f"{problems}/{len(now.lossy)}" + (f" ({lifted} lifted)" if lifted else "")


async def verify_trails(world: World) -> None:
    """Run each service's own verify command over its trail, sealed into a hash chain."""

    async def one(service: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shared.trail", "verify",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **world.environment_of(service)},
        )  # fmt: skip
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode("utf-8", "replace").strip().splitlines()[-1]

    services = [f"{name}_svc" for name in world.urls]
    verdicts = await asyncio.gather(*(one(service) for service in services))
    for service, (status, line) in zip(services, verdicts, strict=True):
        world.claims.claim(f"make trail-verify service={service}", status == 0, line)
        world.screen.quote(line)


def spans(one: IndicatorSet, periods: Iterable[str]) -> list[str]:
    """The periods in which a set has cards to be scored."""
    kinds = {card.period_kind for card in one.indicators}
    return [period for period in periods if parse_period(period).kind in kinds]
