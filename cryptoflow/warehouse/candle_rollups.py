"""Larger candles from finer ones: marking what must be built anew, and building it, a whole interval in one statement.

    minutes -> 5m -> 15m -> 30m -> 1h -> 4h -> 1d -> 1w, each from the one before it

Open, high and low are taken from the finer candles that traded; a bucket in which none did is flat. The close is the
last finer one, amounts are sums, an amount that one finer candle does not tell is not told. Nothing is filled: a
bucket is built from what is there and says how many minutes that is. The range holds the close: where a traded minute
is missing, a quiet one after it tells of a price that was reached.
What does not belong here: writing minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.cadence import CANDLE_INTERVALS, CandleInterval
from cryptoflow.contracts.candles import COARSE_INTERVALS, coarse_candles, minute_candles
from cryptoflow.warehouse.merge import insert_steps, merge_steps
from cryptoflow.warehouse.naming import table_name
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection

FORMULA_VERSION: Final = 1
FINEST: Final = COARSE_INTERVALS[0]
# The writers of one symbol take turns: each sees what the one before it wrote. The number is arbitrary.
_LOCK_KEY: Final = 7_246_008
_SUMS: Final = ("quote_volume", "trade_count", "taker_base_volume", "taker_quote_volume")

# Less than what stands was built from: finer rows are gone, and what is left does not tell the whole.
_UNLESS_LESS: Final = """
    LEFT JOIN candles.coarse_candles AS standing
        ON
            standing.interval = %(interval)s
            AND taken.open_time = standing.open_time
            AND taken.symbol_id = standing.symbol_id
    WHERE standing.samples IS NULL OR folded.samples >= standing.samples
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltCandles:
    """How many candles of an interval were built, and how many of them say something new."""

    interval: str
    marked: int
    changed: int


def lock_candles(connection: Connection, symbol_ids: Sequence[int]) -> datetime:
    """Take the symbols' turns until the transaction ends; returns the instant from which its rows are known.

    A transaction takes all its turns at once and in order, so that two cannot wait for each other.
    """
    connection.execute(
        "SELECT pg_advisory_xact_lock(%s, symbol_id) FROM unnest(%s::int[]) AS symbol_id",
        (_LOCK_KEY, sorted(set(symbol_ids))),
    )
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    instant: datetime = row[0]
    return instant.astimezone(UTC)


def mark_candles(connection: Connection, symbol_id: int, *, start: datetime, end: datetime) -> int:
    """Mark every finest bucket of the symbol that holds a minute in [start, end), to be built once more."""
    return connection.execute(
        sql.SQL(
            """
            INSERT INTO candles.dirty_candles (interval, open_time, symbol_id)
            SELECT DISTINCT {interval}, {bucket}, symbol_id
            FROM candles.minute_candles
            WHERE symbol_id = %(symbol_id)s AND open_time >= %(start)s AND open_time < %(end)s
            ON CONFLICT DO NOTHING
            """
        ).format(interval=sql.Literal(FINEST), bucket=bucket_of(FINEST, "open_time")),
        {"symbol_id": symbol_id, "start": start, "end": end},
    ).rowcount


def build_candles(connection: Connection, symbol_ids: Sequence[int], *, recorded_at: datetime) -> list[BuiltCandles]:
    """Build what is marked of the symbols, from fine to coarse. The caller holds their turns."""
    return [_build(connection, interval, list(symbol_ids), recorded_at) for interval in COARSE_INTERVALS]


def marked_symbols(connection: Connection) -> list[int]:
    """The symbols of which something is marked."""
    rows = connection.execute("SELECT DISTINCT symbol_id FROM candles.dirty_candles ORDER BY symbol_id")
    return [symbol_id for (symbol_id,) in rows]


def bucket_of(interval: str, instant: str) -> sql.SQL:
    """SQL for the start of the bucket that holds the instant, in UTC whatever the session's zone is."""
    minutes = CANDLE_INTERVALS[interval].minutes
    # A Monday: weeks begin there, and so does every shorter bucket.
    return sql.SQL(f"date_bin('{minutes} minutes', {instant}, TIMESTAMPTZ '2000-01-03 00:00:00+00')")


def _build(connection: Connection, interval: str, symbol_ids: list[int], recorded_at: datetime) -> BuiltCandles:
    of = {"interval": interval, "symbols": symbol_ids}
    months = connection.execute(
        "SELECT DISTINCT date_trunc('month', open_time, 'UTC') FROM candles.dirty_candles"
        " WHERE interval = %(interval)s AND symbol_id = any(%(symbols)s)",
        of,
    ).fetchall()
    if not months:
        return BuiltCandles(interval=interval, marked=0, changed=0)
    ensure_partitions(connection, coarse_candles, {month for (month,) in months})
    build = _build_statement(interval, fresh=_is_fresh(connection, of))
    row = connection.execute(build, {**of, "recorded_at": recorded_at}).fetchone()
    assert row is not None
    return BuiltCandles(interval=interval, marked=row[0], changed=row[1])


def _is_fresh(connection: Connection, of: Mapping[str, object]) -> bool:
    """Whether no candle that is marked stands: then nothing has to be compared, which is half the work."""
    row = connection.execute(
        """
        SELECT NOT EXISTS (
            SELECT FROM candles.dirty_candles AS marked
            INNER JOIN candles.coarse_candles AS standing USING (interval, open_time, symbol_id)
            WHERE marked.interval = %(interval)s AND marked.symbol_id = any(%(symbols)s)
        )
        """,
        of,
    ).fetchone()
    return row is not None and bool(row[0])


@cache
def _build_statement(interval: str, *, fresh: bool) -> sql.Composed:
    this = CANDLE_INTERVALS[interval]
    assert this.built_from is not None
    return (
        sql.SQL(
            """
            WITH taken AS (
                DELETE FROM candles.dirty_candles
                WHERE interval = %(interval)s AND symbol_id = any(%(symbols)s)
                RETURNING open_time, symbol_id
            ),

            incoming AS (
                SELECT
                    {interval} AS interval,
                    taken.open_time,
                    taken.symbol_id,
                    taken.open_time + {length} - INTERVAL '1 millisecond' AS close_time,
                    folded.*,
                    {expected} AS expected_samples,
                    {version}::smallint AS formula_version
                FROM taken
                CROSS JOIN LATERAL ({fold}) AS folded
                {unless_less}
            ),
            """
        ).format(
            interval=sql.Literal(interval),
            length=span_of(this.minutes),
            expected=sql.Literal(this.minutes),
            version=sql.Literal(FORMULA_VERSION),
            fold=_fold(this, CANDLE_INTERVALS[this.built_from]),
            unless_less=sql.SQL("" if fresh else _UNLESS_LESS),
        )
        + (insert_steps if fresh else merge_steps)(coarse_candles)
        + mark_coarser(interval)
        + sql.SQL(
            " SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM merged WHERE says_new)",
        )
    )


def _fold(this: CandleInterval, finer: CandleInterval) -> sql.Composed:
    """One bucket from its finer candles. They are named one by one: each is found by the key, however many others."""
    steps = range(0, this.minutes, finer.minutes)
    return sql.SQL(
        """
        SELECT {figures}
        FROM {finer} AS finer
        WHERE
            finer.open_time = any(ARRAY[{places}])
            -- The bounds say the same; by them the partitions are chosen.
            AND finer.open_time >= taken.open_time
            AND finer.open_time < taken.open_time + {length}
            AND finer.symbol_id = taken.symbol_id
            {of_interval}
        HAVING count(*) > 0
        """
    ).format(
        figures=folded_figures(finer),
        finer=table_of(finer),
        places=sql.SQL(", ").join(sql.SQL("taken.open_time + {}").format(span_of(step)) for step in steps),
        length=span_of(this.minutes),
        of_interval=only(finer),
    )


def folded_figures(finer: CandleInterval) -> sql.Composed:
    """What a bucket says, from the candles `finer` in it: a list of expressions under the names of their columns.

    All that hangs on the order of time asks for the same order, so that it is made once.
    """
    return sql.SQL(
        """
            coalesce(
                (array_agg(finer.open ORDER BY finer.open_time) FILTER (WHERE finer.volume > 0))[1],
                (array_agg(finer.open ORDER BY finer.open_time))[1]
            ) AS open,
            greatest(coalesce(max(finer.high) FILTER (WHERE finer.volume > 0), max(finer.high)), {close}) AS high,
            least(coalesce(min(finer.low) FILTER (WHERE finer.volume > 0), min(finer.low)), {close}) AS low,
            {close} AS close,
            sum(finer.volume) AS volume,
            {sums},
            bool_and(finer.is_final) AS is_final,
            {samples}::int AS samples
        """
    ).format(
        close=sql.SQL("(array_agg(finer.close ORDER BY finer.open_time))[count(*)::int]"),
        sums=sql.SQL(", ").join(
            sql.SQL("CASE WHEN count(finer.{0}) = count(*) THEN sum(finer.{0}) END{1} AS {0}").format(
                sql.Identifier(name), sql.SQL("::bigint" if name == "trade_count" else "")
            )
            for name in _SUMS
        ),
        samples=sql.SQL("count(*)" if finer.built_from is None else "sum(finer.samples)"),
    )


def table_of(interval: CandleInterval) -> sql.Identifier:
    """The table that holds candles of the interval."""
    table = minute_candles if interval.built_from is None else coarse_candles
    return table_name(table)


def only(finer: CandleInterval) -> sql.SQL:
    """A condition on `finer` where its table holds other intervals too."""
    return sql.SQL("" if finer.built_from is None else f"AND finer.interval = '{finer.name}'")


def mark_coarser(interval: str) -> sql.Composed | sql.SQL:
    """A step that marks the buckets of the next interval that hold what has changed; nothing after the last."""
    coarser = next((name for name, row in CANDLE_INTERVALS.items() if row.built_from == interval), None)
    if coarser is None:
        return sql.SQL("")
    return sql.SQL(", marked AS ({})").format(mark_changed(coarser))


@cache
def mark_changed(interval: str) -> sql.Composed:
    """Marks the buckets of the interval that hold rows of the step `merged` which say something new."""
    return sql.SQL(
        """
        INSERT INTO candles.dirty_candles (interval, open_time, symbol_id)
        SELECT DISTINCT {interval}, {bucket}, key_symbol_id
        FROM merged
        WHERE says_new
        ORDER BY 2, 3
        ON CONFLICT DO NOTHING
        """
    ).format(interval=sql.Literal(interval), bucket=bucket_of(interval, "key_open_time"))


def span_of(count: int) -> sql.SQL:
    """A span in minutes: days would follow the clock changes of the session's zone."""
    return sql.SQL(f"INTERVAL '{count} minutes'")
