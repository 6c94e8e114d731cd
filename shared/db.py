"""PostgreSQL: one engine for the work of requests and events, one bare pool for hot reads, and the unit of work.

Application code never commits: the route class and the event consumer open a unit of work and commit it, then answer or
acknowledge. What a unit of work records as events and trail is written in its own transaction, just before the commit.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import CursorResult, Executable, MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.contracts.envelope import seal
from shared.contracts.registry import Event
from shared.observability import current_traceparent

_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# What tells that the database itself is away, rather than that a statement is wrong.
DATABASE_DOWN: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    # A standby, or a server that was made read-only: until it or another one is the primary nothing can be written.
    asyncpg.ReadOnlySQLTransactionError,
    ConnectionError,
    FileNotFoundError,
    TimeoutError,
    # No connection of the pool became free: nobody's fault but ours, and it passes.
    PoolTimeout,
)


def is_database_down(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, means that the database cannot be reached or written at the moment."""
    return any(
        isinstance(one, DATABASE_DOWN) or getattr(one, "connection_invalidated", False) for one in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 10:  # noqa: PLR2004 - a chain of causes may be circular
        yield error
        error, seen = getattr(error, "orig", None) or error.__cause__ or error.__context__, seen + 1


def _found_read_only(error: BaseException) -> bool:
    return any(isinstance(one, asyncpg.ReadOnlySQLTransactionError) for one in _causes(error))


def new_metadata() -> MetaData:
    """A service's own metadata, with constraint names that migrations can rely on."""
    return MetaData(naming_convention=_CONVENTION)


class TrailEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to which object: one row of the trail, before it is sealed."""

    action: str
    object_type: str
    object_id: str
    outcome: str = "done"
    before: Any = None
    after: Any = None


class UnitOfWork:
    """One transaction of one request or one message. A connection is taken on first use.

    `who` is the subject that acts. `record` and `trail` only remember; `Database.transaction` writes them.
    """

    def __init__(self, engine: AsyncEngine, who: str) -> None:
        self.who = who
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._transaction: asyncpg.transaction.Transaction | None = None
        self._events: list[tuple[Event, str | None, str]] = []
        self._trail: list[TrailEntry] = []
        self._wrote_outbox = False
        self._queued: set[str] = set()

    async def connection(self) -> AsyncConnection:
        """The SQLAlchemy connection of this transaction."""
        if self._connection is None:
            self._connection, self._transaction = await self._begin()
        return self._connection

    async def _begin(self) -> tuple[AsyncConnection, asyncpg.transaction.Transaction]:
        # SQLAlchemy stays in AUTOCOMMIT and the transaction is the driver's own, so that Core statements, COPY and
        # hand-written statements share it whichever comes first.
        while True:
            connection = await self._engine.connect()
            driver = (await connection.get_raw_connection()).driver_connection
            if driver is not None and not driver.is_closed():
                break
            await connection.invalidate()  # the server went away while the connection lay in the pool
            await connection.close()
        transaction = driver.transaction()
        try:
            await transaction.start()
        except BaseException:
            await connection.invalidate()
            await connection.close()
            raise
        return connection, transaction

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a SQLAlchemy Core statement in this transaction."""
        connection = await self.connection()
        return await connection.execute(statement, parameters)

    async def driver(self) -> asyncpg.Connection:
        """The asyncpg connection of this transaction, for COPY and hand-written statements."""
        connection = await self.connection()
        driver: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
        return driver

    def record(self, event: Event, *, subject: str = "", to: str | None = None) -> None:
        """Send an event when this transaction commits. `to` names one service: a snapshot for it alone."""
        self._events.append((event, to, subject))

    def outbox_written(self) -> None:
        """Say that a hand-written statement put rows into the outbox, so the relay is woken after the commit."""
        self._wrote_outbox = True

    def queued(self, table: str) -> None:
        """Say that jobs were put into a table, so its workers are woken after the commit, in every process."""
        self._queued.add(table)

    def trail(
        self,
        action: str,
        object_type: str,
        object_id: object,
        *,
        before: Any = None,
        after: Any = None,
        outcome: str = "done",
    ) -> None:
        """Note in the trail what this transaction does: verb, kind and id of the object, before and after."""
        self._trail.append(
            TrailEntry(
                action=action,
                object_type=object_type,
                object_id=str(object_id),
                before=before,
                after=after,
                outcome=outcome,
            )
        )

    async def flush(self) -> None:
        """Write the remembered events and trail entries into this transaction."""
        if self._trail:
            entries, self._trail = self._trail, []
            await _write_trail(await self.driver(), self.who, entries)
        if self._events:
            events, self._events = self._events, []
            await _write_outbox(await self.driver(), events)
            self._wrote_outbox = True

    async def _give_up(self, error: BaseException) -> None:
        # A connection to a server that became a standby would stay with it while the new primary is elsewhere.
        if self._connection is not None and _found_read_only(error):
            await self._connection.invalidate()
            await self._connection.close()
            self._connection = None
        await self._finish(commit=False)

    async def _finish(self, *, commit: bool) -> None:
        if self._connection is None or self._transaction is None:
            return
        connection, self._connection = self._connection, None
        try:
            if commit:
                await self._transaction.commit()
            else:
                await self._transaction.rollback()
        except BaseException as error:
            # Whether it was committed is unknown, and the connection is of no more use.
            await connection.invalidate()
            # A rollback that fails (its connection was cancelled or lost) must not hide what it was called for.
            if commit or not isinstance(error, Exception):
                raise
        finally:
            await connection.close()


async def _write_outbox(driver: asyncpg.Connection, events: Sequence[tuple[Event, str | None, str]]) -> None:
    at, trace = datetime.now(UTC), current_traceparent()
    rows = []
    for event, to, subject in events:
        event_id, name, body = seal(event, at=at, traceparent=trace, subject=subject)
        rows.append((event_id, name, f"snapshot.{to}.{name}" if to else name, body.decode()))
    await driver.executemany(
        "INSERT INTO outbox (event_id, type, nats_subject, envelope) VALUES ($1, $2, $3, $4)", rows
    )


async def _write_trail(driver: asyncpg.Connection, who: str, entries: Sequence[TrailEntry]) -> None:
    trace = current_traceparent()
    encode = msgspec.json.encode
    await driver.executemany(
        "INSERT INTO trail (who, action, object_type, object_id, outcome, before, after, trace) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                who,
                entry.action,
                entry.object_type,
                entry.object_id,
                entry.outcome,
                None if entry.before is None else encode(entry.before).decode(),
                None if entry.after is None else encode(entry.after).decode(),
                trace,
            )
            for entry in entries
        ],
    )


async def _leave_as_is(_: asyncpg.Connection) -> None:
    """Hot reads run single statements without session state, so there is nothing to reset on return."""


class Database:
    """A service's own database. `reads` is a bare asyncpg pool for single read statements."""

    reads: asyncpg.Pool

    def __init__(self, url: str, *, pool: int = 12) -> None:
        parsed = make_url(url).set(drivername="postgresql+asyncpg")
        self._dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        self.engine = create_async_engine(
            parsed,
            isolation_level="AUTOCOMMIT",  # the unit of work opens the transaction itself
            pool_size=pool,
            max_overflow=0,
            pool_timeout=5,
            # The connection used last has the statements prepared and the catalogue at hand; the oldest one has not.
            pool_use_lifo=True,
            # Nobody waits longer for another's lock: such a request is answered "in progress".
            connect_args={"server_settings": {"lock_timeout": "5000"}},
            json_serializer=lambda value: msgspec.json.encode(value).decode(),
            json_deserializer=msgspec.json.decode,
        )
        self._pool = pool
        # Called after every commit that wrote events; the relay puts its wake-up here.
        self.after_outbox: list[Callable[[], None]] = []
        # Called with names of tables after every commit that put jobs into them: this process's workers, and what
        # tells the other processes.
        self.workers: list[Callable[[Collection[str]], None]] = []
        self.after_queued: list[Callable[[Collection[str]], None]] = []

    async def open(self) -> None:
        """Open the read pool; raises the driver's error when the database is away."""
        self.reads = await asyncpg.create_pool(
            self._dsn, min_size=1, max_size=self._pool, reset=_leave_as_is, max_inactive_connection_lifetime=0
        )

    async def demand_writable(self, connection: asyncpg.Connection | asyncpg.Pool) -> None:
        """Raise the driver's error, or ReadOnlySQLTransactionError, unless something could be written right now.

        A standby answers every question; only this one tells it from the primary.
        """
        if await connection.fetchval("SHOW transaction_read_only") != "off":
            await self.reads.expire_connections()
            raise asyncpg.ReadOnlySQLTransactionError("the database takes no writes")

    async def close(self) -> None:
        """Give every connection back; those still in use after 5 s are cut."""
        try:
            async with asyncio.timeout(5):
                await self.reads.close()
        except TimeoutError:
            self.reads.terminate()
        finally:
            await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self, who: str) -> AsyncIterator[UnitOfWork]:
        """One unit of work: committed at the end, rolled back if anything was raised."""
        uow = UnitOfWork(self.engine, who)
        try:
            yield uow
            await uow.flush()
            await uow._finish(commit=True)  # noqa: SLF001 - the only place that commits
        except BaseException as error:
            await uow._give_up(error)  # noqa: SLF001
            if _found_read_only(error):
                await self.reads.expire_connections()
            raise
        if uow._wrote_outbox:  # noqa: SLF001
            for wake in self.after_outbox:
                wake()
        if uow._queued:  # noqa: SLF001
            self.wake_workers(uow._queued)  # noqa: SLF001
            for tell in self.after_queued:
                tell(uow._queued)  # noqa: SLF001

    def wake_workers(self, tables: Collection[str]) -> None:
        """Let this process's workers of these tables look for jobs now."""
        for wake in self.workers:
            wake(tables)


def rows_as_dicts(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Driver records as plain dictionaries, for JSON answers."""
    return [dict(record) for record in records]
