"""From finer closes to coarser ones, for all grains alike: what moved at a bucket's end is folded, the rest built anew.

Closes that are written are noted (moves). `build_marked` goes through the grains from fine to coarse, in the same
transaction: what moved at the end of a standing bucket is folded into it (folding), every other touched bucket is built
from all of its finer rows, and so are those that were marked before. Both ways end in the same rows: what stands in a
bucket follows from the finer rows alone, in whatever order they came. Where finer rows are no longer kept, what was
built while they were stands.
What does not belong here: building a bucket (building), folding into one (folding).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from psycopg import sql

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.warehouse.buckets import bucket_of, closes_of
from cryptoflow.warehouse.building import build_buckets
from cryptoflow.warehouse.folding import fold_moves
from cryptoflow.warehouse.marks import leave_marks, take_marks
from cryptoflow.warehouse.moves import open_notes, take_notes_away
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.velocity import mark_hours

# The writers of closes take turns: each sees what the one before it wrote. The number is arbitrary.
_LOCK_KEY: Final = 7_246_005
# The grains from fine to coarse; each is built from an earlier one.
COARSE_GRAINS: Final = (Grain.HOUR, Grain.DAY, Grain.WEEK, Grain.MONTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """How many buckets of a grain were folded or built, and how many of them said something new."""

    grain: Grain
    marked: int
    changed: int


def build_marked(connection: Connection, *, recorded_at: datetime, most: int = 100_000) -> list[Built]:
    """Bring every coarse bucket to what its finer rows say: those that moved in this transaction, and what is marked.

    Of each grain, finest first, up to `most` buckets of either kind are built anew; the others stay marked.
    """
    built = [_build_grain(connection, grain, recorded_at=recorded_at, most=most) for grain in COARSE_GRAINS]
    take_notes_away(connection)
    return built


def lock_closes(connection: Connection) -> datetime:
    """Take the writers' turn until the transaction ends; returns the instant from which its rows are known.

    The instant is read after the lock is held, so that of two writers the later one has the later instant.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
    open_notes(connection)
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    instant: datetime = row[0]
    return instant.astimezone(UTC)


def mark_range(connection: Connection, grain: Grain, *, start: datetime, end: datetime) -> int:
    """Mark every bucket of the grain in [start, end) for which the finer grain holds anything."""
    finer = CADENCES[grain].built_from
    assert finer is not None
    return connection.execute(
        sql.SQL(
            """
            INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)
            SELECT DISTINCT {grain}, {bucket}, finer.asset_id
            FROM {finer} AS finer
            WHERE finer.bucket >= %(start)s AND finer.bucket < %(end)s
            ON CONFLICT DO NOTHING
            """
        ).format(
            grain=sql.Literal(grain.value),
            bucket=bucket_of(grain, "finer.bucket"),
            finer=closes_of(finer),
        ),
        {"start": start, "end": end},
    ).rowcount


def describe_range(connection: Connection, grain: Grain, *, start: datetime, end: datetime) -> tuple[int, float]:
    """Rows of the grain in [start, end), and their mean coverage."""
    row = connection.execute(
        sql.SQL(
            "SELECT count(*), coalesce(avg(coverage), 0)::float8 FROM {} WHERE bucket >= %(start)s AND bucket < %(end)s"
        ).format(closes_of(grain)),
        {"start": start, "end": end},
    ).fetchone()
    assert row is not None
    return int(row[0]), float(row[1])


def count_marks(connection: Connection) -> int:
    """How many buckets wait to be built."""
    row = connection.execute("SELECT count(*) FROM ops.dirty_buckets").fetchone()
    assert row is not None
    return int(row[0])


def _build_grain(connection: Connection, grain: Grain, *, recorded_at: datetime, most: int) -> Built:
    taken = take_marks(connection, grain, most=most)
    folded = fold_moves(connection, grain, marked=taken, recorded_at=recorded_at)
    due = sorted(folded.left)
    leave_marks(connection, grain, due[most:])
    keys = {*due[:most], *taken}
    changed = folded.changed + build_buckets(connection, grain, keys, recorded_at=recorded_at)
    if grain is Grain.HOUR:
        # Velocity of what moved in this transaction is computed after it; that of hours built late is not.
        mark_hours(connection, taken)
    return Built(grain=grain, marked=folded.folded + len(keys), changed=changed)
