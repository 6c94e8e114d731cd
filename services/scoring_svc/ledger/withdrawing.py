"""Taking cells back whose unit a newer version of the card no longer evaluates, while their period may still change.

Only what the ledger has of them: a provisional cell without entries is simply dropped. The deduction of an immediate
indicator is lifted, so that whoever was told of the loss hears that it stands no more.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger import reading, repository
from services.scoring_svc.ledger.domain import NOT_EVALUATED, Finding, Standing
from services.scoring_svc.ledger.entering import enter, tell_deductions
from services.scoring_svc.ledger.evaluation import Group
from services.scoring_svc.ledger.rows import Occasion
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period
from shared.db import UnitOfWork


async def withdraw_dropped(uow: UnitOfWork, period: Period, card: IndicatorPublished, at: datetime) -> None:
    """Enter that units without this card lost nothing by it: their entries are reversed, their deductions lifted.

    The caller holds the period and the indicator's cells, and the card governs the period. Nothing reaches back over
    a confirmation.
    """
    driver = await uow.driver()
    state = await periods.period_row(driver, card.set_id, period.key)
    if state is None or state.state not in {"open", "fenced"}:
        return
    standing = await repository.standing_cells(driver, period.key, [card.indicator_id])
    note = f"指标第{card.version}版不再考核该单位"
    occasion = Occasion("immediate", "correction", uow.who, at, note)
    for (indicator, unit), known in sorted(standing.items()):
        if unit in card.evaluated_unit_ids or not known.entered or known.scored.finding.code == NOT_EVALUATED:
            continue
        group = await _as_entered(uow, period, card.indicator_id, unit, known)
        finding = Finding("not_scorable", known.scored.full_marks, code=NOT_EVALUATED, note=note)
        cell = known.scored._replace(finding=finding)
        # One by one: each is an evaluation of its own, of the version of the card that it was entered under.
        done = await enter(uow, card.set_id, period.key, [(group, [cell])], {(indicator, unit): known}, occasion)
        await repository.put_cells(driver, period.key, done.blocks, standing, confirmed=False, at=at)
        tell_deductions(uow, card.set_id, done.deductions)
        uow.trail(
            "withdraw",
            "cell",
            f"{indicator}/{unit}/{period.key}",
            before={"version": known.entered, "score": known.scored.score},
            after={"version": known.entered + 1, "reason": note},
        )


async def _as_entered(uow: UnitOfWork, period: Period, indicator: UUID, unit: UUID, known: Standing) -> Group:
    """What the cell was last entered under: its proof stays readable."""
    driver = await uow.driver()
    stored = await reading.evaluation_of(driver, indicator, unit, period.key, known.entered)
    if stored is None:
        raise LookupError(f"{indicator}/{unit}/{period.key} version {known.entered} has no evaluation")
    versions = await copies.cards_of_indicator(driver, indicator)
    card = next(one for one in versions if one.version == stored["indicator_version"])
    inputs = msgspec.json.decode(stored["inputs"], type=dict[str, dict[str, int | str]])
    return Group.of_rows(card, period, {}, inputs, await repository.calendar_edition(driver, stored["calendar"]))
