"""Declaring which metrics stand beside a set's scores; their figures for the units that a reader sees."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache, cached_property
from uuid import UUID

from services.scoring_svc.context import repository
from services.scoring_svc.context.domain import (
    SUMMABLE,
    ContextMetricsRefused,
    Figure,
    covers,
    evaluations_in,
    figure_of,
    months_of,
    said,
    total,
    year_before,
)
from services.scoring_svc.context.repository import Connection, ContextMetric, ShownUnit
from services.scoring_svc.context.schemas import ContextFigureOut
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger.reading import Reader
from services.scoring_svc.ranking.domain import Span
from services.scoring_svc.reports.repository import seen_in
from shared.auth import Actor
from shared.contracts.identity import metric_id
from shared.contracts.periods import parse_period, periods_of_year
from shared.db import UnitOfWork
from shared.errors import Detail, OutsideScope, Stale, VersionRequired


@dataclass(frozen=True)
class Beside:
    """The figures of units over a span: for each the metrics in the order declared.

    `months`: what each figure is the sum of and what it is compared with, by month.
    """

    span: Span
    metrics: Sequence[ContextMetric]
    units: Sequence[ShownUnit]
    months: Sequence[Sequence[Mapping[str, Fraction]]]

    @cached_property
    def figures(self) -> list[list[Figure]]:
        """By unit and metric."""
        return [[figure_of(by_month, self.span) for by_month in row] for row in self.months]

    @property
    def total(self) -> list[Figure]:
        """Of all units together."""
        return [total([row[place] for row in self.figures]) for place in range(len(self.metrics))]

    def out(self, figures: Sequence[Figure]) -> list[ContextFigureOut]:
        """The figures of a unit, or of all together, as they are answered."""
        return [
            ContextFigureOut(
                metric=metric.code,
                name=dict(metric.name),
                unit=None if metric.unit is None else dict(metric.unit),
                value=said(figure.value),
                compared_with=year_before(self.span.key),
                year_before=said(figure.before),
                growth=figure.growth,
                reason=figure.reason,
            )
            for metric, figure in zip(self.metrics, figures, strict=True)
        ]


async def declare(
    uow: UnitOfWork, actor: Actor, indicator_set: IndicatorSet, codes: Sequence[str], seen: int | None, now: datetime
) -> None:
    """Declare the context metrics of a set anew.

    Raises OutsideScope, VersionRequired, Stale, ContextMetricsRefused.
    """
    # What stands beside the scores of a set is the same for all its units.
    if not actor.reach("context.declare").everything:
        raise OutsideScope
    driver = await uow.driver()
    ids = [metric_id(code) for code in codes]
    known = await repository.metrics(driver, ids)
    counts = Counter(codes)
    faults = [
        Detail(f"/metrics/{place}", fault, code)
        for place, (code, identity) in enumerate(zip(codes, ids, strict=True))
        if (fault := _fault(counts[code], known.get(identity)))
    ]
    if faults:
        raise ContextMetricsRefused(details=faults)
    await repository.hold_declarations(driver, indicator_set.set_id)
    last, before = await repository.declared(driver, indicator_set.set_id)
    if last and seen is None:
        raise VersionRequired
    if (seen or 0) != last:
        raise Stale
    await repository.declare(driver, indicator_set.set_id, last + 1, ids, uow.who, now)
    names = await repository.metrics(driver, before)
    uow.trail(
        "declare",
        "context_metrics",
        f"{indicator_set.code}/{last + 1}",
        before={"metrics": [names[one].code for one in before]},
        after={"metrics": list(codes)},
    )


def _fault(times: int, metric: ContextMetric | None) -> str | None:
    if times > 1:
        return "duplicate"
    if metric is None:
        return "metric_unknown"
    return None if metric.type in SUMMABLE else "not_summable"


async def declared(connection: Connection, set_id: UUID) -> tuple[int, list[ContextMetric]]:
    """The version of what is declared for a set, and the metrics in their order."""
    version, ids = await repository.declared(connection, set_id)
    known = await repository.metrics(connection, ids)
    return version, [known[identity] for identity in ids]


async def beside(connection: Connection, reader: Reader, set_id: UUID, span: Span, unit: str | None = None) -> Beside:
    """The figures of the units whose scores the reader sees in every month of the span, or in periods that hold it."""
    periods = [period for period in periods_of_year(span.last.year) if span.contains(period)]
    evaluations = evaluations_in(await copies.cards_within(connection, set_id), periods)
    sides = {department for department, _ in evaluations}.union(*evaluations.values())
    seen = await seen_in(connection, reader, sides, [period.key for period in periods])
    visible: dict[UUID, set[str]] = {}
    for (department, period), evaluated in evaluations.items():
        for one in evaluated:
            if (one, period) in seen or (department, period) in seen:
                visible.setdefault(one, set()).add(period)
    # Nearly all units are seen in the same periods, so what these cover is asked once.
    covering = cache(lambda keys: covers([parse_period(key) for key in keys], span))
    shown = [one for one, keys in visible.items() if covering(frozenset(keys))]
    return await _figures(connection, set_id, span, await repository.units(connection, shown, unit, reader.today))


async def beside_card(
    connection: Connection, set_id: UUID, span: Span, unit: ShownUnit, periods: Iterable[str]
) -> list[ContextFigureOut]:
    """The figures of a unit of whose score card the reader sees these periods; none unless they cover the span."""
    if not covers([parse_period(key) for key in periods], span):
        return []
    found = await _figures(connection, set_id, span, [unit])
    return found.out(found.figures[0])


async def _figures(connection: Connection, set_id: UUID, span: Span, units: Sequence[ShownUnit]) -> Beside:
    _, metrics = await declared(connection, set_id)
    months = [month for one in months_of(span) for month in (one, year_before(one))]
    ids, keys = [one.metric_id for one in metrics], [one.unit_id for one in units]
    known = await repository.figures(connection, months, ids, keys) if metrics and units else {}
    by_month = [
        [{month: known[month, metric, unit] for month in months if (month, metric, unit) in known} for metric in ids]
        for unit in keys
    ]
    return Beside(span, metrics, units, by_month)
