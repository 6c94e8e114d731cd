"""Alembic's environment for every service: two branches, the kernel's and the service's own."""

from alembic import context
from sqlalchemy.engine import Connection

_connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=_connection,
    target_metadata=context.config.attributes["metadata"],
    transaction_per_migration=True,
    include_name=context.config.attributes.get("include_name"),
)
with context.begin_transaction():
    context.run_migrations()
