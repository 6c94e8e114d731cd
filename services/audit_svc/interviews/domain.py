"""The rule book of interviews (约谈): the steps, who may sign what, and what a signature is worth.

Who left the post before signing is succeeded: the successor in the post signs for who talked, on the same record.

An interview counts as signed only while both named persons have signed the hash of its current record; a later edit
is a new version of the record and needs both again. Pure.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from shared.errors import Refused

Side = Literal["interviewer", "interviewee"]
InterviewState = Literal["planned", "noticed", "held", "signed", "refused_to_sign", "withdrawn"]
SIDES: frozenset[Side] = frozenset({"interviewer", "interviewee"})
NOT_YET_HELD: frozenset[InterviewState] = frozenset({"planned", "noticed"})
ENDED: frozenset[InterviewState] = frozenset({"signed", "refused_to_sign", "withdrawn"})

_MOVES: Mapping[str, tuple[frozenset[str], InterviewState]] = {
    "notice": (NOT_YET_HELD, "noticed"),
    "record": (frozenset({"noticed", "held", "signed", "refused_to_sign"}), "held"),
    "sign": (frozenset({"held", "refused_to_sign"}), "held"),
    "refuse": (frozenset({"held"}), "refused_to_sign"),
    "name_successor": (frozenset({"held", "refused_to_sign"}), "held"),
    "withdraw": (NOT_YET_HELD, "withdrawn"),
    # Another loss, or a graver one, calls for it now: whoever was invited is told anew.
    "replan": (NOT_YET_HELD, "planned"),
    "plan_again": (frozenset({"withdrawn"}), "planned"),
}


class InterviewStepRefused(Refused):
    """A step that the state of the interview does not allow."""

    code = "interview_step_refused"
    zh, en = "约谈处于“{state}”状态，不能执行“{verb}”", "An interview that is {state} cannot {verb}"


class StaleSignature(Refused):
    """The hash that was signed is not that of the current record."""

    code = "stale_signature"
    zh, en = (
        "所签内容不是现行谈话记录，请重新阅读后签字",
        "What was signed is not the current record; read it again and sign",
    )


class NotTheNamedPerson(Refused):
    """Only the person whom the notice names signs for that side."""

    status, code = 403, "not_the_named_person"
    zh, en = "您不是通知书载明的该方人员", "You are not the person named for this side"


class AlreadySigned(Refused):
    """The side has signed the current record."""

    code = "already_signed"
    zh, en = "该方已在现行谈话记录上签字", "This side has signed the current record"


class NoticeTimePassed(Refused):
    """A notice invites to a talk that is still to come."""

    code = "notice_time_passed"
    zh, en = "约谈时间 {time} 已过", "The time of the interview, {time}, has passed"


class RecordTimeToCome(Refused):
    """Nobody can record what has not been said yet."""

    code = "record_time_to_come"
    zh, en = "谈话时间 {time} 尚未到来", "The time of the talk, {time}, has not come yet"


class StillInPost(Refused):
    """Who is still in the post signs in person."""

    code = "still_in_post"
    zh, en = "该方人员仍在任，应由本人签字", "The person named for this side is still in post and signs in person"


class SuccessorNotEntitled(Refused):
    """A successor holds the post, or leads the unit, that the one named before held, and may sign."""

    code = "successor_not_entitled"
    zh, en = "该人员并未接任该职务，或无签字权限", "This person has not succeeded to the post, or may not sign"


@dataclass(frozen=True)
class Standing:
    """Where an interview stands: the hash of its current record, and the hash that each side last signed of it.

    `named`: who signs for each side, the person whom the notice names or the successor named since.
    """

    state: InterviewState
    record_version: int
    content_hash: str | None
    named: Mapping[Side, UUID]
    signed: Mapping[Side, str]


def step(state: InterviewState, verb: str) -> InterviewState:
    """The state after a step. Raises InterviewStepRefused where there is no such way."""
    sources, target = _MOVES[verb]
    if state not in sources:
        raise InterviewStepRefused(state=state, verb=verb)
    return target


def record(standing: Standing, content_hash: str) -> Standing:
    """A new version of the record: whatever was signed before is worth nothing now."""
    state = step(standing.state, "record")
    return replace(
        standing, state=state, record_version=standing.record_version + 1, content_hash=content_hash, signed={}
    )


def sign(standing: Standing, side: Side, person: UUID | None, content_hash: str) -> Standing:
    """The signature of one side. Raises InterviewStepRefused, NotTheNamedPerson, StaleSignature, AlreadySigned."""
    if standing.named.get(side) is None or standing.named[side] != person:
        raise NotTheNamedPerson
    if side in standing.signed:
        raise AlreadySigned
    state = step(standing.state, "sign")
    if content_hash != standing.content_hash:
        raise StaleSignature
    signed = {**standing.signed, side: content_hash}
    return replace(
        standing, state="signed" if set(signed) == SIDES else _unless_refused(standing, state), signed=signed
    )


def refuse(standing: Standing, side: Side) -> Standing:
    """One side will not sign; the refusal ends the waiting, and the record stands. Raises if that side has signed."""
    if side in standing.signed:
        raise AlreadySigned
    return replace(standing, state=step(standing.state, "refuse"))


def succeed(standing: Standing, side: Side, successor: UUID, entitled: Collection[UUID]) -> None:
    """Whether a successor may sign for a side in place of who was named for it: the record and what is signed stand.

    `entitled`: who is in the post today and may sign. Raises InterviewStepRefused before there is a record and once all
    is signed, AlreadySigned, StillInPost, SuccessorNotEntitled.
    """
    step(standing.state, "name_successor")
    if side in standing.signed:
        raise AlreadySigned
    if standing.named[side] in entitled:
        raise StillInPost
    if successor not in entitled or successor in standing.named.values():
        raise SuccessorNotEntitled


def demand_to_come(time: datetime, now: datetime) -> None:
    """A notice names a time of this minute or later. Raises NoticeTimePassed."""
    if time < now.replace(second=0, microsecond=0):
        raise NoticeTimePassed(time=time.isoformat())


def demand_come(time: datetime, now: datetime) -> None:
    """A record names a time that has come. Raises RecordTimeToCome."""
    if time > now:
        raise RecordTimeToCome(time=time.isoformat())


def is_fully_signed(standing: Standing) -> bool:
    """Whether both sides have signed exactly the current record."""
    return set(standing.signed) == SIDES and set(standing.signed.values()) == {standing.content_hash}


def interview_id_of(case_id: UUID, no: int) -> UUID:
    """The identity of the n-th interview of a case."""
    return uuid5(case_id, "interview" if no == 1 else f"interview/{no}")


def notice_number(quarter: str, serial: int) -> str:
    """The number on the notice: `2015-Q1-007`."""
    return f"{quarter}-{serial:03d}"


def quarter_of(day: date) -> str:
    """The quarter in which notices of a day are numbered."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def hash_of(content: Mapping[str, Any]) -> str:
    """sha256 over the record as JSON with sorted keys and no spaces: what both sides sign."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _unless_refused(standing: Standing, state: InterviewState) -> InterviewState:
    # A refusal by one side stays on record while only the other signs.
    return standing.state if standing.state == "refused_to_sign" else state
