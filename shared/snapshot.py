"""The command `python -m services.<service> snapshot --to READER`: what a service owns is sent once more to one reader.

Belongs here: the command line, the database it works on (LIANDONG_DATABASE_URL), how it ends. Does not belong here:
what is sent (each service's snapshot.py). The events go out by the running service's relay.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

from shared.db import Database
from shared.errors import Refused

Sent = int | Mapping[str, int]


class ReaderUnknown(Refused):
    """The named service reads nothing of what was to be sent."""

    code = "reader_unknown"
    zh, en = "{reader} 不读取 {service} 的 {what}", "{reader} does not read {what} of {service}"


def command(service: str, send: Callable[..., Awaitable[Sent]], *, by_type: bool = False) -> int:
    """Read the command line and send; the exit status.

    `send` gets the database and the reader's name, with `by_type` also the event types asked for, none for all.
    """
    parser = argparse.ArgumentParser(prog=f"python -m services.{service}")
    commands = parser.add_subparsers(dest="command", required=True)
    snapshot = commands.add_parser("snapshot", help="send the present state once more to one reader")
    snapshot.add_argument("--to", required=True, metavar="SERVICE", help="the reading service")
    if by_type:
        snapshot.add_argument("--types", default="", help="event types, separated by commas; all if absent")
    given = parser.parse_args()
    asked = [[name for name in given.types.split(",") if name]] if by_type else []

    async def run() -> Sent:
        database = Database(os.environ["LIANDONG_DATABASE_URL"], pool=2)
        await database.open()
        try:
            return await send(database, given.to, *asked)
        finally:
            await database.close()

    try:
        sent = asyncio.run(run())
    except Refused as refusal:
        sys.stderr.write(f"{refusal.text('en')}\n")
        return 1
    told = ", ".join(f"{count} {name}" for name, count in sent.items()) if isinstance(sent, Mapping) else str(sent)
    sys.stdout.write(f"snapshot for {given.to}: {told} recorded, the relay sends them\n")
    return 0
