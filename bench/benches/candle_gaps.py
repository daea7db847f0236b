"""What is missing of ten million minutes of candles: twenty pairs, a year each, with single minutes and halts missing.

Ours asks for the gaps of each pair, as `cryptoflow gaps` does: days that are whole are passed over, then hours, by
what the larger candles say of how many minutes they have. That these were built is not counted. The limit counts the
minutes, in the index alone. The peer is the usual query: every expected minute that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
import sqlalchemy as sa
from psycopg import sql

from bench.candle_files import STARTS_AT, Downloaded, open_downloaded
from bench.candle_importing import import_files
from bench.contest import Bench, Beside, Contest, Row, Side, at_most, faster
from bench.room import Room
from cryptoflow.collect.candle_import import MINUTE
from cryptoflow.contracts.candles import coarse_candles, minute_candles
from cryptoflow.warehouse.candle_gaps import CandleGap, find_candle_gaps
from cryptoflow.warehouse.candle_rollups import build_candles, lock_candles, mark_candles
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import ensure_symbol

_PAIRS: Final = 20
_COUNT: Final = "SELECT count(*) FROM candles.minute_candles"
# A minute of every three or four days, of the first day too.
_LOSE: Final = """
    DELETE FROM candles.minute_candles WHERE mod(extract(EPOCH FROM open_time - %s)::bigint / 60, 5003) = 29
"""
_LIFE: Final = """
    SELECT extract(EPOCH FROM max(open_time) - min(open_time))::int / 60 + 1
    FROM candles.minute_candles WHERE symbol_id = %s
"""
_ANTI_JOIN: Final = """
    SELECT ends.symbol_id, every.minute
    FROM (
        SELECT symbol_id, min(open_time) AS first, max(open_time) AS last
        FROM candles.minute_candles GROUP BY symbol_id
    ) AS ends
    CROSS JOIN LATERAL generate_series(ends.first, ends.last, INTERVAL '1 minute') AS every (minute)
    WHERE NOT EXISTS (
        SELECT FROM candles.minute_candles AS known
        WHERE known.symbol_id = ends.symbol_id AND known.open_time = every.minute
    )
    ORDER BY 1, 2
"""

_Found = list[tuple[int, CandleGap]]


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    days = max(items // _PAIRS, 1)
    with open_downloaded(room, days=days) as given:
        _import_with_holes(given)
        pairs = [given.pair.symbol_id, *(_another_pair(given, number) for number in range(1, _PAIRS))]
        given.connection.execute("VACUUM ANALYZE candles.minute_candles, candles.coarse_candles")
        with psycopg.connect(given.url, autocommit=True) as connection:
            yield Contest(
                ours=Side(work=lambda: _gaps(given, pairs), rows=_minutes_of),
                beside=(
                    Beside(
                        side=Side(
                            name="index-only count of the minutes (limit)",
                            work=lambda: connection.execute(_COUNT).fetchall(),
                            rows=lambda made: made,
                        ),
                        goal=at_most(0.6),
                        ours_as=lambda missing: [(_expected(given) * len(pairs) - len(missing),)],
                    ),
                    Beside(
                        side=Side(
                            name="generate_series anti-join",
                            work=lambda: connection.execute(_ANTI_JOIN).fetchall(),
                            rows=lambda made: made,
                        ),
                        goal=faster(40),
                    ),
                ),
            )


def _gaps(given: Downloaded, pairs: Sequence[int]) -> _Found:
    with transaction(given.url) as connection:
        return [
            (symbol_id, gap)
            for symbol_id in pairs
            for gap in find_candle_gaps(connection, symbol_id, now=given.received_at)
        ]


def _minutes_of(found: _Found) -> list[Row]:
    return [(symbol_id, gap.starts + number * MINUTE) for symbol_id, gap in found for number in range(gap.minutes)]


def _expected(given: Downloaded) -> int:
    """Minutes from the first to the last of a pair."""
    row = given.connection.execute(_LIFE, (given.pair.symbol_id,)).fetchone()
    assert row is not None
    minutes = row[0]
    assert isinstance(minutes, int)
    return minutes


def _import_with_holes(given: Downloaded) -> None:
    import_files(given.url, given.pair, given.files, given.received_at)
    given.connection.execute(_LOSE, (STARTS_AT,))
    given.connection.execute("TRUNCATE candles.coarse_candles")
    symbol_id = given.pair.symbol_id
    with transaction(given.url) as connection:
        recorded_at = lock_candles(connection, [symbol_id])
        mark_candles(connection, symbol_id, start=STARTS_AT, end=given.ends_at)
        build_candles(connection, [symbol_id], recorded_at=recorded_at)


def _another_pair(given: Downloaded, number: int) -> int:
    """The same minutes, and what was built from them, of one more pair; returns its id."""
    with transaction(given.url) as connection:
        pair = ensure_symbol(
            connection,
            exchange="binance",
            symbol=f"PAIR{number}USDT",
            base=f"PAIR{number}",
            quote="USDT",
            seen_at=given.received_at,
        )
    for table in (minute_candles, coarse_candles):
        given.connection.execute(_copied(table), {"from": given.pair.symbol_id, "to": pair.symbol_id})
    return pair.symbol_id


def _copied(table: sa.Table) -> sql.Composed:
    """What the table holds of one symbol, for another."""
    names = written_columns(table)
    values = ("%(to)s" if name == "symbol_id" else name for name in names)
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} WHERE symbol_id = %(from)s ORDER BY open_time").format(
        table_name(table),
        column_list(names),
        sql.SQL(", ").join(map(sql.SQL, values)),
        table_name(table),
    )


BENCHES: Final = (
    Bench(
        name="gaps-candles",
        about="days of twenty pairs' minutes, what is missing of them",
        items=_PAIRS * 365,
        open=_open,
    ),
)
