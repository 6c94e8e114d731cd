"""How cells of a span become marks: every reader of totals against fractions worked out by the words of the policy."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import product
from uuid import UUID

import msgspec
import numpy as np
import pytest

from services.scoring_svc.ledger.domain import CellStatus
from services.scoring_svc.ranking import repository
from services.scoring_svc.ranking.blending import MEAN, Blend, BlendUnfit, SpanBlend, Tally
from services.scoring_svc.ranking.domain import PLAIN, SCALE, Policy, RankingPolicyRefused, demand_sound, parse_span
from services.scoring_svc.ranking.domain import policy_words as words_of
from services.scoring_svc.ranking.marks import Cells
from services.scoring_svc.ranking.repository import Source, Wanted
from services.scoring_svc.reports.domain import Mark, sums_of
from services.scoring_svc.simulation.comparing import ABSENT, Factors, Rows, parts_of
from services.scoring_svc.simulation.evaluating import Marks, States
from services.scoring_svc.year_end.placing import ARCHIVED, Boards, text_of
from shared.contracts.identity import set_id
from shared.contracts.periods import Period, PeriodKind, parse_period, periods_of_year
from tests.scoring_svc.ledger.city import SET, City, card, metric, per_error, published

WEIGHTS: Mapping[PeriodKind, Fraction] = {
    "month": Fraction("33.3333"), "quarter": Fraction("26.6667"), "half_year": Fraction(0), "year": Fraction(40),
}  # fmt: skip
BLENDS = [
    MEAN,
    Blend("mean", "by_periods"),
    Blend("sum", "full"),
    Blend("last", "full"),
    Blend("last", "by_periods"),
    Blend("weights", "full", WEIGHTS),
    Blend("weights", "by_periods", WEIGHTS),
]
SPANS = ["2015", "2015-H1", "2015-Q3", "2015-05", "2015-07-YTD", "2015-09-YTD"]
AT = datetime(2015, 2, 3, tzinfo=UTC)
CARD = card("A", per_error("10", "-2"), {"errors": metric("M-A")})


@dataclass(frozen=True)
class Cell:
    unit: UUID
    period: Period
    state: CellStatus
    score: Decimal
    full: Decimal


def some_cells(seed: int, units: int) -> list[Cell]:
    """Every unit with cells in periods of its own, of one kind or of several; some are exempt or not scorable."""
    draw = random.Random(seed)  # noqa: S311 - an order, not a secret
    found = []
    for unit in range(1, units + 1):
        kinds = draw.choice([["month"], ["month"], ["quarter"], ["year"], ["month", "quarter"], [*WEIGHTS]])
        there = draw.choice([1.0, 0.75, 0.4])
        for period in periods_of_year(2015):
            if period.kind in kinds and draw.random() < there:
                state = draw.choice([States[0]] * 5 + [States[1], States[2]])
                score = Decimal(draw.choice(["10", "9.99", "7", "0", "-1.5", "12"]))
                found.append(Cell(UUID(int=unit), period, state, score, Decimal(draw.choice(["10", "12.5"]))))
    return found


def counted(blend: Blend, inside: list[Period], cells: Iterable[Cell]) -> tuple[Fraction, Fraction] | None:
    """Mark and full marks of one unit under one indicator, by the words of the policy; None where nothing is scored."""
    here = [one for one in cells if one.period in inside]
    scored = [one for one in here if one.state == "scored"]
    if not scored:
        return None

    def share(kind: PeriodKind) -> Fraction:
        if blend.in_part == "full":
            return Fraction(1)
        return Fraction(
            len([one for one in here if one.period.kind == kind]), len([one for one in inside if one.kind == kind])
        )

    def told(points: str) -> Fraction:
        def mean(of: list[Cell]) -> Fraction:
            return sum((Fraction(getattr(one, points)) for one in of), Fraction(0)) / len(of)

        if blend.how == "sum":
            return mean(scored) * len(scored)
        if blend.how == "last":
            last = max(scored, key=lambda one: (one.period.last, (one.period.last - one.period.first).days))
            kinds = {one.period.kind for one in here}
            part = Fraction(1) if blend.in_part == "full" else sum((share(kind) for kind in kinds), Fraction(0))
            return Fraction(getattr(last, points)) * part
        if blend.how == "mean" and blend.in_part == "full":
            return mean(scored)
        whole = Fraction(0)
        for kind in {one.period.kind for one in scored}:
            weight = Fraction(1) if blend.weights is None else blend.weights[kind] / 100
            whole += weight * share(kind) * mean([one for one in scored if one.period.kind == kind])
        return whole

    return told("score"), told("full")


def by_unit(cells: Iterable[Cell]) -> dict[UUID, list[Cell]]:
    found: dict[UUID, list[Cell]] = {}
    for one in cells:
        found.setdefault(one.unit, []).append(one)
    return found


def expected(blend: Blend, inside: list[Period], cells: list[Cell]) -> dict[UUID, tuple[Fraction, Fraction]]:
    told = {unit: counted(blend, inside, own) for unit, own in by_unit(cells).items()}
    return {unit: one for unit, one in told.items() if one is not None}


# --- the law and those who count by it --------------------------------------------------------------------------------


@pytest.mark.parametrize("blend", BLENDS, ids=lambda blend: f"{blend.how} {blend.in_part}")
def test_score_card_archive_and_simulation_count_as_the_policy_says(blend: Blend) -> None:
    cells = some_cells(1, 150)
    for key in SPANS:
        inside = parse_span(key).periods
        over = SpanBlend.over(blend, inside)
        wanted = expected(blend, inside, cells)
        boards, on_cards = Boards(over), {}
        for unit, own in by_unit(cells).items():
            here = [one for one in own if one.period in inside]
            tally = Tally()
            for one in random.Random(unit.int).sample(here, len(here)):  # noqa: S311 - an order, not a secret
                score = Fraction(one.score) if one.state == "scored" else None
                tally.add(one.period, score, Fraction(one.full))
            boards.count(CARD, str(unit), tally)
            marks = [
                Mark(one.period.key, one.state, one.full, one.score if one.state == "scored" else None) for one in here
            ]
            sums = sums_of([*marks, Mark(inside[0].key, "awaited", Decimal(10), None)], over)
            if any(one.score is not None for one in marks):
                on_cards[unit] = sums.counted, sums.counted_full
        archived = boards.lines.get("total", {})
        assert {UUID(unit): (line.total / ARCHIVED, line.full_marks / ARCHIVED) for unit, line in archived.items()} == (
            wanted
        )
        assert on_cards == wanted
        assert simulated(over, inside, cells) == {unit: mark for unit, (mark, _) in wanted.items()}
    assert wanted


def simulated(over: SpanBlend, inside: list[Period], cells: list[Cell]) -> dict[UUID, Fraction]:
    here = [one for one in cells if one.period in inside]
    rows = Rows(np.array([inside.index(one.period) for one in here]), np.array([one.unit.int for one in here]))
    values = [int(one.score * 100) if one.state == "scored" else 0 for one in here]
    # One row more for unit 0, which has no cell: of a card that a variant takes away.
    rows = Rows(np.append(rows.periods, 0), np.append(rows.units, 0))
    states = np.array([*(States.index(one.state) for one in here), ABSENT], np.int8)
    factors = Factors(inside, over)
    marks = Marks(np.array([*values, 0], np.int64), 100, states)
    parts, has = parts_of(rows, marks, 151, factors)
    return {UUID(int=int(unit)): Fraction(int(parts[unit]), 100 * factors.scale) for unit in np.flatnonzero(has)}


def test_every_factor_is_whole_times_the_scale() -> None:
    """So that neither the statement nor a simulation rounds: c of n periods with s scored cells, c / (n × s)."""
    for n in range(1, 13):
        for c, s in product(range(1, n + 1), repeat=2):
            assert s > c or SCALE * c % (n * s) == 0
    assert any(SCALE // 30 * c % (n * s) for n, c, s in [(12, 10, 9), (12, 11, 8)])  # the control: what it was before


# --- the statement ----------------------------------------------------------------------------------------------------


async def keep(city: City, cells: list[Cell]) -> None:
    columns = (
        "period", "indicator_id", "unit_id", "set_id", "standing", "version", "entered_version", "state", "full_marks",
        "score", "loss", "entries", "inputs", "indicator_version", "rule_hash", "at",
    )  # fmt: skip
    rows = [
        (
            one.period.key, CARD.indicator_id, one.unit, set_id(SET), "confirmed", 1, 1, one.state, one.full,
            one.score if one.state == "scored" else None, Decimal(0), "[]", "{}", 1, "", AT,
        )
        for one in cells
    ]  # fmt: skip
    async with city.service.database.transaction("test") as uow:
        await (await uow.driver()).copy_records_to_table("cells", records=rows, columns=columns)


async def test_the_statement_counts_as_the_policy_says_and_places_by_it(bare_city: City) -> None:
    await bare_city.tell(published(SET, [CARD]), CARD, times=1)
    cells = some_cells(2, 60)
    await keep(bare_city, cells)
    day = date(2015, 12, 31)
    totals = set()
    for blend, key in product(BLENDS, SPANS):
        span = parse_span(key)
        keys = [period.key for period in span.periods]
        source = Source(
            Cells(set_id(SET), keys, confirmed=True, blend=SpanBlend.over(blend, span.periods)), last=day, day=day,
            dimensions=(), spread=Decimal(0), span=keys, standing=False,
        )  # fmt: skip
        async with bare_city.service.database.transaction("test") as uow:
            rows = await repository.provisional_places(await uow.driver(), source, Wanted("total", "all", None, day))
        found = {row["unit_id"]: (Fraction(row["total"]) / SCALE, Fraction(row["full_marks"]) / SCALE) for row in rows}
        wanted = expected(blend, span.periods, cells)
        assert found == wanted, (blend, key)
        marks = [mark for mark, _ in wanted.values()]
        assert {row["unit_id"]: row["place"] for row in rows} == {
            unit: 1 + sum(other > mark for other in marks) for unit, (mark, _) in wanted.items()
        }
        totals.add(tuple(sorted(found.items())))
    assert len(totals) > len(BLENDS) * 4  # the blends do differ


# --- policies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blend", "span", "code"),
    [
        (Blend("mean", "full", {"month": Fraction(100)}), "year", "weights_by_kind_or_none"),
        (Blend("weights", "full"), "year", "weights_by_kind_or_none"),
        (Blend("weights", "full", {"month": Fraction(60), "year": Fraction("39.9")}), "year", "weights_not_100"),
        (Blend("weights", "full", {"month": Fraction(60), "year": Fraction(40)}), "to_date", "kind_not_in_span"),
        (Blend("sum", "by_periods"), "quarter", "sum_is_in_part"),
    ],
)
def test_blends_that_contradict_themselves_are_refused(blend: Blend, span: str, code: str) -> None:
    policy = Policy(1, "competition", Fraction(0), (), "totals", None, blends=((span, blend),))  # type: ignore[arg-type]
    with pytest.raises(RankingPolicyRefused) as refused:
        demand_sound(policy)
    assert [detail.code for detail in refused.value.details] == [code]


def test_a_blend_is_sound_once_for_a_kind_of_span() -> None:
    twice = Policy(1, "competition", Fraction(0), (), "totals", None, blends=(("year", MEAN), ("year", MEAN)))
    with pytest.raises(RankingPolicyRefused) as refused:
        demand_sound(twice)
    assert [detail.code for detail in refused.value.details] == ["span_twice"]
    for blend in BLENDS:
        demand_sound(Policy(1, "competition", Fraction(0), (), "totals", None, blend))


def test_each_kind_of_span_has_its_own_blend() -> None:
    last = Blend("last", "full")
    policy = Policy(1, "competition", Fraction(0), (), "totals", None, MEAN, (("to_date", last), ("year", BLENDS[-1])))
    told = {key: policy.over(parse_span(key)).blend for key in ("2015", "2015-Q1", "2015-06", "2015-06-YTD")}
    assert told == {"2015": BLENDS[-1], "2015-Q1": MEAN, "2015-06": MEAN, "2015-06-YTD": last}
    assert policy.over(parse_span("2015-07-YTD")).inside == {"half_year": 1, "quarter": 2, "month": 7}


def test_weights_fit_the_kinds_that_are_scored() -> None:
    over = SpanBlend.over(
        Blend("weights", "full", {"month": Fraction(60), "quarter": Fraction(40)}), periods_of_year(2015)
    )
    over.demand_fit(["month", "quarter"])
    for kinds in (["month"], ["month", "quarter", "year"]):
        with pytest.raises(BlendUnfit):
            over.demand_fit(kinds)  # type: ignore[arg-type]
    over.demand_weights(["month"])  # so far
    tally = Tally()
    tally.add(parse_period("2015"), Fraction(1), Fraction(1))
    with pytest.raises(BlendUnfit):
        over.mark(tally)


def test_what_holds_without_a_policy_is_said_word_for_word_as_before() -> None:
    assert words_of(PLAIN, PLAIN.over(parse_span("2015")).blend) == {
        "blend": "mean_of_periods",
        "ties": "competition",
        "zh": (
            "单位总分＝各指标在本期内所含各考核期得分的平均值之和，加本期内的加分，减分摊的外部失分；"
            "豁免和不可考核的单元格不计入平均，也不折算；"
            "一票否决指标只限等次，不计入总分；按未舍入的总分排名，并列占用名次；总分四舍五入保留2位小数"
        ),
        "en": (
            "A unit's total is the sum over indicators of the mean of the indicator's scores in the periods inside the "
            "span, plus its bonuses and less its shares of external losses in the span; cells that are exempt or not "
            "scorable are left out of the mean and nothing is scaled up; veto "
            "indicators cap the grade and are no part of the total; units are ranked by their totals before rounding, "
            "tied units share the better place and the next places are skipped; totals are rounded half up to 2 places"
        ),
    }
    said = words_of(PLAIN, BLENDS[-1])
    assert "月度33.3333%、季度26.6667%" in said["zh"]
    assert (said["blend"], "in proportion to those periods" in said["en"]) == ("weighted_by_kind_in_part", True)


def test_an_archive_keeps_its_own_scale() -> None:
    assert text_of(Fraction(5, 54) * ARCHIVED) == "64664600/3"
    assert msgspec.json.encode(text_of(Fraction("8.5") * ARCHIVED)) == b'"1978736760"'
