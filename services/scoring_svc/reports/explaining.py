"""Explanations and remedies of one cell: evaluated again from what the ledger kept, told within the reader's right."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.copies.domain import StoredFact
from services.scoring_svc.engine.domain import depends_on_peers, facts_line, sentence
from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.ledger import reading
from services.scoring_svc.ledger.adjudication import fixed, is_mark, mark_of, references
from services.scoring_svc.ledger.domain import Entry, identity_of, plain
from services.scoring_svc.ledger.entering import score_text
from services.scoring_svc.ledger.evaluation import Group
from services.scoring_svc.ledger.proving import Recalled, proof_of, recall
from services.scoring_svc.ledger.reading import Reader
from services.scoring_svc.reports import repository, wording
from services.scoring_svc.reports.domain import NothingToExplain
from services.scoring_svc.reports.remedies import Answer, Change, Situation, nearest
from services.scoring_svc.reports.schemas import (
    ExplainedEntryOut,
    ExplanationOut,
    InputOut,
    RegainedOut,
    RemediesOut,
    RemedyOut,
    VersionOut,
)
from services.scoring_svc.reports.use_cases import cell_key
from services.scoring_svc.reports.wording import Language, Target
from shared.contracts.periods import parse_period
from shared.db import UnitOfWork
from shared.errors import NotFound

_MOST_PARTS = 5


@dataclass(frozen=True)
class Subject:
    """What is to be explained: a cell, or one of its versions, or one entry of a version."""

    indicator_id: UUID
    unit_id: UUID
    period: str
    version: int | None = None
    entry: int | None = None


def subject_of(text: str) -> Subject | UUID:
    """What an id names: INDICATOR:UNIT:PERIOD[:VERSION[:ENTRY]], or the UUID of a deduction or of points won back.

    Raises ValueError for anything else.
    """
    parts = text.split(":")
    if len(parts) == 1:
        return UUID(text)
    if not 3 <= len(parts) <= _MOST_PARTS:  # noqa: PLR2004 - a cell has three parts
        raise ValueError(f"{text!r} names no cell")
    numbers = [_number(part) for part in parts[3:]]
    return Subject(UUID(parts[0]), UUID(parts[1]), parse_period(parts[2]).key, *numbers)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - what the columns hold
        raise ValueError(f"{text!r} is no number of a version or entry")
    return int(text)


async def explain(
    uow: UnitOfWork, reader: Reader, named: Subject | UUID, *, shows_peers: bool, language: Language
) -> ExplanationOut:
    """How a score came about. Raises NotFound or NothingToExplain."""
    driver = await uow.driver()
    subject = await _found(driver, named) if isinstance(named, UUID) else named
    row = await reading.one_score(driver, reader, subject.indicator_id, subject.unit_id, subject.period)
    if row is None:
        raise NotFound
    version = row["entered_version"] if subject.version is None else subject.version
    recalled = await recall(driver, subject.indicator_id, subject.unit_id, subject.period, version)
    card, rule = recalled.group.card, recalled.group.rule
    versions = await repository.versions_of(driver, subject.indicator_id, subject.unit_id, subject.period)
    told: Any = next((one for one in versions if one["version"] == version), row)
    identity = identity_of(subject.indicator_id, subject.unit_id, subject.period)
    return ExplanationOut(
        cell=cell_key(subject.indicator_id, subject.unit_id, subject.period),
        deduction_id=identity,
        indicator_id=card.indicator_id,
        indicator=card.code,
        indicator_name=card.name,
        unit_id=subject.unit_id,
        unit=row["unit_code"],
        unit_name=row["unit_name"],
        period=subject.period,
        standing=row["standing"],
        version=version,
        state=told["state"],
        code=row["code"] if version == row["entered_version"] else None,
        note=told["note"],
        full_marks=plain(Decimal(card.points)),
        score=_score_text(told["score"]),
        loss=plain(told["loss"]),
        indicator_version=card.version,
        rule=rule.hash,
        standard=card.standard,
        sentence=sentence(rule, language),
        facts_line=facts_line(rule, language),
        inputs=await _inputs(driver, recalled.group, subject.unit_id, language),
        entries=await _entries(driver, subject, recalled, version, row, language),
        versions=[
            VersionOut(**{**one, "score": _score_text(one["score"]), "loss": plain(one["loss"])}) for one in versions
        ],
        regained=[
            RegainedOut(**{**one, "points": plain(one["points"])})
            for one in await repository.regained_on(driver, identity)
        ],
        proof=proof_of(recalled, subject.unit_id, version, shows_peers=shows_peers).proof,
    )


def _score_text(score: Decimal | None) -> str | None:
    return None if score is None else score_text(score)


async def _found(driver: asyncpg.Connection, identity: UUID) -> Subject:
    row = await repository.cell_behind(driver, identity)
    if row is None:
        raise NotFound
    return Subject(row["indicator_id"], row["unit_id"], row["period"])


async def _inputs(driver: asyncpg.Connection, group: Group, unit: UUID, language: Language) -> list[InputOut]:
    rule, read, values = group.rule, group.inputs[str(unit)], group.facts[str(unit)]
    metrics = {
        metric: version
        for name, version in read.items()
        if not is_mark(name)
        and (metric := group.card.bindings[name].metric) is not None
        and isinstance(version, int)
        and version
    }
    received = await repository.received_at(driver, group.period.key, metrics, unit) if metrics else {}
    decided = references(read)
    found = []
    for name, version in read.items():
        if is_mark(name):
            continue
        metric, value = group.card.bindings[name].metric, values.get(name)
        state = value if isinstance(value, dict) else {"state": "missing" if value is None else "present"}
        bare = value.get("value") if isinstance(value, dict) else value
        fact = StoredFact(0, state["state"], bare, state.get("reason"))
        found.append(
            InputOut(
                name=name,
                label=rule.inputs[name].label.in_language(language),
                metric_id=metric,
                version=version if metric is not None and isinstance(version, int) and version else None,
                value=bare,
                state=fact.state,
                reason=fact.reason,
                decision=decided.get(mark_of(name)),
                received_at=None if metric is None else received.get(metric),
                text=wording.fact_words(rule, name, fact, language),
            )
        )
    return found


async def _entries(
    driver: asyncpg.Connection, subject: Subject, recalled: Recalled, version: int, row: Any, language: Language
) -> list[ExplainedEntryOut]:
    """The entries of the version: those of the ledger, or of the provisional score. Raises NothingToExplain."""
    rule = recalled.group.rule
    if version:
        made = await reading.ledger_rows(driver, subject.indicator_id, subject.unit_id, subject.period)
        rows = [
            (one["entry_no"], Entry(one["kind"], one["clause"], one["points"]), one["reverses"])
            for one in made
            if one["cell_version"] == version
        ]
    else:
        rows = [(number, Entry(*entry), None) for number, entry in enumerate(msgspec.json.decode(row["entries"]), 1)]
    if subject.entry is not None and subject.entry not in {number for number, _, __ in rows}:
        raise NothingToExplain
    return [
        ExplainedEntryOut(
            entry=number,
            kind=entry.kind,
            clause=entry.clause,
            points=entry.points,
            text=wording.taken_back(wording.entry_words(rule, entry, language), reverses, language),
            asked=number == subject.entry,
        )
        for number, entry, reverses in rows
    ]


# --- what would it take ----------------------------------------------------------------------------------------------


async def remedies(
    uow: UnitOfWork, reader: Reader, cell: Subject, *, shows_peers: bool, language: Language
) -> RemediesOut:
    """The nearest change of each fact that loses nothing, and that gains anything. Raises NotFound."""
    driver = await uow.driver()
    row = await reading.one_score(driver, reader, cell.indicator_id, cell.unit_id, cell.period)
    if row is None:
        raise NotFound
    version = row["entered_version"]
    out = RemediesOut(
        indicator_id=cell.indicator_id,
        unit_id=cell.unit_id,
        period=cell.period,
        version=version,
        full_marks=plain(row["full_marks"]),
        score=_score_text(row["score"]),
        loss=plain(row["loss"]),
        items=[],
    )
    if row["state"] != "scored" or row["loss"] == 0:
        return out
    group = (await recall(driver, cell.indicator_id, cell.unit_id, cell.period, version)).group
    if fixed(group.inputs[str(cell.unit_id)]):
        return out  # no fact changes a score that was fixed
    targets: Sequence[tuple[Target, Fraction, bool]] = (
        ("none_lost", Fraction(row["full_marks"]), False),
        ("next_step", Fraction(row["score"]), True),
    )
    rule = group.rule
    hidden = depends_on_peers(rule) and not shows_peers
    names = [name for name, binding in sorted(group.card.bindings.items()) if binding.metric is not None]

    def search() -> list[tuple[str, Target, Answer]]:
        situation = Situation(rule, str(cell.unit_id), group.facts, group.calendar)
        return [
            (name, target, "peers_hidden" if hidden else nearest(situation, name, group.card.rule, enough, above=above))
            for name in names
            for target, enough, above in targets
        ]

    found = search() if hidden else await asyncio.to_thread(search)
    score = score_text(row["score"])
    out.items = [_remedy(group, name, target, answer, score, language) for name, target, answer in found]
    return out


def _remedy(group: Group, name: str, target: Target, answer: Answer, score: str, language: Language) -> RemedyOut:
    rule = group.rule
    label = rule.inputs[name].label.in_language(language)
    if isinstance(answer, Change):
        return RemedyOut(
            input=name, label=label, target=target, code=None, before=answer.before, after=answer.after,
            score=answer.score, gain=shortest(Fraction(answer.score) - Fraction(score)),
            sentence=wording.remedy_words(rule, name, answer, score, target, language),
        )  # fmt: skip
    return RemedyOut(
        input=name, label=label, target=target, code=answer, before=None, after=None, score=None, gain=None,
        sentence=wording.untold_words(answer, language),
    )  # fmt: skip
