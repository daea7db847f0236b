"""Where a candle comes from, and which candles were corrected after they were final.

What does not belong here: printing; building candles (candle_rollups).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from psycopg import sql
from psycopg.rows import dict_row

from cryptoflow.cadence import CANDLE_INTERVALS
from cryptoflow.contracts.candles import CANDLES, coarse_candles, minute_candles
from cryptoflow.contracts.contract import revisions_table
from cryptoflow.errors import UsageError
from cryptoflow.warehouse.candle_gaps import gaps_within
from cryptoflow.warehouse.explaining import Explanation
from cryptoflow.warehouse.merge import telling_columns
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.superseded import superseded
from cryptoflow.warehouse.symbols import KnownSymbol

Record = dict[str, Any]

MINUTE_FORMULA: Final = (
    "As the exchange says it. Of several sources the archive counts more than REST, REST more than the stream, the"
    " stream more than a reckoning from trades; of one source what was received last."
)
COARSE_FORMULAS: Final = {
    1: "Open, high and low of the finer candles that traded (of all, when none did), widened to hold the close; the"
    " close is that of the last finer candle; amounts are sums, not told where one of them is not.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleCorrection:
    """One candle that was changed after it was final. `changed` names the columns."""

    superseded_at: datetime
    exchange: str
    symbol: str
    interval: str
    open_time: datetime
    old_close: Decimal
    new_close: Decimal
    changed: Sequence[str]


def explain_candle(connection: Connection, symbol: KnownSymbol, interval: str, instant: datetime) -> Explanation:
    """The candle of the bucket that holds the instant: its value, what it was built from, what it said before."""
    this = CANDLE_INTERVALS[interval]
    opens = this.start(instant)
    of = {"symbol_id": symbol.symbol_id, "interval": interval, "open_time": opens, "until": opens + this.length}
    finer = this.built_from
    table = coarse_candles if finer else minute_candles
    found = _records(connection, _VERSION, table, of)
    if not found:
        raise _absent(connection, symbol, interval, of)
    candle = found[0]
    if finer is None:
        formula, inputs_from, inputs = MINUTE_FORMULA, f"{candle['source']} of {symbol.exchange}", []
    else:
        formula = COARSE_FORMULAS[candle["formula_version"]]
        source = coarse_candles if CANDLE_INTERVALS[finer].built_from else minute_candles
        inputs_from = f"{source.fullname} ({finer})"
        inputs = _records(connection, _INPUTS, source, {**of, "interval": finer})
    return Explanation(
        dataset=table.fullname,
        slug=f"{symbol.exchange} {symbol.symbol} {interval}",
        bucket=opens,
        status=_status(connection, of),
        # A minute follows no formula; the rule by which its source was chosen has one version.
        close={"formula_version": 1, **candle},
        formula=formula,
        inputs_from=inputs_from,
        inputs=inputs,
        earlier_versions=_records(connection, _EARLIER, revisions_table(table), of),
    )


def candle_corrections_since(connection: Connection, instant: datetime) -> list[CandleCorrection]:
    """Every correction since the instant, oldest first; minutes before what follows from them."""
    names = tuple(CandleCorrection.__dataclass_fields__)
    rows = connection.execute(_corrections(), {"since": instant})
    return [CandleCorrection(**dict(zip(names, row, strict=True))) for row in rows]


_VERSION: Final = "SELECT {columns} FROM {table} WHERE {key}"
_EARLIER: Final = "SELECT {columns} FROM {table} WHERE {key} ORDER BY superseded_at DESC"
_INPUTS: Final = (
    "SELECT {columns} FROM {table} WHERE symbol_id = %(symbol_id)s AND open_time >= %(open_time)s"
    " AND open_time < %(until)s {of_interval} ORDER BY open_time"
)


def _records(connection: Connection, query: str, table: sa.Table, of: Record) -> list[Record]:
    of_interval = sql.SQL("AND interval = %(interval)s" if "interval" in table.columns else "")
    composed = sql.SQL(query).format(
        columns=column_list(column.name for column in table.columns),
        table=table_name(table),
        key=sql.SQL("symbol_id = %(symbol_id)s AND open_time = %(open_time)s {}").format(of_interval),
        of_interval=of_interval,
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(composed, of).fetchall()


def _status(connection: Connection, of: Record) -> str:
    row = connection.execute(
        "SELECT status FROM analytics.price_candles WHERE symbol_id = %(symbol_id)s AND interval = %(interval)s"
        " AND open_time = %(open_time)s",
        of,
    ).fetchone()
    assert row is not None
    return str(row[0])


def _absent(connection: Connection, symbol: KnownSymbol, interval: str, of: Record) -> UsageError:
    gaps = gaps_within(connection, symbol.symbol_id, starts=of["open_time"], ends=of["until"])
    told = [f"{gap.minutes} {gap.state}" + (f" ({gap.reason.rstrip('.')})" if gap.reason else "") for gap in gaps]
    return UsageError(
        f"{symbol.symbol} on {symbol.exchange} has no candle of {interval} at {of['open_time']:%Y-%m-%d %H:%M} UTC.",
        cure=f"Its minutes: {'; '.join(told)}.",
    )


@cache
def _corrections() -> sql.Composed:
    parts = [_corrections_of(table, place) for place, table in enumerate(CANDLES)]
    return sql.SQL(
        "SELECT superseded_at, exchange, symbol, interval, open_time, old_close, new_close, changed FROM ({})"
        " AS corrections ORDER BY superseded_at, place, minutes, open_time, exchange, symbol"
    ).format(sql.SQL(" UNION ALL ").join(parts))


def _corrections_of(table: sa.Table, place: int) -> sql.Composed:
    telling = [name for name in telling_columns(table) if name != "formula_version"]
    has_interval = "interval" in table.primary_key
    what = [
        sql.SQL("{} AS place").format(sql.Literal(place)),
        sql.SQL("old.expected_samples AS minutes" if has_interval else "1 AS minutes"),
        sql.SQL("symbols.exchange, symbols.symbol"),
        sql.SQL("old.interval" if has_interval else "'1m' AS interval"),
        sql.SQL("old.open_time, old.close AS old_close, new.close AS new_close"),
    ]
    symbols = sql.SQL("INNER JOIN candles.symbols AS symbols ON old.symbol_id = symbols.symbol_id")
    return superseded(table, telling, of=symbols, what=what)
