"""Larger candles over a span in which none stands yet: built straight from the finer ones, an interval a statement.

Nothing is marked and nothing compared, and the finer candles are read in one go instead of bucket by bucket. It says
the same as building what is marked (candle_rollups), and shares the rule with it. A bucket that reaches beyond the
span may stand already, or have candles beside it: from the first such interval on, what changed is marked and built.
What does not belong here: the rule by which a bucket is built.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from psycopg import sql

from cryptoflow.cadence import CANDLE_INTERVALS
from cryptoflow.contracts.candles import COARSE_INTERVALS, coarse_candles
from cryptoflow.warehouse.candle_rollups import (
    FORMULA_VERSION,
    BuiltCandles,
    bucket_of,
    build_candles,
    folded_figures,
    mark_candles,
    mark_coarser,
    only,
    span_of,
    table_of,
)
from cryptoflow.warehouse.merge import insert_steps
from cryptoflow.warehouse.pool import Connection


def build_straight(
    connection: Connection, symbol_id: int, *, starts: datetime, ends: datetime, recorded_at: datetime
) -> list[BuiltCandles]:
    """Build every larger candle over [starts, ends). The caller holds the turn of the symbol; partitions are there."""
    whole = _whole_intervals(starts, ends)
    if not whole:
        mark_candles(connection, symbol_id, start=starts, end=ends)
    given = {"symbol_id": symbol_id, "starts": starts, "ends": ends, "recorded_at": recorded_at}
    built: dict[str, int] = {}
    for interval in whole:
        row = connection.execute(_build_statement(interval, mark=interval == whole[-1]), given).fetchone()
        assert row is not None
        built[interval] = row[0]
    return [
        BuiltCandles(
            interval=one.interval,
            marked=one.marked + built.get(one.interval, 0),
            changed=one.changed + built.get(one.interval, 0),
        )
        for one in build_candles(connection, [symbol_id], recorded_at=recorded_at)
    ]


def _whole_intervals(starts: datetime, ends: datetime) -> list[str]:
    """The intervals, from the finest on, of which the span has whole buckets only. None that lasts longer than a day:

    it is the days of the span of which the caller knows that nothing stands.
    """
    whole: list[str] = []
    for name in COARSE_INTERVALS:
        interval = CANDLE_INTERVALS[name]
        if name == "1w" or any(interval.start(instant) != instant for instant in (starts, ends)):
            break
        whole.append(name)
    return whole


@cache
def _build_statement(interval: str, *, mark: bool) -> sql.Composed:
    """Builds all buckets; returns how many. `mark`: also marks the buckets of the next interval that hold them.

    The finer candles are named one by one, for then each is found by its key, however many other symbols there are.
    """
    this = CANDLE_INTERVALS[interval]
    assert this.built_from is not None
    finer = CANDLE_INTERVALS[this.built_from]
    bucket = bucket_of(interval, "finer.open_time")
    return (
        sql.SQL(
            """
            WITH incoming AS (
                SELECT
                    {interval} AS interval,
                    {bucket} AS open_time,
                    %(symbol_id)s::int AS symbol_id,
                    {bucket} + {length} - INTERVAL '1 millisecond' AS close_time,
                    {figures},
                    {expected} AS expected_samples,
                    {version}::smallint AS formula_version
                FROM {table} AS finer
                WHERE
                    finer.open_time = any(
                        ARRAY(SELECT generate_series(%(starts)s::timestamptz, %(ends)s::timestamptz, {step}))
                    )
                    -- The bounds say the same, but for the end; by them the partitions are chosen.
                    AND finer.open_time >= %(starts)s
                    AND finer.open_time < %(ends)s
                    AND finer.symbol_id = %(symbol_id)s
                    {of_interval}
                GROUP BY {bucket}
            ),
            """
        ).format(
            interval=sql.Literal(interval),
            bucket=bucket,
            length=span_of(this.minutes),
            figures=folded_figures(finer),
            expected=sql.Literal(this.minutes),
            version=sql.Literal(FORMULA_VERSION),
            table=table_of(finer),
            step=span_of(finer.minutes),
            of_interval=only(finer),
        )
        + insert_steps(coarse_candles)
        + (mark_coarser(interval) if mark else sql.SQL(""))
        + sql.SQL(" SELECT count(*) FROM merged")
    )
