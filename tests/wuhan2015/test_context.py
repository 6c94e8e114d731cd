"""Context figures of the pack: the published totals, split for ever in the same way, and registered with a source."""

import json
import shutil
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from deploy.local.wuhan2015.context import (
    apportioned,
    context_facts,
    default_context,
    read_context,
    with_context,
)
from deploy.local.wuhan2015.generate_facts import default_pack, facts
from deploy.local.wuhan2015.loader import PACK_FOLDER, PackFileInvalid
from deploy.local.wuhan2015.year_before import with_year_before
from services.scoring_svc.engine.domain import attainable, check_rule, parse_rule
from tests.wuhan2015.test_facts import digest

PACK = default_pack()
MONTHS = [f"{month:02d}" for month in range(1, 13)]
DIGEST = "a5bc2cd1dd07a8722105ef88580b12b1c80e63dc4870bd6fd1820c787d3f9d09"


def revenue(year: int, months: list[str]) -> int:
    """Of the whole city, in 万元."""
    return sum(int(str(row.value)) for month in months for row in context_facts(f"{year}-{month}"))


def test_the_first_half_of_2015_is_the_published_revenue_and_growth() -> None:
    to_june = MONTHS[:6]
    now, before = revenue(2015, to_june), revenue(2014, to_june)
    assert Decimal(now) / 10_000 == Decimal("692.09"), "亿元"
    growth = (Decimal(now - before) * 100 / before).quantize(Decimal("0.1"), ROUND_HALF_UP)
    assert growth == Decimal("9.6")


@pytest.mark.parametrize("year", [2014, 2015])
def test_every_district_has_a_figure_in_every_month(year: int) -> None:
    for month in MONTHS:
        rows = context_facts(f"{year}-{month}")
        assert [row.unit for row in rows] == sorted(unit.code for unit in PACK.districts)
        assert all(row.metric == default_context().metric.code and int(str(row.value)) > 0 for row in rows)
        assert all(row.received_at.date().isoformat() > f"{year}-{month}-28" for row in rows)
    totals = default_context().city_totals
    assert revenue(year, MONTHS) == totals[f"{year}-H1"] + totals[f"{year}-H2"]


def test_the_seed_decides_everything() -> None:
    rows = tuple(row for year in (2014, 2015) for month in MONTHS for row in context_facts(f"{year}-{month}"))
    assert digest(rows) == DIGEST


def test_nothing_for_other_periods() -> None:
    assert [context_facts(period) for period in ("2015", "2015-H1", "2015-Q1", "2013-01", "2016-01")] == [()] * 5
    with pytest.raises(ValueError, match="2015-13"):
        context_facts("2015-13")


def test_a_total_is_split_without_a_remainder() -> None:
    weights = {("a", "1"): 1, ("b", "1"): 1, ("c", "1"): 1}
    assert apportioned(10, weights) == {("a", "1"): 4, ("b", "1"): 3, ("c", "1"): 3}
    assert apportioned(0, weights) == dict.fromkeys(weights, 0)


def test_the_metric_is_registered_and_no_card_of_the_pack_reads_it() -> None:
    code = default_context().metric.code
    pack = with_context(PACK)
    assert [system.client_id for system in pack.source_systems if code in system.metrics] == ["sys-revenue"]
    assert code in pack.metrics
    assert code not in {metric for one in PACK.sets for card in PACK.sets[one].indicators for metric in card.metrics}
    assert code not in PACK.metrics, "the pack goes without it until it is added"
    assert code not in {row.metric for row in facts("2015-01")}


@pytest.mark.parametrize(
    ("member", "value", "problem"),
    [
        ("card", {"code": "CTX-01"}, "CTX-01: the field name is absent"),
        ("city_totals", {"2015-Q1": "1"}, "is no half-year"),
        ("city_totals", {"2015-H3": "1"}, "is not a period"),
        ("city_totals", {"2015-H1": "much"}, "not a decimal number"),
        ("city_totals", {"2015-H1": "0.5"}, "not a whole number"),
        ("month_weights", ["1"], "has 1 months, not 6"),
        ("growth_spread_permille", "7", "wrong kind"),
    ],
)
def test_a_bad_edit_is_named(tmp_path: Path, member: str, value: object, problem: str) -> None:
    content = json.loads((PACK_FOLDER / "context.json").read_text(encoding="utf-8"))
    (tmp_path / "context.json").write_text(json.dumps({**content, member: value}), encoding="utf-8")
    with pytest.raises(PackFileInvalid, match=rf"context\.json, line 1: .*{problem}"):
        read_context(PACK, tmp_path)


def test_a_set_worth_nothing_asks_for_it_in_each_year() -> None:
    pack = with_context(with_year_before(PACK))
    added = [pack.sets[code] for code in pack.sets if code.endswith("-CONTEXT")]
    assert [(one.code, one.year, one.points, one.outside_total) for one in added] == [
        ("WH2014-CONTEXT", 2014, "0", True),
        ("WH2015-CONTEXT", 2015, "0", True),
    ]
    for one in added:
        (card,) = one.indicators
        assert (card.points, card.metrics) == ("0", (default_context().metric.code,))
        assert card.effective_to == date(one.year + 1, 1, 1)


def test_its_card_gives_no_points_whatever_the_figure() -> None:
    card = default_context().card
    assert check_rule(card.rule) == []
    assert attainable(parse_rule(card.rule)) == (0, 0)


def test_a_bad_metric_is_named(tmp_path: Path) -> None:
    shutil.copy(PACK_FOLDER / "context.json", tmp_path)
    edited = (tmp_path / "context.json").read_text(encoding="utf-8").replace("sys-revenue", "sys-nobody")
    (tmp_path / "context.json").write_text(edited, encoding="utf-8")
    with pytest.raises(PackFileInvalid, match="no source system sys-nobody"):
        read_context(PACK, tmp_path)
