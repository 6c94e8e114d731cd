"""All queries of the catalogue. Reading one published card is a single hand-written statement with the scope in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from shared.auth import Reach
from shared.contracts.identity import unit_id
from shared.db import rows_as_dicts

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
_SET_COLUMNS = (
    "s.set_id, s.code, s.name, s.year, s.evaluated_units, s.full_marks, s.outside_total, s.levels, s.draft_version, "
    "s.published_version, s.published_at"
)


@dataclass(frozen=True)
class Sight:
    """What a reader of cards may see: their reach, and the paths of their own units, whose chain upwards counts too."""

    reach: Reach
    paths: tuple[str, ...]
    today: date

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The four parameters of `_visible`, in order."""
        chain = {unit_id(code) for path in self.paths for code in path.split("/") if code}
        return self.reach.everything, [*chain.union(self.reach.units)], list(self.reach.subtrees), self.today


def _visible(audience: str, first: int) -> str:
    """The predicate: a unit of the audience is the reader's own or above it, or lies within reach, today.

    Ids follow from codes, so the chain above a unit is read off its path without asking the tree.
    """
    everything, units, subtrees, today = (f"${first + n}" for n in range(4))
    return (
        f"({everything}::boolean OR {audience} && {units}::uuid[] OR (cardinality({subtrees}::text[]) > 0 AND EXISTS ("
        f"SELECT 1 FROM directory_unit_spans v WHERE v.unit_id = ANY({audience}) "
        f"AND v.effective_from <= {today}::date AND (v.effective_to IS NULL OR v.effective_to > {today}::date) AND "
        f"EXISTS (SELECT 1 FROM unnest({subtrees}::text[]) AS within(root) WHERE starts_with(v.path, within.root)))))"
    )


_CARD = "SELECT i.version, i.answer FROM indicators i WHERE i.indicator_id = $1 AND "
_CARD_IN_SIGHT = _CARD + _visible("i.audience", 2)
# Who reaches no subtree needs no look at the tree, and this form is planned once for all.
_CARD_OF_OWN = _CARD + "i.audience && $2::uuid[]"


async def published_card(reads: Connection, indicator_id: UUID, sight: Sight) -> asyncpg.Record | None:
    """Version and answer of a published card, or None if there is none that the reader may see."""
    everything, units, subtrees, today = sight.parameters
    if everything or subtrees:
        return await reads.fetchrow(_CARD_IN_SIGHT, indicator_id, everything, units, subtrees, today)
    return await reads.fetchrow(_CARD_OF_OWN, indicator_id, units)


async def published_cards(
    reads: Connection,
    sight: Sight,
    *,
    set_code: str | None,
    level1: str | None,
    evaluating_unit_id: UUID | None,
    fill_mode: str | None,
    after: tuple[str, str],
    limit: int,
) -> list[asyncpg.Record]:
    """A page of published cards in the order of set and code."""
    found: list[asyncpg.Record] = await reads.fetch(
        "SELECT i.set_code, i.code, i.answer FROM indicators i WHERE (i.set_code, i.code) > ($1, $2) "
        "AND ($3::text IS NULL OR i.set_code = $3) AND ($4::text IS NULL OR i.level1 = $4) "
        "AND ($5::uuid IS NULL OR i.evaluating_unit_id = $5) AND ($6::text IS NULL OR i.fill_mode = $6) "
        f"AND {_visible('i.audience', 8)} ORDER BY i.set_code, i.code LIMIT $7",
        *after,
        set_code,
        level1,
        evaluating_unit_id,
        fill_mode,
        limit,
        *sight.parameters,
    )
    return found


async def metrics(driver: Connection, codes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Metrics by code: their declaration with metric_id and version."""
    records = await driver.fetch(
        "SELECT metric_id, code, version, declaration FROM metrics WHERE code = ANY($1::text[])", list(codes)
    )
    return {record["code"]: _metric(record) for record in records}


async def metrics_page(driver: Connection, *, after: str, limit: int, kind: str | None) -> list[dict[str, Any]]:
    """A page of metrics in the order of their codes."""
    records = await driver.fetch(
        "SELECT metric_id, code, version, declaration FROM metrics WHERE code > $1 "
        "AND ($2::text IS NULL OR declaration->>'type' = $2) ORDER BY code LIMIT $3",
        after,
        kind,
        limit,
    )
    return [_metric(record) for record in records]


def _metric(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_json(record["declaration"]),
        "metric_id": record["metric_id"],
        "code": record["code"],
        "version": record["version"],
    }


async def save_metrics(
    driver: asyncpg.Connection, rows: Sequence[tuple[UUID, str, int, datetime, Mapping[str, Any]]]
) -> None:
    """Write metrics (id, code, version, recorded at, declaration), new or as their next version; sorted by id."""
    await driver.executemany(
        "INSERT INTO metrics (metric_id, code, version, recorded_at, declaration) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (metric_id) DO UPDATE SET version = excluded.version, recorded_at = excluded.recorded_at, "
        "declaration = excluded.declaration",
        [(*row[:4], _text(row[4])) for row in sorted(rows, key=lambda row: row[0])],
    )


async def lock_metrics(driver: asyncpg.Connection) -> None:
    """Become the only writer of metrics until the commit: rows that do not exist yet cannot be locked."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('metrics', 0))")


async def metric_is_read(driver: Connection, metric_id: UUID) -> bool:
    """Whether a published card, of any version, reads the metric."""
    found: bool = await driver.fetchval(
        "SELECT EXISTS (SELECT 1 FROM card_versions WHERE jsonb_path_exists(card, '$.bindings.*.metric ? (@ == $m)', "
        "jsonb_build_object('m', $1::text)))",
        str(metric_id),
    )
    return found


async def indicator_set(driver: asyncpg.Connection, code: str, *, lock: bool = False) -> dict[str, Any] | None:
    """An indicator set by its code; with `lock` nobody else changes it or its drafts until the commit."""
    record = await driver.fetchrow(
        f"SELECT {_SET_COLUMNS} FROM indicator_sets s WHERE s.code = $1{' FOR UPDATE' if lock else ''}", code
    )
    return None if record is None else _set(record)


async def sets_page(
    driver: Connection, sight: Sight, *, after: str, limit: int, code: str | None = None, year: int | None = None
) -> list[dict[str, Any]]:
    """Sets of which the reader may see a published card or evaluates a drafted one, in the order of their codes."""
    drafted = _visible("ARRAY[(d.content->>'evaluating_unit_id')::uuid]", 5)
    records = await driver.fetch(
        f"SELECT {_SET_COLUMNS}, (SELECT count(*) FROM card_drafts d WHERE d.set_id = s.set_id) AS drafts, "
        "(SELECT count(*) FROM indicators i WHERE i.set_id = s.set_id) AS cards FROM indicator_sets s "
        "WHERE s.code > $1 AND ($2::text IS NULL OR s.code = $2) AND ($3::integer IS NULL OR s.year = $3) "
        "AND ($5::boolean "
        f"OR EXISTS (SELECT 1 FROM indicators i WHERE i.set_id = s.set_id AND {_visible('i.audience', 5)}) "
        f"OR EXISTS (SELECT 1 FROM card_drafts d WHERE d.set_id = s.set_id AND {drafted})) "
        "ORDER BY s.code LIMIT $4",
        after,
        code,
        year,
        limit,
        *sight.parameters,
    )
    return [_set(record) for record in records]


def _set(record: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(record)
    return {**row, "evaluated_units": _json(row["evaluated_units"]), "levels": _json(row["levels"])}


async def add_set(driver: asyncpg.Connection, row: Mapping[str, Any]) -> bool:
    """Write a new set; False if its code was taken meanwhile."""
    done = await driver.fetchval(
        "INSERT INTO indicator_sets (set_id, code, name, year, evaluated_units, full_marks, outside_total, levels, "
        "draft_version, published_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 0) "
        "ON CONFLICT DO NOTHING RETURNING 1",
        row["set_id"],
        row["code"],
        row["name"],
        row["year"],
        _text(row["evaluated_units"]),
        row["full_marks"],
        row["outside_total"],
        _text(row["levels"]),
    )
    return done is not None


async def drafts(driver: Connection, set_id: UUID, codes: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """The drafts of a set by code: indicator_id, version, content."""
    records = await driver.fetch(
        "SELECT indicator_id, code, version, content FROM card_drafts WHERE set_id = $1 "
        "AND ($2::text[] IS NULL OR code = ANY($2)) ORDER BY code",
        set_id,
        None if codes is None else list(codes),
    )
    return {record["code"]: {**dict(record), "content": _json(record["content"])} for record in records}


async def save_drafts(
    driver: asyncpg.Connection,
    set_id: UUID,
    rows: Sequence[tuple[UUID, str, int, Mapping[str, Any]]],
    *,
    at: datetime,
    by: str,
) -> None:
    """Write drafts (id, code, version, content) of a set that is locked, and count the change."""
    await driver.executemany(
        "INSERT INTO card_drafts (indicator_id, set_id, code, version, content, changed_at, changed_by) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (indicator_id) DO UPDATE SET version = excluded.version, "
        "content = excluded.content, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        [(key, set_id, code, version, _text(content), at, by) for key, code, version, content in rows],
    )
    await driver.execute("UPDATE indicator_sets SET draft_version = draft_version + 1 WHERE set_id = $1", set_id)


async def newest_cards(driver: Connection, set_id: UUID) -> dict[UUID, dict[str, Any]]:
    """The newest published version of every card of a set, by id, as its event told it."""
    records = await driver.fetch(
        "SELECT i.indicator_id, v.card FROM indicators i "
        "JOIN card_versions v ON v.indicator_id = i.indicator_id AND v.version = i.version WHERE i.set_id = $1",
        set_id,
    )
    return {record["indicator_id"]: _json(record["card"]) for record in records}


@dataclass(frozen=True)
class CardVersion:
    """A card as it is published: the event's data, and the answer that reads will give."""

    card: Mapping[str, Any]
    answer: str

    @property
    def audience(self) -> list[str]:
        """Evaluating and evaluated units."""
        return sorted({self.card["evaluating_unit_id"], *self.card["evaluated_unit_ids"]})


async def save_publication(
    driver: asyncpg.Connection,
    set_id: UUID,
    set_version: int,
    versions: Sequence[CardVersion],
    *,
    at: datetime,
    by: str,
) -> None:
    """Write new card versions and make them what reads answer; the set's row is locked by the caller."""
    await driver.executemany(
        "INSERT INTO card_versions (indicator_id, version, set_version, recorded_at, recorded_by, effective_from, "
        "effective_to, card) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                UUID(one.card["indicator_id"]),
                one.card["version"],
                set_version,
                at,
                by,
                date.fromisoformat(one.card["effective_from"]),
                one.card["effective_to"] and date.fromisoformat(one.card["effective_to"]),
                _text(one.card),
            )
            for one in versions
        ],
    )
    await driver.executemany(
        "INSERT INTO indicators (indicator_id, version, set_id, set_code, code, level1, fill_mode, evaluating_unit_id, "
        "audience, answer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (indicator_id) DO UPDATE SET "
        "version = excluded.version, level1 = excluded.level1, fill_mode = excluded.fill_mode, "
        "evaluating_unit_id = excluded.evaluating_unit_id, audience = excluded.audience, answer = excluded.answer",
        [
            (
                UUID(one.card["indicator_id"]),
                one.card["version"],
                set_id,
                one.card["set_code"],
                one.card["code"],
                one.card["level1"],
                one.card["fill_mode"],
                UUID(one.card["evaluating_unit_id"]),
                [UUID(unit) for unit in one.audience],
                one.answer,
            )
            for one in versions
        ],
    )
    await driver.execute(
        "UPDATE indicator_sets SET published_version = $2, published_at = $3 WHERE set_id = $1", set_id, set_version, at
    )


async def units_of(
    driver: Connection,
    day: date,
    *,
    codes: Iterable[str] = (),
    kind: str | None = None,
    group: tuple[str, str] | None = None,
) -> dict[str, tuple[UUID, str]]:
    """Id and path of units on a day by code: those of the codes, of a kind, or of a peer group."""
    records = await driver.fetch(
        "SELECT u.code, u.unit_id, u.path FROM directory_unit_spans u WHERE u.effective_from <= $1 "
        "AND (u.effective_to IS NULL OR u.effective_to > $1) AND (u.code = ANY($2::text[]) OR u.kind = $3 "
        "OR u.groups->>$4 = $5) ORDER BY u.code",
        day,
        list(codes),
        kind,
        None if group is None else group[0],
        None if group is None else group[1],
    )
    return {record["code"]: (record["unit_id"], record["path"]) for record in records}


async def counts_of(driver: Connection, set_id: UUID) -> dict[str, int]:
    """How many drafts and published cards a set has."""
    record = await driver.fetchrow(
        "SELECT (SELECT count(*) FROM card_drafts WHERE set_id = $1) AS drafts, "
        "(SELECT count(*) FROM indicators WHERE set_id = $1) AS cards",
        set_id,
    )
    return rows_as_dicts([record])[0] if record else {"drafts": 0, "cards": 0}


def _text(document: Any) -> str:
    return msgspec.json.encode(document).decode()


def _json(document: Any) -> Any:
    """A jsonb value: text from the bare driver, already decoded where the engine has taught the connection."""
    return msgspec.json.decode(document) if isinstance(document, (str, bytes)) else document
