"""Building coarser closes anew, each from all of its finer rows, and merging them.

Many assets of one bucket are built in one pass over what is in it. A few, here and there, are looked up one by one,
those of a whole day in one statement. Open and close are those of the bucket's first and last place, found by the way;
where no finer row stands there, those of the first and last that there are, looked up.
What does not belong here: which buckets are due (rollups).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.cadence import CADENCES, Grain, bucket_end, bucket_start
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.warehouse.arrays import instant_array, integer_array
from cryptoflow.warehouse.buckets import closes_of, length_of
from cryptoflow.warehouse.folding import FORMULA_VERSION, were_let_go
from cryptoflow.warehouse.marks import Key
from cryptoflow.warehouse.merge import merge_steps
from cryptoflow.warehouse.moves import LAST_FIGURES, span_column, span_columns
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection

# From so many assets of a bucket on, reading all that is in it is faster than looking each up.
_MANY: Final = 200
# What a bucket takes from the first finer row in it, and what from the last.
_OPENING: Final = ("open_usd", "first_at")
_CLOSING: Final = (*LAST_FIGURES, "last_at")


def build_buckets(connection: Connection, grain: Grain, keys: Collection[Key], *, recorded_at: datetime) -> int:
    """Build these buckets of assets; returns how many rows say something new."""
    ensure_partitions(connection, CLOSES[grain], {bucket for bucket, _ in keys})
    changed = 0
    for batch in _batches(keys):
        buckets, assets = zip(*batch, strict=True)
        row = connection.execute(
            build_statement(grain, at_once=len(batch) >= _MANY and buckets[0] == buckets[-1]),
            {
                "buckets": instant_array(buckets),
                "assets": integer_array(assets),
                "low": buckets[0],
                "high": bucket_end(buckets[-1], grain),
                "recorded_at": recorded_at,
            },
            # A plan that is kept knows neither the partitions nor how many there are to look up.
            prepare=False,
        ).fetchone()
        assert row is not None
        changed += row[0]
    return changed


def _batches(keys: Collection[Key]) -> Iterator[list[Key]]:
    """A bucket with many assets by itself; of the others, those of a day together.

    So the planner knows the partitions, and its plan does not change with the data.
    """
    by_bucket: dict[datetime, list[Key]] = defaultdict(list)
    for key in sorted(keys):
        by_bucket[key[0]].append(key)
    few: dict[datetime, list[Key]] = defaultdict(list)
    for bucket, of_bucket in by_bucket.items():
        if len(of_bucket) >= _MANY:
            yield of_bucket
        else:
            few[bucket_start(bucket, Grain.DAY)] += of_bucket
    yield from few.values()


# Bytes, because a composed statement is put together anew at every execution: thousands of times in a backfill.
@cache
def build_statement(grain: Grain, *, at_once: bool) -> bytes:
    """Build the given keys from the finer grain, and merge them; returns how many rows changed.

    `low` and `high` are the bounds of all their finer rows, by which the partitions are chosen: of one bucket with
    `at_once`, else within one day.
    """
    finer_grain = CADENCES[grain].built_from
    assert finer_grain is not None
    last_place = sql.SQL("folded.bucket + {} - {}").format(length_of(grain), length_of(finer_grain))
    statement = (
        sql.SQL(
            """
        WITH folded AS ({folded}),

        incoming AS (
            SELECT
                folded.bucket,
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
                    nullif(folded.first_bucket, folded.bucket) = opening.bucket
                    AND folded.asset_id = opening.asset_id
                    AND opening.bucket >= %(low)s AND opening.bucket < %(high)s
            LEFT JOIN {finer} AS closing
                ON
                    nullif(folded.last_bucket, {last_place}) = closing.bucket
                    AND folded.asset_id = closing.asset_id
                    AND closing.bucket >= %(low)s AND closing.bucket < %(high)s
            LEFT JOIN {table} AS standing
                ON
                    folded.bucket = standing.bucket
                    AND folded.asset_id = standing.asset_id
                    AND standing.bucket >= %(low)s AND standing.bucket < %(high)s
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
            folded=(_folded_at_once if at_once else _folded_one_by_one)(grain, finer_grain),
            opening=_as_columns({name: _taken("opening", name, finer_grain) for name in _OPENING}),
            closing=_as_columns({name: _taken("closing", name, finer_grain) for name in _CLOSING}),
            first_at=_taken("opening", "first_at", finer_grain),
            last_at=_taken("closing", "last_at", finer_grain),
            last_place=last_place,
            finer=closes_of(finer_grain),
            table=closes_of(grain),
            expected=_expected(grain, finer_grain),
            version=sql.Literal(FORMULA_VERSION),
            were_let_go=were_let_go(grain, sql.SQL("%(low)s")),
        )
        + merge_steps(CLOSES[grain])
        + sql.SQL("SELECT count(*) FROM merged")
    )
    return statement.as_bytes()


def _folded_at_once(grain: Grain, finer: Grain) -> sql.Composed:
    """All that is in one bucket, by asset."""
    return sql.SQL(
        """
            SELECT %(low)s::timestamptz AS bucket, asset_id, {summed_up}
            FROM {finer}
            WHERE bucket >= %(low)s AND bucket < %(high)s AND asset_id = any(%(assets)s)
            GROUP BY asset_id
        """
    ).format(summed_up=_summed_up(grain, finer, bucket=sql.SQL("%(low)s")), finer=closes_of(finer))


def _folded_one_by_one(grain: Grain, finer: Grain) -> sql.Composed:
    """Of each key what is in its bucket, looked up by itself whatever the planner expects of how many there are."""
    return sql.SQL(
        """
            SELECT due.bucket, due.asset_id, found.*
            FROM unnest(%(buckets)s::timestamptz[], %(assets)s::int[]) AS due (bucket, asset_id)
            CROSS JOIN LATERAL (
                SELECT {summed_up}
                FROM {finer}
                WHERE
                    bucket >= due.bucket AND bucket < due.bucket + {length} AND asset_id = due.asset_id
                    AND bucket >= %(low)s AND bucket < %(high)s
            ) AS found
            WHERE found.samples > 0
        """
    ).format(
        summed_up=_summed_up(grain, finer, bucket=sql.SQL("due.bucket")),
        finer=closes_of(finer),
        length=length_of(grain),
    )


def _summed_up(grain: Grain, finer: Grain, *, bucket: sql.SQL) -> sql.Composed:
    """What the finer rows of a bucket say together, and by the way what those at its first and last place say."""
    last_place = sql.SQL("{} + {} - {}").format(bucket, length_of(grain), length_of(finer))
    return _as_columns(
        {
            "first_bucket": sql.SQL("min(bucket)"),
            "last_bucket": sql.SQL("max(bucket)"),
            "high_usd": sql.SQL("max({})").format(_column("high_usd", finer)),
            "low_usd": sql.SQL("min({})").format(_column("low_usd", finer)),
            "samples": sql.SQL("count(*)::int"),
            **_found_by_the_way("opening", _OPENING, finer, place=bucket),
            **_found_by_the_way("closing", _CLOSING, finer, place=last_place),
        }
    )


def _found_by_the_way(
    row: str, names: Sequence[str], finer: Grain, *, place: sql.Composable
) -> dict[str, sql.Composable]:
    """What the finer row at the place says, as aggregates: there is one such row at most."""
    return {
        f"{row}_{name}": sql.SQL("max({}) FILTER (WHERE bucket = {})").format(_column(name, finer), place)
        for name in names
    }


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
        f"(extract(EPOCH FROM folded.bucket + INTERVAL '1 {grain.value}' - folded.bucket)"
        f" / extract(EPOCH FROM INTERVAL '1 {finer.value}'))::int"
    )
