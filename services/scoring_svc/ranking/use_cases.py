"""Rankings: the provisional one as it stands now, and publishing an immutable version."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID, uuid5

import asyncpg

from services.scoring_svc.bonus.entry_repository import points_of_units
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import governing
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ranking import repository
from services.scoring_svc.ranking.domain import BLEND, CellScored, Ranked, RankingNotReady, rank, totals, with_entries
from services.scoring_svc.ranking.schemas import RankedOut, RankingOut
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, periods_of_year
from shared.contracts.scoring import RankedUnit, RankingPublished
from shared.db import UnitOfWork
from shared.directory.repository import Unit, units_by


async def provisional_ranking(uow: UnitOfWork, indicator_set: IndicatorSet, span: Period, today: date) -> RankingOut:
    """The ranking over a span from confirmed and provisional scores alike; places are among all units."""
    driver = await uow.driver()
    keys = [period.key for period in periods_of_year(span.first.year) if span.contains(period)]
    cells = await repository.scored_cells(driver, indicator_set.set_id, keys, confirmed=False)
    units = {unit.unit_id: unit for unit in await units_by(driver, today)}
    ranked = await _ranked(driver, indicator_set.set_id, span, cells)
    return RankingOut(
        ranking_id=None,
        set=indicator_set.code,
        period=span.key,
        version=0,
        published_at=None,
        published_by=None,
        ranked=len(ranked),
        policy=BLEND,
        units=_shown(ranked, units),
    )


async def publish_ranking(uow: UnitOfWork, indicator_set: IndicatorSet, span: Period, now: datetime) -> RankingOut:
    """Publish the next version of the ranking over a span. Raises RankingNotReady naming unconfirmed periods."""
    driver = await uow.driver()
    last = await repository.hold_rankings(driver, indicator_set.set_id, span.key)
    scored = scored_periods(await copies.cards_within(driver, indicator_set.set_id), span)
    missing = sorted(set(scored) - await repository.confirmed_periods(driver, indicator_set.set_id))
    if missing or not scored:
        raise RankingNotReady(periods=", ".join(missing) or span.key)
    cells = await repository.scored_cells(driver, indicator_set.set_id, scored, confirmed=True)
    units = {unit.unit_id: unit for unit in await units_by(driver, span.last)}
    ranked = await _ranked(driver, indicator_set.set_id, span, cells)
    version = last + 1
    ranking = RankingOut(
        ranking_id=uuid5(indicator_set.set_id, f"ranking/{span.key}/{version}"),
        set=indicator_set.code,
        period=span.key,
        version=version,
        published_at=now,
        published_by=uow.who,
        ranked=len(ranked),
        policy=BLEND,
        units=_shown(ranked, units),
    )
    assert ranking.ranking_id is not None  # noqa: S101 - set two lines above
    await repository.add_ranking(
        driver,
        ranking_id=ranking.ranking_id,
        set_id=indicator_set.set_id,
        period=span.key,
        version=version,
        body=ranking.model_dump_json(),
        at=now,
        by=uow.who,
    )
    uow.record(published_event(indicator_set.set_id, ranking), subject=span.key)
    uow.trail("publish", "ranking", ranking.ranking_id, after={"period": span.key, "version": version})
    return ranking


def published_event(set_id: UUID, ranking: RankingOut) -> RankingPublished:
    """What others are told of a published ranking."""
    return RankingPublished(
        set_id=set_id,
        period=ranking.period,
        version=ranking.version,
        units=[RankedUnit(unit_id=unit.unit_id, place=unit.place, total=unit.total) for unit in ranking.units],
    )


def scored_periods(cards: Sequence[IndicatorPublished], span: Period) -> list[str]:
    """The periods inside a span in which some card of the set is scored."""
    by_indicator: dict[UUID, list[IndicatorPublished]] = {}
    for card in cards:
        by_indicator.setdefault(card.indicator_id, []).append(card)
    return [
        period.key
        for period in periods_of_year(span.first.year)
        if span.contains(period) and any(governing(versions, period) for versions in by_indicator.values())
    ]


async def _ranked(
    driver: asyncpg.Connection, set_id: UUID, span: Period, cells: Sequence[CellScored]
) -> Sequence[Ranked]:
    keys = [period.key for period in periods_of_year(span.first.year) if span.contains(period)]
    return rank(with_entries(totals(cells), await points_of_units(driver, set_id, keys)))


def _shown(ranked: Sequence[Ranked], units: Mapping[UUID, Unit]) -> list[RankedOut]:
    return [
        RankedOut(
            unit_id=row.unit_id,
            unit=units[row.unit_id].code if row.unit_id in units else None,
            unit_name=units[row.unit_id].name if row.unit_id in units else None,
            place=row.place,
            total=row.total,
            full_marks=row.full_marks,
            indicators=row.indicators,
        )
        for row in ranked
    ]
