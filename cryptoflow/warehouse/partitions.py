"""Partitions of fact tables: made for the instants that are about to be written, found again, never guessed from names.

A partition is named after the start of its period, but what it holds is read from PostgreSQL's catalog. Its comment
says when it was made: history brings days long past, and whoever waits for them to go has to know since when.
What does not belong here: dropping (retention).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts import contract_of
from cryptoflow.contracts.contract import FILL_WITH_ROOM
from cryptoflow.warehouse.naming import table_name
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement

Period = Literal["hour", "day", "month", "year"]
# Two writers must not make the same partition; the number is arbitrary and only has to be the same everywhere.
_LOCK_KEY: Final = 7_246_004
_NAMES: Final = {"hour": "y%Ym%md%dh%H", "day": "y%Ym%md%d", "month": "y%Ym%m", "year": "y%Y"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of a table, for rows of [starts, ends)."""

    table: sa.Table
    name: str
    starts: datetime
    ends: datetime
    total_bytes: int
    made_at: datetime | None
    """None: before this was noted."""


def period_start(instant: datetime, period: Period) -> datetime:
    """The start of the period that holds the instant."""
    hour = instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return hour
    day = hour.replace(hour=0)
    if period == "day":
        return day
    return day.replace(day=1) if period == "month" else day.replace(month=1, day=1)


def period_end(start: datetime, period: Period) -> datetime:
    """The first instant after the period that starts there."""
    if period in {"hour", "day"}:
        return start + (timedelta(hours=1) if period == "hour" else timedelta(days=1))
    if period == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start.replace(year=start.year + 1)


def periods(first: datetime, last: datetime, period: Period) -> Iterator[datetime]:
    """The starts of all periods from that of `first` to that of `last`."""
    start = period_start(first, period)
    while start <= last:
        yield start
        start = period_end(start, period)


def ensure_partitions(connection: Connection, table: sa.Table, instants: set[datetime]) -> list[str]:
    """Make the partitions that rows with these instants need; returns the names of those that were not there."""
    period = contract_of(table).partition
    if period is None or not missing_partitions(connection, table, instants):
        return []
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
    # Whoever held the lock before may have made them.
    missing = _missing(connection, table, instants)
    for start, name in missing.items():
        _make(connection, table, name, start=start, end=period_end(start, period))
    return list(missing.values())


def partitions_of(connection: Connection, tables: Sequence[sa.Table]) -> list[Partition]:
    """The partitions that the tables have, by table and start."""
    by_name = {str(table): table for table in tables}
    found = connection.execute(statement("ops/select_partitions"), {"tables": list(by_name)})
    return [
        Partition(
            table=by_name[table_name],
            name=name,
            starts=starts.astimezone(UTC),
            ends=ends.astimezone(UTC),
            total_bytes=total_bytes,
            made_at=made_at,
        )
        for table_name, name, starts, ends, total_bytes, made_at in found
    ]


def missing_partitions(connection: Connection, table: sa.Table, instants: set[datetime]) -> list[str]:
    """The partitions that rows with these instants need and that are not there."""
    return list(_missing(connection, table, instants).values())


def _missing(connection: Connection, table: sa.Table, instants: set[datetime]) -> dict[datetime, str]:
    period = contract_of(table).partition
    if period is None or not instants:
        return {}
    starts = sorted({period_start(instant, period) for instant in instants})
    names = {start: f"{table.name}_{start.strftime(_NAMES[period])}" for start in starts}
    there = {
        name
        for (name,) in connection.execute(
            "SELECT c.relname FROM pg_class AS c INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid"
            " WHERE n.nspname = %s AND c.relname = any(%s)",
            (table.schema, list(names.values())),
        )
    }
    return {start: name for start, name in names.items() if name not in there}


def _make(connection: Connection, table: sa.Table, name: str, *, start: datetime, end: datetime) -> None:
    """Made beside the table and then attached: `PARTITION OF` would wait for every reader, and all others for it."""
    parent, part = table_name(table), sql.Identifier(str(table.schema), name)
    room = sql.SQL(f" WITH (fillfactor = {FILL_WITH_ROOM})" if contract_of(table).room_for_updates else "")
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(part, parent) + room)
    made = f"Made {datetime.now(UTC).isoformat(timespec='seconds')}"
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(part, sql.Literal(made)))
    connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            parent, part, sql.Literal(start.isoformat()), sql.Literal(end.isoformat())
        )
    )
