"""From finer closes to coarser ones, for all grains alike: marking what must be built anew, and building it.

There is one path. A tick, late data and a correction all mark the coarse buckets that they touch; `build_marked` takes
the marks and builds those buckets from the finer grain, in the same transaction, and marks the next grain in turn. So
what stands in a bucket follows from the finer rows alone, in whatever order they came. Where finer rows are no longer
kept, what was built while they were stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.warehouse.merge import merge_statement
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection

FORMULA_VERSION: Final = 1
# The writers of closes take turns: each sees what the one before it wrote. The number is arbitrary.
_LOCK_KEY: Final = 7_246_005
# The grains from fine to coarse; each is built from an earlier one.
COARSE_GRAINS: Final = (Grain.HOUR, Grain.DAY, Grain.WEEK, Grain.MONTH)
# A truncation for each grain, in UTC whatever the session's zone is; weeks start on Monday.
_BUCKET: Final = {
    Grain.HOUR: "date_bin('1 hour', {}, TIMESTAMPTZ '2000-01-01 00:00:00+00')",
    Grain.DAY: "date_bin('1 day', {}, TIMESTAMPTZ '2000-01-01 00:00:00+00')",
    Grain.WEEK: "date_bin('7 days', {}, TIMESTAMPTZ '2000-01-03 00:00:00+00')",
    Grain.MONTH: "date_trunc('month', {}, 'UTC')",
}
_LAST_FIGURES: Final = (
    "price_usd",
    "market_cap_usd",
    "volume_24h_usd",
    "circulating_supply",
    "total_supply",
    "max_supply",
    "market_cap_rank",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """How many buckets of a grain were built, and how many of them said something new."""

    grain: Grain
    marked: int
    changed: int


def mark_coarser(connection: Connection, grain: Grain, keys: list[tuple[datetime, int]]) -> None:
    """Mark the coarse buckets that hold these buckets of the finer grain. A mark that is there already stays."""
    if not keys:
        return
    buckets, assets = zip(*keys, strict=True)
    for coarser in _built_from(grain):
        connection.execute(_mark_statement(coarser), {"buckets": list(buckets), "assets": list(assets)})


def build_marked(connection: Connection, *, recorded_at: datetime, most: int = 100_000) -> list[Built]:
    """Take up to `most` marks of each grain, finest first, and build their buckets."""
    return [_build_grain(connection, grain, recorded_at=recorded_at, most=most) for grain in COARSE_GRAINS]


def lock_closes(connection: Connection) -> datetime:
    """Take the writers' turn until the transaction ends; returns the instant from which its rows are known.

    The instant is read after the lock is held, so that of two writers the later one has the later instant.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
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
            bucket=sql.SQL(_BUCKET[grain].format("finer.bucket")),
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


def _built_from(grain: Grain) -> list[Grain]:
    return [coarser for coarser in COARSE_GRAINS if CADENCES[coarser].built_from is grain]


def _build_grain(connection: Connection, grain: Grain, *, recorded_at: datetime, most: int) -> Built:
    taken = connection.execute(_TAKE_MARKS, {"grain": grain.value, "most": most}).fetchall()
    changed: list[tuple[datetime, int]] = []
    ensure_partitions(connection, CLOSES[grain], {bucket for bucket, _ in taken})
    for bucket, assets in _by_bucket(taken).items():
        rows = connection.execute(
            _build_statement(grain), {"bucket": bucket, "assets": assets, "recorded_at": recorded_at}
        )
        changed += [(key, asset) for key, asset, _ in rows]
    mark_coarser(connection, grain, changed)
    return Built(grain=grain, marked=len(taken), changed=len(changed))


def _by_bucket(keys: list[tuple[datetime, int]]) -> dict[datetime, list[int]]:
    """One statement per bucket: the planner then knows the partitions, and its plan does not change with the data."""
    grouped: dict[datetime, list[int]] = {}
    for bucket, asset in sorted(keys):
        grouped.setdefault(bucket, []).append(asset)
    return grouped


# SKIP LOCKED: two who build at once share the marks instead of waiting for each other.
_TAKE_MARKS: Final = """
DELETE FROM ops.dirty_buckets
WHERE (grain, bucket, asset_id) IN (
    SELECT grain, bucket, asset_id
    FROM ops.dirty_buckets
    WHERE grain = %(grain)s
    ORDER BY bucket, asset_id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
RETURNING bucket, asset_id
"""


@cache
def _mark_statement(coarser: Grain) -> sql.Composed:
    return sql.SQL(
        """
        INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)
        SELECT DISTINCT {grain}, {bucket}, finer.asset_id
        FROM unnest(%(buckets)s::timestamptz[], %(assets)s::int[]) AS finer (bucket, asset_id)
        ORDER BY 2, 3
        ON CONFLICT DO NOTHING
        """
    ).format(grain=sql.Literal(coarser.value), bucket=sql.SQL(_BUCKET[coarser].format("finer.bucket")))


# Bytes, because a composed statement is put together anew at every execution: thousands of times in a backfill.
@cache
def _build_statement(grain: Grain) -> bytes:
    """Build one bucket for the given assets from the finer grain, and merge it."""
    finer_grain = CADENCES[grain].built_from
    assert finer_grain is not None
    finer = CLOSES[finer_grain]
    length = sql.SQL(f"INTERVAL '1 {grain.value}'")
    build = sql.SQL(
        """
        WITH finer AS (
            SELECT bucket, asset_id, {extremes}, {figures}
            FROM {finer}
            WHERE bucket >= %(bucket)s AND bucket < %(bucket)s + {length} AND asset_id = any(%(assets)s)
        ),

        folded AS (
            SELECT
                asset_id,
                min(bucket) AS first_bucket,
                max(bucket) AS last_bucket,
                max(high_usd) AS high_usd,
                min(low_usd) AS low_usd,
                count(*)::int AS samples
            FROM finer
            GROUP BY asset_id
        ),

        incoming AS (
            SELECT
                %(bucket)s::timestamptz AS bucket,
                folded.asset_id,
                opening.open_usd,
                folded.high_usd,
                folded.low_usd,
                {last_figures},
                folded.samples,
                {expected} AS expected_samples,
                opening.first_at,
                closing.last_at,
                {version}::smallint AS formula_version
            FROM folded
            INNER JOIN finer AS opening
                ON folded.asset_id = opening.asset_id AND folded.first_bucket = opening.bucket
            INNER JOIN finer AS closing
                ON folded.asset_id = closing.asset_id AND folded.last_bucket = closing.bucket
            LEFT JOIN {table} AS standing
                ON folded.asset_id = standing.asset_id AND standing.bucket = %(bucket)s
            -- Less than what stands was built from: finer rows are gone, and what is left does not tell the whole.
            WHERE
                standing.asset_id IS NULL
                OR (
                    folded.samples >= standing.samples
                    AND opening.first_at <= standing.first_at
                    AND closing.last_at >= standing.last_at
                )
        ),
        """
    ).format(
        extremes=_extremes(finer_grain),
        figures=_columns(_LAST_FIGURES),
        finer=sql.Identifier(str(finer.schema), finer.name),
        table=sql.Identifier(str(CLOSES[grain].schema), CLOSES[grain].name),
        length=length,
        last_figures=_columns(_LAST_FIGURES, prefix="closing"),
        expected=_expected(grain, finer_grain),
        version=sql.Literal(FORMULA_VERSION),
    )
    return (build + merge_statement(CLOSES[grain])).as_bytes()


def _extremes(finer: Grain) -> sql.SQL:
    if finer is Grain.MINUTE:
        return sql.SQL(
            "price_usd AS open_usd, price_usd AS high_usd, price_usd AS low_usd, bucket AS first_at, bucket AS last_at"
        )
    return sql.SQL("open_usd, high_usd, low_usd, first_at, last_at")


def _expected(grain: Grain, finer: Grain) -> sql.SQL:
    """Finer buckets of a whole bucket; months differ in length."""
    return sql.SQL(
        f"(extract(EPOCH FROM %(bucket)s + INTERVAL '1 {grain.value}' - %(bucket)s)"
        f" / extract(EPOCH FROM INTERVAL '1 {finer.value}'))::int"
    )


def _columns(names: tuple[str, ...], *, prefix: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in names)
