"""Rulings on appeals become adjudicated inputs: kept by appeal and version, read by every later evaluation.

In any order: before or after the facts and the card, in an open, fenced, confirmed or closed period. An upheld appeal
is itself the approval that a closed period asks for.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import governing
from services.scoring_svc.ledger import adjudication_repository as decisions
from services.scoring_svc.ledger import repository
from services.scoring_svc.ledger.adjudication import Adjudication, demand_readable
from services.scoring_svc.ledger.rescoring import Cause, rescore
from shared.contracts.audit import AppealRuled
from shared.contracts.periods import parse_period
from shared.db import UnitOfWork


async def apply_ruling(uow: UnitOfWork, event: AppealRuled, at: datetime) -> None:
    """Keep a version of a ruling and score its cell again; a repeated or overtaken one changes nothing.

    Raises AdjudicationUnreadable: the message becomes a dead letter, the cell stays as it was.
    """
    demand_readable(event.kind, event.input, event.value)
    period = parse_period(event.period)
    driver = await uow.driver()
    before = await decisions.cells_of(driver, event.appeal_id)
    await hold_what_is_decided(uow, {event.indicator_id, *(indicator for _, indicator, __ in before)})
    decided = Adjudication(
        "ruling", event.appeal_id, event.version, event.kind, event.input, event.value, event.reason, event.ruled_by,
        event.ruled_at,
    )  # fmt: skip
    state = "standing" if event.state == "upheld" else "withdrawn"
    cell = (event.indicator_id, event.unit_id)
    if not await decisions.keep(driver, period.key, cell, decided, state=state, at=at):
        return
    after = {**told(decided), "state": state, "cell": name_of(cell, period.key)}
    uow.trail("rule", "appeal", event.appeal_id, after=after)
    await apply_decision(uow, decided, at)


async def hold_what_is_decided(uow: UnitOfWork, indicators: Iterable[UUID]) -> None:
    """Hold calendar and groups against change, and the cards of indicators with what is decided on them alone."""
    driver = await uow.driver()
    await copies.hold_surroundings(driver, alone=False)
    await decisions.hold_indicators(driver, indicators)


async def apply_decision(uow: UnitOfWork, decided: Adjudication, at: datetime) -> None:
    """Score the cells that any version of a decision is about, and their peers where the rule compares.

    A cell that is not there waits: its card, which is not here yet or evaluates other units, is read with the decision.
    """
    driver = await uow.driver()
    by_period: dict[str, set[tuple[UUID, UUID]]] = {}
    for key, indicator, unit in await decisions.cells_of(driver, decided.source_id):
        by_period.setdefault(key, set()).add((indicator, unit))
    for key, cells in sorted(by_period.items()):
        period, indicators = parse_period(key), sorted({indicator for indicator, _ in cells})
        governs = [governing(await copies.cards_of_indicator(driver, indicator), period) for indicator in indicators]
        cause = Cause(at, decided=decided, concerns=frozenset(unit for _, unit in cells))
        await rescore(uow, period, [card for card in governs if card is not None], None, cause)
        known = await repository.standing_cells(driver, key, indicators)
        for cell in sorted(cells - known.keys()):
            uow.trail("score", "cell", name_of(cell, key), outcome="refused:cell_unknown")


def told(decided: Adjudication) -> Mapping[str, Any]:
    """A decision as the trail keeps it."""
    return {
        "version": decided.version,
        "kind": decided.kind,
        "input": decided.input,
        "value": decided.value,
        "reason": decided.reason,
        "by": decided.decided_by,
    }


def name_of(cell: tuple[UUID, UUID], period: str) -> str:
    """A cell as the trail names it."""
    return f"{cell[0]}/{cell[1]}/{period}"
