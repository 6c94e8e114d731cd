"""Statements of rounds: schemes, people and their postings, marks, and what results are made of. No reader's scope."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.people.domain.roster import Posting
from services.scoring_svc.people.domain.scheme import EvaluatorKind, PersonalScheme

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class Round:
    """An assessment round as stored."""

    round_id: UUID
    version: int
    state: str
    scheme_code: str
    scheme_version: int
    period: str
    unit_id: UUID
    panel: list[UUID]
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None = None
    closed_by: str | None = None
    results_version: int = 0


@dataclass(frozen=True)
class Mark:
    """A mark as stored; None: recused."""

    version: int
    kind: EvaluatorKind
    mark: Decimal | None


_COLUMNS = [field.name for field in fields(Round)]


# --- schemes --------------------------------------------------------------------------------------------------------


async def hold_scheme(driver: asyncpg.Connection, code: str) -> int:
    """Hold the versions of a scheme until the transaction ends; returns the last one, 0 for none."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"personal_scheme:{code}")
    last: int = await driver.fetchval("SELECT coalesce(max(version), 0) FROM personal_schemes WHERE code = $1", code)
    return last


async def find_scheme(connection: Connection, code: str, version: int | None = None) -> tuple[int, str] | None:
    """A version of a scheme, the newest unless one is named: its number and its body as JSON."""
    row = await connection.fetchrow(
        "SELECT version, body FROM personal_schemes WHERE code = $1 AND ($2::int IS NULL OR version = $2) "
        "ORDER BY version DESC LIMIT 1",
        code,
        version,
    )
    return (row["version"], row["body"]) if row else None


def read_scheme(body: str) -> PersonalScheme:
    """A scheme's body as the rules read it."""
    return msgspec.json.decode(body, type=PersonalScheme)


# --- rounds ---------------------------------------------------------------------------------------------------------


async def hold_people(driver: asyncpg.Connection, scheme: str, period: str) -> None:
    """Hold who is assessed under a scheme in a period until the transaction ends; taken before the round itself."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"personal:{scheme}:{period}")


async def find_round(driver: asyncpg.Connection, round_id: UUID, hold: str = "") -> Round | None:
    """A round; `hold` FOR UPDATE or FOR SHARE until the transaction ends."""
    row = await driver.fetchrow(
        f"SELECT {', '.join(_COLUMNS)} FROM personal_rounds WHERE round_id = $1 {hold}", round_id
    )
    return Round(**row) if row else None


async def round_exists(driver: asyncpg.Connection, scheme: str, period: str, unit_id: UUID) -> bool:
    """Whether a round of a scheme over a period and a unit is there."""
    statement = "SELECT true FROM personal_rounds WHERE scheme_code = $1 AND period = $2 AND unit_id = $3"
    return await driver.fetchval(statement, scheme, period, unit_id) is not None


async def save_round(driver: asyncpg.Connection, one: Round) -> None:
    """Put a round as it now stands."""
    places = ", ".join(f"${number}" for number in range(1, len(_COLUMNS) + 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
    await driver.execute(
        f"INSERT INTO personal_rounds ({', '.join(_COLUMNS)}) VALUES ({places}) "
        f"ON CONFLICT (round_id) DO UPDATE SET {changes}",
        *astuple(one),
    )


async def people_elsewhere(
    driver: asyncpg.Connection, scheme: str, period: str, people: Sequence[UUID], but: UUID | None
) -> list[str]:
    """Those of the people, by staff number, who are in another round of the scheme and period."""
    rows = await driver.fetch(
        "SELECT DISTINCT d.code FROM personal_members m JOIN personal_rounds r USING (round_id) "
        "JOIN directory_people d USING (person_id) WHERE r.scheme_code = $1 AND r.period = $2 "
        "AND m.person_id = ANY($3::uuid[]) AND r.round_id IS DISTINCT FROM $4 ORDER BY 1",
        scheme,
        period,
        list(people),
        but,
    )
    return [row["code"] for row in rows]


async def add_members(
    driver: asyncpg.Connection,
    one: Round,
    members: Sequence[tuple[UUID, Sequence[Posting]]],
    units: Mapping[UUID, str],
    reason: str,
    who: str,
    at: datetime,
) -> None:
    """Add the postings of people as the round's version; `units`: the codes by which the units are shown.

    Who held no post at all is found by the round's own unit.
    """
    await driver.executemany(
        "INSERT INTO personal_members (round_id, person_id, version, unit_ids, postings, reason, who, at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                one.round_id,
                person,
                one.version,
                sorted({posting.unit_id for posting in postings}) or [one.unit_id],
                msgspec.json.encode(
                    [
                        {**msgspec.to_builtins(posting), "unit": units.get(posting.unit_id, str(posting.unit_id))}
                        for posting in postings
                    ]
                ).decode(),
                reason,
                who,
                at,
            )
            for person, postings in members
        ],
    )


async def members_of(
    connection: Connection, round_id: UUID, person: UUID | None = None
) -> dict[UUID, tuple[list[Posting], dict[UUID, str]]]:
    """The postings of a round's people (or of one) as they count now, with the codes of the units."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (person_id) person_id, postings FROM personal_members WHERE round_id = $1 "
        "AND ($2::uuid IS NULL OR person_id = $2) ORDER BY person_id, version DESC",
        round_id,
        person,
    )
    found = {}
    for row in rows:
        told = msgspec.json.decode(row["postings"], type=list[dict[str, Any]])
        codes = {UUID(one["unit_id"]): one["unit"] for one in told}
        found[row["person_id"]] = (msgspec.convert(told, list[Posting], strict=False), codes)
    return found


# --- marks ----------------------------------------------------------------------------------------------------------


async def marks_between(driver: asyncpg.Connection, round_id: UUID, person: UUID, evaluator: str) -> dict[str, Mark]:
    """What an evaluator gave to a person, by item; held until the transaction ends."""
    rows = await driver.fetch(
        "SELECT item, version, kind, mark FROM personal_marks WHERE round_id = $1 AND person_id = $2 "
        "AND evaluator = $3 ORDER BY item FOR UPDATE",
        round_id,
        person,
        evaluator,
    )
    return {row["item"]: Mark(row["version"], row["kind"], row["mark"]) for row in rows}


async def marks_by(connection: Connection, round_id: UUID, evaluator: str) -> dict[tuple[UUID, str], Mark]:
    """What an evaluator gave in a round, by person and item."""
    rows = await connection.fetch(
        "SELECT person_id, item, version, kind, mark FROM personal_marks WHERE round_id = $1 AND evaluator = $2",
        round_id,
        evaluator,
    )
    return {(row["person_id"], row["item"]): Mark(row["version"], row["kind"], row["mark"]) for row in rows}


async def put_mark(
    driver: asyncpg.Connection, key: tuple[UUID, UUID, str, str], mark: Mark, text: str, at: datetime
) -> bool:
    """Put a mark: version 1 is added, a later one replaces the one before. False: somebody else was there first."""
    if mark.version == 1:
        statement = (
            "INSERT INTO personal_marks (round_id, person_id, item, evaluator, version, kind, mark, text, at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING 1"
        )
    else:
        statement = (
            "UPDATE personal_marks SET version = $5, kind = $6, mark = $7, text = $8, at = $9 WHERE round_id = $1 "
            "AND person_id = $2 AND item = $3 AND evaluator = $4 AND version = $5 - 1 RETURNING 1"
        )
    return await driver.fetchval(statement, *key, mark.version, mark.kind, mark.mark, text, at) is not None


async def marks_of_round(connection: Connection, round_id: UUID) -> dict[UUID, dict[str, dict[Any, list[Fraction]]]]:
    """All marks of a round by person, item and kind; those of recused evaluators are none."""
    rows = await connection.fetch(
        "SELECT person_id, item, kind, mark FROM personal_marks WHERE round_id = $1 AND mark IS NOT NULL", round_id
    )
    found: dict[UUID, dict[str, dict[Any, list[Fraction]]]] = {}
    for row in rows:
        kinds = found.setdefault(row["person_id"], {}).setdefault(row["item"], {})
        kinds.setdefault(row["kind"], []).append(Fraction(row["mark"]))
    return found


# --- results -------------------------------------------------------------------------------------------------------


async def results_of(connection: Connection, round_id: UUID, version: int) -> dict[UUID, asyncpg.Record]:
    """The results of a version by person."""
    rows = await connection.fetch(
        "SELECT person_id, state, score, grade, earned, caps, body FROM personal_results WHERE round_id = $1 "
        "AND version = $2",
        round_id,
        version,
    )
    return {row["person_id"]: row for row in rows}


async def add_results(driver: asyncpg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add results: round, version, person, result id, state, score, grade, earned, caps, units, body."""
    await driver.executemany(
        "INSERT INTO personal_results (round_id, version, person_id, result_id, state, score, grade, earned, caps, "
        "unit_ids, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        rows,
    )
