"""What the cells that are to be scored read: facts, results of other cards, decisions; as they are, or as they were.

Belongs here: which cells are wanted, and gathering what they read. Does not belong here: writing (rescoring).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import Facts, metrics_of, results_of
from services.scoring_svc.ledger import adjudication_repository as decisions
from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.adjudication import Cell, adjudicated
from services.scoring_svc.ledger.domain import Standing, as_result
from services.scoring_svc.ledger.evaluation import (
    Group,
    Results,
    Surroundings,
    as_confirmed,
    facts_of,
    prepare,
    reads_peers,
)
from services.scoring_svc.ledger.repository import Connection
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period
from shared.db import UnitOfWork

Changed = Collection[tuple[UUID, UUID]]


@dataclass(frozen=True)
class Wanted:
    """Which cells are to be scored.

    Of the cards `first`: those that depend on the changed facts (all with anything to read if None), or of the units
    that a decision concerns, within `among` if it is given. Of all cards those that follow a result which changed.
    """

    changed: Changed | None
    concerns: Collection[UUID]
    first: frozenset[UUID]
    among: Sequence[UUID] | None = None
    following: dict[UUID, set[UUID]] = field(default_factory=dict)

    def follow(self, indicator: UUID, units: Collection[UUID]) -> None:
        """These units' cells of an indicator read a result that changed."""
        self.following.setdefault(indicator, set()).update(units)

    def limit(self, cards: Sequence[IndicatorPublished]) -> Sequence[UUID] | None:
        """The only units that need be looked at for these cards; None for all."""
        return self.among if all(card.indicator_id in self.first for card in cards) else None

    def units(
        self, card: IndicatorPublished, facts: Facts, known: Collection[Cell], results: Results
    ) -> Collection[UUID]:
        """The units of a card whose cells are wanted; `known`: cells that stand already or were decided on."""
        follow = self.following.get(card.indicator_id, set())
        if card.indicator_id not in self.first:
            return follow
        if self.concerns:
            return {*self.concerns, *follow}
        metrics, read = set(metrics_of(card)), set(results_of(card))
        if self.changed is not None:
            return {unit for metric, unit in self.changed if metric in metrics} | follow
        there = {unit for metric in metrics for unit in facts.get(metric, {})}
        there |= {unit for indicator, unit in known if indicator == card.indicator_id}
        there |= {unit for indicator, unit in results if indicator in read}
        return there if self.among is None else (there & set(self.among)) | follow


@dataclass(frozen=True)
class Read:
    """A card to be scored, and what surrounded it at the confirmation; `then` is None while the period may change.

    `facts`: those that a closed period was closed with; None where the newest count.
    """

    card: IndicatorPublished
    then: Surroundings | None
    facts: Facts | None = None


async def results_read(connection: Connection, period: str, indicators: Collection[UUID]) -> Results:
    """The cells of indicators as rules read them, by (indicator, unit)."""
    known = await repository.standing_cells(connection, period, indicators) if indicators else {}
    return {key: text for key, cell in known.items() if (text := as_result(cell)) is not None}


async def read_as_confirmed(
    uow: UnitOfWork, card: IndicatorPublished, standing: Mapping[Cell, Standing], period: Period, *, closed: bool
) -> Read | None:
    """The card, calendar and groups that an indicator was confirmed under; None if it was not.

    What was published since reaches back neither for the amended unit nor for its peers: only the fact changed. In a
    closed period the facts stand too: an amendment that came too late must not slip in beside a decision.
    """
    driver = await uow.driver()
    cells = {unit: known for (indicator, unit), known in standing.items() if indicator == card.indicator_id}
    version = max((known.card_version for known in cells.values() if known.confirmed), default=None)
    if version is None:
        return None
    if card.version != version:
        versions = await copies.cards_of_indicator(driver, card.indicator_id)
        card = next(one for one in versions if one.version == version)
    calendar = await repository.calendar_last_used(driver, period.key, card.indicator_id)
    scored = {unit: known.scored for unit, known in cells.items()}
    facts = await copies.facts_as_read(driver, period.key, facts_of(card, scored)) if closed else None
    return Read(card, as_confirmed(card, scored, calendar), facts)


async def gather(
    uow: UnitOfWork,
    period: Period,
    reads: Sequence[Read],
    wanted: Wanted,
    standing: Mapping[Cell, Standing],
) -> list[Group]:
    """What the wanted cells of cards read, decisions in place; all cells of a card where units see each other."""
    driver = await uow.driver()
    metrics = {metric for read in reads for metric in metrics_of(read.card)}
    limit = wanted.limit([read.card for read in reads])
    facts = await copies.newest_facts(driver, period.key, metrics, limit)
    units = limit or {unit for read in reads for unit in read.card.evaluated_unit_ids}
    around = await repository.surroundings(driver, units, period.last)
    decided = await decisions.standing(driver, period.key, [read.card.indicator_id for read in reads])
    results = await results_read(driver, period.key, {one for read in reads for one in results_of(read.card)})
    groups = []
    for read in reads:
        card = read.card
        only = None if reads_peers(card) else wanted.units(card, facts, {*decided, *standing}, results)
        used = facts if read.facts is None else read.facts
        group = prepare(card, period, used, read.then or around, only, results)
        if group.units:
            groups.append(adjudicated(group, decided))
    return groups
