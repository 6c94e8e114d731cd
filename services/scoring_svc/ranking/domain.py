"""The rules of ranking: spans, the policy of a set, how a place is said, who moved. Pure and exact.

Belongs here: what a ranking policy may say, and what is said of places. Grades stand in `grading.py`. Totals and places
themselves are worked out by one statement of `repository.py` for all units and boards at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from services.scoring_svc.engine.numbers import Rounding, shortest
from services.scoring_svc.ranking.blending import MEAN, Blend, Ranks, SpanBlend, SpanKind
from shared.contracts.periods import Period, parse_period, period_of, periods_of_year
from shared.errors import Detail, Refused

Ties = Literal["competition", "dense", "average"]
Shows = Literal["all_rows", "totals", "own_rows"]
Measure = Literal["points", "percent"]
Bound = Literal["at_most", "exactly"]
Edge = Literal["leave_out", "take_in", "refuse"]
CountRounding = Literal["floor", "half_up", "ceiling"]

# 30 times the least number that 1 to 19 divide: an indicator has at most the 19 periods of a year, so that a sum of
# means, times this number, is a sum of whole multiples of scores, also where each counts for c of n periods
# (blending.py). So the database adds and compares totals without any rounding.
SCALE = 6_983_776_800
TOTAL = "total"
ALL_PEERS = "all"
_TO_DATE = "-YTD"
_POINTS = Rounding(at="", mode="half_up", places=2)


class RankingNotReady(Refused):
    """A ranking is published over confirmed periods only."""

    code = "ranking_not_ready"
    zh, en = "尚有考核期未确认：{periods}", "These periods are not confirmed yet: {periods}"


class RankingUnchanged(Refused):
    """A version that says what the last one says would only hide which publication counts."""

    code = "ranking_unchanged"
    zh = "与已发布的第 {version} 版相同，未再发布"
    en = "Nothing differs from version {version}, which is published already"


class CorrectionReasonRequired(Refused):
    """A version after the first corrects a published word, so it says why."""

    status, code = 422, "correction_reason_required"
    zh, en = "已发布第 {version} 版，更正须说明理由", "Version {version} is published; a correction must say why"


class GroupUnknown(Refused):
    """No unit is in such a peer group."""

    status, code = 404, "group_unknown"
    zh, en = "没有分组“{group}”", "There is no peer group {group}"


class BoardUnknown(Refused):
    """The ranking has no places for such an indicator or level."""

    status, code = 404, "board_unknown"
    zh, en = "该排名没有“{board}”榜", "This ranking has no board {board}"


class RankingPolicyRefused(Refused):
    """A policy that contradicts itself; `details` names each place."""

    status, code = 422, "ranking_policy_refused"
    zh, en = "排名办法自相矛盾，详见 details", "The ranking policy contradicts itself; see details"


@dataclass(frozen=True)
class Span:
    """What a ranking covers: a period, or a year to date (`2015-05-YTD`: January to May). Days are inclusive."""

    key: str
    first: date
    last: date
    period: Period

    @property
    def to_date(self) -> bool:
        """Whether it begins with the year."""
        return self.key.endswith(_TO_DATE)

    @property
    def days(self) -> Period:
        """Its first and last day, as one who asks what was held on them wants them."""
        return Period(self.first, self.last, self.key)

    def contains(self, period: Period) -> bool:
        """Whether a period lies wholly inside."""
        return self.first <= period.first and period.last <= self.last

    @property
    def kind(self) -> SpanKind:
        """Which kind of span it is, as a policy tells them apart."""
        return "to_date" if self.to_date else self.period.kind

    @property
    def periods(self) -> list[Period]:
        """The periods of all kinds that lie wholly inside."""
        return [period for period in periods_of_year(self.last.year) if self.contains(period)]

    def before(self) -> str | None:
        """The key of the span of the same kind just before; None at the turn of the year, where sets change."""
        day = self.period.first - timedelta(days=1)
        if day.year != self.last.year:
            return None
        return period_of(self.period.kind, day).key + (_TO_DATE if self.to_date else "")


def parse_span(text: str) -> Span:
    """Read a period, or the year to date at the end of a month, quarter or half-year. Raises ValueError."""
    period = parse_period(text.removesuffix(_TO_DATE))
    if not text.endswith(_TO_DATE):
        return Span(text, period.first, period.last, period)
    if period.kind == "year":
        raise ValueError(f"{text!r}: a whole year is written {period.key}")
    return Span(text, date(period.first.year, 1, 1), period.last, period)


@dataclass(frozen=True)
class Quota:
    """At most, or exactly, so many percent of the ranked units of a group hold a grade.

    `rounding`: how the number of places is rounded. `edge`: what happens to tied units of whom only some have a place.
    """

    share: Fraction
    bound: Bound
    rounding: CountRounding
    edge: Edge

    def places(self, ranked: int) -> int:
        """The whole number of places among so many ranked units."""
        return int(Rounding(at="", mode=self.rounding, places=0).apply(self.share * ranked / 100))


@dataclass(frozen=True)
class Grade:
    """A grade (等次), for units from `at_least` on, for as many as the quota lets; None: no such condition."""

    grade: str
    at_least: Fraction | None
    quota: Quota | None


@dataclass(frozen=True)
class Grading:
    """How totals become grades, best grade first; thresholds in points, or in percent of the full marks.

    `within`: "all", or the dimension of the peer groups in which quotas count. `veto_not_above`: the best grade under a
    veto. `capped_use_places`: whether a unit that a veto holds back still uses a place of the grade it had earned.
    """

    measure: Measure
    within: str
    grades: tuple[Grade, ...]
    veto_not_above: str | None
    capped_use_places: bool

    def position(self, grade: str) -> int:
        """0 for the best grade. Raises ValueError for one that is not there."""
        return [one.grade for one in self.grades].index(grade)


@dataclass(frozen=True)
class Policy:
    """How a set is ranked (排名办法). `spread`: totals no further apart than this many points cannot be told apart.

    `blend` makes marks of cells over spans of every kind that `blends` does not name. `ranks`: who has a place.
    """

    version: int
    ties: Ties
    spread: Fraction
    groups: tuple[str, ...]
    shows: Shows
    grading: Grading | None
    blend: Blend = MEAN
    blends: tuple[tuple[SpanKind, Blend], ...] = ()
    ranks: Ranks = "all_evaluated"

    @property
    def standing(self) -> bool:
        """Whether only units that stood on the span's last day have a place."""
        return self.ranks == "standing_at_end"

    def over(self, span: Span) -> SpanBlend:
        """The blend that holds over a span."""
        return SpanBlend.over(dict(self.blends).get(span.kind, self.blend), span.periods)


# What holds for a set without a policy of its own; every ranking states it in full as version 0.
PLAIN = Policy(0, "competition", Fraction(0), (), "totals", None)


def demand_sound(policy: Policy) -> None:
    """Raise RankingPolicyRefused with every place where the policy contradicts itself."""
    faults = [
        Detail(f"/groups/{number}", "group_twice", group)
        for number, group in enumerate(policy.groups)
        if group in policy.groups[:number]
    ]
    faults += policy.blend.faults("/blend", None)
    for number, (span, blend) in enumerate(policy.blends):
        faults += blend.faults(f"/blends/{number}", span)
        if span in dict(policy.blends[:number]):
            faults.append(Detail(f"/blends/{number}/span", "span_twice", span))
    if policy.grading is not None:
        faults += faults_of(policy.grading, policy.groups)
    if faults:
        raise RankingPolicyRefused(details=faults)


def faults_of(grading: Grading, groups: Sequence[str]) -> list[Detail]:
    """Where a grading contradicts itself; `groups` are the dimensions in which quotas may count."""
    grades, names = grading.grades, [one.grade for one in grading.grades]
    lines = [one.at_least for one in grades if one.at_least is not None]
    shares = sum((one.quota.share for one in grades if one.quota), Fraction(0))
    checks = (
        (len(set(names)) < len(names), "/grading/grades", "grade_twice"),
        (any(low >= high for high, low in pairwise(lines)), "/grading/grades", "thresholds_not_falling"),
        (shares > 100, "/grading/grades", "shares_above_100"),  # noqa: PLR2004 - percent
        (bool(grades[-1].quota or grades[-1].at_least is not None), "/grading/grades", "last_grade_not_open"),
        (any(not one.quota and one.at_least is None for one in grades[:-1]), "/grading/grades", "grade_without_end"),
        (grading.within not in (ALL_PEERS, *groups), "/grading/within", "group_not_ranked"),
        (grading.veto_not_above not in (None, *names), "/grading/veto_not_above", "grade_unknown"),
    )
    return [Detail(pointer, code) for wrong, pointer, code in checks if wrong]


def place_text(ties: Ties, place: int, tied: int, dense: int) -> str:
    """The place of a unit as the policy counts: `place` counts the better units, `dense` the better totals.

    competition: tied units share the better place and the next ones are skipped; dense: none is skipped; average: the
    mean of the places that the tied units occupy, such as 2.5.
    """
    if ties == "average":
        twice = 2 * place + tied - 1
        return str(twice // 2) + (".5" if twice % 2 else "")
    return str(dense if ties == "dense" else place)


def points_text(scaled: Decimal | Fraction) -> str:
    """Points of a scaled total: rounded half up to 2 places after everything was ranked by the exact total."""
    return _POINTS.text(Fraction(scaled) / SCALE)


def moved(before: int | None, place: int) -> int | None:
    """How many places a unit rose (fell: negative) since the ranking before; None if it was not ranked there."""
    return None if before is None else before - place


_TIES: dict[Ties, tuple[str, str]] = {
    "competition": ("并列占用名次", "tied units share the better place and the next places are skipped"),
    "dense": ("并列不占用名次", "tied units share a place and none is skipped"),
    "average": ("并列取所占名次的平均", "tied units share the mean of their places"),
}


_HOW: dict[str, tuple[str, str]] = {
    "mean": (
        "各指标在本期内所含各考核期得分的平均值",
        "the mean of the indicator's scores in the periods inside the span",
    ),
    "sum": ("各指标在本期内所含各考核期得分的合计", "the sum of the indicator's scores in the periods inside the span"),
    "last": (
        "各指标在本期内最后一个已计分考核期的得分",
        "the indicator's score in the last scored period inside the span",
    ),
    "weights": (
        "各指标在本期内按考核期种类的平均得分加权（{zh}）",
        "the mean of the indicator's scores in each kind of period inside the span, weighted ({en})",
    ),
}
_LEFT_OUT: dict[str, tuple[str, str]] = {
    "mean": ("不计入平均", " of the mean"),
    "sum": ("不计入合计", ""),
    "last": ("不计分", ""),
    "weights": ("不计入平均", " of the mean"),
}
_KINDS = {"month": "月度", "quarter": "季度", "half_year": "半年", "year": "年度"}
_IN_PART: tuple[str, str] = (
    "；指标只在部分考核期有单元格的，得分和满分按有单元格的考核期数占本期内同类考核期数的比例折算",
    (
        "; an indicator with cells in some periods only counts, mark and full marks alike, in proportion to those "
        "periods out of the periods of their kind in the span"
    ),
)
_STANDING = ("；只排列本期最后一日存在的单位", "; units that no longer stood on the span's last day have no place")


def blend_words(blend: Blend) -> tuple[str, str]:
    """What an indicator's mark is, in Chinese and English; not whether it counts in part."""
    shares = [(kind, f"{shortest(weight)}%") for kind, weight in (blend.weights or {}).items()]
    zh, en = _HOW[blend.how]
    return (
        zh.format(zh="、".join(f"{_KINDS[kind]}{share}" for kind, share in shares)),
        en.format(en=", ".join(f"{kind} {share}" for kind, share in shares)),
    )


def policy_words(policy: Policy, blend: Blend) -> dict[str, str]:
    """What a ranking says of itself: how totals are blended, ties ranked and numbers rounded."""
    zh, en = _TIES[policy.ties]
    how_zh, how_en = blend_words(blend)
    part_zh, part_en = _IN_PART if blend.in_part == "by_periods" else ("", "")
    who_zh, who_en = _STANDING if policy.ranks == "standing_at_end" else ("", "")
    said = {"mean": "mean_of_periods", "sum": "sum_of_periods", "last": "last_period", "weights": "weighted_by_kind"}
    none_zh, none_en = _LEFT_OUT[blend.how]
    return {
        "blend": said[blend.how] + ("" if blend.in_part == "full" else "_in_part"),
        "ties": policy.ties,
        "zh": (
            f"单位总分＝{how_zh}之和，加本期内的加分，减分摊的外部失分；"
            f"豁免和不可考核的单元格{none_zh}，也不折算{part_zh}{who_zh}；"
            f"一票否决指标只限等次，不计入总分；按未舍入的总分排名，{zh}；总分四舍五入保留2位小数"
        ),
        "en": (
            f"A unit's total is the sum over indicators of {how_en}, plus its bonuses and less its shares of external "
            f"losses in the span; cells that are exempt or not scorable are left out{none_en} and nothing is scaled "
            f"up{part_en}{who_en}; veto "
            "indicators cap the grade and are no part of the total; units are ranked by their totals before rounding, "
            f"{en}; totals are rounded half up to 2 places"
        ),
    }
