"""Commands of indicator_svc.

    python -m services.indicator_svc snapshot --to audit_svc [--types unit.changed.v1,person.changed.v1]

reads LIANDONG_DATABASE_URL like the service itself. The events go out by the running service's relay.
"""

import argparse
import asyncio
import os
import sys

from services.indicator_svc.snapshot import NotARead, redrive
from shared.db import Database


async def _snapshot(to: str, types: list[str]) -> None:
    database = Database(os.environ["LIANDONG_DATABASE_URL"], pool=2)
    await database.open()
    try:
        for name, count in (await redrive(database, to, types)).items():
            sys.stdout.write(f"{name}: {count} sent to {to}\n")
    finally:
        await database.close()


def main() -> None:
    """Read the command line and run the command."""
    parser = argparse.ArgumentParser(prog="python -m services.indicator_svc")
    commands = parser.add_subparsers(dest="command", required=True)
    snapshot = commands.add_parser("snapshot", help="re-drive current state to one reader")
    snapshot.add_argument("--to", required=True, help="the reading service, for example audit_svc")
    snapshot.add_argument("--types", default="", help="event types, separated by commas; all that it reads if absent")
    given = parser.parse_args()
    try:
        asyncio.run(_snapshot(given.to, [name for name in given.types.split(",") if name]))
    except NotARead as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
