"""Decisions at once: one wins; what the lock and the key each keep, shown by taking the lock away."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from services.scoring_svc.bonus import entry_repository, request_repository
from tests.scoring_svc.bonus.awards import Awards, opened, refusal
from tests.scoring_svc.ledger.city import City


@pytest_asyncio.fixture
async def awards(city: City) -> Awards:
    return await opened(city)


def unlocked(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Without the lock two decisions both read what is there before either writes."""
    both, real = asyncio.Barrier(2), getattr(module, name)

    async def nothing(_: Any) -> None:
        """Hold nothing."""

    async def read_together(*places: Any) -> Any:
        found = await real(*places)
        await both.wait()
        return found

    monkeypatch.setattr(request_repository, "hold_awards", nothing)
    monkeypatch.setattr(module, name, read_together)


async def two(awards: Awards, **same: Any) -> list[dict[str, Any]]:
    return [
        await awards.submitted(**{"level": "province", "matter": f"事{n}", "document_no": f"文{n}", **same})
        for n in range(2)
    ]


async def test_one_of_two_approvals_wins(awards: Awards) -> None:
    known = await awards.submitted("420102")
    answers = await asyncio.gather(*(awards.approval(who, known) for who in ("PO1", "PO2")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert await awards.points() == {"420102": "1"}


async def test_approval_and_withdrawal_at_once(awards: Awards) -> None:
    known = await awards.submitted("420102")
    answers = await asyncio.gather(
        awards.approval("PO1", known), awards.step("L2", known, "withdrawal", {"reason": "重复"})
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert await awards.points() == ({"420102": "1"} if answers[0].status_code == 200 else {})


async def test_one_of_two_requests_on_a_matter_wins(awards: Awards) -> None:
    asked = await two(awards, matter="同一事项")
    answers = await asyncio.gather(*(awards.approval("PO1", one) for one in asked))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert {refusal(answer) for answer in answers if answer.status_code != 200} == {(409, "matter_already_awarded")}
    assert await awards.points() == {"420102": "3"}


async def test_without_the_lock_the_key_still_keeps_a_matter_once(
    awards: Awards, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await two(awards, matter="同一事项")
    unlocked(monkeypatch, request_repository, "standing_awards")
    answers = await asyncio.gather(*(awards.approval("PO1", one) for one in asked))
    assert [answer.status_code == 200 for answer in answers].count(True) == 1
    assert await awards.points() == {"420102": "3"}


async def test_caps_hold_when_awards_are_approved_at_once(awards: Awards) -> None:
    assert (await awards.publish(seen=1, unit_cap="4")).status_code == 200
    answers = await asyncio.gather(*(awards.approval("PO1", one) for one in await two(awards)))
    assert [answer.status_code for answer in answers] == [200, 200]
    entries = sorted((answer.json()["entries"][0] for answer in answers), key=lambda one: str(one["points"]))
    assert [(one["points"], one["due"], one["taken"]) for one in entries] == [("1", "3", {"unit": "2"}), ("3", "3", {})]


async def test_without_the_lock_a_cap_is_exceeded(awards: Awards, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await awards.publish(seen=1, unit_cap="4")).status_code == 200
    asked = await two(awards)
    unlocked(monkeypatch, entry_repository, "used")
    answers = await asyncio.gather(*(awards.approval("PO1", one) for one in asked))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await awards.points() == {"420102": "6"}
