"""R28: consumers do not depend on order.

Six events that depend on each other (two versions of a card that ranks within a class, two versions of a fact and a
peer's fact, the class of a unit) reach scoring_svc's handlers in every order, each twice; then fifty events in random
orders. Every order ends in one state: cells, entries, deductions, copies. The orders of six run in one transaction each
that is taken back at its end; the long ones are committed event by event. Control: a consumer that takes the last card
to arrive for the newest.
"""

import asyncio
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any
from unittest import mock

import asyncpg
import msgspec

from services.scoring_svc.copies import repository
from services.scoring_svc.ledger import rescoring
from shared.clock import SHANGHAI, Clock
from shared.contracts.envelope import Envelope
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.registry import Event
from shared.db import UnitOfWork
from shared.testing import RunningService, fresh_database, issuer_for_tests, running_service
from tests.chaos.verdict import System, Verdict, red_if
from tests.scoring_svc.ledger.city import (
    DISTRICTS,
    FINDING,
    RANKED_IN_CLASS,
    SET,
    UNITS,
    Binding,
    card,
    fact,
    facts,
    in_class,
    metric,
    per_error,
    published,
)

# So many seconds bring every order of six and some fifty random orders.
FULL_SECONDS = 180.0
_STATE = (
    (
        "SELECT indicator_id, unit_id, standing, state, code, score, entries, inputs, indicator_version FROM cells "
        "ORDER BY 1, 2"
    ),
    "SELECT indicator_id, unit_id, sum(points::numeric) FROM entries GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT deduction_id, loss FROM deductions WHERE loss > 0 ORDER BY 1",
    "SELECT period, metric_id, unit_id, version, value FROM facts ORDER BY 1, 2, 3, 4",
    "SELECT indicator_id, version FROM card_versions ORDER BY 1, 2",
)
_BOUND = {"growth": metric("M-GROWTH"), "class": Binding(unit_group="class")}


class _TakenBackError(Exception):
    """Ends an order: the next one starts from the same state."""


def _six() -> list[Event]:
    ranked = card("R-01", RANKED_IN_CLASS, _BOUND)
    later = msgspec.structs.replace(ranked, version=2, evaluated_unit_ids=ranked.evaluated_unit_ids[:2])
    return [
        ranked,
        later,
        facts(1, fact("M-GROWTH", "420102", "5")),
        facts(2, fact("M-GROWTH", "420102", "9.5", version=2)),
        facts(3, fact("M-GROWTH", "420103", "7")),
        in_class("420103", "rural", version=3),
    ]


def _fifty(draw: random.Random) -> list[Event]:
    """Versions of cards and facts of three indicators, one of which enters its losses at once, and moves of classes."""
    events: list[Event] = []
    for version in (1, 2, 3):
        events.append(card("R-01", RANKED_IN_CLASS, _BOUND, version=version))
        rule = per_error("10", f"-{version}")
        events.append(card("R-02", rule, {"errors": metric("M-ERR")}, version=version))
        finding = msgspec.structs.replace(FINDING, version=version, evaluated_unit_ids=FINDING.evaluated_unit_ids)
        events.append(finding)
        events.append(published(SET, [], version=version))
    events += [in_class(unit, name, version) for version, name in ((3, "rural"), (4, "urban")) for unit in DISTRICTS]
    number = 0
    while len(events) < 50:
        number += 1
        code = ("M-GROWTH", "M-ERR", "M-COND")[number % 3]
        unit = DISTRICTS[number // 3 % 3]
        events.append(facts(number, fact(code, unit, str(draw.randrange(9)), version=number)))
    return events


async def _apply(service: RunningService, uow: UnitOfWork, events: Sequence[Event]) -> None:
    for event in events:
        await service.handlers[type(event)](uow, event, _ENVELOPE)


_ARRIVED: list[int] = []  # of the control: versions of cards as they came
_ENVELOPE: Envelope = mock.sentinel.envelope  # no handler reads it


async def _state(connection: asyncpg.Connection | asyncpg.Pool) -> str:
    rows = [[list(row) for row in await connection.fetch(statement)] for statement in _STATE]
    return json.dumps(rows, default=str)


async def _order(service: RunningService, events: Sequence[Event]) -> str:
    """The state after these events, each twice, in a transaction that is taken back."""
    found = ""
    _ARRIVED.clear()
    with suppress(_TakenBackError):
        async with service.database.transaction("r28") as uow:
            for event in events:
                await _apply(service, uow, (event, event))
            found = await _state(await uow.driver())
            raise _TakenBackError
    return found


async def _every_order(service: RunningService, events: Sequence[Event], seconds: float) -> tuple[int, set[str]]:
    end, states, orders = asyncio.get_running_loop().time() + seconds, set(), 0
    for order in _mixed(events):
        states.add(await _order(service, order))
        orders += 1
        if asyncio.get_running_loop().time() >= end:
            break
    return orders, states


def _mixed(events: Sequence[Event]) -> Iterator[tuple[Event, ...]]:
    """All orders; when time is short the first ones differ as much as any."""
    orders = list(itertools.permutations(events))
    random.Random(28).shuffle(orders)  # noqa: S311 - an order, not a secret
    return iter(orders)


@contextmanager
def _last_comes_first() -> Iterator[None]:
    """The control: whatever card came last governs."""
    keep = repository.keep_card

    async def keep_card(driver: asyncpg.Connection, card: IndicatorPublished) -> bool:
        _ARRIVED.append(card.version)
        return await keep(driver, card)

    def last(versions: Sequence[IndicatorPublished], _: Any) -> IndicatorPublished:
        return max(versions, key=lambda card: len(_ARRIVED) - _ARRIVED[::-1].index(card.version))

    with (
        mock.patch.object(repository, "keep_card", keep_card),
        mock.patch.object(rescoring, "governing", last),
        mock.patch.object(repository, "governing", last),
    ):
        yield


async def _emptied(service: RunningService) -> None:
    tables = "cells, cell_versions, entries, evaluations, deductions, deduction_versions, facts, fact_chunks, "
    owner = await asyncpg.connect(service.dsns.owner)
    try:
        await owner.execute(f"TRUNCATE {tables} card_versions, card_metrics, indicator_sets, period_states")
        await owner.execute("DELETE FROM directory_unit_spans WHERE kind = 'district_bureau'")
    finally:
        await owner.close()


async def run(system: System, *, seconds: float) -> Verdict:
    """Half of the time for the orders of six, half for random ones of fifty."""
    journal = system.directory / "clock-r28.jsonl"
    Clock(journal).set(datetime(2015, 2, 5, 9, tzinfo=SHANGHAI), by="chaos")
    database, dsns = await fresh_database(system.postgres, "scoring_svc")
    with issuer_for_tests() as issuer:
        async with running_service(
            "scoring_svc", system.postgres, issuer, database=(database, dsns), clock_file=journal, group_pause_seconds=0
        ) as service:
            await service.seed_units(UNITS)
            for unit in DISTRICTS:
                await service.deliver(in_class(unit, "urban"), times=1)
            orders, states = await _every_order(service, _six(), seconds / 2)
            with _last_comes_first():
                _, spoilt = await _every_order(service, _six(), min(seconds / 4, 5))
            draw, long, random_orders = random.Random(50), set(), 0  # noqa: S311 - values and orders, not secrets
            events, end = _fifty(draw), asyncio.get_running_loop().time() + seconds / 2
            while random_orders < 2 or asyncio.get_running_loop().time() < end:
                draw.shuffle(events)
                await _emptied(service)
                for event in events:
                    await service.deliver(event, times=1)
                long.add(await _state(service.database.reads))
                random_orders += 1
    figures = {"orders_of_6": orders, "states": len(states), "orders_of_50": random_orders, "states_of_50": len(long),
               "control_states": len(spoilt)}  # fmt: skip
    held = len(states) == 1 and len(long) == 1 and states != {""}
    return Verdict("R28", held, red_if(len(spoilt) > 1), figures)
