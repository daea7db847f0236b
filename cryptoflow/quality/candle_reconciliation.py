"""Larger candles against finer ones, from scratch: those of the newest buckets say what their minutes say.

Buckets of up to a day are folded straight from the minutes, where the writer goes from interval to interval; weeks are
folded from days, which were compared before. Both sides are read in one statement, that is at one instant, and candles
are built in the transaction of their minutes; where something still waits to be built, nothing is said.
What does not belong here: building candles (warehouse), comparing with the exchange's own (collect).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from psycopg import sql

from cryptoflow.cadence import CANDLE_INTERVALS, CandleInterval
from cryptoflow.contracts.candles import COARSE_INTERVALS, FIGURES, coarse_candles, minute_candles
from cryptoflow.quality.rules import NoRow
from cryptoflow.warehouse.naming import column_list

# Every bucket that holds an instant of this stretch is compared.
REACH: Final = "2 hours"
_MOST_FROM_MINUTES: Final = timedelta(days=1)
_COMPARED: Final = (*FIGURES, "is_final", "samples")
_SUMS: Final = ("volume", "quote_volume", "trade_count", "taker_base_volume", "taker_quote_volume")


def candles_agree_with_finer() -> Iterator[NoRow]:
    """One rule for each interval, all in one check."""
    for name in COARSE_INTERVALS:
        yield _agrees(CANDLE_INTERVALS[name])


def _agrees(this: CandleInterval) -> NoRow:
    from_minutes = this.length <= _MOST_FROM_MINUTES
    assert this.built_from is not None
    finer = "minutes" if from_minutes else f"candles of {this.built_from}"
    return NoRow(
        name=f"reconciles.{this.name}",
        check="reconciles",
        blocks=True,
        what=f"The candles of {this.name} that hold one of the last {REACH} equal their {finer}, folded from scratch.",
        cure="Materialize the day of coarse_candles in Dagster: it builds its candles anew.",
        query=_FOLDED.format(
            starts=_bucket(this, sql.SQL("%(ends)s - INTERVAL {}").format(sql.Literal(REACH))),
            bucket=_bucket(this, sql.SQL("open_time")),
            length=sql.SQL(f"INTERVAL '{this.minutes} minutes'"),
            interval=sql.Literal(this.name),
            coarse=sql.SQL(str(coarse_candles)),
            finer=sql.SQL(str(minute_candles if from_minutes else coarse_candles)),
            of_finer=sql.SQL("true" if from_minutes else f"interval = '{this.built_from}'"),
            samples=sql.SQL("count(*)" if from_minutes else "sum(samples)"),
            sums=sql.SQL(", ").join(
                sql.SQL("CASE WHEN bool_and({0} IS NOT NULL) THEN sum({0}) END AS {0}").format(sql.Identifier(name))
                for name in _SUMS
            ),
            wanted=column_list(_COMPARED, of="wanted"),
            held=column_list(_COMPARED, of="held"),
        ).as_string(),
    )


def _bucket(this: CandleInterval, instant: sql.Composable) -> sql.Composed:
    """Buckets are counted from a Monday, on which weeks and all that is shorter begin."""
    return sql.SQL("date_bin({length}, {instant}, TIMESTAMPTZ '2000-01-03 00:00:00+00')").format(
        length=sql.Literal(f"{this.minutes} minutes"), instant=instant
    )


# What traded counts for open, high and low; where nothing did, everything does. High and low hold the close.
_FOLDED: Final = sql.SQL(
    """
    /* beside {{batch}} */
    WITH finer AS (
        SELECT
            *, {bucket} AS coarse_time,
            volume > 0 OR NOT bool_or(volume > 0) OVER (PARTITION BY symbol_id, {bucket}) AS counts
        FROM {finer}
        WHERE open_time >= {starts} AND {of_finer}
    ),

    folded AS (
        SELECT
            coarse_time, symbol_id,
            (array_agg(open ORDER BY open_time) FILTER (WHERE counts))[1] AS open,
            max(high) FILTER (WHERE counts) AS highest,
            min(low) FILTER (WHERE counts) AS lowest,
            (array_agg(close ORDER BY open_time DESC))[1] AS close,
            {sums},
            every(is_final) AS is_final, {samples} AS samples
        FROM finer
        GROUP BY coarse_time, symbol_id
    ),

    wanted AS (
        SELECT *, greatest(highest, close) AS high, least(lowest, close) AS low FROM folded
    ),

    held AS (
        SELECT * FROM {coarse} WHERE interval = {interval} AND open_time >= {starts}
    )

    SELECT
        {interval} AS interval, coalesce(held.open_time, wanted.coarse_time) AS open_time,
        coalesce(held.symbol_id, wanted.symbol_id) AS symbol_id,
        CASE
            WHEN held.open_time IS NULL THEN 'missing' WHEN wanted.symbol_id IS NULL THEN 'made up' ELSE 'differs'
        END AS verdict,
        held.samples AS samples, wanted.samples AS finer_samples, held.close AS close, wanted.close AS finer_close,
        held.volume AS volume, wanted.volume AS finer_volume
    FROM wanted
    FULL JOIN held ON wanted.coarse_time = held.open_time AND wanted.symbol_id = held.symbol_id
    WHERE
        ({wanted}) IS DISTINCT FROM ({held})
        AND NOT EXISTS (
            SELECT 1 FROM candles.dirty_candles AS marked
            WHERE marked.symbol_id = coalesce(held.symbol_id, wanted.symbol_id)
                AND marked.open_time >= coalesce(held.open_time, wanted.coarse_time)
                AND marked.open_time < coalesce(held.open_time, wanted.coarse_time) + {length}
        )
    """
)
