"""Partitions made ahead of time, so that no write at midnight has to make one, and whether any is missing.

What is written about the past makes its own partitions (partitions.ensure_partitions); so does what is kept by the
hour, which is gone after a day or two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from cryptoflow.contracts import contract_of, contracts
from cryptoflow.warehouse.partitions import Period, ensure_partitions, missing_partitions, period_end, period_start
from cryptoflow.warehouse.pool import Connection, transaction

# A week without housekeeping leaves no gap; of months and years the next ones are enough.
PERIODS_AHEAD: Final[dict[Period, int]] = {"day": 7, "month": 2, "year": 1}


def make_partitions_ahead(database_url: str, *, now: datetime) -> list[str]:
    """Make what is missing of the current and the next periods of every partitioned table; returns their names.

    A transaction for each table: writers that need one of them wait for no more than that.
    """
    made = []
    for table, period in _partitioned():
        with transaction(database_url) as connection:
            wanted = set(_ahead(now, period))
            made += [f"{table.schema}.{name}" for name in ensure_partitions(connection, table, wanted)]
    return made


def missing_tomorrow(database_url: str, *, now: datetime) -> list[str]:
    """Partitions that rows of today or tomorrow need and that are not there. Tables that are not made yet need none."""
    instants = {now, now + timedelta(days=1)}
    with transaction(database_url) as connection:
        return [
            f"{table.schema}.{name}"
            for table, _ in _partitioned()
            if _is_there(connection, table)
            for name in missing_partitions(connection, table, instants)
        ]


def _is_there(connection: Connection, table: sa.Table) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (str(table),)).fetchone()
    return row is not None and bool(row[0])


def _partitioned() -> list[tuple[sa.Table, Period]]:
    return [(table, period) for table in contracts() if (period := contract_of(table).partition) in PERIODS_AHEAD]


def _ahead(now: datetime, period: Period) -> Iterator[datetime]:
    start = period_start(now, period)
    yield start
    for _ in range(PERIODS_AHEAD[period]):
        start = period_end(start, period)
        yield start
