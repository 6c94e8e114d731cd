from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from services.scoring_svc.copies.domain import governing
from services.scoring_svc.ledger.domain import (
    Entry,
    Exclusion,
    Finding,
    PeriodAlreadyConfirmed,
    PeriodClosed,
    PeriodNotConfirmed,
    PeriodNotFenced,
    Scored,
    advance,
    digest_of,
    excluded,
    holdups_of_chunks,
    needs_deduction,
    plain,
)
from services.scoring_svc.ledger.proving import hide_peers
from shared.contracts.periods import parse_period
from tests.scoring_svc.ledger.city import COL1

UNIT = UUID(int=1)


@pytest.mark.parametrize(
    ("state", "verb", "after"),
    [
        ("open", "fence", "fenced"),
        ("fenced", "fence", "fenced"),
        ("fenced", "confirm", "confirmed"),
        ("confirmed", "close", "closed"),
        ("open", "confirm", PeriodNotFenced),
        ("open", "close", PeriodNotConfirmed),
        ("fenced", "close", PeriodNotConfirmed),
        ("confirmed", "fence", PeriodAlreadyConfirmed),
        ("confirmed", "confirm", PeriodAlreadyConfirmed),
        ("closed", "fence", PeriodClosed),
        ("closed", "confirm", PeriodClosed),
        ("closed", "close", PeriodClosed),
    ],
)
def test_every_step_of_a_period(state: str, verb: str, after: object) -> None:
    if isinstance(after, str):
        assert advance(state, verb) == after  # type: ignore[arg-type]
    else:
        with pytest.raises(after):  # type: ignore[call-overload]
            advance(state, verb)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("score", "loss"), [("10.00", "0"), ("6.00", "4"), ("12.50", "0"), ("-1.00", "11"), (None, "0")]
)
def test_a_loss_is_full_marks_less_the_score_never_below_nothing(score: str | None, loss: str) -> None:
    cell = Scored(UNIT, Finding("scored", Decimal(10), score=None if score is None else Decimal(score)))
    assert plain(cell.loss) == loss


@pytest.mark.parametrize(
    ("points", "back"), [("10", "-10"), ("-0.5", "0.5"), ("13/12", "-13/12"), ("0", "0"), ("0.00", "0.00")]
)
def test_an_entry_taken_back_has_the_other_sign(points: str, back: str) -> None:
    assert Entry("clause", "a", points).reversed() == Entry("clause", "a", back)


@pytest.mark.parametrize(
    ("known", "score", "new_version", "expected"),
    [
        (None, "10", True, False),
        (None, "9", True, True),
        ("1", "9", False, False),
        ("1", "9", True, True),
        ("1", "10", True, True),
        ("0", "10", True, False),
        ("0", "8", True, True),
    ],
)
def test_when_a_deduction_gets_a_version(known: str | None, score: str, new_version: bool, expected: bool) -> None:
    cell = Scored(UNIT, Finding("scored", Decimal(10), score=Decimal(score)))
    assert needs_deduction(None if known is None else Decimal(known), cell.loss, new_version=new_version) is expected


def test_an_exclusion_stands_above_what_the_facts_give_and_keeps_its_reason() -> None:
    cell = Scored(UNIT, Finding("refused", Decimal(10), code="VALUE_MISSING"), {"errors": 0})
    taken_out = excluded(cell, Exclusion("exempt", "系统切换"))
    assert (taken_out.state, taken_out.finding.note, taken_out.loss, taken_out.settled) == (
        "exempt",
        "系统切换",
        0,
        True,
    )
    assert excluded(cell, None) is cell


@pytest.mark.parametrize(
    ("number", "text"), [("4.20", "4.2"), ("100", "100"), ("1E+2", "100"), ("-0.00", "0"), ("0.50", "0.5")]
)
def test_plain_decimal_text(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_a_digest_does_not_depend_on_order() -> None:
    some = [(UUID(int=2), 1, "4"), (UUID(int=1), 3, "0.5")]
    assert digest_of(some) == digest_of(some[::-1])
    assert digest_of(some)[0] == 2
    assert digest_of(some) != digest_of([(UUID(int=2), 2, "4"), (UUID(int=1), 3, "0.5")])


def test_chunks_that_are_missing_are_told() -> None:
    assert not holdups_of_chunks(9, 4, 4)
    assert holdups_of_chunks(9, 4, 3)[0].text == "1 of 4 up to chunk 9"


def test_the_highest_version_in_effect_on_the_last_day_governs() -> None:
    second = msgspec.structs.replace(COL1, version=2, effective_from=date(2015, 3, 31))
    ended = msgspec.structs.replace(COL1, effective_to=date(2015, 2, 28))
    versions = [second, COL1]
    assert governing(versions, parse_period("2015-02")) is COL1
    assert governing(versions, parse_period("2015-03")) is second
    assert governing(versions, parse_period("2015-Q1")) is None
    assert governing([ended], parse_period("2015-02")) is None
    assert governing([ended], parse_period("2015-01")) is ended


def test_peers_are_hidden_whatever_their_order() -> None:
    proof = {
        "value": "8",
        "units": [
            {"kind": "peer", "who": "a", "value": "9"},
            {"kind": "peer", "who": "me", "value": "7"},
            {"kind": "peer", "who": "b", "value": "9"},
        ],
        "left_out": [{"who": "c", "code": "VALUE_MISSING"}],
    }
    hidden = hide_peers(proof, "me", b"salt")
    assert hidden == hide_peers({**proof, "units": proof["units"][::-1]}, "me", b"salt")  # type: ignore[index]
    assert hidden != hide_peers(proof, "me", b"other")
    peers = [unit for unit in hidden["units"] if unit["who"] != "me"]
    assert {"kind": "peer", "who": "me", "value": "7"} in hidden["units"]
    assert len({unit["who"] for unit in peers}) == 2
    assert len({unit["value_hash"] for unit in peers}) == 1
    assert "value" not in peers[0]
    assert hidden["left_out"][0]["code"] == "VALUE_MISSING"
    assert hidden["left_out"][0]["who"] != "c"
