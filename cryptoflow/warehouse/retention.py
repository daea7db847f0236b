"""What is past its retention, and letting it go: whole days of samples and minutes, never before the proof.

A day goes when it lies wholly before the retention of its tables, when every sample of it is in a minute's close, and
when every minute's close is in its hour: counts, extremes, first and last. Samples and minutes of a day go together,
in one transaction: minutes without their samples could be closed anew from less than they were closed from.
What does not belong here: raw answers (payloads), when it runs (defs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts import contract_of
from cryptoflow.contracts.closes import SAMPLES, minute_close
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.rollups import lock_closes
from cryptoflow.warehouse.statements import statement

DAILY_TABLES: Final = (*SAMPLES, minute_close)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of minutes that is past its retention, and why it may not go yet (None: it may)."""

    starts: datetime
    ends: datetime
    partitions: Sequence[str]
    total_bytes: int
    kept_because: str | None


def expired_days(database_url: str, *, now: datetime) -> list[Day]:
    """Every day that is past its retention, oldest first, each with its proof. Changes nothing."""
    with transaction(database_url) as connection:
        return _expired_days(connection, now=now)


def retain(database_url: str, *, now: datetime) -> list[Day]:
    """Let go of every day that `expired_days` allows, a transaction each; returns those that went."""
    gone = []
    for candidate in expired_days(database_url, now=now):
        if candidate.kept_because:
            continue
        with transaction(database_url) as connection:
            # Under the writers' lock the proof is made again: what it says cannot change before the day is gone.
            lock_closes(connection)
            day = next((one for one in _expired_days(connection, now=now) if one.starts == candidate.starts), None)
            if day is None or day.kept_because:
                continue
            for name in day.partitions:
                connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(*name.split("."))))
            gone.append(day)
    return gone


def _expired_days(connection: Connection, *, now: datetime) -> list[Day]:
    names = {f"{table.schema}.{table.name}": _retained_from(table, now) for table in DAILY_TABLES}
    found = connection.execute(statement("ops/select_partitions"), {"tables": list(names)}).fetchall()
    by_day: dict[tuple[datetime, datetime], list[tuple[str, int, bool]]] = {}
    for table, partition, starts, ends, size in found:
        by_day.setdefault((starts, ends), []).append((partition, size, ends <= names[table]))
    return [
        Day(
            starts=starts,
            ends=ends,
            partitions=[partition for partition, _, _ in parts],
            total_bytes=sum(size for _, size, _ in parts),
            kept_because=_unproven(connection, starts=starts, ends=ends),
        )
        for (starts, ends), parts in sorted(by_day.items())
        if all(expired for _, _, expired in parts)
    ]


def _retained_from(table: sa.Table, now: datetime) -> datetime:
    """The instant before which nothing of the table has to be kept."""
    days = contract_of(table).retention.days
    assert days is not None
    return now - timedelta(days=days)


def _unproven(connection: Connection, *, starts: datetime, ends: datetime) -> str | None:
    row = connection.execute(statement("market/count_unproven_minutes"), {"starts": starts, "ends": ends}).fetchone()
    assert row is not None
    samples, hours, marks = row
    reasons = [
        f"{samples} samples are in no minute's close" if samples else "",
        f"{hours} hours do not hold their minutes" if hours else "",
        f"{marks} hours wait to be built" if marks else "",
    ]
    return "; ".join(reason for reason in reasons if reason) or None
