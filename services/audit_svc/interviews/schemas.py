"""HTTP shapes of the interviews room."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from services.audit_svc.interviews.domain import InterviewState, Side
from services.audit_svc.shapes import Answer, Body, Code, Sha256, Text
from shared.moments import Moment

_People = Annotated[list[Code], Field(min_length=1, max_length=20)]


class NoticeIn(Body):
    """The notice of an interview (约谈通知书). Persons by staff number; else the policy's post and the leader.

    `time` is now or later; `participants` are staff numbers, or codes or names of units.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reason": "2015年2月漏征漏管户比率扣分达到红色等级",
                    "time": "2015-03-16T09:30:00+08:00",
                    "place": "市局第二会议室",
                    "participants": ["P0011"],
                    "material": "原因分析与整改设想",
                }
            ]
        },
    )

    reason: Text
    time: Moment
    place: Text
    participants: Annotated[list[Text], Field(max_length=50)]
    material: Text
    interviewer: Code | None = None
    interviewee: Code | None = None


class CommitmentIn(Body):
    """What the unit commits itself to, until when; `owner` by staff number, the person interviewed if not given."""

    text: Text
    due: date
    owner: Code | None = None


class RecordIn(Body):
    """The record of an interview (约谈记录). Persons by staff number; `time` has come."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "talkers": ["P0001"],
                    "recorder": "P0011",
                    "talked_to": ["P0131"],
                    "place": "市局第二会议室",
                    "time": "2015-03-16T09:30:00+08:00",
                    "points_raised": ["漏征漏管户比率连续上升"],
                    "explanation": "新增商户集中开业，未及时比对。",
                    "commitments": [{"text": "完成工商登记信息比对", "due": "2015-03-31"}],
                }
            ]
        },
    )

    talkers: _People
    recorder: Code
    talked_to: _People
    place: Text
    time: Moment
    points_raised: Annotated[list[Text], Field(min_length=1, max_length=50)]
    explanation: Text
    commitments: Annotated[list[CommitmentIn], Field(max_length=50)]


class SignatureIn(Body):
    """A signature of one side on the record that bears this hash; who signs is who is signed in."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"side": "interviewer", "content_hash": "0" * 64}]}
    )

    side: Side
    content_hash: Sha256


class RefusalIn(Body):
    """A side that will not sign: why, and who witnessed it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"side": "interviewee", "reason": "对所列问题有异议", "witness": "P0011"}]},
    )

    side: Side
    reason: Text
    witness: Code


class SuccessionIn(Body):
    """Who signs for a side in place of a person who left the post (继任签字), by staff number, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"side": "interviewer", "person": "P0002", "reason": "原局长已调离，由继任局长签字"}]
        },
    )

    side: Side
    person: Code
    reason: Text


class InterviewStateOut(Answer):
    """Where an interview stands: the hash of its current record, and the sides that signed it."""

    interview_id: UUID
    state: InterviewState
    number: str | None
    record_version: int
    content_hash: str | None
    signed: list[Side]
    version: int


class InterviewOut(Answer):
    """An interview (约谈), the `no`-th of its case. `problem_id` is the problem that called for it."""

    interview_id: UUID
    case_id: UUID
    no: int
    problem_id: UUID
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    indicator_id: UUID
    indicator: str | None
    indicator_name: str | None
    tier: str
    interviewer_post: str | None
    state: InterviewState
    number: str | None
    record_version: int
    reason: str
    opened_on: date
    version: int


class NoticeOut(Answer):
    """The notice as it was given; the persons named stand beside it."""

    reason: str
    time: datetime
    place: str
    participants: list[str]
    material: str


class RecordOut(Answer):
    """One version of the record. `content` is exactly what its hash is taken over."""

    record_version: int
    content: dict[str, Any]
    content_hash: str
    recorded_by: str
    recorded_at: datetime


class SignatureOut(Answer):
    """One signature. `signed_for`: the staff number of who talked, where a successor signed."""

    record_version: int
    side: Side
    person_id: UUID
    person: str | None
    signed_for: str | None
    content_hash: str
    signed_at: datetime


class RefusalOut(Answer):
    """One refusal to sign, with its witness."""

    record_version: int
    side: Side
    reason: str
    witness: str
    recorded_by: str
    recorded_at: datetime


class SuccessionOut(Answer):
    """Who was named to sign in place of whom, by staff number, as of which version of the interview."""

    version: int
    side: Side
    predecessor: str | None
    person: str | None
    reason: str
    named_by: str
    named_at: datetime


class InterviewCardOut(InterviewOut):
    """One interview with everything that belongs to it; `interviewer` and `interviewee` are who talked."""

    notice: NoticeOut | None
    interviewer: str | None
    interviewee: str | None
    record: RecordOut | None
    records: list[RecordOut]
    signatures: list[SignatureOut]
    refusals: list[RefusalOut]
    successions: list[SuccessionOut]
