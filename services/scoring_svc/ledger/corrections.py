"""Corrections of what is confirmed or closed: the office asks with reason and document, a second person decides.

An approved one becomes an adjudicated input exactly as a ruling does. Two decisions at once: one wins, the other hears
that it is decided.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from services.scoring_svc.bonus.domain.awards import demand_another
from services.scoring_svc.bonus.request_repository import own_places, paths
from services.scoring_svc.bonus.requesting import demand_dated
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.engine.facts import FactRefused, admit
from services.scoring_svc.ledger import adjudication_repository as decisions
from services.scoring_svc.ledger import correction_repository as repository
from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger import repository as cells
from services.scoring_svc.ledger.adjudication import (
    Adjudication,
    Cell,
    counting,
    demand_possible,
    demand_readable,
    mark_of,
)
from services.scoring_svc.ledger.correction_repository import Correction, CorrectionKind, State
from services.scoring_svc.ledger.domain import Standing
from services.scoring_svc.ledger.evaluation import as_engine_reads, rule_of
from services.scoring_svc.ledger.rulings import apply_decision, hold_what_is_decided
from shared.auth import Actor
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.db import UnitOfWork
from shared.directory.repository import places_of, units_on
from shared.errors import Detail, NotFound, OutsideScope, Refused, Stale


class PeriodStillOpen(Refused):
    """Before confirmation a fact is simply reported anew."""

    code = "period_not_confirmed_yet"
    zh, en = "该考核期尚未确认，请直接更正数据", "This period is not confirmed yet: amend the fact itself"


class CellUnknown(Refused):
    """The set has no confirmed cell of this indicator and unit in the period."""

    status, code = 422, "cell_unknown"
    zh, en = "该考核期没有这一单元格", "This period has no such cell"


class CorrectionValueRefused(Refused):
    """The rule has no such input, or its input does not allow the value."""

    status, code = 422, "correction_value_refused"
    zh, en = (
        "更正的数据不被该指标的计分规则接受：{why}",
        "The indicator's rule does not take the corrected value: {why}",
    )


class FactUnknown(Refused):
    """No such version of the fact ever came."""

    status, code = 422, "fact_unknown"
    zh, en = "没有该数据的这一版本", "There is no such version of this fact"


class CorrectionChangesNothing(Refused):
    """No cell of the unit would read anything else than it does."""

    code = "correction_changes_nothing"
    zh, en = "该更正不改变任何单元格所读取的数据", "No cell would read anything else than it does already"


class CorrectionWithoutResult(Refused):
    """With the correction the cell would have no result."""

    code = "correction_without_result"
    zh, en = "按此更正，单元格得不出结果", "With this correction the cell would have no result"


class CorrectionOvertaken(Refused):
    """Another decision on what it would change was taken while this one waited: it would not count."""

    code = "correction_overtaken"
    zh = "同一单元格刚刚已有另一项决定，本次批准不会生效，请核对后再作决定"
    en = "The same cell was decided otherwise at this moment, so this approval would not count: look again, then decide"


class CorrectionDecided(Refused):
    """A correction is decided once."""

    code = "correction_decided"
    zh, en = "该更正申请已有决定", "This correction has been decided already"


class OwnUnitsCorrection(Refused):
    """Nobody decides on a correction of a unit in or below which they serve, lead or liaise."""

    status, code = 403, "own_units_correction"
    zh, en = "不得审批本单位的更正申请", "Nobody decides on a correction of their own unit"


@dataclass(frozen=True)
class Asked:
    """What is asked for: a cell's value, exemption or score by the codes of indicator and unit, or a fact's version."""

    indicator_set: IndicatorSet
    period: Period
    unit: str
    kind: CorrectionKind
    indicator: str | None
    input: str | None
    value: Any
    metric: str | None
    fact_version: int | None
    reason: str
    document_no: str
    document_on: date


async def ask(uow: UnitOfWork, actor: Actor, wanted: Asked, now: datetime) -> Correction:
    """Ask for a correction.

    Raises OutsideScope, PeriodStillOpen, DocumentInFuture, CellUnknown, AdjudicationUnreadable, CorrectionValueRefused,
    ScoreNotPossible, FactUnknown, CorrectionChangesNothing.
    """
    driver, period, set_id = await uow.driver(), wanted.period, wanted.indicator_set.set_id
    units = {unit.code: unit.unit_id for unit in await units_on(driver, period.last)}
    if wanted.unit not in units:
        raise CellUnknown(details=[Detail("/unit", "unit_unknown")])
    unit = units[wanted.unit]
    await _demand_reach(uow, actor, "corrections.ask", unit, period, now.date())
    demand_dated(wanted.document_on, now.date(), "/document_on")
    state = await periods.period_row(driver, set_id, period.key)
    if state is None or state.state not in {"confirmed", "closed"}:
        raise PeriodStillOpen
    metric = indicator = None
    if wanted.kind == "fact":
        metric = await repository.metric_named(driver, wanted.metric or "")
        if metric is None:
            raise FactUnknown(details=[Detail("/metric", "unknown")])
    else:
        demand_readable(wanted.kind, wanted.input, wanted.value)
        indicator = await _indicator(uow, wanted, unit)
    made = Correction(
        correction_id=uuid4(),
        version=1,
        state="asked",
        set_id=set_id,
        period=period.key,
        unit_id=unit,
        kind=wanted.kind,
        indicator_id=indicator,
        input=wanted.input,
        value=None if wanted.value is None else msgspec.json.encode(wanted.value).decode(),
        metric_id=metric,
        fact_version=wanted.fact_version,
        reason=wanted.reason,
        document_no=wanted.document_no,
        document_on=wanted.document_on,
        asked_by=uow.who,
        asked_at=now,
    )
    await _lays_down(uow, made)
    await repository.save(driver, made)
    uow.trail("ask", "correction", made.correction_id, after=_told(made))
    return made


async def approve(uow: UnitOfWork, actor: Actor, correction_id: UUID, seen: int, text: str, now: datetime) -> None:
    """Approve: cells, peers, deductions and the digest follow with the reason `correction`.

    Raises NotFound, OutsideScope, CorrectionDecided, Stale, SecondPersonNeeded, OwnUnitsCorrection,
    ScoreNotPossible, CorrectionChangesNothing, CorrectionOvertaken, CorrectionWithoutResult.
    """
    known = await _undecided(uow, actor, correction_id, seen, now)
    driver = await uow.driver()
    laid_down = await _lays_down(uow, known)
    await hold_what_is_decided(uow, {indicator for indicator, _ in laid_down})
    made: list[tuple[Cell, Adjudication]] = []
    for (indicator, name), value in sorted(laid_down.items(), key=str):
        kind = "value" if known.kind == "fact" else known.kind
        decided = Adjudication("correction", known.correction_id, 1, kind, name, value, known.reason, uow.who, now)
        made.append(((indicator, known.unit_id), decided))
        await decisions.keep(driver, known.period, made[-1][0], decided, state="standing", at=now)
    laid = await decisions.standing(driver, known.period, {cell[0] for cell, _ in made})
    if any(counting(laid[cell])[decided.mark] != decided for cell, decided in made):
        raise CorrectionOvertaken
    await apply_decision(uow, made[0][1], now)
    standing = await cells.standing_cells(driver, known.period, {cell[0] for cell, _ in made})
    for cell, decided in made:
        if standing[cell].scored.inputs.get(decided.mark) != decided.reference:
            raise CorrectionWithoutResult
    await _decide(uow, known, "approved", text, now)


async def reject(uow: UnitOfWork, actor: Actor, correction_id: UUID, seen: int, text: str, now: datetime) -> None:
    """Reject, with the reason.

    Raises NotFound, OutsideScope, CorrectionDecided, Stale, SecondPersonNeeded, OwnUnitsCorrection.
    """
    await _decide(uow, await _undecided(uow, actor, correction_id, seen, now), "rejected", text, now)


async def _undecided(uow: UnitOfWork, actor: Actor, correction_id: UUID, seen: int, now: datetime) -> Correction:
    known = await repository.hold(await uow.driver(), correction_id)
    if known is None:
        raise NotFound
    await _demand_reach(uow, actor, "corrections.decide", known.unit_id, parse_period(known.period), now.date())
    if known.state != "asked":
        raise CorrectionDecided
    if known.version != seen:
        raise Stale
    demand_another(uow.who, known.asked_by)
    # Else two people of a district's own office could raise its confirmed scores between them.
    own = await own_places(await uow.driver(), uow.who, now.date())
    (unit,) = await paths(await uow.driver(), [known.unit_id], now.date())
    if unit and any(path.startswith(unit) for path in own):
        raise OwnUnitsCorrection
    return known


async def _decide(uow: UnitOfWork, known: Correction, state: State, text: str, now: datetime) -> None:
    after = replace(
        known, version=known.version + 1, state=state, decided_by=uow.who, decided_at=now, decision=text
    )  # fmt: skip
    await repository.save(await uow.driver(), after)
    verb = "approve" if state == "approved" else "reject"
    uow.trail(verb, "correction", known.correction_id, before=_told(known), after=_told(after))


async def _lays_down(uow: UnitOfWork, correction: Correction) -> Mapping[tuple[UUID, str | None], Any]:
    """What a correction puts in place, by (indicator, input).

    Raises ScoreNotPossible, FactUnknown, CorrectionChangesNothing.
    """
    driver = await uow.driver()
    if correction.kind != "fact":
        value = None if correction.value is None else msgspec.json.decode(correction.value)
        indicator = _known(correction.indicator_id)
        if correction.kind == "score":
            standing = await cells.standing_cells(driver, correction.period, [indicator])
            entered = standing[indicator, correction.unit_id]
            demand_possible(rule_of(await _as_entered(uow, indicator, entered)), str(value))
        return {(indicator, correction.input): value}
    metric, version = _known(correction.metric_id), _known(correction.fact_version)
    found = await copies.facts_as_read(driver, correction.period, [(metric, correction.unit_id, version)])
    if not found:
        raise FactUnknown(details=[Detail("/fact_version", "unknown")])
    value = as_engine_reads(found[metric][correction.unit_id])
    reading: dict[tuple[UUID, str | None], Any] = {}
    for card in await copies.cards_reading(driver, [metric], parse_period(correction.period)):
        if card.set_id != correction.set_id:
            continue
        standing = await cells.standing_cells(driver, correction.period, [card.indicator_id])
        known = standing.get((card.indicator_id, correction.unit_id))
        if known is None or not known.confirmed:
            continue
        cell = (card.indicator_id, correction.unit_id)
        laid_down = await decisions.standing(driver, correction.period, [card.indicator_id])
        decided = counting(laid_down.get(cell, ()))
        for name, binding in sorted((await _as_entered(uow, card.indicator_id, known)).bindings.items()):
            now = decided.get(mark_of(name))
            other = now.value != value if now else known.scored.inputs.get(name) != version
            if binding.metric == metric and other:
                reading[card.indicator_id, name] = value
    if not reading:
        raise CorrectionChangesNothing
    return reading


async def _indicator(uow: UnitOfWork, wanted: Asked, unit: UUID) -> UUID:
    """The indicator of the cell. Raises CellUnknown, CorrectionValueRefused."""
    driver = await uow.driver()
    within = await copies.cards_of_set(driver, wanted.indicator_set.set_id, wanted.period)
    indicator = next((card.indicator_id for card in within if card.code == wanted.indicator), None)
    known = None
    if indicator is not None:
        known = (await cells.standing_cells(driver, wanted.period.key, [indicator])).get((indicator, unit))
    if indicator is None or known is None or not known.confirmed:
        raise CellUnknown(details=[Detail("/indicator", "cell_unknown")])
    if wanted.kind == "value":
        try:
            admit(rule_of(await _as_entered(uow, indicator, known)).inputs, {str(wanted.input): wanted.value})
        except FactRefused as refused:
            raise CorrectionValueRefused(why=refused.code, details=[Detail("/value", refused.code)]) from refused
    return indicator


async def _as_entered(uow: UnitOfWork, indicator: UUID, known: Standing) -> IndicatorPublished:
    """The version of the card that a cell was entered under."""
    versions = await copies.cards_of_indicator(await uow.driver(), indicator)
    return next(card for card in versions if card.version == known.card_version)


async def _demand_reach(
    uow: UnitOfWork, actor: Actor, permission: str, unit: UUID, period: Period, today: date
) -> None:
    """Raise OutsideScope unless the permission reaches the unit as it stands, or stood at the period's end."""
    reach = actor.reach(permission)
    places = await places_of(await uow.driver(), {unit}, {period.last, today})
    if not any(reach.covers(unit, path) for path in places.get(unit, {""})):
        raise OutsideScope


def _known(value: Any) -> Any:
    if value is None:
        raise LookupError("a correction of this kind says what it is about")
    return value


def _told(correction: Correction) -> dict[str, Any]:
    return {name: value for name, value in asdict(correction).items() if value is not None}
