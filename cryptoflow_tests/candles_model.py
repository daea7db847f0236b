"""What candles must be, written once more and plainly, for tests to compare with; helpers to store and read them.

The model folds every interval from the minutes themselves, one bucket at a time, in words that follow the definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import psycopg

from cryptoflow.warehouse.candles import Candle, CandleSource, Origin, StoredCandles, store_candles
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import ensure_symbol
from cryptoflow_tests.held_rows import Row, held_rows

MINUTE = timedelta(minutes=1)
MONDAY = datetime(2000, 1, 3, tzinfo=UTC)
LENGTHS = {
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "1d": timedelta(days=1),
    "1w": timedelta(days=7),
}
FIGURES = "open, high, low, close, volume, quote_volume, trade_count, taker_base_volume, taker_quote_volume"
FACTS = ("candles.minute_candles", "candles.coarse_candles")
EVERYTHING = (
    *FACTS,
    "candles.minute_candles_revisions",
    "candles.coarse_candles_revisions",
    "candles.dirty_candles",
    "candles.candle_slots",
    "candles.candle_certificates",
    "candles.candle_backfills",
    "candles.candle_differences",
    "ops.quarantine",
)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
Values = tuple[Any, ...]


def symbol_id(database_url: str, symbol: str = "BTCUSDT", *, exchange: str = "binance") -> int:
    """The id of a pair, made known on first asking."""
    with transaction(database_url) as connection:
        base, quote = symbol.removesuffix("USDT"), "USDT"
        return ensure_symbol(
            connection, exchange=exchange, symbol=symbol, base=base, quote=quote, seen_at=LATER
        ).symbol_id


def candle(at: datetime, prices: str = "10", volume: str = "1", *, symbol: int = 1, **more: Any) -> Candle:
    """A minute; `prices` are open, high, low and close, or one for all four."""
    given = [Decimal(price) for price in prices.split()]
    opening, high, low, closing = given * 4 if len(given) == 1 else given
    amount = Decimal(volume)
    figures: dict[str, Any] = {
        "symbol_id": symbol,
        "open_time": at,
        "close_time": at + MINUTE,
        "open": opening,
        "high": high,
        "low": low,
        "close": closing,
        "volume": amount,
        "quote_volume": amount * closing,
        "trade_count": int(amount > 0),
        "taker_base_volume": amount / 2,
        "taker_quote_volume": amount * closing / 2,
    }
    return Candle(**figures | more)


def store(
    database_url: str,
    *candles: Candle,
    source: CandleSource = "rest",
    fetched_at: datetime = LATER,
    payload: bytes | None = None,
) -> StoredCandles:
    """Store a batch in a transaction of its own."""
    origin = Origin(source=source, fetched_at=fetched_at, payload_sha256=payload)
    with transaction(database_url) as connection:
        return store_candles(connection, candles, origin=origin)


def rows(database_url: str, query: str, *parameters: object) -> list[Values]:
    """What a query returns."""
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        return connection.execute(query.encode(), parameters or None).fetchall()


def empty(database_url: str) -> None:
    """Forget every candle and what is known of them."""
    with psycopg.connect(database_url) as connection:
        connection.execute(f"TRUNCATE {', '.join(EVERYTHING)}".encode())


def held(database_url: str) -> dict[str, list[Row]]:
    """The rows of the fact tables, without the instants at which they were written."""
    return held_rows(database_url, FACTS, without=["recorded_at"])


def stored_coarse(database_url: str) -> dict[tuple[str, datetime, int], Values]:
    """Every larger candle by interval, open time and symbol."""
    found = rows(
        database_url,
        f"SELECT interval, open_time, symbol_id, {FIGURES}, is_final, samples, expected_samples"
        " FROM candles.coarse_candles",
    )
    return {row[:3]: row[3:] for row in found}


def stored_minutes(database_url: str) -> dict[tuple[datetime, int], Values]:
    """Every minute by open time and symbol."""
    found = rows(database_url, f"SELECT open_time, symbol_id, {FIGURES}, is_final FROM candles.minute_candles")
    return {row[:2]: row[2:] for row in found}


def expected_coarse(minutes: Iterable[Candle], *, is_final: bool = True) -> dict[tuple[str, datetime, int], Values]:
    """Every larger candle that follows from the minutes, by the definition: each from the next finer ones."""
    finer = [(one.symbol_id, one.open_time, (*figures(one), is_final, 1)) for one in minutes]
    expected = {}
    for interval, length in LENGTHS.items():
        buckets: dict[tuple[int, datetime], list[Values]] = {}
        for symbol, at, values in sorted(finer):
            buckets.setdefault((symbol, at - (at - MONDAY) % length), []).append(values)
        finer = [(symbol, start, fold(found)) for (symbol, start), found in buckets.items()]
        expected |= {(interval, start, symbol): (*values, length // MINUTE) for symbol, start, values in finer}
    return expected


def straight_from_minutes(minutes: Iterable[Candle]) -> dict[tuple[str, datetime, int], Values]:
    """The same without any interval in between."""
    buckets: dict[tuple[str, datetime, int], list[Values]] = {}
    for one in sorted(minutes, key=lambda one: one.open_time):
        for interval, length in LENGTHS.items():
            start = one.open_time - (one.open_time - MONDAY) % length
            buckets.setdefault((interval, start, one.symbol_id), []).append((*figures(one), True, 1))
    return {key: (*fold(found), LENGTHS[key[0]] // MINUTE) for key, found in buckets.items()}


def figures(one: Candle) -> Values:
    """What a minute says, in the order of FIGURES."""
    return (
        one.open,
        one.high,
        one.low,
        one.close,
        one.volume,
        one.quote_volume,
        one.trade_count,
        one.taker_base_volume,
        one.taker_quote_volume,
    )


def fold(finer: Sequence[Values]) -> Values:
    """One candle from finer ones in order."""
    opens, highs, lows, _, *_ = zip(*([one for one in finer if one[4] > 0] or finer), strict=True)
    _, _, _, closes, *amounts, finals, samples = zip(*finer, strict=True)
    return (
        opens[0],
        max(*highs, closes[-1]),
        min(*lows, closes[-1]),
        closes[-1],
        *map(total, amounts),
        all(finals),
        sum(samples),
    )


def total(amounts: Sequence[Any]) -> Any:
    """The sum, to the last digit; None when one of them is not told."""
    with localcontext() as context:
        context.prec = 100
        return None if None in amounts else sum(amounts)
