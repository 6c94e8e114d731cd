"""Run a service's migrations: `python -m shared.migrations upgrade services.indicator_svc`.

LIANDONG_OWNER_DATABASE_URL names the database as its owner, a role that the service itself does not have.
"""

import os
import sys

from shared.migrations.runner import upgrade


def main() -> None:
    """Read the command line and upgrade."""
    if len(sys.argv) != 3 or sys.argv[1] != "upgrade":  # noqa: PLR2004
        sys.exit("usage: python -m shared.migrations upgrade services.<name>_svc")
    upgrade(sys.argv[2], os.environ["LIANDONG_OWNER_DATABASE_URL"], os.environ.get("LIANDONG_APP_ROLE"))


if __name__ == "__main__":
    main()
