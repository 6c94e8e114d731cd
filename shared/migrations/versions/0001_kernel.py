"""The kernel's first form: messaging, idempotency keys, trail, directory."""

from pathlib import Path

from alembic import op

revision = "kernel_0001"
down_revision = None
branch_labels = ("kernel",)
depends_on = None

_HERE = Path(__file__)
_MESSAGING = _HERE.parents[2] / "messaging" / "schema.sql"


def upgrade() -> None:
    for script in (_MESSAGING, _HERE.with_suffix(".sql")):
        text = script.read_text(encoding="utf-8")
        # The driver runs a whole script; a prepared statement takes one statement only.
        adapted = op.get_bind().connection.dbapi_connection
        assert adapted is not None  # noqa: S101 - alembic runs inside a connection
        adapted.run_async(lambda driver, text=text: driver.execute(text))


def downgrade() -> None:
    op.execute(
        "DROP TABLE outbox, inbox, dead_letters, stream_state, idempotency, trail, trail_seals, directory_unit_spans, "
        "directory_people, directory_appointments, directory_calendar_years, directory_calendar_days CASCADE"
    )
    op.execute("DROP FUNCTION outbox_partitions(integer, integer)")
