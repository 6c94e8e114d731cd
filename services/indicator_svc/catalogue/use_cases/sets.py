"""The verbs of indicator sets and drafted cards. Publishing them stands in publication.py, metrics in metrics.py."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.indicator_svc.batches import BatchOutcome, DuplicateRow, Refusals, RowOutcome
from services.indicator_svc.catalogue import repository
from services.indicator_svc.catalogue.domain.sets import CardExists, SetExists
from shared.auth import Reach
from shared.contracts.identity import indicator_id, set_id, unit_id
from shared.db import UnitOfWork
from shared.errors import NotFound, OutsideScope, Refused, Stale

_DRAFT_ONLY = ("evaluating_unit_id",)


class EvaluatingUnitUnknown(Refused):
    """The evaluating unit does not exist today."""

    code = "unit_unknown"
    zh, en = "单位 {unit} 不存在", "There is no unit {unit}"


@dataclass(frozen=True)
class SetRow:
    """A set to be made; `evaluated_units` has `evaluated_unit_codes` or `group`, the other is None."""

    code: str
    name: str
    year: int
    evaluated_units: Mapping[str, Any]
    full_marks: str
    outside_total: bool
    levels: list[dict[str, Any]]


@dataclass(frozen=True)
class CardRow:
    """A card to be drafted: `content` is everything it says, as it is kept."""

    code: str
    evaluating_unit_code: str
    content: dict[str, Any]


async def add_set(uow: UnitOfWork, body: SetRow, reach: Reach, now: datetime) -> tuple[dict[str, Any], bool]:
    """Make an indicator set; the same again changes nothing. Returns the set and whether it is new.

    A set for a group of units may evaluate any unit of the bureau, so it needs a reach over all.
    Raises SetExists, OutsideScope, EvaluatingUnitUnknown.
    """
    driver = await uow.driver()
    row = {"set_id": set_id(body.code), **asdict(body)}
    await _demand_set_within(driver, body, reach, standing_day(body.year, now.date()))
    if await repository.add_set(driver, row):
        uow.trail("create", "indicator_set", row["set_id"], after=row)
        return {**row, "draft_version": 1, "published_version": 0, "published_at": None, "drafts": 0, "cards": 0}, True
    known = await repository.indicator_set(driver, body.code)
    if known is None or any(known[name] != row[name] for name in row):
        raise SetExists(set=body.code)
    return {**known, **await repository.counts_of(driver, known["set_id"])}, False


async def _demand_set_within(driver: asyncpg.Connection, body: SetRow, reach: Reach, day: date) -> None:
    if reach.everything:
        return
    codes = body.evaluated_units["evaluated_unit_codes"]
    if codes is None:
        raise OutsideScope
    units = await repository.units_of(driver, day, codes=codes)
    for code in codes:
        if code not in units:
            raise EvaluatingUnitUnknown(unit=code)
        reach.demand(*units[code])


def standing_day(year: int, today: date) -> date:
    """The day by whose tree a set finds its units: today, or the first day of its year if that is still to come."""
    return max(today, date(year, 1, 1))


async def add_cards(
    uow: UnitOfWork, set_code: str, cards: Sequence[CardRow], reach: Reach, now: datetime
) -> BatchOutcome:
    """Add drafts to a set, all or none; rows that say nothing new are unchanged. Raises NotFound or RowsRefused."""
    driver = await uow.driver()
    owner = await repository.indicator_set(driver, set_code, lock=True)
    if owner is None:
        raise NotFound
    known = await repository.drafts(driver, owner["set_id"], [card.code for card in cards])
    day = standing_day(owner["year"], now.date())
    units = await repository.units_of(driver, day, codes={card.evaluating_unit_code for card in cards})
    fresh: dict[str, dict[str, Any]] = {}
    refusals = Refusals("/cards")
    for index, card in enumerate(cards):
        content = _content(card)
        with refusals.of_row(index, "evaluating_unit_code"):
            _demand_evaluating_unit(card, units, reach)
        if card.code in fresh:
            refusals.add(index, DuplicateRow(), "code")
        elif card.code not in known:
            fresh[card.code] = content
        elif known[card.code]["content"] != content:
            refusals.add(index, CardExists(card=card.code), "code")
    refusals.demand_none()
    rows = [(indicator_id(set_code, code), code, 1, content) for code, content in fresh.items()]
    if rows:
        await repository.save_drafts(driver, owner["set_id"], rows, at=now, by=uow.who)
    for key, _, __, content in rows:
        uow.trail("draft", "indicator", key, after=content)
    added = [
        RowOutcome(
            code=card.code,
            id=indicator_id(set_code, card.code),
            version=known[card.code]["version"] if card.code in known else 1,
            outcome="unchanged" if card.code in known else "created",
        )
        for card in cards
    ]
    return BatchOutcome(added)


async def draft(driver: asyncpg.Connection, set_code: str, code: str, reach: Reach, today: date) -> dict[str, Any]:
    """A draft with its version and the one last published. Raises NotFound, also outside the reach."""
    owner = await repository.indicator_set(driver, set_code)
    found = (await repository.drafts(driver, owner["set_id"], [code])).get(code) if owner else None
    if owner is None or found is None or not await _covers(driver, found["content"], reach, today):
        raise NotFound
    newest = await repository.newest_cards(driver, owner["set_id"])
    published = newest.get(found["indicator_id"], {"version": 0})["version"]
    return _draft_out(found["indicator_id"], found["version"], published, found["content"])


async def change_card(
    uow: UnitOfWork, set_code: str, card: CardRow, version: int, reach: Reach, now: datetime
) -> dict[str, Any]:
    """Change a draft; the same content again changes nothing. Readers see it after the next publication.

    Raises NotFound, Stale, OutsideScope, EvaluatingUnitUnknown.
    """
    driver = await uow.driver()
    owner = await repository.indicator_set(driver, set_code, lock=True)
    known = (await repository.drafts(driver, owner["set_id"], [card.code])).get(card.code) if owner else None
    if owner is None or known is None or not await _covers(driver, known["content"], reach, now.date()):
        raise NotFound
    if known["version"] != version:
        raise Stale
    day = standing_day(owner["year"], now.date())
    units = await repository.units_of(driver, day, codes=[card.evaluating_unit_code])
    _demand_evaluating_unit(card, units, reach)
    content, key = _content(card), known["indicator_id"]
    published = (await repository.newest_cards(driver, owner["set_id"])).get(key, {"version": 0})["version"]
    if content == known["content"]:
        return _draft_out(key, version, published, content)
    await repository.save_drafts(driver, owner["set_id"], [(key, card.code, version + 1, content)], at=now, by=uow.who)
    uow.trail("redraft", "indicator", key, before=known["content"], after=content)
    return _draft_out(key, version + 1, published, content)


def _content(card: CardRow) -> dict[str, Any]:
    return {**card.content, "evaluating_unit_id": str(unit_id(card.evaluating_unit_code))}


def _draft_out(key: UUID, version: int, published: int, content: Mapping[str, Any]) -> dict[str, Any]:
    card = {name: value for name, value in content.items() if name not in _DRAFT_ONLY}
    return {"indicator_id": key, "version": version, "published_version": published, "card": card}


def _demand_evaluating_unit(card: CardRow, units: Mapping[str, tuple[UUID, str]], reach: Reach) -> None:
    if card.evaluating_unit_code not in units:
        raise EvaluatingUnitUnknown(unit=card.evaluating_unit_code)
    reach.demand(*units[card.evaluating_unit_code])


async def _covers(driver: asyncpg.Connection, content: Mapping[str, Any], reach: Reach, today: date) -> bool:
    if reach.everything:
        return True
    code = content["evaluating_unit_code"]
    unit = (await repository.units_of(driver, today, codes=[code])).get(code)
    return unit is not None and reach.covers(*unit)
