"""Commands of audit_svc: `python -m services.audit_svc snapshot --to scoring_svc`."""

import sys

from services.audit_svc.snapshot import send_snapshot
from shared.snapshot import command

if __name__ == "__main__":
    sys.exit(command("audit_svc", send_snapshot))
