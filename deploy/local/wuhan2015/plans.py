"""Reads source systems, accountability policy, story and generation recipes, checked against the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from deploy.local.wuhan2015.drawing import FORMS
from deploy.local.wuhan2015.reading import Document, read_document
from deploy.local.wuhan2015.records import IndicatorSet, Metric, Person, Policy, SourceSystem, Tier, Unit
from shared.contracts.periods import parse_period

CONDITIONS = frozenset({"share_at_least", "loss_at_least", "repeats_at_least"})
ESCALATION = frozenset({"repeats_within_months", "of_tier"})
NOT_A_SYSTEM = ("self_report", "inspection")


def read_source_systems(
    folder: Path, units: Mapping[str, Unit], metrics: Mapping[str, Metric]
) -> tuple[SourceSystem, ...]:
    """The machine clients; every extracted metric must be registered with exactly the one that supplies it.

    Raises:
        PackFileInvalid: an owner or metric is unknown, or registration and metrics.csv disagree.

    """
    document = read_document(folder, "source_systems.json")
    systems: list[SourceSystem] = []
    registered: dict[str, str] = {}
    for item in document.take(document.content, "source_systems", "source_systems", list):
        client = item.get("client_id", "source_systems")
        system = SourceSystem(
            client_id=document.take(item, client, "client_id", str),
            name=document.take(item, client, "name", str),
            name_en=document.take(item, client, "name_en", str),
            owner=document.take(item, client, "owner", str),
            metrics=tuple(document.take(item, client, "metrics", list)),
            quotas=document.take(item, client, "quotas", dict),
        )
        if system.owner not in units:
            raise document.invalid(client, f"{client}: owner {system.owner} names no unit")
        for code in system.metrics:
            if code not in metrics:
                raise document.invalid(code, f"{client}: no metric {code}")
            if code in registered:
                raise document.invalid(code, f"{code} is registered with {registered[code]} and {client}")
            if metrics[code].supplied_by != client:
                raise document.invalid(code, f"{code} is supplied by {metrics[code].supplied_by}, not by {client}")
            registered[code] = client
        systems.append(system)
    for metric in metrics.values():
        if metric.supplied_by not in NOT_A_SYSTEM and metric.code not in registered:
            raise document.invalid(metric.supplied_by, f"{metric.code} is not registered with {metric.supplied_by}")
    return tuple(systems)


def read_policy(folder: Path, posts: set[str]) -> Policy:
    """The accountability policy, gravest tier first; the last tier must take every loss.

    Raises:
        PackFileInvalid: a tier is malformed, or some loss would belong to no tier.

    """
    document = read_document(folder, "policy.json")
    content = document.content
    code = document.take(content, "code", "code", str)
    items = document.take(content, code, "tiers", list)
    names = [document.take(item, "tiers", "tier", str) for item in items]
    tiers = tuple(_tier(document, item, posts, names) for item in items)
    if not tiers or {"loss_at_least": "0"} not in tiers[-1].any_of:
        raise document.invalid("tiers", 'the last tier must hold {"loss_at_least": "0"}: every loss has a tier')
    return Policy(
        code=code,
        name=document.take(content, code, "name", str),
        name_en=document.take(content, code, "name_en", str),
        effective_from=date.fromisoformat(document.take(content, code, "effective_from", str)),
        tiers=tiers,
    )


def _tier(document: Document, item: dict[str, Any], posts: set[str], tiers: Sequence[str]) -> Tier:
    name = item["tier"]
    any_of = document.take(item, name, "any_of", list)
    for condition in any_of:
        _check_condition(document, name, condition, tiers)
    if document.take(item, name, "interviewer_post", str) not in posts:
        raise document.invalid(name, f"{name}: nobody holds the post {item['interviewer_post']}")
    for field in ("make_up_share", "cured_share"):
        if not 0 <= document.decimal(item, name, field) <= 1:
            raise document.invalid(name, f"{name}: {field} lies between 0 and 1")
    return Tier(
        tier=name,
        name=document.take(item, name, "name", str),
        name_en=document.take(item, name, "name_en", str),
        any_of=tuple(any_of),
        measure=document.take(item, name, "measure", str),
        interview=document.take(item, name, "interview", bool),
        interviewer_post=item["interviewer_post"],
        respond_within_working_days=document.take(item, name, "respond_within_working_days", int),
        rectify_within_working_days=document.take(item, name, "rectify_within_working_days", int),
        make_up_share=item["make_up_share"],
        cured_share=item["cured_share"],
    )


def _check_condition(document: Document, tier: str, condition: dict[str, Any], tiers: Sequence[str]) -> None:
    if not CONDITIONS & set(condition) or set(condition) - CONDITIONS - ESCALATION:
        raise document.invalid(tier, f"{tier}: a condition holds some of {', '.join(sorted(CONDITIONS | ESCALATION))}")
    for field in ("share_at_least", "loss_at_least"):
        if field in condition:
            document.decimal(condition, tier, field)
    if "repeats_at_least" in condition:
        document.take(condition, tier, "repeats_at_least", int)
        document.take(condition, tier, "repeats_within_months", int)
    # A tier counts lighter or equal losses: those of a graver one would already have reached it.
    if "of_tier" in condition and condition["of_tier"] not in tiers[tiers.index(tier) :]:
        raise document.invalid(tier, f"{tier}: of_tier {condition['of_tier']} is no tier from {tier} down")


def read_story(
    folder: Path,
    units: Mapping[str, Unit],
    people: Mapping[str, Person],
    metrics: Mapping[str, Metric],
    sets: Mapping[str, IndicatorSet],
) -> Mapping[str, Any]:
    """The story's cells and cast; rows meant to be refused may name what does not exist.

    Raises:
        PackFileInvalid: a part names an unknown unit, person, metric, indicator or period.

    """
    document = read_document(folder, "story.json")
    content = document.content
    indicators = {card.code for one in sets.values() for card in one.indicators}
    known: Mapping[str, tuple[str, object]] = {
        "unit": ("unit", units),
        "metric": ("metric", metrics),
        "indicator": ("indicator", indicators),
        "inspector": ("person", people),
        "interviewer": ("person", people),
        "interviewed": ("person", people),
        "recorder": ("person", people),
    }
    parts = [document.take(content, "story", "red_deduction", dict)]
    for name in ("amendments", "late", "missing", "planned_facts", "findings"):
        parts += document.take(content, name, name, list)
    document.take(content, "refused", "refused", list)
    for part in parts:
        for field, (kind, holders) in known.items():
            if field in part and part[field] not in holders:  # type: ignore[operator]
                raise document.invalid(part[field], f"{field} {part[field]} names no {kind}")
        _check_period(document, part["period"])
    _check_missing(document, content["missing"])
    for period in document.take(content, "periods", "periods", list):
        _check_period(document, period)
    for role, who in document.take(content, "cast", "cast", dict).items():
        for code in who if isinstance(who, list) else [who]:
            if code not in people:
                raise document.invalid(code, f"cast: {role} {code} names no person")
    return content


def _check_missing(document: Document, missing: Sequence[Mapping[str, Any]]) -> None:
    for part in missing:
        if "supplied_at" not in part and not {"excluded", "reason"} <= set(part):
            raise document.invalid(part["metric"], "missing: give supplied_at, or excluded with its reason")


def _check_period(document: Document, period: str) -> None:
    try:
        parse_period(period)
    except ValueError as error:
        raise document.invalid(period, str(error)) from None


def read_generation(folder: Path, metrics: Mapping[str, Metric]) -> Mapping[str, Any]:
    """The recipes of the generated facts: one for every metric that is not inspected.

    Raises:
        PackFileInvalid: a recipe is absent, or its form unknown.

    """
    document = read_document(folder, "generation.json")
    recipes = document.take(document.content, "metrics", "metrics", dict)
    for metric in metrics.values():
        if metric.supplied_by == "inspection":
            continue
        if metric.code not in recipes:
            raise document.invalid("metrics", f"no recipe for {metric.code}")
        recipe = recipes[metric.code]
        if recipe.get("form") not in FORMS:
            raise document.invalid(metric.code, f"{metric.code}: form is not one of {', '.join(FORMS)}")
        document.take(recipe, metric.code, "poor_permille", int)
    for code in recipes:
        if code not in metrics:
            raise document.invalid(code, f"a recipe for {code}, which is no metric")
    return document.content
