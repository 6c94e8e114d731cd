"""The words of a report: refusals, how a period, a movement, a state are said. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from shared.contracts.periods import Period
from shared.errors import Refused

_QUARTERS = "一二三四"
_DIGITS = "零一二三四五六七八九十"
CELL_STATES = {"exempt": "豁免", "not_scorable": "不可考核", "refused": "未能计分"}
ENTRY_KINDS = {"award": "奖励加分", "external_loss": "外部失分"}
PERIOD_STATES = {"confirmed": "已确认", "closed": "已关闭"}
PROBLEM_STATES = {
    "open": "待整改",
    "rectifying": "整改中",
    "reported": "已报整改结果",
    "returned": "退回重改",
    "extended": "延期整改",
    "verified": "整改已验收",
    "struck_off": "已销号",
    "lifted": "已撤销",
}


class ReportPeriodOpen(Refused):
    """A report tells of confirmed and closed periods only."""

    code = "report_period_open"
    zh, en = (
        "下列考核期尚未确认，不能出具报告：{periods}",
        "These periods are not confirmed, so no report can be made: {periods}",
    )


class ReportNotDone(Refused):
    """The file is there when the report has been made."""

    code = "report_not_done"
    zh, en = "报告尚未制作完成：{state}", "The report is not done: {state}"


class ReportGone(Refused):
    """The file was kept for its time, or newer reports of the same asker took its place."""

    status, code = 410, "report_gone"
    zh, en = "报告文件已过保存期，请重新申请", "The file is kept no longer; ask for the report again"


class TooManyReports(Refused):
    """An asker waits for a few reports at a time."""

    code = "too_many_reports"
    zh, en = "您有 {limit} 份报告尚未完成，请稍后再申请", "{limit} of your reports are not done yet; ask again later"


class ReportTooLarge(Refused):
    """A report is read by people: it has a largest number of cells, and its file a largest size."""

    code = "report_too_large"
    zh, en = "报告超过上限 {limit}", "The report is larger than {limit}"


@dataclass(frozen=True)
class Problem:
    """What audit_svc knows of the problem of a deduction."""

    problem_id: str
    state: str
    overdue: bool

    @property
    def words(self) -> str:
        """Its state, said."""
        said = PROBLEM_STATES.get(self.state, self.state)
        return f"{said}（逾期）" if self.overdue else said


def period_words(period: Period) -> str:
    """A period as a title says it."""
    year = f"{period.first.year}年"
    if period.kind == "month":
        return f"{year}{period.first.month}月"
    if period.kind == "quarter":
        return f"{year}第{_QUARTERS[period.first.month // 3]}季度"
    if period.kind == "half_year":
        return year + ("上半年" if period.first.month == 1 else "下半年")
    return f"{year}度"


def moved_words(moved: int | None) -> str:
    """How a place changed since the ranking before."""
    if moved is None:
        return "—"
    return "持平" if moved == 0 else f"升{moved}" if moved > 0 else f"降{-moved}"


def numbered(place: int) -> str:
    """The number of a heading, up to 19: 一, 二, … 十, 十一."""
    return _DIGITS[place] if place <= 10 else f"十{_DIGITS[place - 10]}"  # noqa: PLR2004 - the tenth ends the digits


def open_points(loss: Decimal, won_back: Decimal) -> Decimal:
    """What of a loss was not won back."""
    return max(loss - won_back, Decimal(0))
