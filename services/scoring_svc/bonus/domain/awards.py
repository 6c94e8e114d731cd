"""The rules of bonus requests: their states, who may take a step, and matters that count once. Pure."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid5

from shared.errors import Refused

RequestState = Literal["drafted", "submitted", "reviewed", "approved", "refused", "withdrawn", "replaced"]
RequestVerb = Literal["edit", "submit", "opine", "approve", "refuse", "withdraw", "revoke", "replace"]


class BonusStepRefused(Refused):
    """A step that the state of the request does not allow."""

    code = "bonus_step_refused"
    zh, en = "该加分申请处于“{state}”状态，不能执行“{verb}”", "A bonus request that is {state} cannot {verb}"


class OpinionMissing(Refused):
    """The class of the bonus asks for the department's opinion before the decision."""

    code = "opinion_missing"
    zh, en = (
        "该类加分须先由主管部门出具意见",
        "The department in charge must give its opinion on this class of bonus first",
    )


class OpinionNotAsked(Refused):
    """The class of the bonus asks for no opinion."""

    code = "opinion_not_asked"
    zh, en = "该类加分不需要部门意见", "No department's opinion is asked on this class of bonus"


class SecondPersonNeeded(Refused):
    """Every step of the chain is taken by another person."""

    status, code = 403, "second_person_needed"
    zh, en = "申请、意见、审批须由不同人员办理", "Request, opinion and decision must be made by different persons"


class OwnUnitsRequest(Refused):
    """Nobody judges the request of a unit in or below which they serve, lead or liaise."""

    status, code = 403, "own_units_request"
    zh, en = "不得审批本单位的加分申请", "Nobody decides on a bonus request of their own unit"


class MatterAlreadyAwarded(Refused):
    """The same matter counts once, at the highest level."""

    code = "matter_already_awarded"
    zh, en = (
        "同一事项已按同级或更高级别加分，不重复加分",
        "The same matter has been awarded at this level or a higher one already; it counts once",
    )


class DocumentAlreadyUsed(Refused):
    """An award stands on the same document; that it is another matter must be said, with the reason."""

    code = "document_already_used"
    zh, en = (
        "同一文号已有加分，如属不同事项须说明理由",
        "An award stands on this document already; say why this is another matter",
    )


_MOVES: Mapping[RequestVerb, tuple[frozenset[RequestState], RequestState]] = {
    "edit": (frozenset({"drafted"}), "drafted"),
    "submit": (frozenset({"drafted"}), "submitted"),
    "opine": (frozenset({"submitted"}), "reviewed"),
    "approve": (frozenset({"submitted", "reviewed"}), "approved"),
    "refuse": (frozenset({"submitted", "reviewed"}), "refused"),
    "withdraw": (frozenset({"drafted", "submitted", "reviewed"}), "withdrawn"),
    "revoke": (frozenset({"approved"}), "withdrawn"),
    "replace": (frozenset({"approved"}), "replaced"),
}


def advance(state: RequestState, verb: RequestVerb) -> RequestState:
    """The state of a request after a step. Raises BonusStepRefused."""
    allowed, after = _MOVES[verb]
    if state not in allowed:
        raise BonusStepRefused(state=state, verb=verb)
    return after


def demand_another(who: str, *before: str | None) -> None:
    """Raise SecondPersonNeeded if somebody who took an earlier step takes this one too."""
    if who in before:
        raise SecondPersonNeeded


def demand_foreign(own: Iterable[str], requesting: Iterable[str]) -> None:
    """Raise OwnUnitsRequest for a person one of whose own units is a requesting one or lies below it; all are paths."""
    standing = tuple(path for path in requesting if path)
    if any(path.startswith(standing) for path in own):
        raise OwnUnitsRequest


_OPENING, _CLOSING = "〔【〖《〈「『[({<⟨", "〕】〗》〉」』])}>⟩"
_BRACKETS = str.maketrans({**dict.fromkeys(_OPENING, "["), **dict.fromkeys(_CLOSING, "]")})


def normalised(text: str) -> str:
    """A document number or the name of a matter as it is compared: half-width, one kind of bracket, no case, no blanks.

    `鄂地税发〔２０１５〕 12 号` and `鄂地税发[2015]12号` are the same document.
    """
    while (same := _once(text)) != text:  # what is left out may let characters join that stood apart
        text = same
    return text


def _once(text: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_BRACKETS)
    return "".join(one for one in plain if unicodedata.category(one)[0] not in "ZC")


@dataclass(frozen=True)
class Award:
    """An award that stands: its level's rank (1 the highest), the matter and the document as they are compared."""

    request_id: UUID
    rank: int
    matter_key: str
    document_key: str


def replaced_by(rank: int, matter_key: str, document_key: str, standing: Iterable[Award], other: str) -> list[Award]:
    """The standing awards that a new one takes the place of: those of the same matter, all lower.

    `other` is why a matter on a known document is another one, or empty. Raises MatterAlreadyAwarded,
    DocumentAlreadyUsed.
    """
    lower = []
    for award in standing:
        if award.matter_key == matter_key:
            if award.rank <= rank:
                raise MatterAlreadyAwarded
            lower.append(award)
        elif award.document_key == document_key and not other:
            raise DocumentAlreadyUsed
    return lower


def entry_id(source: UUID, version: int, unit: UUID) -> UUID:
    """The ledger's entry of a unit that a version of an award or an external loss makes."""
    return uuid5(source, f"unit_entry/{version}/{unit}")
