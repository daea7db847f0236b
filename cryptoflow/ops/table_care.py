"""Upkeep of tables by need: what needs VACUUM, ANALYZE or a new index is decided from statistics, then done.

Autovacuum does most of it; what it leaves is partitioned parents, which it never analyzes, and indexes that grew far
beyond their entries. REINDEX CONCURRENTLY and VACUUM cannot run in a transaction; readers and writers go on meanwhile.
What does not belong here: when it is done (defs), Dagster's database (dagster_pruning).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import psycopg
from psycopg import sql

from cryptoflow.contracts.contract import SCHEMAS
from cryptoflow.runtime.external import open_connection
from cryptoflow.warehouse.pool import broken_off, transaction
from cryptoflow.warehouse.records import record_of
from cryptoflow.warehouse.statements import statement

# Fewer dead rows than this are noise, whatever their share.
LEAST_DEAD: Final = 10_000
DEAD_RATIO: Final = 0.10
# Plans of a table are made anew when this share of it has changed since it was last looked at.
CHANGED_RATIO: Final = 0.10
LEAST_CHANGED: Final = 1_000
PARENT_AGE: Final = timedelta(days=1)
# An index this many times larger than its entries need, and not small, is built anew.
BLOAT_RATIO: Final = 2.0
LEAST_BLOAT_BYTES: Final = 32 * 1024**2
# Longer than this nothing waits for a lock here: readers and writers come first.
_LOCK_TIMEOUT: Final = "5s"

Work = Literal["vacuum", "analyze", "reindex", "drop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFigures:
    """What is known of a table, a partition, or a partitioned parent."""

    schema_name: str
    table_name: str
    is_parent: bool
    live_rows: int
    dead_rows: int
    changed_rows: int
    analyzed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFigures:
    """The size of an index, and the size that its entries need."""

    schema_name: str
    index_name: str
    index_bytes: int
    needed_bytes: int
    is_valid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """One thing to do, and why."""

    work: Work
    schema_name: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.work} {self.schema_name}.{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cared:
    """What was done, what was left because it was in use, and what time ran out for."""

    done: Sequence[Care]
    left: Sequence[Care]


def needed_care(tables: Sequence[TableFigures], indexes: Sequence[IndexFigures], *, now: datetime) -> list[Care]:
    """What needs doing, most useful first. Pure."""
    found = [care for table in tables if (care := _care_of_table(table, now=now))]
    found += [care for index in indexes if (care := _care_of_index(index))]
    order: dict[Work, int] = {"drop": 0, "vacuum": 1, "analyze": 2, "reindex": 3}
    return sorted(found, key=lambda care: order[care.work])


def _care_of_table(table: TableFigures, *, now: datetime) -> Care | None:
    def care(work: Work, reason: str) -> Care:
        return Care(work=work, schema_name=table.schema_name, name=table.table_name, reason=reason)

    if table.is_parent:
        stale = table.analyzed_at is None or now - table.analyzed_at >= PARENT_AGE
        changed = table.changed_rows >= LEAST_CHANGED or (table.analyzed_at is None and table.live_rows > 0)
        return care("analyze", "autovacuum does not analyze partitioned tables") if stale and changed else None
    if table.dead_rows >= LEAST_DEAD and table.dead_rows > DEAD_RATIO * table.live_rows:
        return care("vacuum", f"{table.dead_rows} dead rows beside {table.live_rows} live ones")
    if table.changed_rows >= LEAST_CHANGED and table.changed_rows > CHANGED_RATIO * table.live_rows:
        return care("analyze", f"{table.changed_rows} of {table.live_rows} rows changed since it was last analyzed")
    return None


def _care_of_index(index: IndexFigures) -> Care | None:
    if not index.is_valid and "_ccnew" in index.index_name:
        return Care(
            work="drop",
            schema_name=index.schema_name,
            name=index.index_name,
            reason="left over by a rebuild that was cut off",
        )
    wasted = index.index_bytes - index.needed_bytes
    if index.is_valid and wasted >= LEAST_BLOAT_BYTES and index.index_bytes >= BLOAT_RATIO * index.needed_bytes:
        return Care(
            work="reindex",
            schema_name=index.schema_name,
            name=index.index_name,
            reason=f"{index.index_bytes} bytes, where its entries need about {index.needed_bytes}",
        )
    return None


def read_figures(database_url: str) -> tuple[list[TableFigures], list[IndexFigures]]:
    """The statistics of all tables and indexes of ours."""
    schemas = {"schemas": list(SCHEMAS)}
    with transaction(database_url) as connection:
        # Sizes are read under a lock: who holds a table for long must not hold up the look at it.
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
        tables = connection.execute(statement("ops/select_table_figures"), schemas).fetchall()
        indexes = connection.execute(statement("ops/select_index_figures"), schemas).fetchall()
    return (
        [record_of(TableFigures, row) for row in tables],
        [record_of(IndexFigures, row) for row in indexes],
    )


def care_for_tables(
    database_url: str, *, now: datetime, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Cared:
    """Do what is needed, one thing after the other, beginning nothing after `seconds`."""
    deadline = clock() + seconds
    tables, indexes = read_figures(database_url)
    done: list[Care] = []
    left: list[Care] = []
    with open_connection(database_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
        for care in needed_care(tables, indexes, now=now):
            if clock() >= deadline:
                left.append(care)
                continue
            try:
                connection.execute(command_for(care))
            except psycopg.errors.LockNotAvailable:
                # Somebody uses it for long: the next round finds it again.
                left.append(care)
            except psycopg.OperationalError as error:
                raise broken_off(error) from error
            else:
                done.append(care)
    return Cared(done=done, left=left)


def command_for(care: Care) -> sql.Composed:
    """The command; none of them may run inside a transaction."""
    commands: dict[Work, str] = {
        "vacuum": "VACUUM (ANALYZE) {}",
        "analyze": "ANALYZE {}",
        "reindex": "REINDEX INDEX CONCURRENTLY {}",
        "drop": "DROP INDEX CONCURRENTLY IF EXISTS {}",
    }
    return sql.SQL(commands[care.work]).format(sql.Identifier(care.schema_name, care.name))
