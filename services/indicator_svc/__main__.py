"""Commands of indicator_svc: `python -m services.indicator_svc snapshot --to audit_svc [--types unit.changed.v1]`."""

import sys

from services.indicator_svc.snapshot import redrive
from shared.snapshot import command

if __name__ == "__main__":
    sys.exit(command("indicator_svc", redrive, by_type=True))
