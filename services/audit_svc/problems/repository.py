"""Writes and locks of the problems room, and the loading of whole pairs; reading for HTTP is in reading.py."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg
import msgspec

from services.audit_svc.problems.domain import Policy
from services.audit_svc.problems.objects import Case, Problem, Stated
from services.audit_svc.problems.policies import policy_of
from services.audit_svc.rows import add, lock_key, read, save
from shared.errors import NotFound

Pair = tuple[UUID, UUID]
_VERSION_COLUMNS = (
    "deduction_id", "version", "problem_id", "full_marks", "score", "loss", "timing", "reason", "note", "received_at",
)  # fmt: skip


_POLICIES = lock_key("audit/policies")


async def lock_pairs(driver: asyncpg.Connection, pairs: Iterable[Pair]) -> None:
    """Hold each unit x indicator until the transaction ends, in one order for everybody; policies stand still."""
    await driver.execute("SELECT pg_advisory_xact_lock_shared($1)", _POLICIES)
    keys = sorted({lock_key(f"audit/pair/{unit}/{indicator}") for unit, indicator in pairs})
    await driver.execute("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key", keys)


async def lock_policies(driver: asyncpg.Connection) -> None:
    """Hold the policy table: nothing is judged meanwhile."""
    await driver.execute("SELECT pg_advisory_xact_lock($1)", _POLICIES)


async def load_pairs(driver: asyncpg.Connection, pairs: Iterable[Pair]) -> tuple[list[Problem], list[Case]]:
    """Everything that is known of the pairs."""
    wanted = sorted(set(pairs), key=str)
    units, indicators = [unit for unit, _ in wanted], [indicator for _, indicator in wanted]
    join = "JOIN unnest($1::uuid[], $2::uuid[]) AS wanted(u, i) ON k.unit_id = wanted.u AND k.indicator_id = wanted.i"
    problems = await driver.fetch(f"SELECT k.* FROM problems k {join}", units, indicators)
    cases = await driver.fetch(f"SELECT k.* FROM cases k {join}", units, indicators)
    return [read(Problem, row) for row in problems], [read(Case, row) for row in cases]


async def all_pairs(driver: asyncpg.Connection, after: Pair | None, limit: int) -> list[Pair]:
    """Pairs that have problems, in a fixed order, after one."""
    rows = await driver.fetch(
        "SELECT DISTINCT unit_id, indicator_id FROM problems "
        "WHERE $1::uuid IS NULL OR (unit_id, indicator_id) > ($1, $2) ORDER BY unit_id, indicator_id LIMIT $3",
        after[0] if after else None,
        after[1] if after else None,
        limit,
    )
    return [(row["unit_id"], row["indicator_id"]) for row in rows]


async def save_problems(driver: asyncpg.Connection, problems: Iterable[Problem]) -> None:
    """Write problems; one that follows a later version of its deduction is never overwritten."""
    await save(driver, "problems", ["deduction_id"], problems, newer_only="version")


async def save_cases(driver: asyncpg.Connection, cases: Iterable[Case]) -> None:
    """Write cases. Closed ones first, so that a pair never has two standing ones even for a moment."""
    given = list(cases)
    await save(driver, "cases", ["case_id"], [case for case in given if case.state == "closed"])
    await save(driver, "cases", ["case_id"], [case for case in given if case.state != "closed"])


async def add_versions(
    driver: asyncpg.Connection, stated: Sequence[Stated], problem_ids: dict[UUID, UUID], at: datetime
) -> None:
    """Keep every version of a deduction that was ever heard, in whatever order."""
    rows = [
        {
            "deduction_id": one.deduction_id,
            "version": one.version,
            "problem_id": problem_ids[one.deduction_id],
            "full_marks": one.full_marks,
            "score": one.score,
            "loss": one.loss,
            "timing": one.timing,
            "reason": one.reason,
            "note": one.note,
            "received_at": at,
        }
        for one in stated
    ]
    await add(driver, "problem_versions", _VERSION_COLUMNS, rows)


async def published_policies(driver: asyncpg.Connection) -> list[Policy]:
    """Every version of every policy: earlier days are judged by the one in force then."""
    rows = await driver.fetch("SELECT code, version, document FROM policies ORDER BY code, version")
    return [policy_of(row["code"], row["version"], row["document"]) for row in rows]


async def policy_document(driver: asyncpg.Connection, code: str) -> asyncpg.Record | None:
    """The newest version of one policy as it was published."""
    return await driver.fetchrow("SELECT * FROM policies WHERE code = $1 ORDER BY version DESC LIMIT 1", code)


async def add_policy(
    driver: asyncpg.Connection, code: str, version: int, document: dict[str, object], who: str, at: datetime
) -> None:
    """Append a version of a policy."""
    await driver.execute(
        "INSERT INTO policies (code, version, effective_from, document, published_by, published_at) "
        "VALUES ($1, $2, ($3::text::json ->> 'effective_from')::date, $3::text::jsonb, $4, $5)",
        code,
        version,
        msgspec.json.encode(document).decode(),
        who,
        at,
    )


async def pair_of_problem(driver: asyncpg.Connection, problem_id: UUID) -> Pair:
    """The unit and indicator of a problem. Raises NotFound."""
    row = await driver.fetchrow("SELECT unit_id, indicator_id FROM problems WHERE problem_id = $1", problem_id)
    if row is None:
        raise NotFound
    return row["unit_id"], row["indicator_id"]


async def place_of_problem(driver: asyncpg.Connection, problem_id: UUID) -> tuple[UUID, str]:
    """The unit and period of a problem. Raises NotFound."""
    row = await driver.fetchrow("SELECT unit_id, period FROM problems WHERE problem_id = $1", problem_id)
    if row is None:
        raise NotFound
    return row["unit_id"], row["period"]


async def hold_problem(driver: asyncpg.Connection, problem_id: UUID) -> Problem:
    """The problem, held with its pair until the end of the transaction. Raises NotFound."""
    await lock_pairs(driver, [await pair_of_problem(driver, problem_id)])
    return read(Problem, await driver.fetchrow("SELECT * FROM problems WHERE problem_id = $1", problem_id))


async def is_known(driver: asyncpg.Connection, problem_id: UUID) -> bool:
    """Whether there is such a problem."""
    return await driver.fetchval("SELECT 1 FROM problems WHERE problem_id = $1", problem_id) is not None


@dataclass(frozen=True)
class Parked:
    """Points regained as of a version of theirs."""

    version: int
    entry_id: UUID
    points: Decimal


async def park_points(driver: asyncpg.Connection, problem_id: UUID, parked: Parked) -> bool:
    """Keep points regained for a problem that is not known yet; False if it is known by now.

    Holding the policy table waits for every deduction that is just being followed, so that neither misses the other.
    """
    await lock_policies(driver)
    if await is_known(driver, problem_id):
        return False
    await driver.execute(
        "INSERT INTO parked_points (problem_id, version, entry_id, points) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        problem_id,
        parked.version,
        parked.entry_id,
        parked.points,
    )
    return True


async def parked_points(driver: asyncpg.Connection, problem_ids: Sequence[UUID]) -> dict[UUID, Parked]:
    """Points regained that came before their problems, by problem: the newest word."""
    rows = await driver.fetch(
        "SELECT DISTINCT ON (problem_id) problem_id, version, entry_id, points FROM parked_points "
        "WHERE problem_id = ANY($1::uuid[]) ORDER BY problem_id, version DESC",
        problem_ids,
    )
    return {row["problem_id"]: Parked(row["version"], row["entry_id"], row["points"]) for row in rows}


async def case_with_problems(driver: asyncpg.Connection, case_id: UUID) -> tuple[Case, list[Problem], list[str]]:
    """A case, its problems, and the states of its interviews."""
    case = read(Case, await driver.fetchrow("SELECT * FROM cases WHERE case_id = $1", case_id))
    problems = await driver.fetch("SELECT * FROM problems WHERE case_id = $1", case_id)
    interviews = await driver.fetch("SELECT state FROM interviews WHERE case_id = $1", case_id)
    return case, [read(Problem, row) for row in problems], [row["state"] for row in interviews]
