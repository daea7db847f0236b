"""Coarse against fine, from scratch: every closed bucket says what its finer rows say, and none is made up.

The buckets are folded here in another way than the writer folds them, so that one mistake cannot hide in both. Buckets
that are marked to be built anew are left out: they are known to be behind.
What does not belong here: building buckets (warehouse), what follows from closes (following), candles.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.contracts.closes import market_chart_points, market_snapshots
from cryptoflow.quality.rules import NoRow
from cryptoflow.warehouse.buckets import closes_of
from cryptoflow.warehouse.naming import column_list, table_name

# How many closed buckets are recomputed each time: the newest, in which something may still have gone wrong.
BUCKETS: Final = {Grain.HOUR: 3, Grain.DAY: 3, Grain.WEEK: 3, Grain.MONTH: 2}
# Samples that are under way when a bucket ends are in by then.
GRACE: Final = "5 minutes"
_LAST: Final = ("price_usd", "market_cap_usd", "volume_24h_usd", "circulating_supply", "market_cap_rank", "last_at")


def agrees_with_finer(grain: Grain) -> NoRow:
    """Each closed bucket equals what its finer rows fold to."""
    finer = CADENCES[grain].built_from
    assert finer is not None
    from_minutes = finer is Grain.MINUTE
    return NoRow(
        name="reconciles.with_finer",
        check="reconciles",
        blocks=True,
        what=f"The {BUCKETS[grain]} newest closed {grain}s equal their {finer} closes, recomputed from scratch.",
        cure="Materialize the partition in Dagster: it rebuilds the bucket from the finer grain.",
        query=_RECONCILE.format(
            ends=sql.SQL("date_trunc({grain}, %(ends)s - INTERVAL {grace}, 'UTC')").format(
                grain=sql.Literal(grain.value), grace=sql.Literal(GRACE)
            ),
            length=sql.Literal(f"{BUCKETS[grain]} {grain}"),
            grain=sql.Literal(grain.value),
            coarse=closes_of(grain),
            finer=closes_of(finer),
            open=sql.Identifier("price_usd" if from_minutes else "open_usd"),
            high=sql.Identifier("price_usd" if from_minutes else "high_usd"),
            low=sql.Identifier("price_usd" if from_minutes else "low_usd"),
            first_at=sql.Identifier("bucket" if from_minutes else "first_at"),
            lasts=sql.SQL(", ").join(
                sql.SQL("(array_agg({source} ORDER BY bucket DESC))[1] AS {name}").format(
                    source=sql.Identifier("bucket" if from_minutes and name == "last_at" else name),
                    name=sql.Identifier(name),
                )
                for name in _LAST
            ),
            wanted=column_list(["open_usd", "high_usd", "low_usd", "samples", "first_at", *_LAST], of="wanted"),
            held=column_list(["open_usd", "high_usd", "low_usd", "samples", "first_at", *_LAST], of="held"),
        ).as_string(),
    )


# The range holds whole buckets of the coarse grain. {{batch}} is not read: its window may be longer or shorter.
_RECONCILE: Final = sql.SQL(
    """
    /* beside {{batch}} */
    WITH wanted AS (
        SELECT
            date_trunc({grain}, bucket, 'UTC') AS coarse_bucket, asset_id,
            (array_agg({open} ORDER BY bucket))[1] AS open_usd, max({high}) AS high_usd, min({low}) AS low_usd,
            count(*) AS samples, min({first_at}) AS first_at, {lasts}
        FROM {finer}
        WHERE bucket >= {ends} - INTERVAL {length} AND bucket < {ends}
        GROUP BY 1, 2
    ),

    held AS (
        SELECT * FROM {coarse} WHERE bucket >= {ends} - INTERVAL {length} AND bucket < {ends}
    )

    SELECT
        coalesce(held.bucket, wanted.coarse_bucket) AS bucket, coalesce(held.asset_id, wanted.asset_id) AS asset_id,
        CASE
            WHEN held.bucket IS NULL THEN 'missing' WHEN wanted.asset_id IS NULL THEN 'made up' ELSE 'differs'
        END AS verdict,
        held.samples AS samples, wanted.samples AS finer_rows, held.price_usd AS price_usd,
        wanted.price_usd AS finer_price_usd
    FROM wanted
    FULL JOIN held ON wanted.coarse_bucket = held.bucket AND wanted.asset_id = held.asset_id
    WHERE
        ({wanted}) IS DISTINCT FROM ({held})
        AND NOT EXISTS (
            SELECT 1 FROM ops.dirty_buckets AS marked
            WHERE marked.grain = {grain} AND marked.bucket = coalesce(held.bucket, wanted.coarse_bucket)
                AND marked.asset_id = coalesce(held.asset_id, wanted.asset_id)
        )
    """
)


def minutes_have_samples() -> NoRow:
    """Each minute's close stands on samples of that minute, and each sample is in a close."""
    return NoRow(
        name="reconciles.with_samples",
        check="reconciles",
        blocks=True,
        what="In the newest closed hour each minute's close lies between the last samples of its providers and counts"
        " them, and no sampled minute is without one. A point of a chart is a sample where its provider has no other.",
        cure="`cryptoflow explain minute_close` shows the samples of a close; a correction rebuilds it.",
        query=_SAMPLED.format(
            ends=sql.SQL("date_trunc('hour', %(ends)s - INTERVAL {}, 'UTC')").format(sql.Literal(GRACE)),
            closes=closes_of(Grain.MINUTE),
            samples=table_name(market_snapshots),
            points=table_name(market_chart_points),
        ).as_string(),
    )


_SAMPLED: Final = sql.SQL(
    """
    /* beside {{batch}} */
    WITH told AS (
        SELECT asset_id, provider, observed_at, price_usd, 'listing' AS kind
        FROM {samples}
        WHERE observed_at >= {ends} - INTERVAL '1 hour' AND observed_at < {ends}
        UNION ALL
        SELECT asset_id, provider, observed_at, price_usd, 'chart' AS kind
        FROM {points}
        WHERE observed_at >= {ends} - INTERVAL '1 hour' AND observed_at < {ends}
    ),

    newest AS (
        SELECT DISTINCT ON (asset_id, provider, minute)
            asset_id, provider, date_bin('1 minute', observed_at, 'epoch') AS minute, price_usd
        FROM told
        ORDER BY asset_id, provider, minute, kind DESC, observed_at DESC
    ),

    sampled AS (
        SELECT asset_id, minute, count(*) AS sources, min(price_usd) AS low_usd, max(price_usd) AS high_usd
        FROM newest
        GROUP BY asset_id, minute
    ),

    closes AS (
        SELECT * FROM {closes} WHERE bucket >= {ends} - INTERVAL '1 hour' AND bucket < {ends}
    )

    SELECT
        coalesce(closes.bucket, sampled.minute) AS bucket, coalesce(closes.asset_id, sampled.asset_id) AS asset_id,
        closes.price_usd, sampled.low_usd, sampled.high_usd, closes.sources, sampled.sources AS sampled_sources
    FROM sampled
    FULL JOIN closes ON sampled.minute = closes.bucket AND sampled.asset_id = closes.asset_id
    WHERE
        closes.bucket IS NULL OR sampled.minute IS NULL OR closes.sources <> sampled.sources
        OR closes.price_usd NOT BETWEEN sampled.low_usd AND sampled.high_usd
    """
)
