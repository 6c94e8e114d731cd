"""Commands of the operator: dead letters, sending again, the broker's topology.

    python -m shared.messaging --service audit_svc dead-letters list|show ID|replay ID|replay --all
    python -m shared.messaging --service scoring_svc redrive --since 2015-07-01T00:00:00+08:00 [--type T] [--to SERVICE]
    python -m shared.messaging topology show|apply

Belongs here: reading the command line, printing. Does not belong here: what the commands do (dead_letters.py,
outbox.py, topology.py). The addresses come from LIANDONG_DATABASE_URL and LIANDONG_NATS_URL.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import structlog

from shared.contracts.known import declarations
from shared.contracts.registry import SERVICES
from shared.messaging import dead_letters, outbox, topology
from shared.messaging.link import AWAY, BrokerRefused, Link
from shared.messaging.standing import StandingConnection

_CONNECT_SECONDS = 5.0
_Command = Callable[[argparse.Namespace], Awaitable[int]]


class NotConfigured(Exception):
    """A variable that says where to work is not set."""


def _say(value: Any) -> None:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    sys.stdout.write(text + "\n")


def _variable(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise NotConfigured(f"{name} is not set") from None


async def _with_database(work: Callable[[asyncpg.Connection], Awaitable[int]]) -> int:
    standing = StandingConnection(_variable("LIANDONG_DATABASE_URL"), "messaging command")
    try:
        return await work(await standing.get())
    finally:
        await standing.drop()


async def _with_broker(work: Callable[[Link], Awaitable[int]]) -> int:
    link = Link(_variable("LIANDONG_NATS_URL"), "messaging command")
    await link.start()
    try:
        if not await link.wait_connected(_CONNECT_SECONDS):
            _say("the broker cannot be reached")
            return 1
        return await work(link)
    finally:
        await link.stop()


async def _list_dead(arguments: argparse.Namespace) -> int:
    async def work(connection: asyncpg.Connection) -> int:
        rows = await dead_letters.listed(connection, replayed_too=arguments.all)
        for row in rows:
            _say(row)
        if not rows:
            # Not an answer's line: a script that reads the list gets an empty one.
            sys.stderr.write("no dead letters\n")
        return 0

    return await _with_database(work)


async def _show_dead(arguments: argparse.Namespace) -> int:
    async def work(connection: asyncpg.Connection) -> int:
        row = await dead_letters.shown(connection, arguments.id)
        row["envelope"] = row["envelope"].decode("utf-8", "backslashreplace")
        _say(row)
        return 0

    return await _with_database(work)


async def _replay_dead(arguments: argparse.Namespace) -> int:
    if (arguments.id is None) is not arguments.all:
        _say("say which dead letter, or --all")
        return 2

    async def work(connection: asyncpg.Connection, link: Link) -> int:
        numbers = [arguments.id]
        if arguments.all:
            numbers = [row["id"] for row in await dead_letters.listed(connection)]
        for number in numbers:
            await dead_letters.replay(connection, link, arguments.service, number, at=datetime.now(UTC))
        _say(f"replayed {len(numbers)}")
        return 0

    return await _with_broker(lambda link: _with_database(lambda connection: work(connection, link)))


async def _redrive(arguments: argparse.Namespace) -> int:
    async def work(connection: asyncpg.Connection) -> int:
        if arguments.to:
            readable = [each.name for each in declarations().values() if arguments.to in each.readers]
            count = await outbox.send_again_to(connection, arguments.since, arguments.type, arguments.to, readable)
        else:
            count = await outbox.send_again(connection, arguments.since, arguments.type)
        _say(f"sending {count} again")
        return 0

    return await _with_database(work)


async def _show_topology(_: argparse.Namespace) -> int:
    async def work(link: Link) -> int:
        for stream in topology.streams():
            _say(stream.config)
        for durable in topology.durables():
            _say({"stream": durable.stream, **durable.config})
        differences = await topology.differences_now(link)
        _say("\n".join(differences) or "the broker has exactly this")
        return 1 if differences else 0

    return await _with_broker(work)


async def _apply_topology(_: argparse.Namespace) -> int:
    async def work(link: Link) -> int:
        changed = await topology.apply(link)
        _say("\n".join(changed) or "nothing to change")
        return 0

    return await _with_broker(work)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.messaging", description="Dead letters, sending again, topology"
    )
    # The launcher runs commands as a service, whose client id is its name.
    parser.add_argument("--service", choices=SERVICES, default=os.environ.get("LIANDONG_CLIENT_ID"))
    groups = parser.add_subparsers(required=True)

    dead = groups.add_parser("dead-letters", help="events given up, with their cause").add_subparsers(required=True)
    _command(dead, "list", _list_dead).add_argument("--all", action="store_true", help="also those replayed")
    _command(dead, "show", _show_dead).add_argument("id", type=int)
    replay = _command(dead, "replay", _replay_dead)
    replay.add_argument("id", type=int, nargs="?")
    replay.add_argument("--all", action="store_true")

    redrive = _command(groups, "redrive", _redrive)
    redrive.add_argument("--since", type=_moment, required=True, help="RFC 3339 with offset")
    redrive.add_argument("--type", choices=sorted(declarations()))
    redrive.add_argument("--to", choices=SERVICES)

    shape = groups.add_parser("topology", help="streams and consumers").add_subparsers(required=True)
    _command(shape, "show", _show_topology)
    _command(shape, "apply", _apply_topology)
    return parser


def _command(group: Any, name: str, run: _Command) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(name)
    parser.set_defaults(run=run)
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("the time needs its offset, such as +08:00")
    return moment


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 not possible now, 2 not understood."""
    arguments = _parser().parse_args(words)
    # Standard output is for the answer.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if arguments.run is _replay_dead and arguments.service is None:
        _say("say which service's dead letters: --service")
        return 2
    try:
        status: int = asyncio.run(arguments.run(arguments))
    except (*AWAY, BrokerRefused, NotConfigured, asyncpg.PostgresError, dead_letters.NoSuchDeadLetter) as error:
        _say(f"{type(error).__name__}: {error}")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
