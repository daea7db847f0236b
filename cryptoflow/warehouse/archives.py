"""Archives: days of a table as Parquet files below one folder, what is recorded of them, and bringing a day back.

    <folder>/<schema>.<table>/y=2026/m=03/d=04.parquet

A file is complete or not there: it is written under another name, brought to the disk, read through once, and only then
named, in the step that lets the day go (retention). What comes to a day after that has a file of its own.
What does not belong here: which days go, and when.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts import contract_of, contracts
from cryptoflow.errors import PermanentError, UsageError
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.rollups import lock_closes
from cryptoflow.warehouse.statements import statement

_UNFINISHED: Final = ".partial"
_NOTHING_GOES: Final = "Nothing was let go. Make room there, or make the folder writable, then run `cryptoflow retain`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One archived part of a day, as ops.archives has it; `path` is below the folder of archives."""

    table_name: str
    day: date
    part: int
    path: str
    row_count: int
    file_bytes: int
    sha256: bytes
    newest_recorded_at: datetime
    archived_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that is whole and on the disk, under its unfinished name still."""

    unfinished: Path
    rows: int
    file_bytes: int
    sha256: bytes


def archived_tables() -> list[sa.Table]:
    """Every table whose rows are archived before they go."""
    return [table for table in contracts() if contract_of(table).retention.archive]


def archive_path(table: sa.Table, day: date, *, part: int) -> str:
    """Where a part of a day lies below the folder of archives."""
    later = "" if part == 1 else f".{part}"
    return f"{table.schema}.{table.name}/y={day:%Y}/m={day:%m}/d={day:%d}{later}.parquet"


def known_archives(connection: Connection, table_name: str | None = None, day: date | None = None) -> list[Archive]:
    """What was archived, by table, day and part."""
    names = tuple(Archive.__dataclass_fields__)
    rows = connection.execute(statement("ops/select_archives"), {"table_name": table_name, "day": day})
    return [Archive(**dict(zip(names, row, strict=True))) for row in rows]


def write_archive(connection: Connection, table: sa.Table, day: date, *, folder: Path, path: str) -> Written:
    """Write the rows of a day, bring them to the disk and read them through. The file is not under its name yet."""
    from cryptoflow.warehouse.parquet import count_rows, write_parquet

    unfinished = folder / (path + _UNFINISHED)
    with _explained(unfinished):
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        rows = write_parquet(connection, table, of_day(table, day), unfinished)
        read = count_rows(unfinished)
        if read != rows:
            raise PermanentError(
                f"The archive {unfinished} holds {read} rows where {rows} were written.",
                cure="Nothing was let go. Look at the disk, then run `cryptoflow retain` again.",
            )
        return Written(
            unfinished=unfinished, rows=rows, file_bytes=unfinished.stat().st_size, sha256=_sha256(unfinished)
        )


def name_archive(written: Written) -> None:
    """Give a file its name, so that it is found after a power cut as well."""
    final = written.unfinished.with_name(written.unfinished.name.removesuffix(_UNFINISHED))
    with _explained(final):
        written.unfinished.replace(final)
        folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def discard_archive(written: Written) -> None:
    """Take an unfinished file away."""
    written.unfinished.unlink(missing_ok=True)


def record_archive(
    connection: Connection, table: sa.Table, day: date, *, part: int, written: Written, newest_recorded_at: datetime
) -> None:
    """Keep it in mind, in the transaction that lets the day go."""
    connection.execute(
        statement("ops/record_archive"),
        {
            "table_name": str(table),
            "day": day,
            "part": part,
            "path": archive_path(table, day, part=part),
            "row_count": written.rows,
            "file_bytes": written.file_bytes,
            "sha256": written.sha256,
            "newest_recorded_at": newest_recorded_at,
        },
    )


def verify_archive(archive: Archive, *, folder: Path) -> None:
    """Raise unless the file is there and is the one that was written."""
    path = folder / archive.path
    with _explained(path, cure="Bring the file back from a backup of the folder, or name the right --home."):
        if _sha256(path) != archive.sha256:
            raise PermanentError(
                f"The archive {path} is not what was written on {archive.archived_at:%Y-%m-%d}: its hash differs.",
                cure="Bring the file back from a backup of the folder.",
            )


def restore_day(database_url: str, table_name: str, day: date, *, folder: Path) -> int:
    """Bring an archived day back, every row as it was, with the instants at which it became known; returns how many.

    Refused while the table holds rows of that day: they say something that was not archived.
    """
    table = _archived_table(table_name)
    with transaction(database_url) as connection:
        lock_closes(connection)
        parts = known_archives(connection, table_name, day)
        if not parts:
            raise UsageError(
                f"{table_name} of {day} was not archived.", cure="`cryptoflow archive list` shows the days that were."
            )
        for part in parts:
            verify_archive(part, folder=folder)
        ensure_partitions(connection, table, {starts_of(day)})
        _refuse_rows_that_are_there(connection, table, day, parts=parts)
        return _bring_back(connection, table, [folder / part.path for part in parts])


def of_day(table: sa.Table, day: date) -> sql.Composed:
    """The condition that a row is of the day."""
    start = starts_of(day)
    return sql.SQL("{clock} >= {start} AND {clock} < {end}").format(
        clock=sql.Identifier(str(contract_of(table).clock)),
        start=sql.Literal(start),
        end=sql.Literal(start + timedelta(days=1)),
    )


def starts_of(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime.combine(day, time(), tzinfo=UTC)


def _archived_table(name: str) -> sa.Table:
    tables = {str(table): table for table in archived_tables()}
    if name not in tables:
        raise UsageError(f"{name} is not archived.", cure=f"Archived are: {', '.join(tables)}.")
    return tables[name]


def _refuse_rows_that_are_there(
    connection: Connection, table: sa.Table, day: date, *, parts: Sequence[Archive]
) -> None:
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM {} WHERE {}").format(table_name(table), of_day(table, day))
    ).fetchone()
    assert row is not None
    if row[0]:
        raise UsageError(
            f"{table} holds {row[0]} rows of {day} that are not from the archive; they would be mixed with it.",
            cure=f"Read the archive where it is: {', '.join(part.path for part in parts)}.",
        )


def _bring_back(connection: Connection, table: sa.Table, paths: Sequence[Path]) -> int:
    """Of a row that is in several parts the one counts that would stand: the newest sample, the first close."""
    from cryptoflow.warehouse.parquet import archived_columns, columns_in, copy_parquet

    stage = sql.Identifier(f"restored_{table.name}")
    names = [column.name for column in archived_columns(table)]
    for path in paths:
        strange = sorted(set(columns_in(path)) - set(names))
        if strange:
            raise PermanentError(
                f"The archive {path} has columns that {table} has no more: {', '.join(strange)}.",
                cure="Read the file where it is, or restore with the version that wrote it.",
            )
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            stage, column_list(names), table_name(table)
        )
    )
    for path in paths:
        copy_parquet(connection, path, stage)
    key = column_list([column.name for column in table.primary_key])
    stands = "fetched_at DESC, payload_sha256 DESC" if "fetched_at" in names else "recorded_at"
    return connection.execute(
        sql.SQL(
            "INSERT INTO {table} ({names}) SELECT DISTINCT ON ({key}) {names} FROM {stage} ORDER BY {key}, "
        ).format(table=table_name(table), names=column_list(names), key=key, stage=stage)
        + sql.SQL(stands)
    ).rowcount


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@contextmanager
def _explained(path: Path, *, cure: str = _NOTHING_GOES) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PermanentError(f"The archive {path}: {error.strerror or error}.", cure=cure) from error
