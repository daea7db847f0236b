"""Records that are forgotten when their time is over: every table whose contract has a retention and no partitions.

What the contract says is what is done: the clock of the table, its days, the setting that overrides them, and what
keeps a row for longer. Facts in partitions go whole and with proof (retention); here are records of what was done,
which nothing is built from.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts import contract_of, contracts
from cryptoflow.settings import Settings
from cryptoflow.warehouse.naming import table_name
from cryptoflow.warehouse.pool import transaction

# Deleting in batches keeps each transaction short, so that collecting goes on beside it.
_BATCH_ROWS: Final = 2_000


def forgettable_tables() -> list[sa.Table]:
    """Every table that this module looks after."""
    return [
        table
        for table in contracts()
        if contract_of(table).retention.days is not None and contract_of(table).partition is None
    ]


def kept_days(table: sa.Table, settings: Settings) -> int:
    """How many days rows of the table stay, by its contract and the setting that overrides it."""
    retention = contract_of(table).retention
    assert retention.days is not None
    return int(getattr(settings, retention.setting)) if retention.setting else retention.days


def forget_expired(database_url: str, settings: Settings, *, now: datetime) -> dict[str, int]:
    """Remove what is past its retention; returns the number of rows by table."""
    return {
        f"{table.schema}.{table.name}": _forget(
            database_url, table, before=now - timedelta(days=kept_days(table, settings))
        )
        for table in forgettable_tables()
    }


def _forget(database_url: str, table: sa.Table, *, before: datetime) -> int:
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = any(ARRAY("
        "SELECT ctid FROM {table} WHERE {clock} < %(before)s AND NOT ({stays}) ORDER BY {clock} LIMIT {batch}))"
    ).format(
        stays=sql.SQL(contract_of(table).retention.stays_where or "false"),
        table=table_name(table),
        clock=sql.Identifier(str(contract_of(table).clock)),
        batch=sql.Literal(_BATCH_ROWS),
    )
    total = 0
    while True:
        with transaction(database_url) as connection:
            removed = connection.execute(statement, {"before": before}).rowcount
        total += removed
        if removed < _BATCH_ROWS:
            return total
