"""The rules of a year's end: approval, public notice (公示), appeals, final, archive, use of results. Pure.

A **year result** is one set's result of one year. It stands on one published version of a ranking; what is decided is
decided about that version, so a newer version takes the result back to its approval.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from services.scoring_svc.ranking.domain import Span
from shared.directory.domain import WorkingDays
from shared.errors import Refused

ResultState = Literal["drafted", "approved", "noticed", "final", "archived"]
Verb = Literal["revise", "approve", "notice", "appeal", "decide", "finalise", "archive", "use"]
Outcome = Literal["upheld", "refused"]
UseKind = Literal["grade", "honour", "sanction", "training", "next_year_plan"]

_MOVES: Mapping[Verb, tuple[frozenset[ResultState], ResultState | None]] = {
    "revise": (frozenset({"drafted", "approved", "noticed"}), "drafted"),
    "approve": (frozenset({"drafted"}), "approved"),
    "notice": (frozenset({"approved"}), "noticed"),
    "appeal": (frozenset({"noticed"}), None),
    "decide": (frozenset({"approved", "noticed"}), None),
    "finalise": (frozenset({"noticed"}), "final"),
    "archive": (frozenset({"final"}), None),
    "use": (frozenset({"final", "archived"}), None),
}


class YearStepRefused(Refused):
    """A step that the state of the year result does not allow."""

    code = "year_step_refused"
    zh, en = "年度结果处于“{state}”状态，不能执行“{verb}”", "A year result that is {state} cannot {verb}"


class YearResultExists(Refused):
    """A set has one result a year; a newer ranking version revises it."""

    code = "year_result_exists"
    zh, en = "该指标体系 {year} 年度结果已经存在", "This indicator set has a result of {year} already"


class RankingNotOfYear(Refused):
    """A year's result stands on a ranking of the set that begins with the year."""

    status, code = 422, "ranking_not_of_year"
    zh = "该排名不是本指标体系自年初起的排名：{period}"
    en = "This is no ranking of the set that begins with the year: {period}"


class RankingNotNewest(Refused):
    """Nothing is decided about a version that a newer one has corrected."""

    code = "ranking_not_newest"
    zh, en = "该排名已有更新的版本：第 {newest} 版", "A newer version of this ranking is published: {newest}"


class RankingNotNewer(Refused):
    """An upheld appeal is answered by a version published after what it was filed against."""

    code = "ranking_not_newer"
    zh = "申诉针对第 {version} 版排名，支持申诉须依据更新的版本"
    en = "The appeal is against version {version}; upholding it needs a newer version of the ranking"


class RankingOfAppeal(Refused):
    """Which ranking follows is said when an appeal is upheld, and only then."""

    status, code = 422, "ranking_of_appeal"
    zh, en = (
        "支持申诉须指明新的排名，驳回则不得指明",
        "An upheld appeal names the ranking that follows; a refused one none",
    )


class OwnDecision(Refused):
    """Nobody approves what they drafted, or decides on an appeal that they filed or against their own decision."""

    status, code = 403, "own_decision"
    zh, en = "不得审批本人经办的事项，不得处理针对本人决定或本单位的申诉", (
        "Nobody approves what they drafted, nor decides on an appeal of their own, of their own unit, "
        "or against their own decision"
    )  # fmt: skip


class NoticeBackdated(Refused):
    """A notice begins today at the earliest."""

    status, code = 422, "notice_backdated"
    zh, en = "公示不能早于 {today} 开始", "A notice cannot begin before {today}"


class OutsideNotice(Refused):
    """An appeal is filed on a day of the notice, today at the latest."""

    status, code = 422, "outside_notice"
    zh, en = "申诉日期须在公示期 {first} 至 {last} 内，且不晚于今天", (
        "An appeal is filed between {first} and {last}, the days of the notice, and not after today"
    )  # fmt: skip


class PersonUnknown(Refused):
    """A person's code that nobody bears."""

    status, code = 422, "person_unknown"
    zh, en = "没有代码为 {person} 的人员", "No person bears the code {person}"


class UnitNotOfSet(Refused):
    """Only units that the set evaluates, or that evaluate in it, are concerned."""

    status, code = 422, "unit_not_of_set"
    zh, en = "该单位既不被本指标体系考核，也不在其中考核：{units}", "This set concerns no such unit: {units}"


class AppealDecided(Refused):
    """An appeal is decided once."""

    code = "appeal_decided"
    zh, en = "该申诉已有决定", "This appeal has been decided already"


class FinalHeldUp(Refused):
    """What must be settled before a result is final; `holdups` lists it."""

    code = "final_held_up"
    zh, en = "有 {count} 项阻碍定稿，详见 holdups", "{count} matters hold the final result up; see holdups"


class ArchiveKeyMissing(Refused):
    """An archive is signed, and this installation has no key to sign with."""

    code = "archive_key_missing"
    zh, en = "未配置归档签名密钥", "No key to sign archives with is configured"


class ArchiveUnderWay(Refused):
    """One archive a result: it waits, is being written, or is there."""

    code = "archive_under_way"
    zh, en = "归档任务已存在：{state}", "The archive of this result is {state} already"


class ArchiveNotReady(Refused):
    """An archive is offered when it is whole."""

    code = "archive_not_ready"
    zh, en = "归档文件尚未就绪：{state}", "The archive is not ready: {state}"


class UseUnknown(Refused):
    """A use that is not there, or does not stand any more."""

    status, code = 404, "use_unknown"
    zh, en = "没有该项结果运用，或已撤销", "There is no such use of the result, or it was withdrawn"


def advance(state: ResultState, verb: Verb) -> ResultState:
    """The state of a year result after a step. Raises YearStepRefused."""
    allowed, after = _MOVES[verb]
    if state not in allowed:
        raise YearStepRefused(state=state, verb=verb)
    return after or state


def demand_year(span: Span, year: int) -> None:
    """Raise RankingNotOfYear unless the span begins with the year: the whole of it, or the year to date."""
    if span.first != date(year, 1, 1) or not (span.to_date or span.period.kind == "year"):
        raise RankingNotOfYear(period=span.key)


def demand_another(who: str, *involved: str | None) -> None:
    """Raise OwnDecision if the person had a part in what is judged."""
    if who in involved:
        raise OwnDecision


def demand_foreign(own: Iterable[str], appealing: Collection[str]) -> None:
    """Raise OwnDecision for a person one of whose units is an appealing one or lies below it; all are paths."""
    standing = tuple(path for path in appealing if path)
    if standing and any(path.startswith(standing) for path in own):
        raise OwnDecision


def last_day_of_notice(first: date, days: int, calendar: WorkingDays, today: date) -> date:
    """The day on which the N-th working day of a notice ends; its first day counts if it is worked.

    Raises NoticeBackdated, or CalendarUnknown for a year whose calendar was never published.
    """
    if first < today:
        raise NoticeBackdated(today=today)
    return calendar.after(first - timedelta(days=1), days)


def demand_in_notice(filed_on: date, first: date, last: date, today: date) -> None:
    """Raise OutsideNotice unless an appeal was filed on a day of the notice that has come."""
    if not first <= filed_on <= min(last, today):
        raise OutsideNotice(first=first, last=last)


@dataclass(frozen=True)
class Holdup:
    """One matter that keeps a result from being final: code, and the days, numbers or periods that it speaks of."""

    code: str
    text: str


def holdups(
    last_day: date | None,
    today: date,
    *,
    open_appeals: Collection[int],
    unconfirmed: Collection[str],
    standing: int,
    newest: int,
    outdated: bool,
) -> list[Holdup]:
    """What must be settled before a noticed result is final.

    `standing` and `newest` are versions of the ranking; `outdated`: scores, awards or cards say something else by now.
    A notice ends at 24:00 of its last day.
    """
    checks = (
        (last_day is not None and today <= last_day, "notice_running", str(last_day)),
        (bool(open_appeals), "appeals_open", ", ".join(map(str, sorted(open_appeals)))),
        (bool(unconfirmed), "periods_not_confirmed", ", ".join(sorted(unconfirmed))),
        (newest > standing, "ranking_superseded", f"{standing} < {newest}"),
        (outdated and newest == standing, "ranking_outdated", str(standing)),
    )
    return [Holdup(code, text) for holds, code, text in checks if holds]
