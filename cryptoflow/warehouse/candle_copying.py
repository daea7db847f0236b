"""Minutes of a span in which none stands yet, copied straight into their table: the quick way for much history.

    encoded while the rows before them are written -> copied (the table's own constraints are the rules of the contract)
    -> checked for the rules that no constraint can hold -> the larger candles over them are built straight

It goes the whole way or leaves nothing: as soon as anything does not fit, the caller stores the same minutes by the
way on which single rows are compared and refused. Both end in the same tables.
What does not belong here: that other way (candles), reading files, the form of a row (candle_encoding).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import psycopg
from psycopg import sql

from cryptoflow.contracts.candles import minute_candles
from cryptoflow.sources.candle_lines import PlainCandles
from cryptoflow.warehouse.candle_encoding import END, EPOCH, START, EncodedMinutes, MinuteEncoder
from cryptoflow.warehouse.candle_rollups import lock_candles
from cryptoflow.warehouse.candle_straight import build_straight
from cryptoflow.warehouse.candles import MINUTE_RULES, Origin, StoredCandles, constants_of, is_untouched
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.reading_ahead import read_ahead

_TABLE: Final = table_name(minute_candles)
_MINUTE_US: Final = 60_000_000
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copied:
    """What was copied. `as_usual`: so plainly right that no rule has to be asked."""

    rows: int
    first: datetime
    last: datetime
    as_usual: bool


def copy_candles(
    connection: Connection,
    blocks: Iterator[PlainCandles | bytes],
    *,
    columns: Sequence[str],
    symbol_id: int,
    origin: Origin,
    starts: datetime,
    ends: datetime,
) -> StoredCandles | None:
    """Store minutes of [starts, ends) of one symbol, as `sources.candle_files` reads them, in the caller's transaction.

    None: they do not fit as they are, and nothing was stored. Partitions for the span are there already.
    """
    recorded_at = lock_candles(connection, [symbol_id])
    # Whoever had the turn before may have written just these.
    if not is_untouched(connection, [symbol_id], first=starts, last=ends):
        return None
    encoder = MinuteEncoder(columns, constants_of(symbol_id, origin) | {"recorded_at": recorded_at})
    try:
        with connection.transaction():
            copied = _copy(connection, encoder, blocks, starts=starts, ends=min(ends, origin.fetched_at))
            if not copied.as_usual and not _follow_the_rules(connection, copied.rows, symbol_id, starts, ends):
                raise psycopg.Rollback
            return StoredCandles(
                received=copied.rows,
                refused=0,
                stored=copied.rows,
                first=copied.first,
                last=copied.last,
                built=build_straight(connection, symbol_id, starts=starts, ends=ends, recorded_at=recorded_at),
            )
    except psycopg.IntegrityError:
        # A minute that comes twice, that breaks a rule, or that lies in a month for which there is no partition.
        return None
    return None


def _copy(
    connection: Connection,
    encoder: MinuteEncoder,
    blocks: Iterator[PlainCandles | bytes],
    *,
    starts: datetime,
    ends: datetime,
) -> _Copied:
    names = column_list(encoder.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(_TABLE, names)
    starts_us, ends_us = ((instant - EPOCH) // _MICROSECOND for instant in (starts, ends))
    edges: list[int] = []
    as_usual = True
    with connection.cursor() as cursor:
        with cursor.copy(statement) as stream, closing(read_ahead(map(encoder.encode, blocks))) as ahead:
            stream.write(START)
            for rows in ahead:
                stream.write(rows.data)
                edges += [int(rows.opens.min()), int(rows.opens.max())]
                as_usual = as_usual and _is_as_usual(rows, starts_us=starts_us, ends_us=ends_us)
            stream.write(END)
        first, last = (EPOCH + edge * _MICROSECOND for edge in (min(edges), max(edges)))
        return _Copied(rows=cursor.rowcount, first=first, last=last, as_usual=as_usual)


def _is_as_usual(rows: EncodedMinutes, *, starts_us: int, ends_us: int) -> bool:
    """Whether all of them are whole minutes of the span, and over. The rules allow more; they are asked then."""
    return bool(
        not (rows.opens % _MINUTE_US).any()
        and rows.opens.min() >= starts_us
        and rows.closes.max() < ends_us
        and (rows.closes > rows.opens).all()
        and (rows.closes < rows.opens + _MINUTE_US).all()
    )


def _follow_the_rules(connection: Connection, copied: int, symbol_id: int, starts: datetime, ends: datetime) -> bool:
    """Whether all that were copied are minutes of the span, and none of them breaks a rule."""
    span = {"symbol_id": symbol_id, "starts": starts, "ends": ends}
    row = connection.execute(_check_statement(), span).fetchone()
    assert row is not None
    there, broken = row
    return bool(there == copied and not broken)


@cache
def _check_statement() -> sql.Composed:
    """How many minutes the span has now, and how many of them break a rule."""
    rules = sql.SQL(" AND ").join(sql.SQL("coalesce({}, true)").format(sql.SQL(rule)) for _, rule in MINUTE_RULES)
    return sql.SQL(
        """
        SELECT count(*), count(*) FILTER (WHERE NOT ({rules}))
        FROM {table}
        WHERE symbol_id = %(symbol_id)s AND open_time >= %(starts)s AND open_time < %(ends)s
        """
    ).format(rules=rules, table=_TABLE)
