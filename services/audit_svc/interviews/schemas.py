"""HTTP shapes of the interviews room."""

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from services.audit_svc.shapes import Body, Code, Sha256, Text
from shared.moments import Moment

SideName = Literal["interviewer", "interviewee"]
_People = Annotated[list[Code], Field(min_length=1, max_length=20)]


class NoticeIn(Body):
    """The notice of an interview (约谈通知书). Persons by staff number; else the policy's post and the leader."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reason": "2015年2月漏征漏管户比率扣分达到红色等级",
                    "time": "2015-03-16T09:30:00+08:00",
                    "place": "市局第二会议室",
                    "participants": ["绩效办公室"],
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
    """The record of an interview (约谈记录). Persons by staff number."""

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

    side: SideName
    content_hash: Sha256


class RefusalIn(Body):
    """A side that will not sign: why, and who witnessed it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"side": "interviewee", "reason": "对所列问题有异议", "witness": "P0011"}]},
    )

    side: SideName
    reason: Text
    witness: Code
