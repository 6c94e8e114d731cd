"""Every primitive and every condition in words, in both languages, as the design of the language writes them."""

from typing import Any

import pytest

from services.scoring_svc.engine.domain import parse_rule, sentence
from services.scoring_svc.engine.nodes import _CONDITIONS, _KINDS
from tests.scoring_svc.engine.builders import (
    Json,
    category,
    compare,
    dated,
    peers,
    points,
    quantity,
    ranked,
    records,
    rule,
    step,
    when,
)


def named(item: Json, zh: str, en: str) -> Json:
    return item | {"label": {"zh": zh, "en": en}}


CLASS = category() | {
    "allowed": [{"id": "urban", "zh": "城区", "en": "urban"}, {"id": "rural", "zh": "农村", "en": "rural"}]
}
MONEY = quantity("amount", unit={"zh": "万元", "en": "ten thousand yuan"})
INPUTS: Json = {
    "rate": named(quantity("percent"), "漏管率", "unregistered rate"),
    "amount": named(MONEY, "入库税额", "tax paid"),
    "plan": named(MONEY, "计划税额", "tax planned"),
    "errors": named(quantity("count", unit={"zh": "处", "en": "error"}), "差错", "errors"),
    "mark": named(quantity("marks"), "评分", "mark"),
    "vote": named(quantity("marks"), "票决分", "vote mark"),
    "sent": named(dated(), "上报日", "date sent"),
    "end": named(dated(), "期末", "period end"),
    "klass": named(CLASS, "类别", "class"),
    "list": named(
        records(level=named(CLASS, "级别", "level"), worth=named(quantity("points"), "分值", "worth")), "预警", "alerts"
    ),
}
ZH, EN = "。不设下限，不设上限，四舍五入保留2位小数。", ". No floor, no ceiling, half up to 2 places."
SAID: list[tuple[str, Any, str, str]] = [
    ("sum", {"kind": "sum", "of": ["mark", "vote"]}, "评分，票决分", "Mark, vote mark"),
    (
        "difference",
        step({"kind": "difference", "of": "amount", "less": "plan", "sign": "signed"}, gives="0.5"),
        "入库税额减计划税额每1万元加0.5分（不足一档不计）",
        "Plus 0.5 for every 1 ten thousand yuan of tax paid less tax planned (whole steps only)",
    ),
    (
        "difference",
        step({"kind": "difference", "of": "amount", "less": "plan", "sign": "absolute"}),
        "入库税额与计划税额之差（不计正负）每1万元扣1分（不足一档不计）",
        "Minus 1 for every 1 ten thousand yuan of the gap between tax paid and tax planned (whole steps only)",
    ),
    ("product", {"kind": "product", "of": ["mark", "0.05"]}, "评分×0.05", "Mark × 0.05"),
    (
        "ratio",
        step(
            {"kind": "ratio", "of": "amount", "to": "plan", "as": "percent", "if_zero": "not_scorable"},
            **{"from": "90"},
            direction="below",
        ),
        "入库税额÷计划税额（%）（除数为零时不可考核）低于90%的差额，每1个百分点扣1分（不足一档不计）",
        (
            "Minus 1 for every 1 percentage point that tax paid ÷ tax planned in % (if the "
            "divisor is nought: not scorable) is below 90% (whole steps only)"
        ),
    ),
    (
        "weighted_mean",
        {
            "kind": "weighted_mean",
            "method": "arithmetic",
            "out_of": "100",
            "parts": [{"weight": "60", "value": "mark"}, {"weight": "40", "value": "vote"}],
            "missing": "renormalise",
        },
        "加权平均（评分 60、票决分 40，共100；缺项按其余权重折算）",
        "Weighted mean (mark 60, vote mark 40, out of 100; a part not scorable is left out)",
    ),
    (
        "round",
        {"kind": "round", "of": "mark", "mode": "half_up", "places": 1},
        "评分（四舍五入，1位小数）",
        "Mark (half up, 1 place)",
    ),
    (
        "limit",
        {"kind": "limit", "of": step("rate", gives="-0.1"), "floor": "-2", "ceiling": "none"},
        "漏管率每1个百分点扣0.1分（不足一档不计）（最多扣2分）",
        "Minus 0.1 for every 1 percentage point of unregistered rate (whole steps only) (at most 2 off)",
    ),
    (
        "step",
        step("rate", **{"from": "5"}, gives="-0.1"),
        "漏管率高于5%的部分，每1个百分点扣0.1分（不足一档不计）",
        "Minus 0.1 for every 1 percentage point that unregistered rate is above 5% (whole steps only)",
    ),
    (
        "linear",
        {
            "kind": "linear",
            "of": "rate",
            "through": [{"at": "5", "gives": "0"}, {"at": "0", "gives": "6"}],
            "before": "hold",
            "after": "extend",
        },
        "按漏管率直线计分：5%得0分，0%得6分；起点之外保持不变，终点之外按同一直线延伸",
        (
            "By straight line on unregistered rate: 0 at 5%, 6 at 0%; before the first point "
            "it stays there, after the last it goes on along the line"
        ),
    ),
    (
        "table",
        {
            "kind": "table",
            "of": "rate",
            "rows": [
                {"below": "5", "gives": "2"},
                {"at_least": "5", "refuse": {"zh": "尚未规定", "en": "not laid down"}},
            ],
        },
        "漏管率（低于5%：2分；不低于5%：尚未规定）",
        "Unregistered rate (below 5%: 2 points; at least 5%: not laid down)",
    ),
    (
        "when",
        when(compare("rate", "above", "5"), "-1"),
        "漏管率高于5%的，扣1分；其余0分",
        "If unregistered rate is above 5%: minus 1; otherwise 0 points",
    ),
    (
        "each",
        {
            "kind": "each",
            "in": "list",
            "only": "all",
            "gives": "worth",
            "group": {"by": "level", "combine": "highest"},
            "combine": "sum",
            "if_empty": {"as_if": "0"},
        },
        "预警逐项计：分值；先取每个级别内的最高值，再取合计",
        "For each of alerts: worth; first the highest within each level, then the total",
    ),
    (
        "peers",
        peers("mark", combine="highest", within="klass"),
        "类别相同的各单位评分的最高值",
        "The highest mark of the units of the same class",
    ),
    (
        "rank",
        ranked("amount", within="klass"),
        "在类别相同的单位中按入库税额从高到低排名，并列占用名次：10分，名次高于第1名的部分，每1名扣1分",
        (
            "Ranked among units of the same class by tax paid, highest first, tied units "
            "share the better place and the next places are skipped: "
            "10 points, minus 1 for every 1 place that place is above place 1"
        ),
    ),
    (
        "deadline",
        {
            "kind": "deadline",
            "from": "end",
            "count": "5",
            "in": "working_days",
            "start": "day_after",
            "if_closed": "next_working_day",
        },
        "期限：期末后第5个工作日（遇休息日顺延）。",
        "Due: working day 5 after period end (if closed, the next working day).",
    ),
    (
        "days_between",
        step({"kind": "days_between", "from": "end", "to": "sent", "in": "working_days"}, gives="-0.5"),
        "上报日晚于期末的工作日数每1天扣0.5分（不足一档不计）",
        "Minus 0.5 for every 1 day of the working days by which date sent is after period end (whole steps only)",
    ),
    (
        "compare",
        when(compare("errors", "at_most", "3"), "1"),
        "差错不高于3处的，1分；其余0分",
        "If errors is at most 3 errors: 1 point; otherwise 0 points",
    ),
    (
        "in",
        when({"kind": "in", "of": "klass", "any_of": ["urban"]}, "1", step("errors")),
        "类别为城区的，1分；其余差错每1处扣1分",
        "If class is urban: 1 point; otherwise minus 1 for every 1 error of errors",
    ),
    (
        "state",
        when({"kind": "state", "of": "mark", "is": "missing"}, "1", step("errors")),
        "评分缺报的，1分；其余差错每1处扣1分",
        "If mark is missing: 1 point; otherwise minus 1 for every 1 error of errors",
    ),
    (
        "all",
        when({"kind": "all", "of": [compare("errors", "above", "3"), compare("rate", "equal", "0")]}, "1"),
        "差错高于3处且漏管率等于0%的，1分；其余0分",
        "If errors is above 3 errors and unregistered rate is equal to 0%: 1 point; otherwise 0 points",
    ),
    (
        "any",
        when({"kind": "any", "of": [compare("errors", "above", "3"), compare("rate", "below", "1")]}, "1"),
        "差错高于3处或漏管率低于1%的，1分；其余0分",
        "If errors is above 3 errors or unregistered rate is below 1%: 1 point; otherwise 0 points",
    ),
]


@pytest.mark.parametrize(("kind", "value", "zh", "en"), SAID, ids=[f"{n}-{one[0]}" for n, one in enumerate(SAID)])
def test_words(kind: str, value: Json, zh: str, en: str) -> None:
    dated_result = kind == "deadline"
    result = {"kind": "date", "value": value} if dated_result else points(value)
    inputs = {name: item for name, item in INPUTS.items() if f"'{name}'" in str(value)}
    parsed = parse_rule(rule(inputs, result))
    assert sentence(parsed, "zh") == (zh if dated_result else zh + ZH)
    assert sentence(parsed, "en") == (en if dated_result else en + EN)


def test_every_primitive_and_condition_is_said() -> None:
    assert {kind for kind, *_ in SAID} == {*_KINDS, *_CONDITIONS}
