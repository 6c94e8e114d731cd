"""The score card of a unit as a table: a row a cell, then what stands beside them, then the total."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

from services.scoring_svc.context.domain import REASONS
from services.scoring_svc.context.schemas import ContextFigureOut
from services.scoring_svc.reports import sheets
from services.scoring_svc.reports.schemas import UnitCardOut
from services.scoring_svc.reports.wording import Language, pick

HEAD = {
    "zh": (
        "一级指标", "二级指标", "指标编码", "指标名称", "考核期", "状态", "是否确认", "满分", "得分", "失分", "加分",
        "补回", "扣分说明", "依据数据", "背景数据", "计量单位", "上年同期", "增幅（%）",
    ),
    "en": (
        "Level 1", "Level 2", "Indicator", "Name", "Period", "State", "Standing", "Full marks", "Score", "Loss",
        "Bonus", "Won back", "Reasons", "Facts", "Context figure", "Unit", "Year before", "Growth (%)",
    ),
}  # fmt: skip
_CONTEXT = {"zh": "背景数据", "en": "Context"}


async def rows(card: UnitCardOut, language: Language) -> AsyncIterator[Sequence[Sequence[sheets.Value]]]:
    """Every cell, what stands beside the cells, context figures, and the total at the end."""
    for level1 in card.levels:
        for level2 in level1.level2:
            yield [
                (
                    level1.name, level2.name, one.indicator, one.name, cell.period, cell.state, cell.standing or "",
                    Decimal(cell.full_marks), None if cell.score is None else Decimal(cell.score), Decimal(cell.loss),
                    Decimal(cell.bonus), Decimal(cell.won_back), "\n".join(cell.reasons), "\n".join(cell.facts),
                )
                for one in level2.indicators
                for cell in one.cells
            ]  # fmt: skip
    if card.beside:
        yield [("", "", "", one.reason, one.period, one.kind, "", None, Decimal(one.points)) for one in card.beside]
    if card.context:
        yield [_context_row(one, card.period, language) for one in card.context]
    total = card.total
    yield [
        (
            card.unit_name, "", card.unit, "", card.period, "", "", Decimal(total.full_marks), Decimal(total.score),
            Decimal(total.loss), Decimal(total.bonus), Decimal(total.won_back), "", "",
        )
    ]  # fmt: skip


def _context_row(one: ContextFigureOut, period: str, language: Language) -> Sequence[sheets.Value]:
    """A figure in columns of its own: it is no score, and no sum of scores may take it in."""
    figures = (None if text is None else Decimal(text) for text in (one.value, one.year_before, one.growth))
    value, before, growth = figures
    reason = "" if one.reason is None else pick(language, REASONS[one.reason])
    measured = "" if one.unit is None else one.unit[language]
    return (
        _CONTEXT[language], "", one.metric, one.name[language], period, "", "", None, None, None, None, None,
        reason, "", value, measured, before, growth,
    )  # fmt: skip
