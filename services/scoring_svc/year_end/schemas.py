"""HTTP shapes of year results."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.scoring_svc.bonus.shapes import Answer, Body, Code, Name, Reason, Text
from services.scoring_svc.year_end.domain import Outcome, ResultState, UseKind

DOCUMENT = "武绩委〔2015〕3号"
MOST_NOTICE_DAYS = 60


def _like(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(examples)})


class SaidIn(Body):
    """On which document a step rests, and why it is taken; both are kept."""

    model_config = _like({"document": DOCUMENT, "reason": "考评委员会第2次会议审议通过"})

    document: Name
    reason: Reason


class YearResultIn(SaidIn):
    """The year's result of a set. It stands on the newest version of a ranking that begins with the year."""

    model_config = _like(
        {
            "set": "WH2015-DISTRICT",
            "ranking_id": "00000000-0000-0000-0000-000000000000",
            "document": "武绩办〔2015〕40号",
            "reason": "年度考评结果汇总完毕",
        }
    )

    set: Code
    ranking_id: UUID


class RevisionIn(SaidIn):
    """The newest version of the ranking, on which the result stands from now on."""

    model_config = _like(
        {
            "ranking_id": "00000000-0000-0000-0000-000000000000",
            "document": "武绩办〔2015〕41号",
            "reason": "更正一项数据后重新排名",
        }
    )

    ranking_id: UUID


class NoticeIn(SaidIn):
    """A public notice (公示) of so many working days, the first of them on `first_day` or the working day after it."""

    model_config = _like(
        {"first_day": "2015-12-14", "working_days": 5, "document": "武绩办〔2015〕42号", "reason": "公示考评结果"}
    )

    first_day: date
    working_days: Annotated[int, Field(ge=1, le=MOST_NOTICE_DAYS)]


class YearAppealIn(Body):
    """An appeal that the performance office received during the notice. `filed_by`: code of the person."""

    model_config = _like(
        {"unit": "420102", "matter": "第一季度入库率应扣除缓缴税款", "filed_by": "P0131", "filed_on": "2015-12-14"}
    )

    unit: Code
    matter: Reason
    filed_by: Code
    filed_on: date


class AppealDecisionIn(SaidIn):
    """The committee's decision. Upheld: `ranking_id` names the newer ranking that follows from it."""

    model_config = _like({"outcome": "refused", "document": "武绩委〔2015〕4号", "reason": "缓缴税款已经扣除"})

    outcome: Outcome
    ranking_id: UUID | None = None


class UseIn(Body):
    """What follows from the result for a unit."""

    model_config = ConfigDict(extra="forbid")

    unit: Code
    kind: UseKind
    text: Reason


class UsesIn(SaidIn):
    """What follows from the final result: grades, honours, sanctions, training, next year's plan, by one document."""

    model_config = _like(
        {
            "uses": [
                {"unit": "420103", "kind": "honour", "text": "年度绩效管理先进单位"},
                {"unit": "420102", "kind": "training", "text": "派员参加税源管理培训"},
            ],
            "document": "武绩委〔2015〕5号",
            "reason": "年度结果运用",
        }
    )

    uses: Annotated[list[UseIn], Field(min_length=1, max_length=500)]


class StepOut(Answer):
    """A step: who took it, when, on which document, why; `details`: ranking version, days, numbers."""

    version: int
    step: str
    who: str
    at: datetime
    document: Text
    reason: Text
    details: dict[str, Any]


class HoldupOut(Answer):
    """What must be settled before the result is final, with the day, numbers, periods or versions it speaks of."""

    code: Literal["notice_running", "appeals_open", "periods_not_confirmed", "ranking_superseded", "ranking_outdated"]
    text: str


class ArchiveOut(Answer):
    """The archive: a job until `done`, then a file of `size` bytes with this hash.

    `signed_by`: RFC 7638 thumbprint of the key. `code`: why a job failed; it may be asked for again.
    """

    state: Literal["waiting", "running", "done", "failed"]
    done: int
    total: int
    code: str | None
    made_at: datetime
    made_by: str
    finished_at: datetime | None
    sha256: str | None
    size: int | None
    signed_by: str | None


class YearResultOut(Answer):
    """A year result: the ranking it stands on, who approved it, the first and last day of its notice."""

    result_id: UUID
    version: int
    state: ResultState
    set: str
    year: int
    period: str
    ranking_id: UUID
    ranking_version: int
    drafted_by: str
    approved_by: str | None
    notice_first: date | None
    notice_last: date | None
    opened_at: datetime
    updated_at: datetime


class YearResultsOut(Answer):
    """A page of year results."""

    items: list[YearResultOut]
    next: str | None


class YearResultCardOut(YearResultOut):
    """A year result with its steps and its archive.

    `holdups`: while it is noticed, and for who runs the year's end, what keeps it from being final; null otherwise.
    """

    steps: list[StepOut]
    holdups: list[HoldupOut] | None
    archive: ArchiveOut | None


class YearAppealOut(Answer):
    """An appeal, with its decision once there is one. `followed_by`: the ranking version that an upheld one led to."""

    number: int
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    matter: str
    filed_by: str
    filed_on: date
    ranking_version: int
    entered_by: str
    entered_at: datetime
    outcome: Outcome | None
    reason: str | None
    document: str | None
    decided_by: str | None
    decided_at: datetime | None
    followed_by: int | None


class YearAppealsOut(Answer):
    """A page of appeals."""

    items: list[YearAppealOut]
    next: str | None


class YearUseOut(Answer):
    """What follows from the result for a unit; `withdraws`: this row takes that one back."""

    number: int
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    kind: UseKind
    text: str
    document: str
    reason: str
    withdraws: int | None
    who: str
    at: datetime


class YearUsesOut(Answer):
    """A page of uses."""

    items: list[YearUseOut]
    next: str | None
