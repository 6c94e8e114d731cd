"""The rule of backdated changes, pure: what holds in a period that was already fenced needs a second person's approval.

A fence freezes groups and tree as of the period's last day, and scores rest on who was evaluated and who was
responsible. What was known before stays known: a backdated change is a new recording in any case.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.indicator_svc.organisation.domain.terms import Term
from shared.contracts.periods import Period
from shared.contracts.roles import Role
from shared.errors import Detail, Refused

# Long enough to carry a reorganisation out, too short to become a standing leave.
HOLDS_FOR = timedelta(days=31)
# Whoever holds one of these evaluated, answered or reported for a unit; other roles read or run the system.
_RESPONSIBLE = frozenset({Role.UNIT_LEADER, Role.UNIT_LIAISON, Role.EVALUATING_DEPARTMENT})


class BackdatedIntoFencedPeriod(Refused):
    """The change would hold in a period whose collecting has ended, and names no approval."""

    code = "backdated_into_fenced_period"
    zh = "变更追溯至已封账的考核期（{periods}），须注明另一人批准的文号"
    en = "The change reaches back into fenced periods ({periods}); name the document of another person's approval"


class ApprovalUnknown(Refused):
    """No approval bears this document number."""

    code = "approval_unknown"
    zh, en = "没有文号为 {document} 的追溯变更批准", "No approval of a backdated change bears the number {document}"


class ApprovalDoesNotCover(Refused):
    """The approval is for other units or a later day, or no longer holds."""

    code = "approval_does_not_cover"
    zh = "批准 {document} 不适用于该单位、该日期，或已过期"
    en = "The approval {document} is not for this unit and day, or no longer holds"


class SecondPersonNeeded(Refused):
    """Whoever asks for a change, or is the person it is about, does not approve it."""

    status = 403
    code = "second_person_needed"
    zh, en = (
        "追溯变更须由申请人及当事人以外的人批准",
        "Another person than the requester and the one concerned must approve",
    )


class DocumentTaken(Refused):
    """A document number approves once."""

    code = "document_taken"
    zh, en = "文号 {document} 已用于另一项批准", "The document {document} already approves something"


@dataclass(frozen=True)
class Approval:
    """That changes of units may reach back to `since`, by a document; `approved_by` is a subject."""

    document: str
    unit_ids: frozenset[UUID]
    since: date
    reason: str
    approved_by: str
    approved_at: datetime

    @property
    def until(self) -> date:
        """The last day on which it may be used."""
        return (self.approved_at + HOLDS_FOR).date()


@dataclass(frozen=True)
class Effect:
    """Where a change makes the answer different: a unit, from a day to the day before `end` (None: open).

    `pointer` is its place in the request, `about` the subject whose appointment changes.
    """

    unit_id: UUID
    first: date
    end: date | None = None
    pointer: str = "/effective_from"
    about: str | None = None


@dataclass(frozen=True)
class SettledPeriod:
    """A period of a set that is fenced, confirmed or closed."""

    set_code: str
    period: Period

    @property
    def name(self) -> str:
        """As people say it."""
        return f"{self.set_code} {self.period.key}"

    def holds(self, effect: Effect) -> bool:
        """Whether the effect reaches a day of the period."""
        return effect.first <= self.period.last and (effect.end is None or self.period.first < effect.end)


def effects_of_term(before: Term | None, after: Term, pointer: str = "") -> list[Effect]:
    """Where an appointment that is given or changed makes another person responsible; none for other roles.

    Revoking has none: it ends access at once, and asks nobody.
    """
    if after.role not in _RESPONSIBLE:
        return []
    if before is not None and (before.unit_id, before.scope) == (after.unit_id, after.scope):
        first, end = sorted(one or date.max for one in (before.effective_to, after.effective_to))
        return [Effect(after.unit_id, first, end, pointer, after.subject)] if first < end else []
    return [
        Effect(term.unit_id, term.effective_from, term.effective_to, pointer, term.subject)
        for term in (before, after)
        if term is not None
    ]


def demand_approved(
    effects: Sequence[Effect],
    settled: Collection[SettledPeriod],
    document: str | None,
    approval: Approval | None,
    *,
    by: str,
    today: date,
) -> bool:
    """Whether an approval was needed, and is there. `approval` is what the named document approves, `by` who asks.

    Raises BackdatedIntoFencedPeriod, ApprovalUnknown, ApprovalDoesNotCover or SecondPersonNeeded.
    """
    reaching = [effect for effect in effects if any(period.holds(effect) for period in settled)]
    if not reaching:
        return False
    if document is None:
        names = [period.name for period in settled if any(period.holds(effect) for effect in reaching)]
        details = _details(reaching, BackdatedIntoFencedPeriod)
        raise BackdatedIntoFencedPeriod(periods=", ".join(sorted(names)), details=details)
    if approval is None:
        raise ApprovalUnknown(document=document)
    if approval.approved_by in {by, *(effect.about for effect in reaching)}:
        raise SecondPersonNeeded
    outside = [one for one in reaching if one.unit_id not in approval.unit_ids or one.first < approval.since]
    if outside or today > approval.until:
        raise ApprovalDoesNotCover(document=document, details=_details(outside, ApprovalDoesNotCover))
    return True


def _details(effects: Sequence[Effect], rule: type[Refused]) -> list[Detail]:
    return [Detail(effect.pointer, rule.code) for effect in effects]
