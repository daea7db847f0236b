"""What is past its retention, and letting it go: whole days of samples and minutes, never before proof and archive.

A day goes when it lies wholly before the retention of its tables, when every sample of it is in a minute's close, and
when every minute's close is in its hour: counts, extremes, first and last. What the contracts say is to be archived is
written to files before (archives). Samples and minutes of a day go together, in one transaction: minutes without their
samples could be closed anew from less than they were closed from.
What does not belong here: raw answers (payloads), files (archives, parquet), when it runs (defs).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts import contract_of
from cryptoflow.contracts.close_quality import close_quality
from cryptoflow.contracts.closes import SAMPLES, hourly_close, minute_close
from cryptoflow.contracts.velocity import velocity
from cryptoflow.warehouse.archives import (
    Archive,
    Written,
    archive_path,
    discard_archive,
    known_archives,
    name_archive,
    of_day,
    record_archive,
    verify_archive,
    write_archive,
)
from cryptoflow.warehouse.locks import work_lock
from cryptoflow.warehouse.naming import table_name
from cryptoflow.warehouse.partitions import Partition, partitions_of
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.rollups import lock_closes
from cryptoflow.warehouse.statements import statement

DAILY_TABLES: Final = (*SAMPLES, minute_close, velocity, close_quality)
# Who reads a table holds the drop up, and the drop everybody who comes after; so it gives way and tries again later.
_DROP_PATIENCE: Final = "5s"
_CHANGED: Final = "it was changed while it was archived; it goes the next time"
_READ: Final = "somebody reads it for long; it goes the next time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One table's part of a day. `archive`: the file that holds it once it is gone; None: nothing to archive."""

    table: sa.Table
    partition: str
    total_bytes: int
    rows: int
    newest_recorded_at: datetime | None
    archive: str | None
    part: int | None
    """Number of the part of the archive that has to be written; None: nothing is to be written."""

    @property
    def is_archived(self) -> bool:
        """Whether the rows came back from archives and can go again as they are."""
        return self.archive is not None and self.part is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day that is past its retention, and why it may not go yet (None: it may)."""

    starts: datetime
    ends: datetime
    parts: Sequence[Part]
    kept_because: str | None

    @property
    def day(self) -> date:
        """The UTC day."""
        return self.starts.date()

    @property
    def partitions(self) -> list[str]:
        """The partitions that hold it."""
        return [part.partition for part in self.parts]

    @property
    def total_bytes(self) -> int:
        """What the partitions take on the disk."""
        return sum(part.total_bytes for part in self.parts)


def expired_days(database_url: str, *, now: datetime) -> list[Day]:
    """Every day that is past its retention, oldest first, each with its proof. Changes nothing."""
    with transaction(database_url) as connection:
        return [_proven(connection, day) for day in _expired_days(connection, now=now)]


def days_past_retention(database_url: str, *, now: datetime) -> list[date]:
    """Days that were past retention at the instant already, without their proof, which takes counting rows.

    What was made since (history brings days long past) is left out.
    """
    with transaction(database_url) as connection:
        return [
            partitions[0].starts.date()
            for partitions in _past_days(connection, now=now)
            if all(one.made_at is None or one.made_at <= now for one in partitions)
        ]


def retain(database_url: str, *, now: datetime, folder: Path, on_day: Callable[[Day], None] | None = None) -> list[Day]:
    """Archive and let go of every day that `expired_days` allows, a transaction each; returns all, as they ended.

    Days that stay say why in `kept_because`; all the others are gone.
    """
    ended = []
    # Two who write the same file would spoil it.
    with work_lock(database_url, "letting go of days"):
        for candidate in expired_days(database_url, now=now):
            if on_day:
                on_day(candidate)
            ended.append(
                candidate if candidate.kept_because else _let_go(database_url, candidate, now=now, folder=folder)
            )
    return ended


def _let_go(database_url: str, candidate: Day, *, now: datetime, folder: Path) -> Day:
    written: dict[str, Written] = {}
    try:
        with transaction(database_url) as connection:
            # One picture of the day for the proof, the counts and the files. Writers go on meanwhile.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            day = next((one for one in _expired_days(connection, now=now) if one.starts == candidate.starts), None)
            if day is None:
                return replace(candidate, kept_because=_CHANGED)
            day = _proven(connection, day)
            if day.kept_because:
                return day
            seen = _state(connection, day)
            for part in day.parts:
                if part.archive and part.part:
                    written[part.partition] = write_archive(
                        connection, part.table, day.day, folder=folder, path=part.archive
                    )
                elif part.is_archived:
                    for archive in known_archives(connection, str(part.table), day.day):
                        verify_archive(archive, folder=folder)
        return _drop(database_url, day, seen=seen, written=written)
    finally:
        for one in written.values():
            discard_archive(one)


def _drop(database_url: str, day: Day, *, seen: object, written: dict[str, Written]) -> Day:
    try:
        with transaction(database_url) as connection:
            # Under the writers' lock what was proven and archived cannot change before the day is gone.
            lock_closes(connection)
            if _state(connection, day) != seen:
                return replace(day, kept_because=_CHANGED)
            _drop_partitions(connection, day)
            for part in day.parts:
                if part.part and part.newest_recorded_at:
                    record_archive(
                        connection,
                        part.table,
                        day.day,
                        part=part.part,
                        written=written[part.partition],
                        newest_recorded_at=part.newest_recorded_at,
                    )
                    # A file that is named and whose day then stays is written over the next time.
                    name_archive(written[part.partition])
    except _HeldUpError:
        return replace(day, kept_because=_READ)
    return day


class _HeldUpError(Exception):
    """A reader holds a partition for longer than a drop may wait."""


def _drop_partitions(connection: Connection, day: Day) -> None:
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_DROP_PATIENCE)))
    try:
        for part in day.parts:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(*part.partition.split("."))))
    except psycopg.errors.LockNotAvailable as error:
        raise _HeldUpError from error


def _expired_days(connection: Connection, *, now: datetime) -> list[Day]:
    return [
        Day(
            starts=partitions[0].starts,
            ends=partitions[0].ends,
            parts=[_part(connection, one) for one in partitions],
            kept_because=None,
        )
        for partitions in _past_days(connection, now=now)
    ]


def _past_days(connection: Connection, *, now: datetime) -> list[list[Partition]]:
    """Of days that lie before the retention of all of their tables, oldest first, each table's partition."""
    by_day: dict[datetime, list[Partition]] = {}
    for one in partitions_of(connection, DAILY_TABLES):
        by_day.setdefault(one.starts, []).append(one)
    return [
        partitions
        for _, partitions in sorted(by_day.items())
        if all(one.ends <= _retained_from(one.table, now) for one in partitions)
    ]


def _part(connection: Connection, partition: Partition) -> Part:
    table, day = partition.table, partition.starts.date()
    rows, newest = _count(connection, table, day)
    archives = known_archives(connection, str(table), day)
    archive, number = None, None
    if rows and contract_of(table).retention.archive:
        is_restored = _is_all_archived(archives, rows=rows, newest=newest)
        number = None if is_restored else 1 + max((one.part for one in archives), default=0)
        archive = archives[-1].path if number is None else archive_path(table, day, part=number)
    return Part(
        table=table,
        partition=partition.name,
        total_bytes=partition.total_bytes,
        rows=rows,
        newest_recorded_at=newest,
        archive=archive,
        part=number,
    )


def _is_all_archived(archives: Sequence[Archive], *, rows: int, newest: datetime | None) -> bool:
    """Whether the rows are what was brought back from archives, unchanged: whatever is written is known since later."""
    return (
        bool(archives)
        and newest == max(one.newest_recorded_at for one in archives)
        and rows <= sum(one.row_count for one in archives)
    )


def _retained_from(table: sa.Table, now: datetime) -> datetime:
    """The instant before which nothing of the table has to be kept."""
    days = contract_of(table).retention.days
    assert days is not None
    return now - timedelta(days=days)


def _proven(connection: Connection, day: Day) -> Day:
    """The day with the reason why it may not go. What came back from archives was proven when it went."""
    if any(part.rows for part in day.parts) and all(part.is_archived or not part.rows for part in day.parts):
        return day
    row = connection.execute(
        statement("market/count_unproven_minutes"), {"starts": day.starts, "ends": day.ends}
    ).fetchone()
    assert row is not None
    samples, hours, marks = row
    # Hours whose minutes were let go stand, whatever comes after; that goes into an archive of its own.
    went_before = bool(known_archives(connection, str(minute_close), day.day))
    reasons = [
        f"{samples} samples are in no minute's close" if samples else "",
        f"{hours} hours do not hold their minutes" if hours and not went_before else "",
        f"{marks} hours wait to be built" if marks else "",
    ]
    return replace(day, kept_because="; ".join(reason for reason in reasons if reason) or None)


def _state(connection: Connection, day: Day) -> object:
    """What the proof and the archives follow from: whatever is written changes a count or the newest instant."""
    marks = connection.execute(
        "SELECT count(*) FROM ops.dirty_buckets WHERE grain IN ('hour', 'velocity') AND bucket >= %s AND bucket < %s",
        (day.starts, day.ends),
    ).fetchone()
    return marks, [_count(connection, table, day.day) for table in (*DAILY_TABLES, hourly_close)]


def _count(connection: Connection, table: sa.Table, day: date) -> tuple[int, datetime | None]:
    row = connection.execute(
        sql.SQL("SELECT count(*), max(recorded_at) FROM {} WHERE {}").format(table_name(table), of_day(table, day))
    ).fetchone()
    assert row is not None
    return row[0], row[1]
