"""Writes the archive of a final result: reads what the result rests on and gives it the archive's form, line by line.

Everything is read at the versions that the result kept when it became final, in one snapshot; what was amended since
changes no byte.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import IO, Any
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import Facts
from services.scoring_svc.ledger import adjudication_repository as decisions
from services.scoring_svc.ledger import repository as ledger
from services.scoring_svc.ledger.adjudication import is_mark, references
from services.scoring_svc.ledger.domain import plain
from services.scoring_svc.ledger.evaluation import reads_peers
from services.scoring_svc.ranking import repository as rankings
from services.scoring_svc.ranking.domain import SCALE, parse_span
from services.scoring_svc.ranking.marks import standing
from services.scoring_svc.year_end import format as form
from services.scoring_svc.year_end import repository, sources
from services.scoring_svc.year_end.lines import (
    CalendarLine,
    CapLine,
    CardLine,
    CellLine,
    ContextLine,
    DecisionLine,
    EntryLine,
    EvaluationLine,
    ExcludedLine,
    FactLine,
    GradeLine,
    LedgerLine,
    PlaceLine,
)
from services.scoring_svc.year_end.placing import ARCHIVED, text_of
from services.scoring_svc.year_end.repository import YearResult
from services.scoring_svc.year_end.signing import ArchiveKey
from shared.contracts.indicator import IndicatorPublished
from shared.directory.repository import units_by
from shared.leased import Progress

_PAGE = 2_000


class _Basis(msgspec.Struct):
    """What a result rests on, as kept when it became final."""

    periods: list[str]
    amended: list[tuple[str, UUID, UUID, int]]
    cards: list[tuple[UUID, int]]
    entries: list[str]
    context: list[ContextLine] = []  # results that became final before figures were kept have none


@dataclass
class Collector:
    """Writes one archive. `connection` reads one snapshot."""

    connection: asyncpg.Connection
    result: YearResult
    key: ArchiveKey
    progress: Progress
    _cards: dict[tuple[UUID, int], IndicatorPublished] = field(default_factory=dict)
    _who: set[str] = field(default_factory=set)
    _units: set[UUID] = field(default_factory=set)
    _counts: dict[str, int] = field(default_factory=lambda: {"cells": 0, "evaluations": 0})

    async def write(self, file: IO[bytes]) -> None:
        """Write the whole archive into a file."""
        out = form.ArchiveWriter(file)
        try:
            await self._write(out)
        except BaseException:
            out.give_up()
            raise

    async def _write(self, out: form.ArchiveWriter) -> None:
        connection, result = self.connection, self.result
        basis = msgspec.json.decode(result.basis or "", type=_Basis)
        groups = await sources.groups(connection, result.set_id, basis.periods)
        ranking = await rankings.published(connection, result.ranking_id)
        if ranking is None:
            raise LookupError(f"ranking {result.ranking_id} is not kept")
        self._who.add(msgspec.json.decode(ranking["body"])["published_by"])
        steps = await self._steps()
        appeals = await sources.appeals(connection, result.result_id)
        for row in appeals:
            self._units.add(row["unit_id"])
            self._who |= {row[name] for name in ("filed_by", "entered_by", "decided_by") if row[name]}
        self._write_all(out, form.APPEALS, appeals)
        used = await sources.used(connection, result.set_id, basis.periods, basis.amended)
        await self._calendars(out, {row["calendar"] for row in used} - {""})
        await self._cards_of(out, {(row["indicator_id"], row["version"]) for row in used}, basis.cards)
        self._units |= {UUID(line.unit_id) for line in basis.context}
        self._write_all(out, form.CONTEXT, basis.context)
        self._write_all(
            out, form.ENTRIES, [self._entry(row) for row in await sources.unit_entries(connection, basis.entries)]
        )
        await self._evaluations(out, groups, basis)
        self._write_all(out, form.GRADES, [_grade(row) for row in await sources.grades(connection, result.ranking_id)])
        self._write_all(out, form.PEOPLE, await sources.people(connection, self._who))
        await self._places(out)
        with out.member(form.RANKING) as member:
            member.write(ranking["body"].encode())
        self._write_all(out, form.STEPS, steps)
        await self._unit_lines(out)
        out.end(await self._head(steps), self.key)

    @staticmethod
    def _write_all(out: form.ArchiveWriter, name: str, documents: Sequence[Any]) -> None:
        with out.member(name) as member:
            member.write_all(documents)

    async def _head(self, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        result, final = self.result, steps[-1]
        found = next(one for one in await copies.all_sets(self.connection) if one.set_id == result.set_id)
        return {
            "set": {"set_id": result.set_id, "code": found.code, "name": found.name, "year": result.year},
            "result": {
                "result_id": result.result_id, "version": final["version"], "final_at": final["at"],
                "final_by": final["who"],
            },
            "ranking": {
                "ranking_id": result.ranking_id, "version": result.ranking_version, "period": result.period,
            },
            "counts": self._counts,
        }  # fmt: skip

    async def _steps(self) -> list[dict[str, Any]]:
        """The steps up to the one that made the result final: what came later depends on when the archive is made."""
        rows = [dict(row) for row in await repository.steps_of(self.connection, self.result.result_id)]
        final = max(row["version"] for row in rows if row["step"] == "finalise")
        self._who |= {row["who"] for row in rows}
        return [{**row, "details": msgspec.json.decode(row["details"])} for row in rows if row["version"] <= final]

    async def _calendars(self, out: form.ArchiveWriter, editions: set[str]) -> None:
        with out.member(form.CALENDARS) as member:
            for edition in sorted(editions):
                calendar = await ledger.calendar_edition(self.connection, edition)
                if calendar is None or calendar.first is None or calendar.last is None:
                    raise LookupError(f"calendar {edition} is not kept whole")
                days = {"closed": sorted(calendar.closed), "open": sorted(calendar.open)}
                line = CalendarLine(edition=edition, first=calendar.first, last=calendar.last, **days)
                member.write(form.line(line))

    async def _cards_of(
        self, out: form.ArchiveWriter, used: set[tuple[UUID, int]], ranked: Sequence[tuple[UUID, int]]
    ) -> None:
        bodies = await sources.card_bodies(self.connection, used.union(ranked))
        for key, body in bodies.items():
            self._cards[key] = msgspec.json.decode(body, type=IndicatorPublished)
        by_these = set(ranked)
        with out.member(form.CARDS) as member:
            for indicator, version in sorted(bodies, key=lambda one: (str(one[0]), one[1])):
                card = msgspec.Raw(bodies[indicator, version].encode())
                member.write(form.line(CardLine(ranked=(indicator, version) in by_these, card=card)))

    def _entry(self, row: asyncpg.Record) -> EntryLine:
        self._units.add(row["unit_id"])
        self._who.add(row["who"])
        told = {name: str(row[name]) for name in ("entry_id", "source_id", "unit_id")}
        return EntryLine(
            **told, kind=row["kind"], period=row["period"], table_code=row["table_code"],
            bonus_class=row["bonus_class"], due=plain(row["due"]), points=plain(row["points"]),
            taken=msgspec.json.decode(row["taken"]), reverses=str(row["reverses"]) if row["reverses"] else None,
            reason=row["reason"], who=row["who"], at=row["at"].isoformat(),
        )  # fmt: skip

    # --- evaluations and their cells ----------------------------------------------------------------------------------

    async def _evaluations(self, out: form.ArchiveWriter, groups: Sequence[tuple[str, UUID]], basis: _Basis) -> None:
        amended: dict[tuple[str, UUID], list[tuple[UUID, int]]] = {}
        for period, indicator, unit, version in basis.amended:
            amended.setdefault((period, indicator), []).append((unit, version))
        with out.member(form.EVALUATIONS) as member:
            for number, (period, indicator) in enumerate(groups, start=1):
                for line in await self._evaluations_of(period, indicator, amended.get((period, indicator), [])):
                    self._counts["evaluations"] += 1
                    self._counts["cells"] += len(line.cells)
                    # Packing is long for a large group: beside the event loop.
                    await asyncio.to_thread(member.write, form.line(line))
                await self.progress.note(number, len(groups))

    async def _evaluations_of(
        self, period: str, indicator: UUID, amended: Sequence[tuple[UUID, int]]
    ) -> list[EvaluationLine]:
        rows = await sources.cells(self.connection, period, indicator, amended)
        entries: dict[UUID, list[LedgerLine]] = {}
        for row in await sources.entries(self.connection, period, indicator):
            unit, *told = row
            entries.setdefault(unit, []).append(LedgerLine(*told))
        cells: dict[int, list[CellLine]] = {}
        for row in rows:
            self._units.add(row["unit_id"])
            self._who.add(row["who"])
            cells.setdefault(row["evaluation_no"], []).append(_cell(row, entries.get(row["unit_id"], [])))
        found = await sources.evaluations(self.connection, period, indicator, cells.keys())
        return [await self._evaluation(period, indicator, row, cells[row["evaluation_no"]]) for row in found]

    async def _evaluation(
        self, period: str, indicator: UUID, row: asyncpg.Record, cells: list[CellLine]
    ) -> EvaluationLine:
        card = self._cards[indicator, row["indicator_version"]]
        inputs = msgspec.json.decode(row["inputs"], type=dict[str, dict[str, int | str]])
        if not reads_peers(card):
            inputs = {cell.unit_id: inputs[cell.unit_id] for cell in cells}
        wanted = [
            (metric, UUID(unit), version)
            for unit, read in inputs.items()
            for name, version in read.items()
            if not is_mark(name)
            and (metric := card.bindings[name].metric) is not None
            and isinstance(version, int)
            and version
        ]
        facts = await copies.facts_as_read(self.connection, period, wanted)
        read = {
            unit: {name: _read(card, UUID(unit), name, version, facts) for name, version in versions.items()}
            for unit, versions in inputs.items()
        }
        return EvaluationLine(
            period=period, indicator_id=str(indicator), evaluation=row["evaluation_no"], card_version=card.version,
            rule_hash=row["rule_hash"], calendar=row["calendar"], read=read, cells=cells,
            decided=await self._decided(period, indicator, inputs),
        )  # fmt: skip

    async def _decided(
        self, period: str, indicator: UUID, inputs: Mapping[str, Mapping[str, int | str]]
    ) -> list[DecisionLine]:
        named = [(indicator, UUID(unit), text) for unit, read in inputs.items() for text in references(read).values()]
        standing = await decisions.as_read(self.connection, period, named) if named else {}
        return [
            DecisionLine(unit_id=str(unit), **vars(one))
            for (_, unit), decided in sorted(standing.items())
            for one in sorted(decided, key=lambda one: one.reference)
        ]

    # --- the ranking --------------------------------------------------------------------------------------------------

    async def _places(self, out: form.ArchiveWriter) -> None:
        after = None
        with out.member(form.PLACES) as member:
            while rows := await sources.places(self.connection, self.result.ranking_id, after, _PAGE):
                await asyncio.to_thread(member.write_all, [_place(row) for row in rows])
                self._units |= {row["unit_id"] for row in rows}
                after = (rows[-1]["board"], rows[-1]["peers"], str(rows[-1]["unit_id"]))

    async def _unit_lines(self, out: form.ArchiveWriter) -> None:
        last = parse_span(self.result.period).last
        known = await units_by(self.connection, last)
        stood = await standing(self.connection, last)
        self._write_all(
            out,
            form.UNITS,
            [
                {"unit_id": one.unit_id, "code": one.code, "name": one.name, "kind": one.kind, "path": one.path,
                 "groups": dict(one.groups), "stood": one.unit_id in stood}
                for one in sorted(known, key=lambda unit: str(unit.unit_id))
                if one.unit_id in self._units
            ],
        )  # fmt: skip


def _cell(row: asyncpg.Record, entries: Sequence[LedgerLine]) -> CellLine:
    excluded = None
    if row["excluded"] is not None:
        excluded = ExcludedLine(state=row["excluded"], reason=row["excluded_because"])
    return CellLine(
        unit_id=str(row["unit_id"]), version=row["version"], state=row["state"], code=row["code"], note=row["note"],
        full_marks=plain(row["full_marks"]), score=None if row["score"] is None else format(row["score"], "f"),
        entries=[one for one in entries if one.version <= row["version"]], excluded=excluded, why=row["reason"],
        who=row["who"], at=row["at"].isoformat(),
    )  # fmt: skip


def _read(
    card: IndicatorPublished,
    unit: UUID,
    name: str,
    version: int | str,
    facts: Facts,
) -> FactLine | str:
    if isinstance(version, str):
        return version
    metric = card.bindings[name].metric
    if metric is None:
        return str(version)
    if not version:
        return FactLine(version=0)
    fact = facts[metric][unit]
    return FactLine(version=fact.version, state=fact.state, value=fact.value, reason=fact.reason)


def _scaled(number: Decimal) -> str:
    return text_of(Fraction(number) * ARCHIVED / SCALE)


def _place(row: asyncpg.Record) -> PlaceLine:
    told = {name: row[name] for name in ("indicators", "place", "tied", "dense", "ranked", "best", "worst")}
    return PlaceLine(
        board=row["board"], peers=row["peers"], unit_id=str(row["unit_id"]), total=_scaled(row["total"]),
        full_marks=_scaled(row["full_marks"]),
        next_total=None if row["next_total"] is None else _scaled(row["next_total"]), **told,
    )  # fmt: skip


def _grade(row: asyncpg.Record) -> GradeLine:
    caps = msgspec.json.decode(row["caps"], type=list[CapLine])
    return GradeLine(unit_id=str(row["unit_id"]), grade=row["grade"], earned=row["earned"], caps=caps)
