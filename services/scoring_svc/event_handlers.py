"""What scoring_svc does with the events it reads; each handler calls one verb. Applied by version, in any order.

Handlers get no request, so the business clock of the process is told once at the start by `keep_time_by`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.scoring_svc.bonus.use_cases import award_makeup
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.ledger.rescoring import apply_card, apply_facts, apply_surroundings
from services.scoring_svc.ledger.rulings import apply_ruling
from shared.clock import Clock
from shared.contracts.audit import AppealRuled, MakeupVerified
from shared.contracts.envelope import Envelope
from shared.contracts.indicator import (
    CalendarPublished,
    IndicatorPublished,
    IndicatorSetPublished,
    MetricChanged,
    UnitChanged,
)
from shared.contracts.registry import Event
from shared.contracts.submission import FactsRecorded
from shared.db import UnitOfWork
from shared.directory.apply import DIRECTORY_HANDLERS, apply_calendar, apply_unit


class _BusinessTime:
    """The one clock of this process; real time until the composition root says otherwise."""

    clock = Clock()
    pause = 0.0


def keep_time_by(clock: Clock, pause: float) -> None:
    """Let handlers read this business clock: what they enter into the ledger is dated by it.

    `pause`: seconds for which a group of units that see each other is not scored again for the next fact.
    """
    _BusinessTime.clock, _BusinessTime.pause = clock, pause


async def on_unit(uow: UnitOfWork, event: UnitChanged, _: Envelope) -> None:
    """A unit changed: the cells that depend on its groups are scored again."""
    await copies.hold_surroundings(await uow.driver(), alone=True)
    await apply_unit(uow, event)
    await apply_surroundings(uow, _BusinessTime.clock.now(), calendar=False, unit=event.unit_id)


async def on_calendar(uow: UnitOfWork, event: CalendarPublished, _: Envelope) -> None:
    """The calendar of a year came: the cells that count working days are scored again."""
    await copies.hold_surroundings(await uow.driver(), alone=True)
    await apply_calendar(uow, event)
    await apply_surroundings(uow, _BusinessTime.clock.now(), calendar=True)


async def on_metric(uow: UnitOfWork, event: MetricChanged, _: Envelope) -> None:
    """Keep the metric's name."""
    await copies.keep_metric(await uow.driver(), event)


async def on_set(uow: UnitOfWork, event: IndicatorSetPublished, _: Envelope) -> None:
    """Keep the set; whether all its cards are here is asked when a period is confirmed."""
    await copies.keep_set(await uow.driver(), event)


async def on_card(uow: UnitOfWork, event: IndicatorPublished, _: Envelope) -> None:
    """Keep the card; facts that came before it are scored now."""
    await apply_card(uow, event, _BusinessTime.clock.now())


async def on_facts(uow: UnitOfWork, event: FactsRecorded, _: Envelope) -> None:
    """Keep the facts and score what depends on them."""
    await apply_facts(uow, event, _BusinessTime.clock.now(), _BusinessTime.pause)


async def on_makeup(uow: UnitOfWork, event: MakeupVerified, _: Envelope) -> None:
    """A cure is verified: its points are entered, once per problem."""
    await award_makeup(uow, event, _BusinessTime.clock.now())


async def on_ruling(uow: UnitOfWork, event: AppealRuled, _: Envelope) -> None:
    """An appeal is ruled: its cell is scored again, and the ruling is read from now on."""
    await apply_ruling(uow, event, _BusinessTime.clock.now())


HANDLERS: Mapping[type[Event], Callable[[UnitOfWork, Any, Envelope], Awaitable[None]]] = {
    **DIRECTORY_HANDLERS,
    UnitChanged: on_unit,
    CalendarPublished: on_calendar,
    MetricChanged: on_metric,
    IndicatorSetPublished: on_set,
    IndicatorPublished: on_card,
    FactsRecorded: on_facts,
    MakeupVerified: on_makeup,
    AppealRuled: on_ruling,
}
