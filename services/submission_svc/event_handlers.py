"""What submission_svc does with each event it reads: thin, the use cases do the work."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from services.submission_svc.burden.use_cases import report_burden
from services.submission_svc.facts.use_cases import record_finding
from services.submission_svc.fences.use_cases import apply_closed, apply_confirmed, apply_fenced
from services.submission_svc.published.use_cases import apply_card, apply_metric, apply_set
from shared.clock import SHANGHAI
from shared.contracts.audit import FindingConfirmed
from shared.contracts.envelope import Envelope
from shared.contracts.indicator import IndicatorPublished, IndicatorSetPublished, MetricChanged
from shared.contracts.registry import Event
from shared.contracts.scoring import PeriodClosed, PeriodConfirmed, PeriodFenced
from shared.db import UnitOfWork
from shared.directory.apply import DIRECTORY_HANDLERS
from shared.messaging.bus import Handler


async def on_metric_changed(uow: UnitOfWork, event: MetricChanged, _: Envelope) -> None:
    """Keep the metric."""
    await apply_metric(uow, event)


async def on_indicator_published(uow: UnitOfWork, event: IndicatorPublished, _: Envelope) -> None:
    """Keep the card, what it asks of whom, and the burden."""
    await apply_card(uow, event, report_burden)


async def on_set_published(uow: UnitOfWork, event: IndicatorSetPublished, _: Envelope) -> None:
    """Keep the set and make its year ready."""
    await apply_set(uow, event, report_burden)


async def on_period_fenced(uow: UnitOfWork, event: PeriodFenced, _: Envelope) -> None:
    """Know the fence."""
    await apply_fenced(uow, event)


async def on_period_confirmed(uow: UnitOfWork, event: PeriodConfirmed, _: Envelope) -> None:
    """Know the confirmation."""
    await apply_confirmed(uow, event)


async def on_period_closed(uow: UnitOfWork, event: PeriodClosed, _: Envelope) -> None:
    """Know that the period is closed."""
    await apply_closed(uow, event)


async def on_finding_confirmed(uow: UnitOfWork, event: FindingConfirmed, _: Envelope) -> None:
    """The finding becomes a fact, received when it was confirmed."""
    await record_finding(uow, event, _in_shanghai(event.confirmed_at))


def _in_shanghai(moment: datetime) -> datetime:
    return moment.astimezone(SHANGHAI)


HANDLERS: Mapping[type[Event], Handler] = MappingProxyType(
    {
        **DIRECTORY_HANDLERS,
        MetricChanged: on_metric_changed,
        IndicatorPublished: on_indicator_published,
        IndicatorSetPublished: on_set_published,
        PeriodFenced: on_period_fenced,
        PeriodConfirmed: on_period_confirmed,
        PeriodClosed: on_period_closed,
        FindingConfirmed: on_finding_confirmed,
    }
)
