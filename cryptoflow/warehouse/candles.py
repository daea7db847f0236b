"""Minutes of exchanges into the warehouse, and the larger candles that follow from them. One transaction.

    stage, check (staging) -> of each minute the version that counts more stays (the contract says which)
    -> the larger candles over what changed are marked and built (candle_rollups)

The tables are the same in whatever order, batches and repetition the same input comes.
What does not belong here: asking exchanges, reading files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Final, Literal

from psycopg import sql

from cryptoflow.contracts.candles import minute_candles
from cryptoflow.warehouse.candle_rollups import (
    FINEST,
    BuiltCandles,
    bucket_of,
    build_candles,
    lock_candles,
    mark_changed,
)
from cryptoflow.warehouse.merge import insert_steps, merge_steps, written_columns
from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.staging import refuse_repeated, stage_of, stage_rows, stage_text, take_refused

CandleSource = Literal["trades", "stream", "rest", "archive"]

_MINUTE: Final = timedelta(minutes=1)
_LAST_INSTANT: Final = _MINUTE - timedelta(milliseconds=1)
# How far the exchange's clock may be ahead of ours.
CLOCK_TOLERANCE: Final = "10 seconds"
MINUTE_RULES: Final = (
    ("opens_on_the_minute", "open_time = date_trunc('minute', open_time)"),
    ("closes_within_the_minute", "close_time <= open_time + INTERVAL '1 minute'"),
    (
        "not_from_the_future",
        f"CASE WHEN is_final THEN close_time ELSE open_time END <= fetched_at + INTERVAL '{CLOCK_TOLERANCE}'",
    ),
)
_ORIGIN: Final = ("is_final", "source", "fetched_at", "payload_sha256", "run_id")
_EXCHANGE: Final = "(SELECT exchange FROM candles.symbols WHERE symbols.symbol_id = stage.symbol_id)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One minute of one symbol. `close_time` is the last instant inside it, or the first after it."""

    symbol_id: int
    open_time: datetime
    close_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal | None = None
    trade_count: int | None = None
    taker_base_volume: Decimal | None = None
    taker_quote_volume: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a batch comes from. Minutes from `trades` are provisional, all others are the exchange's own word."""

    source: CandleSource
    fetched_at: datetime
    payload_sha256: bytes | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCandles:
    """What a batch changed. `first` and `last` are the minutes between which its rows lie, when there are any."""

    received: int
    refused: int
    stored: int
    first: datetime | None
    last: datetime | None
    built: Sequence[BuiltCandles]
    refused_minutes: Set[datetime] = frozenset()
    """Those of which a row was refused because it broke a rule."""


def store_candles(connection: Connection, candles: Iterable[Candle], *, origin: Origin) -> StoredCandles:
    """Store minutes, in the caller's transaction; call it once in each. The same batch again changes nothing."""
    return _store_staged(connection, stage_rows(connection, minute_candles, _rows(candles, origin)))


def store_candle_text(
    connection: Connection, blocks: Iterable[bytes], *, columns: Sequence[str], symbol_id: int, origin: Origin
) -> StoredCandles:
    """The same for minutes of one symbol that are CSV, as `sources.candle_files` makes it: the way for much history."""
    constants = constants_of(symbol_id, origin)
    received = stage_text(connection, minute_candles, blocks, columns=columns, constants=constants)
    return _store_staged(connection, received)


def constants_of(symbol_id: int, origin: Origin) -> dict[str, object]:
    """What all minutes of one symbol have in common that come from there."""
    return {"symbol_id": symbol_id, **dict(zip(_ORIGIN, _origin(origin), strict=True))}


def _store_staged(connection: Connection, received: int) -> StoredCandles:
    broken = take_refused(connection, minute_candles, provider=_EXCHANGE, rules=MINUTE_RULES)
    repeated = refuse_repeated(connection, minute_candles, provider=_EXCHANGE)
    symbol_ids, first, last = _prepare(connection)
    recorded_at = lock_candles(connection, symbol_ids)
    span = {"symbols": symbol_ids, "first": first, "last": last, "recorded_at": recorded_at}
    # Where nothing stands yet nothing has to be compared, which is half the work of much history.
    untouched = is_untouched(connection, symbol_ids, first=first, last=last)
    row = connection.execute(_write_statement(untouched=untouched), span).fetchone()
    assert row is not None
    return StoredCandles(
        received=received,
        refused=len(broken) + sum(repeated.values()),
        stored=row[0],
        refused_minutes={datetime.fromisoformat(one.held["open_time"]) for one in broken},
        first=first,
        last=last,
        built=build_candles(connection, symbol_ids, recorded_at=recorded_at),
    )


def _origin(origin: Origin) -> tuple[object, ...]:
    """In the order of `_ORIGIN`, which is that of `written_columns`."""
    return origin.source != "trades", origin.source, origin.fetched_at, origin.payload_sha256, origin.run_id


def _rows(candles: Iterable[Candle], origin: Origin) -> Iterator[tuple[object, ...]]:
    """In the order of `written_columns`."""
    tail = _origin(origin)
    for one in candles:
        yield (
            one.open_time,
            one.symbol_id,
            _last_instant(one.open_time, one.close_time),
            one.open,
            one.high,
            one.low,
            one.close,
            one.volume,
            one.quote_volume,
            one.trade_count,
            one.taker_base_volume,
            one.taker_quote_volume,
            *tail,
        )


def _last_instant(opens: datetime, closes: datetime) -> datetime:
    """Exchanges end a minute with its last millisecond, its last microsecond or the next minute: all mean the same.

    A close that lies outside of the minute stays, for the rules to refuse.
    """
    return opens + _LAST_INSTANT if opens < closes <= opens + _MINUTE else closes


def _prepare(connection: Connection) -> tuple[list[int], datetime | None, datetime | None]:
    """Make the partitions that the stage needs; returns its symbols, and its first and last minute."""
    stage = stage_of(minute_candles)
    months = connection.execute(sql.SQL("SELECT DISTINCT date_trunc('month', open_time, 'UTC') FROM {}").format(stage))
    ensure_partitions(connection, minute_candles, {month for (month,) in months})
    row = connection.execute(
        sql.SQL(
            "SELECT coalesce(array_agg(DISTINCT symbol_id), '{{}}'), min(open_time), max(open_time) FROM {}"
        ).format(stage)
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def is_untouched(
    connection: Connection, symbol_ids: Sequence[int], *, first: datetime | None, last: datetime | None
) -> bool:
    """Whether no minute stands on the days of the span: a day with one has its candle since the same transaction."""
    row = connection.execute(
        sql.SQL(
            """
            SELECT NOT EXISTS (
                SELECT 1
                FROM candles.coarse_candles
                WHERE
                    interval = '1d'
                    AND symbol_id = any(%(symbols)s)
                    AND open_time >= {first_day}
                    AND open_time <= %(last)s
            )
            """
        ).format(first_day=bucket_of("1d", "%(first)s::timestamptz")),
        {"symbols": list(symbol_ids), "first": first, "last": last},
    ).fetchone()
    return row is not None and bool(row[0])


@cache
def _write_statement(*, untouched: bool) -> sql.Composed:
    """Writes the stage, and marks what follows from it. Minutes that count less than what stands are passed over."""
    return (
        _incoming()
        + (insert_steps if untouched else merge_steps)(minute_candles)
        + sql.SQL(", marked AS ({}) SELECT count(*) FROM merged WHERE says_new").format(mark_changed(FINEST))
    )


def _incoming() -> sql.Composed:
    return sql.SQL(
        "WITH incoming AS (SELECT DISTINCT ON (open_time, symbol_id) {} FROM {} ORDER BY open_time, symbol_id),"
    ).format(_names(), stage_of(minute_candles))


def _names() -> sql.Composed:
    return column_list(written_columns(minute_candles))
