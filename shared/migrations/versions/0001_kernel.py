"""The kernel's first form: messaging, idempotency keys, trail, directory."""

from pathlib import Path

from alembic import op
from sqlalchemy import MetaData

from shared import kernel
from shared.db import new_metadata
from shared.messaging import tables as messaging

revision = "kernel_0001"
down_revision = None
branch_labels = ("kernel",)
depends_on = None

_SCHEMA = Path(messaging.__file__).with_name("schema.sql")


def _ordinary() -> tuple[MetaData, list[str]]:
    metadata = new_metadata()
    kernel.define(metadata)
    own = new_metadata()
    messaging.define(own)
    return metadata, [name for name in metadata.tables if name not in own.tables]


def upgrade() -> None:
    for statement in _SCHEMA.read_text(encoding="utf-8").split("\n-- next\n"):
        op.execute(statement)
    metadata, names = _ordinary()
    metadata.create_all(op.get_bind(), tables=[metadata.tables[name] for name in names])


def downgrade() -> None:
    metadata, names = _ordinary()
    metadata.drop_all(op.get_bind(), tables=[metadata.tables[name] for name in names])
    op.execute("DROP TABLE IF EXISTS outbox, inbox, dead_letters, stream_state CASCADE")
    op.execute("DROP FUNCTION IF EXISTS outbox_partitions(int, int)")
