"""Alembic's entry: the connection comes from `cryptoflow.warehouse.migrations`; each step is recorded with its time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from cryptoflow.contracts import METADATA

RECORD = sa.text(
    "INSERT INTO ops.schema_migrations (version, name) VALUES (:version, :name) ON CONFLICT (version) DO NOTHING"
)
FORGET = sa.text("DELETE FROM ops.schema_migrations WHERE version = :version")


def record_step(*, ctx, step, heads, run_args) -> None:
    """Keep `ops.schema_migrations` equal to what is in force. The first migration, taken back, removes it."""
    connection = ctx.connection
    if not connection.scalar(sa.text("SELECT to_regclass('ops.schema_migrations') IS NOT NULL")):
        return
    script = step.up_revision
    if step.is_upgrade:
        connection.execute(RECORD, {"version": script.revision, "name": script.doc})
    else:
        connection.execute(FORGET, {"version": script.revision})


def run() -> None:
    connection = context.config.attributes["connection"]
    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS ops"))
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        include_schemas=True,
        version_table_schema="ops",
        on_version_apply=record_step,
    )
    context.run_migrations()


run()
