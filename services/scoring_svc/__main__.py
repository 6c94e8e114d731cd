"""Commands of scoring_svc: `python -m services.scoring_svc snapshot --to audit_svc`."""

import sys

from services.scoring_svc.snapshot import send_snapshot
from shared.snapshot import command

if __name__ == "__main__":
    sys.exit(command("scoring_svc", send_snapshot))
