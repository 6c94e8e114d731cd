"""R10: scores are reproducible to the last digit.

A month of three rules (a step, a place among peers, working days late) goes through random changes of facts, late and
old versions, exclusions, amendments after confirmation, closing and the next month, all over the real handlers and
routes. After every step the scores are compared, as text, with a plain oracle of a few lines that shares nothing with
the engine; at the end a recompute replays all confirmed months and scores the open one again: nothing may differ.
Control: the same oracle counting in binary floating point, and a recompute over a ledger with one digit changed.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import asyncpg

from services.scoring_svc.recomputes.worker import recomputing
from shared.clock import SHANGHAI, Clock
from shared.contracts.indicator import CalendarDay, CalendarPublished
from shared.testing import fresh_database, issuer_for_tests, running_service
from tests.chaos.verdict import System, Verdict, red_if
from tests.scoring_svc.ledger.city import (
    COL2,
    COL3,
    DISTRICTS,
    SET,
    City,
    Submission,
    card,
    fact,
    facts,
    found_city,
    metric,
    per_error,
    published,
    serving,
)

FULL_SECONDS = 300.0
_CARDS = (card("COL-01", per_error("10", "-0.015"), {"errors": metric("M-ERR")}), COL2, COL3)
_CODES = {"M-ERR": "COL-01", "M-GROWTH": "COL-02", "M-SENT": "COL-03"}
_HOLIDAYS = {date(2015, 2, day) for day in (18, 19, 20, 23, 24)} | {date(2015, 5, 1), date(2015, 6, 22)}
_MONTHS = [f"2015-{month:02d}" for month in range(1, 13)]


@dataclass
class Oracle:
    """What the scores must be: the newest facts, and each rule in a line. `number` is how it counts."""

    number: Callable[[str], Any]
    newest: dict[tuple[str, str, str], tuple[int, str]] = field(default_factory=dict)

    def learn(self, period: str, metric_code: str, unit: str, version: int, value: str) -> None:
        """Keep the highest version, whenever it comes."""
        if version > self.newest.get((period, metric_code, unit), (0, ""))[0]:
            self.newest[period, metric_code, unit] = (version, value)

    def scores(self, period: str) -> dict[tuple[str, str], str]:
        """Indicator and unit → the published text."""
        found = {}
        growth = {unit: self._value(period, "M-GROWTH", unit) for unit in DISTRICTS}
        for unit in DISTRICTS:
            errors, sent = self._value(period, "M-ERR", unit), self._value(period, "M-SENT", unit)
            if errors is not None:
                base, step = self.number("10"), self.number("0.015")
                lost = self.number("0")
                for _ in range(int(errors)):  # one clause per error, as a person would count on paper
                    lost += step
                found["COL-01", unit] = self._text(max(base - lost, self.number("0")))
            own = growth[unit]
            if own is not None:
                above = sum(1 for other in growth.values() if other is not None and Decimal(other) > Decimal(own))
                found["COL-02", unit] = self._text(self.number(("10", "8", "6")[above]))
            if sent is not None:
                late = _working_days(_due(period), date.fromisoformat(sent))
                found["COL-03", unit] = self._text(max(self.number("3") - late * self.number("0.5"), self.number("0")))
        return found

    def _value(self, period: str, code: str, unit: str) -> str | None:
        known = self.newest.get((period, code, unit))
        return None if known is None else known[1]

    def _text(self, score: Any) -> str:
        if isinstance(score, Decimal):
            return format(score.quantize(Decimal("0.01"), ROUND_HALF_UP), "f")
        return f"{score:.2f}"


def _is_working(day: date) -> bool:
    return day.weekday() < 5 and day not in _HOLIDAYS


def _due(period: str) -> date:
    year, month = map(int, period.split("-"))
    day = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    left = 5
    while left:
        day += timedelta(days=1)
        left -= _is_working(day)
    return day


def _working_days(first: date, last: date) -> int:
    count, day = 0, first
    while day < last:
        day += timedelta(days=1)
        count += _is_working(day)
    return count


@dataclass
class _Life:
    """The city, both oracles, and what has been sent."""

    city: City
    draw: random.Random
    exact: Oracle = field(default_factory=lambda: Oracle(Decimal))
    binary: Oracle = field(default_factory=lambda: Oracle(float))
    versions: dict[tuple[str, str, str], int] = field(default_factory=dict)
    chunks: dict[str, int] = field(default_factory=dict)
    out: set[tuple[str, str, str]] = field(default_factory=set)
    compared: int = 0
    wrong: int = 0
    wrong_in_binary: int = 0

    def value(self, period: str, code: str) -> str:
        if code == "M-ERR":
            return str(self.draw.randrange(16))
        if code == "M-GROWTH":
            return f"{self.draw.randrange(-50, 50) / 10}"
        return str(_due(period) + timedelta(days=self.draw.randrange(-4, 12)))

    async def send(self, period: str, keys: list[tuple[str, str]], amendment: str | None = None) -> None:
        """New versions of some facts, sometimes an older one again, each chunk sometimes twice."""
        told = []
        for code, unit in keys:
            key = (period, code, unit)
            self.versions[key] = self.versions.get(key, 0) + 1
            value = self.value(period, code)
            told.append(fact(code, unit, value, version=self.versions[key]))
            for oracle in (self.exact, self.binary):
                oracle.learn(*key, self.versions[key], value)
        self.chunks[period] = self.chunks.get(period, 0) + 1
        event = facts(self.chunks[period], *told, period=period, amendment=amendment)
        await self.city.tell(event, times=self.draw.choice((1, 1, 2)))

    async def compare(self, period: str) -> None:
        """The scores that readers get, against both oracles."""
        rows = await self.city.scores(period)
        for key, score in self.exact.scores(period).items():
            if (period, *key) in self.out:
                continue
            self.compared += 1
            self.wrong += rows[key]["score"] != score
            self.wrong_in_binary += score != self.binary.scores(period)[key]


async def run(system: System, *, seconds: float) -> Verdict:
    """The months of a year, each for a twelfth of `seconds`."""
    journal = system.directory / "clock-r10.jsonl"
    Clock(journal).set(datetime(2016, 2, 5, 9, tzinfo=SHANGHAI), by="chaos")
    database, dsns = await fresh_database(system.postgres, "scoring_svc")
    with issuer_for_tests() as issuer:
        async with (
            serving(Submission(issuer)) as submission,
            running_service(
                "scoring_svc", system.postgres, issuer, database=(database, dsns), clock_file=journal,
                recompute_worker=False, group_pause_seconds=0, **submission.settings,
            ) as service,
        ):  # fmt: skip
            city = await found_city(service, submission)
            days = [CalendarDay(day=day, kind="closed", name="节假日") for day in sorted(_HOLIDAYS)]
            years = [
                CalendarPublished(year=2015, version=1, days=days),
                CalendarPublished(year=2016, version=1, days=[]),
            ]
            await city.tell(*years, published(SET, _CARDS), *_CARDS)
            life = _Life(city, random.Random(10))  # noqa: S311 - values, not secrets
            lived = await _live(life, seconds)
            differences, changed = await _recompute(life, lived)
            await _change_a_digit(dsns.owner)
            spoilt, _ = await _recompute(life, lived)
    figures = {"months": len(lived), "compared": life.compared, "wrong": life.wrong, "differences": differences,
               "changed_by_recompute": changed, "wrong_in_binary": life.wrong_in_binary,
               "control_differences": spoilt}  # fmt: skip
    held = life.wrong == differences == changed == 0 < life.compared
    return Verdict("R10", held, red_if(life.wrong_in_binary > 0 and spoilt > 0), figures)


async def _live(life: _Life, seconds: float) -> list[str]:
    """Collect, confirm, amend, close month after month; the last one stays open."""
    lived, time = [], asyncio.get_running_loop().time
    everything = [(code, unit) for code in _CODES for unit in DISTRICTS]
    for period in _MONTHS:
        lived.append(period)
        await life.send(period, everything)
        end = time() + seconds / 24
        while time() < end:
            await life.send(period, life.draw.sample(everything, life.draw.randrange(1, 5)))
            await life.compare(period)
        if period == _MONTHS[-1]:
            break
        await life.city.fence(life.chunks[period], life.chunks[period], period)
        code, unit = life.draw.choice(everything)
        taken = {"indicator": _CODES[code], "unit": unit, "state": "exempt", "reason": "不可抗力"}
        excluded = [taken] if life.draw.random() < 0.5 and code != "M-GROWTH" else []
        answer = await life.city.step("confirm", period, body={"exclusions": excluded})
        assert answer.status_code == 200, answer.text
        life.out |= {(period, one["indicator"], one["unit"]) for one in excluded}
        await life.compare(period)
        end = time() + seconds / 24
        while time() < end:
            await life.send(period, life.draw.sample(everything, life.draw.randrange(1, 3)), amendment="更正")
            await life.compare(period)
        if life.draw.random() < 0.5:
            assert (await life.city.step("close", period)).status_code == 200
    return lived


async def _recompute(life: _Life, periods: list[str]) -> tuple[int, int]:
    """Recompute all months: how many cells differ from their replay, how many open ones were written anew."""
    body = {"set": SET, "periods": periods, "reason": "核对"}
    answer = await life.city.office.post("/v1/recomputes", json=body)
    assert answer.status_code == 202, answer.text
    service = life.city.service
    worker = recomputing(service.database, service.app.state.clock, 10.0, 1.0)
    while await worker.turn():
        """Another piece may wait."""
    told = (await life.city.office.get(answer.headers["location"])).json()
    assert (told["state"], told["pieces"]["failed"]) == ("done", 0), told
    return told["differences"], told["changed"]


async def _change_a_digit(dsn: str) -> None:
    owner = await asyncpg.connect(dsn)
    try:
        await owner.execute(
            "UPDATE cells SET score = score + 0.01 WHERE ctid = (SELECT ctid FROM cells WHERE standing = 'confirmed' "
            "AND state = 'scored' LIMIT 1)"
        )
    finally:
        await owner.close()
