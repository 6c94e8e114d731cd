"""A database connection that a background loop keeps for itself, so that it never queues behind requests.

Belongs here: making and re-making the connection. Does not belong here: what is asked on it.
"""

import contextlib

import asyncpg
from sqlalchemy.engine import make_url

_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 60


class StandingConnection:
    """One asyncpg connection, made on first use and again after it was lost. For one user at a time."""

    def __init__(self, url: str, name: str) -> None:
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._name = name
        self._connection: asyncpg.Connection | None = None

    async def get(self) -> asyncpg.Connection:
        """The connection; raises the driver's error when the database is away."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=_CONNECT_SECONDS,
                command_timeout=_STATEMENT_SECONDS,
                server_settings={
                    "application_name": self._name,
                    # What is lost with a crash here is only that something was sent; it is sent again.
                    "synchronous_commit": "off",
                    # Always by the index, also on the first morning hours before a new day's table was analysed.
                    "enable_seqscan": "off",
                    "enable_hashjoin": "off",
                    "enable_mergejoin": "off",
                },
            )
        return self._connection

    async def drop(self) -> None:
        """Close the connection; the next `get` makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)
