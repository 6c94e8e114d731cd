"""The rules of the ledger: states of a period, the loss of a cell, when a cell or a deduction gets a new version.

Belongs here: pure functions over frozen values. Does not belong here: evaluating rules (engine), storing, sending.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple
from uuid import UUID

from shared.contracts.identity import deduction_id
from shared.errors import Refused

PeriodState = Literal["open", "fenced", "confirmed", "closed"]
Verb = Literal["fence", "confirm", "close"]
CellStatus = Literal["scored", "exempt", "not_scorable", "refused"]
NOTHING = Decimal(0)
NOT_EVALUATED = "UNIT_NOT_EVALUATED"
"""The code of a cell whose unit a later version of the card left out."""


class PeriodNotFenced(Refused):
    """Confirming needs the fence: before it, facts may still come."""

    code = "period_not_fenced"
    zh, en = (
        "该考核期尚未截止采集，不能确认",
        "Collecting for this period has not been ended yet, so it cannot be confirmed",
    )


class PeriodNotConfirmed(Refused):
    """Closing needs the confirmation."""

    code = "period_not_confirmed"
    zh, en = "该考核期尚未确认，不能关账", "This period has not been confirmed yet, so it cannot be closed"


class PeriodAlreadyConfirmed(Refused):
    """A confirmed period is neither fenced nor confirmed again; facts are amended one by one."""

    code = "period_already_confirmed"
    zh, en = "该考核期已经确认", "This period has been confirmed already"


class PeriodClosed(Refused):
    """A closed period accepts only approved corrections."""

    code = "period_closed"
    zh, en = "该考核期已经关账", "This period is closed"


class ConfirmationHeldUp(Refused):
    """Chunks are not applied yet, or cells are neither scored, exempt nor not scorable."""

    code = "confirmation_held_up"
    zh = "有 {count} 项阻碍确认，详见 holdups"
    en = "{count} matters hold the confirmation up; see holdups"


_STEPS: Mapping[tuple[PeriodState, Verb], PeriodState] = {
    ("open", "fence"): "fenced",
    ("fenced", "fence"): "fenced",  # fencing is repeatable: the same answer again
    ("fenced", "confirm"): "confirmed",
    ("confirmed", "close"): "closed",
}


def advance(state: PeriodState, verb: Verb) -> PeriodState:
    """The state of a period after a step.

    Raises PeriodNotFenced, PeriodNotConfirmed, PeriodAlreadyConfirmed or PeriodClosed.
    """
    if (state, verb) in _STEPS:
        return _STEPS[state, verb]
    if state == "closed":
        raise PeriodClosed
    if verb == "close":
        raise PeriodNotConfirmed
    raise PeriodNotFenced if state == "open" else PeriodAlreadyConfirmed


class Entry(NamedTuple):
    """One entry of a proof: `points` is decimal text, or `p/q` where no finite decimal exists."""

    kind: str
    clause: str | None
    points: str

    def reversed(self) -> "Entry":
        """The same entry taken back."""
        if self.points.strip("0.") == "":
            return self
        points = self.points[1:] if self.points.startswith("-") else f"-{self.points}"
        return Entry(self.kind, self.clause, points)


class Finding(NamedTuple):
    """What an evaluation found: one object for all units of a group for which it found the same."""

    state: CellStatus
    full_marks: Decimal
    score: Decimal | None = None
    code: str | None = None
    note: str | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def loss(self) -> Decimal:
        """Loss = max(0, full marks − score); a cell without a score lost nothing."""
        if self.score is None or self.score >= self.full_marks:
            return NOTHING
        return self.full_marks - self.score


class Scored(NamedTuple):
    """What was found for one unit. `inputs` tells the fact's version (0: none), or the text, by input."""

    unit_id: UUID
    finding: Finding
    inputs: Mapping[str, int | str] = {}

    @property
    def state(self) -> CellStatus:
        """Scored, exempt, not scorable or refused."""
        return self.finding.state

    @property
    def full_marks(self) -> Decimal:
        """The marks that the card gives at most without a bonus."""
        return self.finding.full_marks

    @property
    def score(self) -> Decimal | None:
        """None unless scored."""
        return self.finding.score

    @property
    def loss(self) -> Decimal:
        """What is missing to full marks."""
        return self.finding.loss

    @property
    def settled(self) -> bool:
        """Whether the cell may be confirmed: scored, exempt or not scorable."""
        return self.finding.state != "refused"


class Standing(NamedTuple):
    """A cell as it stands: `entered` is its version in the ledger, 0 before the first entry."""

    scored: Scored
    entered: int
    confirmed: bool
    card_version: int


def as_result(known: Standing | None, now: Scored | None = None) -> str | None:
    """A cell as another rule reads it: its version in the ledger (0: provisional) and its score or state, `v3 8.50`.

    `now`: what is about to be entered in the place of what is known.
    """
    cell = now or (known.scored if known else None)
    if cell is None:
        return None
    entered = known.entered if known else 0
    if now is not None and (known is None or not entered or differs(known.scored, now)):
        entered += 1
    return f"v{entered} {cell.state if cell.score is None else format(cell.score, 'f')}"


@dataclass(frozen=True)
class Exclusion:
    """A cell that the performance office took out, with the reason."""

    state: Literal["exempt", "not_scorable"]
    reason: str


def excluded(scored: Scored, exclusion: Exclusion | None) -> Scored:
    """The cell as confirmed: an exclusion stands above what the facts would give, and stays visible with its reason."""
    if exclusion is None:
        return scored
    return scored._replace(finding=Finding(exclusion.state, scored.full_marks, note=exclusion.reason))


def differs(before: Scored, after: Scored) -> bool:
    """Whether a cell needs a new version: its result, its entries or the versions of its own inputs changed."""
    return before != after


def needs_deduction(known_loss: Decimal | None, loss: Decimal, *, new_version: bool) -> bool:
    """Whether a deduction gets a (new) version: `known_loss` is that of its last version, None if there is none.

    A loss that goes is told once, as a loss of 0; a loss that stays is told again when the cell's version changed.
    """
    if known_loss is None or known_loss == NOTHING:
        return loss > NOTHING
    return new_version or loss != known_loss


@lru_cache(maxsize=65_536)
def plain(number: Decimal) -> str:
    """The shortest decimal text: no exponent, no trailing zeros, zero without a sign."""
    text = format(number.normalize(), "f")
    return "0" if text == "-0" else text


def digest_of(deductions: Iterable[tuple[UUID, int, str]]) -> tuple[int, str]:
    """How many deductions have a loss, and sha256 over their lines `deduction_id:version:loss`, sorted by id."""
    lines = [f"{identity}:{version}:{loss}" for identity, version, loss in sorted(deductions, key=lambda d: str(d[0]))]
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()


def identity_of(indicator: UUID, unit: UUID, period: str) -> UUID:
    """The deduction of a cell: the same for ever, through all versions."""
    return deduction_id(indicator, unit, period)


@dataclass(frozen=True)
class Holdup:
    """One matter that holds a confirmation up."""

    code: str
    indicator: str | None = None
    unit: str | None = None
    text: str | None = None


def holdups_of_chunks(last_chunk: int, expected: int, applied: int) -> Sequence[Holdup]:
    """Names the chunks of facts up to the fence that have not been applied yet."""
    if applied >= expected:
        return ()
    return (Holdup("chunks_not_applied", text=f"{expected - applied} of {expected} up to chunk {last_chunk}"),)
