"""The verb that publishes an indicator set: checked by the engine that scores, whole or not at all, immutable after.

scoring_svc is asked before anything is written; afterwards, with the set locked, the drafts and the metrics they read
must still be those that were checked. Publishing again publishes the cards that say something new, each as its next
version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.indicator_svc.batches import RowOutcome
from services.indicator_svc.catalogue import repository
from services.indicator_svc.catalogue.domain import sets as domain
from services.indicator_svc.catalogue.domain.sets import DraftMoved, NotPublishable
from services.indicator_svc.catalogue.repository import CardVersion
from services.indicator_svc.catalogue.scoring_client import RuleChecks
from services.indicator_svc.catalogue.use_cases.sets import standing_day
from shared.auth import Reach
from shared.contracts.identity import indicator_id, metric_id
from shared.contracts.indicator import Binding, IndicatorPublished, IndicatorSetPublished
from shared.db import UnitOfWork
from shared.errors import Detail, NotFound

Units = Mapping[str, tuple[UUID, str]]


@dataclass(frozen=True)
class _Checked:
    """A set as it was read and found in order: the cards to publish, all cards it will then have, the metrics read."""

    owner: Mapping[str, Any]
    fresh: Sequence[tuple[IndicatorPublished, Mapping[str, Any]]]
    cards: Mapping[UUID, int]
    metrics: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Publication:
    """What a publication did: the set's version now, how many cards it has, and which got a new version."""

    set_id: UUID
    version: int
    cards: int
    cards_hash: str
    published: Sequence[RowOutcome]


async def publish_indicator_set(
    uow: UnitOfWork, code: str, checks: RuleChecks, reach: Reach, now: datetime
) -> Publication:
    """Publish every drafted card that says something new. Publishing what is already published changes nothing.

    Raises NotFound, OutsideScope, NotPublishable with every finding, Unavailable if the rules cannot be checked,
    DraftMoved if a draft changed meanwhile.
    """
    driver = await uow.driver()
    checked = await _check(driver, code, checks, reach, now)
    owner = checked.owner
    locked = await repository.indicator_set(driver, code, lock=True)
    if locked is None or any(locked[name] != owner[name] for name in ("draft_version", "published_version")):
        raise DraftMoved
    await repository.lock_metrics(driver)
    if await repository.metrics(driver, checked.metrics) != checked.metrics:
        raise DraftMoved
    hashed = domain.cards_hash(checked.cards.items())
    if not checked.fresh:
        version = owner["published_version"]
        return Publication(
            set_id=owner["set_id"], version=version, cards=len(checked.cards), cards_hash=hashed, published=[]
        )
    version = owner["published_version"] + 1
    versions = [CardVersion(msgspec.to_builtins(card), _answer(card, codes, now)) for card, codes in checked.fresh]
    await repository.save_publication(driver, owner["set_id"], version, versions, at=now, by=uow.who)
    for card, _ in checked.fresh:
        uow.record(card, subject=card.code)
        uow.trail("publish", "indicator", card.indicator_id, after=card)
    event = set_published({**owner, "published_version": version, "published_at": now}, checked.cards)
    uow.record(event, subject=code)
    uow.trail("publish", "indicator_set", owner["set_id"], after=event)
    published = [
        RowOutcome(code=card.code, id=card.indicator_id, version=card.version, outcome="created")
        for card, _ in checked.fresh
    ]
    return Publication(
        set_id=owner["set_id"], version=version, cards=len(checked.cards), cards_hash=hashed, published=published
    )


def set_published(owner: Mapping[str, Any], cards: Mapping[UUID, int]) -> IndicatorSetPublished:
    """The event that tells a published set, with the count and hash of its cards."""
    return IndicatorSetPublished(
        set_id=owner["set_id"],
        version=owner["published_version"],
        code=owner["code"],
        name=owner["name"],
        year=owner["year"],
        full_marks=owner["full_marks"],
        outside_total=owner["outside_total"],
        cards=len(cards),
        cards_hash=domain.cards_hash(cards.items()),
        published_at=owner["published_at"],
    )


async def _check(driver: asyncpg.Connection, code: str, checks: RuleChecks, reach: Reach, now: datetime) -> _Checked:
    owner = await repository.indicator_set(driver, code)
    if owner is None:
        raise NotFound
    drafts = {one: row["content"] for one, row in (await repository.drafts(driver, owner["set_id"])).items()}
    wanted = {one["metric"] for card in drafts.values() for one in card["bindings"].values() if "metric" in one}
    metrics = await repository.metrics(driver, wanted)
    day = standing_day(owner["year"], now.date())
    named = {card["evaluating_unit_code"] for card in drafts.values()}
    named |= {unit for card in drafts.values() for unit in card.get("evaluated_unit_codes", [])}
    everyone = await _evaluated(driver, owner["evaluated_units"], day)
    units = {**await repository.units_of(driver, day, codes=named), **everyone}
    found = _evaluated_findings(owner["evaluated_units"], everyone)
    found += domain.sum_findings(owner["full_marks"], owner["levels"], list(drafts.values()))
    for card in drafts.values():
        found += domain.binding_findings(card, metrics, drafts)
        found += _unit_findings(card, units)
    found += domain.cycle_findings(drafts)
    if not drafts:
        found.append(Detail("/cards", "CHOICE_MISSING", "the set has no card"))
    _demand_none(found)
    for unit_code in {*everyone, *(one for card in drafts.values() for one in card.get("evaluated_unit_codes", []))}:
        reach.demand(*units[unit_code])
    newest = await repository.newest_cards(driver, owner["set_id"])
    fresh = []
    cards = {key: card["version"] for key, card in newest.items()}
    for content in drafts.values():
        card, codes = _published(owner, content, units, sorted(everyone), newest)
        if card.version > cards.get(card.indicator_id, 0):
            fresh.append((card, codes))
            cards[card.indicator_id] = card.version
    _demand_none(await checks.findings({card.code: card.rule for card, _ in fresh}))
    return _Checked(owner, fresh, cards, metrics)


def _demand_none(found: Sequence[Detail]) -> None:
    if found:
        raise NotPublishable(details=found, count=len(found))


async def _evaluated(driver: asyncpg.Connection, evaluated: Mapping[str, Any], day: date) -> Units:
    """The units that a set evaluates on a day; codes that name no unit are left out."""
    if evaluated["group"] is None:
        return await repository.units_of(driver, day, codes=evaluated["evaluated_unit_codes"])
    dimension, _, value = evaluated["group"].partition(":")
    if dimension == "kind":
        return await repository.units_of(driver, day, kind=value)
    return await repository.units_of(driver, day, group=(dimension, value))


def _evaluated_findings(evaluated: Mapping[str, Any], everyone: Units) -> list[Detail]:
    named = enumerate(evaluated["evaluated_unit_codes"] or ())
    found = [
        Detail(f"/evaluated_unit_codes/{place}", "UNIT_UNKNOWN", f"there is no unit {one}")
        for place, one in named
        if one not in everyone
    ]
    if not everyone:
        found.append(Detail("/evaluated_units", "UNIT_UNKNOWN", "the set evaluates no unit"))
    return found


def _unit_findings(card: Mapping[str, Any], units: Units) -> list[Detail]:
    named = [("evaluating_unit_code", card["evaluating_unit_code"])]
    named += [(f"evaluated_unit_codes/{n}", one) for n, one in enumerate(card.get("evaluated_unit_codes", []))]
    return [
        Detail(f"/cards/{card['code']}/{place}", "UNIT_UNKNOWN", f"there is no unit {one}")
        for place, one in named
        if one not in units
    ]


def _published(
    owner: Mapping[str, Any],
    content: Mapping[str, Any],
    units: Units,
    everyone: Sequence[str],
    newest: Mapping[UUID, Mapping[str, Any]],
) -> tuple[IndicatorPublished, Mapping[str, Any]]:
    """The card as it would be published, as its newest version or the next, and the codes that readers want to see."""
    evaluated = sorted(content.get("evaluated_unit_codes", everyone))
    key = indicator_id(owner["code"], content["code"])
    before = newest.get(key)
    ends = content.get("effective_to")

    def card(version: int) -> IndicatorPublished:
        return IndicatorPublished(
            indicator_id=key,
            version=version,
            set_id=owner["set_id"],
            set_code=owner["code"],
            code=content["code"],
            name=content["name"],
            level1=content["level1"],
            level2=content["level2"],
            type=content["type"],
            points=content["points"],
            definition=content["definition"],
            standard=content["standard"],
            period_kind=content["period_kind"],
            evaluating_unit_id=units[content["evaluating_unit_code"]][0],
            evaluated_unit_ids=[units[one][0] for one in evaluated],
            fill_mode=content["fill_mode"],
            filler=content["filler"],
            source_system=content.get("source_system"),
            due_working_days=content["due_working_days"],
            rule=content["rule"],
            bindings={name: _binding(owner["code"], one) for name, one in content["bindings"].items()},
            immediate=content["immediate"],
            effective_from=domain.first_day(content, owner["year"]),
            effective_to=date.fromisoformat(ends) if ends else None,
        )

    version = 1 if before is None else before["version"]
    made = card(version)
    if before is not None and not domain.says_the_same(before, msgspec.to_builtins(made)):
        made = card(version + 1)
    return made, {"evaluating_unit_code": content["evaluating_unit_code"], "evaluated_unit_codes": evaluated}


def _binding(set_code: str, given: Mapping[str, str]) -> Binding:
    if "metric" in given:
        return Binding(metric=metric_id(given["metric"]))
    if "indicator" in given:
        return Binding(indicator=indicator_id(set_code, given["indicator"]))
    return msgspec.convert(given, Binding)


def _answer(card: IndicatorPublished, codes: Mapping[str, Any], at: datetime) -> str:
    """What reads of the card answer: the card as published, the codes of its units, and when that was."""
    return msgspec.json.encode({**msgspec.to_builtins(card), **codes, "published_at": at}).decode()
