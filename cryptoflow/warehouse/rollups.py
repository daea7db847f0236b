"""From finer closes to coarser ones, for all grains alike: what moved at a bucket's end is folded, the rest built anew.

Closes that are written are noted (moves). `build_marked` goes through the grains from fine to coarse, in the same
transaction: what moved at the end of a standing bucket is folded into it (folding), every other touched bucket is built
from all of its finer rows, and so are those that were marked before. Both ways end in the same rows: what stands in a
bucket follows from the finer rows alone, in whatever order they came. Where finer rows are no longer kept, what was
built while they were stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.warehouse.arrays import instant_array, integer_array
from cryptoflow.warehouse.buckets import bucket_of, length_of
from cryptoflow.warehouse.folding import FORMULA_VERSION, fold_moves, were_let_go
from cryptoflow.warehouse.merge import merge_steps
from cryptoflow.warehouse.moves import LAST_FIGURES, open_notes, span_column, span_columns, take_notes_away
from cryptoflow.warehouse.partitions import ensure_partitions
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
            finer=sql.Identifier(str(CLOSES[finer].schema), CLOSES[finer].name),
        ),
        {"start": start, "end": end},
    ).rowcount


def describe_range(connection: Connection, grain: Grain, *, start: datetime, end: datetime) -> tuple[int, float]:
    """Rows of the grain in [start, end), and their mean coverage."""
    row = connection.execute(
        sql.SQL(
            "SELECT count(*), coalesce(avg(coverage), 0)::float8 FROM {} WHERE bucket >= %(start)s AND bucket < %(end)s"
        ).format(sql.Identifier(str(CLOSES[grain].schema), CLOSES[grain].name)),
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
    taken = connection.execute(_TAKE_MARKS, {"grain": grain.value, "most": most}).fetchall()
    folded = fold_moves(connection, grain, marked=taken, recorded_at=recorded_at)
    due = sorted(folded.left)
    _mark(connection, grain, due[most:])
    keys = {*due[:most], *taken}
    changed = folded.changed
    ensure_partitions(connection, CLOSES[grain], {bucket for bucket, _ in keys})
    for bucket, assets in _by_bucket(keys).items():
        row = connection.execute(
            _build_statement(grain), {"bucket": bucket, "assets": integer_array(assets), "recorded_at": recorded_at}
        ).fetchone()
        assert row is not None
        changed += row[0]
    if grain is Grain.HOUR:
        # Velocity of what moved in this transaction is computed after it; that of hours built late is not.
        mark_hours(connection, taken)
    return Built(grain=grain, marked=folded.folded + len(keys), changed=changed)


def _mark(connection: Connection, grain: Grain, keys: Sequence[tuple[datetime, int]]) -> None:
    """Leave buckets for later. A mark that is there already stays."""
    if keys:
        buckets, assets = zip(*keys, strict=True)
        connection.execute(
            _MARK, {"grain": grain.value, "buckets": instant_array(buckets), "assets": integer_array(assets)}
        )


def _by_bucket(keys: Iterable[tuple[datetime, int]]) -> dict[datetime, list[int]]:
    """One statement per bucket: the planner then knows the partitions, and its plan does not change with the data."""
    grouped: dict[datetime, list[int]] = {}
    for bucket, asset in sorted(keys):
        grouped.setdefault(bucket, []).append(asset)
    return grouped


_MARK: Final = """
INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)
SELECT %(grain)s, touched.bucket, touched.asset_id
FROM unnest(%(buckets)s::timestamptz[], %(assets)s::int[]) AS touched (bucket, asset_id)
ON CONFLICT DO NOTHING
"""
# SKIP LOCKED: two who build at once share the marks instead of waiting for each other.
# By place in the table: a join by key is at times planned as a search of the whole table for each mark.
_TAKE_MARKS: Final = """
DELETE FROM ops.dirty_buckets
WHERE ctid = any(ARRAY(
    SELECT ctid
    FROM ops.dirty_buckets
    WHERE grain = %(grain)s
    ORDER BY bucket, asset_id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
))
RETURNING bucket, asset_id
"""


# What a bucket takes from the first finer row in it, and what from the last.
_OPENING: Final = ("open_usd", "first_at")
_CLOSING: Final = (*LAST_FIGURES, "last_at")


# Bytes, because a composed statement is put together anew at every execution: thousands of times in a backfill.
@cache
def _build_statement(grain: Grain) -> bytes:
    """Build one bucket for the given assets from the finer grain, and merge it; returns how many rows changed.

    Open and close are those of the bucket's first and last place, found by the way in one pass; where no finer row
    stands there, those of the first and last that there are, looked up.
    """
    finer_grain = CADENCES[grain].built_from
    assert finer_grain is not None
    finer = CLOSES[finer_grain]
    last_place = sql.SQL("%(bucket)s + {} - {}").format(length_of(grain), length_of(finer_grain))
    statement = (
        sql.SQL(
            """
        WITH folded AS (
            SELECT
                asset_id,
                min(bucket) AS first_bucket,
                max(bucket) AS last_bucket,
                max({high}) AS high_usd,
                min({low}) AS low_usd,
                count(*)::int AS samples,
                {of_first_place},
                {of_last_place}
            FROM {finer}
            WHERE bucket >= %(bucket)s AND bucket < %(bucket)s + {length} AND asset_id = any(%(assets)s)
            GROUP BY asset_id
        ),

        incoming AS (
            SELECT
                %(bucket)s::timestamptz AS bucket,
                folded.asset_id,
                {opening},
                folded.high_usd,
                folded.low_usd,
                {closing},
                folded.samples,
                {expected} AS expected_samples,
                {version}::smallint AS formula_version
            FROM folded
            LEFT JOIN {finer} AS opening
                ON
                    nullif(folded.first_bucket, %(bucket)s) = opening.bucket
                    AND folded.asset_id = opening.asset_id
                    -- The bounds say the same; by them the partitions are chosen.
                    AND opening.bucket > %(bucket)s AND opening.bucket < %(bucket)s + {length}
            LEFT JOIN {finer} AS closing
                ON
                    nullif(folded.last_bucket, {last_place}) = closing.bucket
                    AND folded.asset_id = closing.asset_id
                    AND closing.bucket >= %(bucket)s AND closing.bucket < {last_place}
            LEFT JOIN {table} AS standing
                ON folded.asset_id = standing.asset_id AND standing.bucket = %(bucket)s
            -- Less than what stands was built from: finer rows are gone, and what is left does not tell the whole.
            WHERE
                standing.asset_id IS NULL
                OR (
                    NOT {were_let_go}
                    AND folded.samples >= standing.samples
                    AND {first_at} <= standing.first_at
                    AND {last_at} >= standing.last_at
                )
        ),
        """
        ).format(
            high=_column("high_usd", finer_grain),
            low=_column("low_usd", finer_grain),
            of_first_place=_found_by_the_way("opening", _OPENING, finer_grain, place=sql.SQL("%(bucket)s")),
            of_last_place=_found_by_the_way("closing", _CLOSING, finer_grain, place=last_place),
            opening=_as_columns({name: _taken("opening", name, finer_grain) for name in _OPENING}),
            closing=_as_columns({name: _taken("closing", name, finer_grain) for name in _CLOSING}),
            first_at=_taken("opening", "first_at", finer_grain),
            last_at=_taken("closing", "last_at", finer_grain),
            last_place=last_place,
            finer=sql.Identifier(str(finer.schema), finer.name),
            table=sql.Identifier(str(CLOSES[grain].schema), CLOSES[grain].name),
            length=length_of(grain),
            expected=_expected(grain, finer_grain),
            version=sql.Literal(FORMULA_VERSION),
            were_let_go=were_let_go(grain),
        )
        + merge_steps(CLOSES[grain])
        + sql.SQL("SELECT count(*) FROM merged")
    )
    return statement.as_bytes()


def _found_by_the_way(row: str, names: Sequence[str], finer: Grain, *, place: sql.Composable) -> sql.Composed:
    """What the finer row at the place says, as aggregates: there is one such row at most."""
    return _as_columns(
        {
            f"{row}_{name}": sql.SQL("max({}) FILTER (WHERE bucket = {})").format(_column(name, finer), place)
            for name in names
        }
    )


def _taken(row: str, name: str, finer: Grain) -> sql.Composed:
    """What was looked up, which is nothing where the row stands at its place; else what was found by the way."""
    return sql.SQL("coalesce({}.{}, {})").format(
        sql.Identifier(row), _column(name, finer), sql.Identifier("folded", f"{row}_{name}")
    )


def _column(name: str, finer: Grain) -> sql.Identifier:
    return sql.Identifier(span_column(finer, name) if name in span_columns() else name)


def _as_columns(values: Mapping[str, sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{} AS {}").format(value, sql.Identifier(name)) for name, value in values.items())


def _expected(grain: Grain, finer: Grain) -> sql.SQL:
    """Finer buckets of a whole bucket; months differ in length."""
    return sql.SQL(
        f"(extract(EPOCH FROM %(bucket)s + INTERVAL '1 {grain.value}' - %(bucket)s)"
        f" / extract(EPOCH FROM INTERVAL '1 {finer.value}'))::int"
    )
