"""Commands of audit_svc: `python -m services.audit_svc snapshot --to scoring_svc`."""

import argparse
import asyncio
import sys

from services.audit_svc.settings import AuditSettings
from services.audit_svc.snapshot import send_snapshot
from shared.db import Database
from shared.errors import Refused


async def _snapshot(reader: str) -> int:
    settings = AuditSettings.model_validate({})
    database = Database(settings.database_url.get_secret_value(), pool=2)
    await database.open()
    try:
        sent = await send_snapshot(database, reader)
    finally:
        await database.close()
    sys.stdout.write(f"snapshot for {reader}: {sent} events recorded, the relay sends them\n")
    return 0


def main() -> int:
    """Read the command line and run the command."""
    parser = argparse.ArgumentParser(prog="python -m services.audit_svc")
    commands = parser.add_subparsers(dest="command", required=True)
    snapshot = commands.add_parser("snapshot", help="re-drive what audit owns to one reader")
    snapshot.add_argument("--to", required=True, metavar="SERVICE", help="scoring_svc or submission_svc")
    arguments = parser.parse_args()
    try:
        return asyncio.run(_snapshot(arguments.to))
    except Refused as refusal:
        sys.stderr.write(f"{refusal.text('en')}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
