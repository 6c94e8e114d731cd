"""Commands of scoring_svc: `python -m services.scoring_svc snapshot --to audit_svc`."""

import argparse
import asyncio
import sys

from services.scoring_svc.settings import ScoringSettings
from services.scoring_svc.snapshot import send_snapshot
from shared.db import Database
from shared.errors import Refused


async def _snapshot(reader: str) -> int:
    settings = ScoringSettings()  # type: ignore[call-arg]  # required settings come from the environment
    database = Database(settings.database_url.get_secret_value(), pool=2)
    await database.open()
    try:
        sent = await send_snapshot(database, reader)
    finally:
        await database.close()
    sys.stdout.write(f"snapshot for {reader}: {sent} parts recorded, the relay sends them\n")
    return 0


def main() -> int:
    """Read the command line and run the command."""
    parser = argparse.ArgumentParser(prog="python -m services.scoring_svc")
    commands = parser.add_subparsers(dest="command", required=True)
    snapshot = commands.add_parser("snapshot", help="re-drive what scoring owns to one reader")
    snapshot.add_argument("--to", required=True, metavar="SERVICE", help="for example audit_svc")
    arguments = parser.parse_args()
    try:
        return asyncio.run(_snapshot(arguments.to))
    except Refused as refusal:
        sys.stderr.write(f"{refusal.text('en')}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
