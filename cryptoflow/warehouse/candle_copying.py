"""Minutes of a span in which none stands yet, copied straight into their table: the quick way for much history.

    copied as they are (the table's own constraints are the rules of the contract) -> checked for the rules that no
    constraint can hold -> what follows from them is marked and built

It goes the whole way or leaves nothing: as soon as anything does not fit, the caller stores the same minutes by the
way on which single rows are compared and refused. Both end in the same tables.
What does not belong here: that other way (candles), reading files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import sql

from cryptoflow.contracts.candles import minute_candles
from cryptoflow.warehouse.candle_rollups import build_candles, lock_candles, mark_candles
from cryptoflow.warehouse.candles import MINUTE_RULES, Origin, StoredCandles, constants_of, is_untouched
from cryptoflow.warehouse.pool import Connection

_TABLE: Final = sql.Identifier(str(minute_candles.schema), minute_candles.name)


def copy_candle_text(
    connection: Connection,
    blocks: Iterable[bytes],
    *,
    columns: Sequence[str],
    symbol_id: int,
    origin: Origin,
    starts: datetime,
    ends: datetime,
) -> StoredCandles | None:
    """Store minutes of [starts, ends) of one symbol that are CSV, numbers all of them, in the caller's transaction.

    None: they do not fit as they are, and nothing was stored. Partitions for the span are there already.
    """
    recorded_at = lock_candles(connection, [symbol_id])
    # Whoever had the turn before may have written just these.
    if not is_untouched(connection, [symbol_id], first=starts, last=ends):
        return None
    constants = constants_of(symbol_id, origin) | {"recorded_at": recorded_at}
    try:
        with connection.transaction():
            copied = _copy(connection, blocks, columns=columns, constants=constants)
            span = {"symbol_id": symbol_id, "starts": starts, "ends": ends}
            row = connection.execute(_check_statement(), span).fetchone()
            assert row is not None
            there, broken, first, last = row
            if there != copied or broken:
                raise psycopg.Rollback
            mark_candles(connection, symbol_id, start=first, end=ends)
            return StoredCandles(
                received=copied,
                refused=0,
                stored=copied,
                first=first,
                last=last,
                built=build_candles(connection, [symbol_id], recorded_at=recorded_at),
            )
    except psycopg.IntegrityError:
        # A minute that comes twice, that breaks a rule, or that lies in a month for which there is no partition.
        return None
    return None


def _copy(
    connection: Connection, blocks: Iterable[bytes], *, columns: Sequence[str], constants: dict[str, object]
) -> int:
    """Returns how many rows were copied. What is the same in all of them is added to each."""
    names = sql.SQL(", ").join(map(sql.Identifier, (*columns, *constants)))
    ending = b"," + _as_csv(list(constants.values())) + b"\n"
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(_TABLE, names)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as stream:
            for block in blocks:
                stream.write(block.replace(b"\n", ending))
        return cursor.rowcount


def _as_csv(values: Sequence[Any]) -> bytes:
    """Values as COPY reads them; what is not there is empty."""
    line = io.StringIO()
    told = ["\\x" + value.hex() if isinstance(value, bytes) else value for value in values]
    csv.writer(line, lineterminator="").writerow(told)
    return line.getvalue().encode()


@cache
def _check_statement() -> sql.Composed:
    """How many minutes the span has now, how many of them break a rule, and between which they lie."""
    rules = sql.SQL(" AND ").join(sql.SQL("coalesce({}, true)").format(sql.SQL(rule)) for _, rule in MINUTE_RULES)
    return sql.SQL(
        """
        SELECT count(*), count(*) FILTER (WHERE NOT ({rules})), min(open_time), max(open_time)
        FROM {table}
        WHERE symbol_id = %(symbol_id)s AND open_time >= %(starts)s AND open_time < %(ends)s
        """
    ).format(rules=rules, table=_TABLE)
