"""Our candles beside the exchange's own of the same interval: every difference is kept, and settled when it is gone.

What the exchange does not tell is not compared. What does not belong here: asking the exchange.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.cadence import CANDLE_INTERVALS
from cryptoflow.contracts.candles import FIGURES
from cryptoflow.warehouse.candles import Candle
from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.pool import Connection

_STAGE: Final = sql.Identifier("their_candles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many buckets were compared, in how many something differs, what was found anew, and what is settled now."""

    compared: int
    differing: int
    new_differences: int
    settled: int


def compare_candles(
    connection: Connection,
    theirs: Iterable[Candle],
    *,
    symbol_id: int,
    interval: str,
    start: datetime,
    end: datetime,
    found_at: datetime,
) -> Comparison:
    """Compare all buckets that open in [start, end), for which `theirs` is everything that the exchange has."""
    _stage(connection, theirs)
    row = connection.execute(
        _compare_statement(CANDLE_INTERVALS[interval].built_from is None),
        {"symbol_id": symbol_id, "interval": interval, "start": start, "end": end, "found_at": found_at},
    ).fetchone()
    assert row is not None
    compared, differing, new, settled = row
    return Comparison(compared=compared, differing=differing, new_differences=new, settled=settled)


def _stage(connection: Connection, theirs: Iterable[Candle]) -> None:
    columns = column_list(("open_time", *FIGURES))
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS"
            " AS SELECT {} FROM candles.coarse_candles WITH NO DATA"
        ).format(_STAGE, columns)
    )
    connection.execute(sql.SQL("TRUNCATE {}").format(_STAGE))
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(_STAGE, columns)) as stream,
    ):
        for one in theirs:
            stream.write_row((one.open_time, *(getattr(one, name) for name in FIGURES)))


@cache
def _compare_statement(is_minute: bool) -> sql.Composed:
    """Writes what differs, settles what does not any more; returns the four counts of a Comparison."""
    return sql.SQL(
        """
        WITH ours AS (
            SELECT open_time, {coverage} AS coverage, {figures}
            FROM {table}
            WHERE symbol_id = %(symbol_id)s AND open_time >= %(start)s AND open_time < %(end)s {of_interval}
        ),

        both_sides AS (
            SELECT
                coalesce(ours.open_time, theirs.open_time) AS open_time,
                ours.coverage,
                fields.field,
                fields.ours,
                fields.theirs
            FROM ours
            FULL JOIN {stage} AS theirs ON ours.open_time = theirs.open_time
            CROSS JOIN LATERAL (VALUES
                ('presence', num_nonnulls(ours.open_time)::numeric, num_nonnulls(theirs.open_time)::numeric),
                {pairs}
            ) AS fields (field, ours, theirs)
        ),

        differences AS (
            SELECT * FROM both_sides
            WHERE ours <> theirs
        ),

        kept AS (
            INSERT INTO candles.candle_differences AS known (
                symbol_id, interval, open_time, field, ours, theirs, coverage, found_at, last_found_at
            )
            SELECT
                %(symbol_id)s, %(interval)s, open_time, field, ours, theirs, coverage, %(found_at)s, %(found_at)s
            FROM differences
            ORDER BY open_time, field
            ON CONFLICT (symbol_id, interval, open_time, field) DO UPDATE
                SET
                    ours = excluded.ours,
                    theirs = excluded.theirs,
                    coverage = excluded.coverage,
                    found_at = CASE WHEN known.settled_at IS NULL THEN known.found_at ELSE excluded.found_at END,
                    last_found_at = excluded.last_found_at,
                    settled_at = NULL
            RETURNING old.found_at IS NULL OR old.settled_at IS NOT NULL AS is_new
        ),

        settled AS (
            UPDATE candles.candle_differences AS known
            SET settled_at = %(found_at)s
            WHERE
                symbol_id = %(symbol_id)s
                AND interval = %(interval)s
                AND open_time >= %(start)s
                AND open_time < %(end)s
                AND settled_at IS NULL
                AND NOT EXISTS (
                    SELECT 1 FROM differences
                    WHERE differences.open_time = known.open_time AND differences.field = known.field
                )
            RETURNING 1
        )

        SELECT
            (SELECT count(DISTINCT open_time) FROM both_sides),
            (SELECT count(DISTINCT open_time) FROM differences),
            (SELECT count(*) FILTER (WHERE is_new) FROM kept),
            (SELECT count(*) FROM settled)
        """
    ).format(
        coverage=sql.SQL("1::numeric" if is_minute else "coverage"),
        figures=column_list(FIGURES),
        table=sql.Identifier("candles", "minute_candles" if is_minute else "coarse_candles"),
        of_interval=sql.SQL("AND is_final" if is_minute else "AND interval = %(interval)s"),
        stage=_STAGE,
        pairs=sql.SQL(", ").join(
            sql.SQL("({0}, ours.{1}::numeric, theirs.{1}::numeric)").format(sql.Literal(name), sql.Identifier(name))
            for name in FIGURES
        ),
    )
