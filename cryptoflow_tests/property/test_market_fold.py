"""Trades make candles, and fine candles make coarse ones, to the last digit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from hypothesis import given, settings
from hypothesis import strategies as st

from cryptoflow.simulator.binance.rows import kline_rows, trade_rows
from cryptoflow.simulator.market.candles import CandleBook
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.trades import DAY_US, MICROS, Tape, fill

WIDTHS_MS = {"1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}
SYMBOLS = (
    "BTCUSDT",
    "XRPUSDT",
    "SUSHIBTC",
    "ETCBTC",
    "LONGTIDEHARBORUSDT",
    "QNTAUSDT",
    "QNTXUSDT",
    "PEPEUSDT",
    "XMRBTC",
)
# Days of halts, listings, delistings and a redenomination, and any other.
STAGED_DAYS = (19_440, 20_165, 20_650, 20_164, 17_395, 18_531, 19_773, 20_169)
PAIR_AND_DAY = st.tuples(
    st.sampled_from(SYMBOLS), st.one_of(st.sampled_from(STAGED_DAYS), st.integers(min_value=17_390, max_value=21_000))
)


@lru_cache(maxsize=1)
def _book() -> CandleBook:
    return CandleBook(Tape(Market(asset_count=60)))


@dataclass(frozen=True, slots=True)
class Row:
    """A candle as a reader of the exchange's rows sees it."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote: Decimal
    trades: int
    taker: Decimal
    taker_quote: Decimal


def _rows(symbol: str, interval: str, day: int) -> dict[int, Row]:
    book = _book()
    pair = book.tape.pairs[symbol]
    candles = book.candles(pair, interval, start_us=day * DAY_US, end_us=(day + 1) * DAY_US, now_us=(day + 9) * DAY_US)
    return {int(str(cells[0])): _row(cells) for cells in kline_rows(pair, candles, unit_us=1000)}


def _row(cells: Sequence[object]) -> Row:
    numbers = [Decimal(str(cell)) for cell in cells]
    return Row(*numbers[1:6], numbers[7], int(numbers[8]), numbers[9], numbers[10])


def _folded_trades(symbol: str, day: int, width_ms: int) -> dict[int, Row]:
    """What the trades say, one by one, in decimals."""
    pair = _book().tape.pairs[symbol]
    trades = fill(_book().tape.between(pair, day * DAY_US, (day + 1) * DAY_US))
    buckets: dict[int, list[dict[str, object]]] = defaultdict(list)
    for trade in trade_rows(pair, trades, unit_us=1000):
        buckets[int(str(trade["time"])) // width_ms * width_ms].append(trade)
    return {start: _folded(bucket) for start, bucket in buckets.items()}


def _folded(trades: list[dict[str, object]]) -> Row:
    prices = [Decimal(str(trade["price"])) for trade in trades]
    quantities = [Decimal(str(trade["qty"])) for trade in trades]
    quotes = [Decimal(str(trade["quoteQty"])) for trade in trades]
    bought = [not trade["isBuyerMaker"] for trade in trades]
    assert all(p * q == quote for p, q, quote in zip(prices, quantities, quotes, strict=True))
    return Row(
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=sum(quantities, Decimal(0)),
        quote=sum(quotes, Decimal(0)),
        trades=len(trades),
        taker=sum((q for q, b in zip(quantities, bought, strict=True) if b), Decimal(0)),
        taker_quote=sum((q for q, b in zip(quotes, bought, strict=True) if b), Decimal(0)),
    )


def _aggregated(finer: list[Row]) -> Row:
    """Open, high and low ignore rows without volume unless all are; the close is the last; volumes are sums."""
    traded = [row for row in finer if row.volume > 0] or finer
    return Row(
        open=traded[0].open,
        high=max(row.high for row in traded),
        low=min(row.low for row in traded),
        close=finer[-1].close,
        volume=sum((row.volume for row in finer), Decimal(0)),
        quote=sum((row.quote for row in finer), Decimal(0)),
        trades=sum(row.trades for row in finer),
        taker=sum((row.taker for row in finer), Decimal(0)),
        taker_quote=sum((row.taker_quote for row in finer), Decimal(0)),
    )


@settings(max_examples=40, deadline=None)
@given(pair_and_day=PAIR_AND_DAY, interval=st.sampled_from(sorted(WIDTHS_MS)))
def test_candles_are_the_fold_of_their_trades(pair_and_day: tuple[str, int], interval: str) -> None:
    symbol, day = pair_and_day
    rows = _rows(symbol, interval, day)
    folded = _folded_trades(symbol, day, WIDTHS_MS[interval])
    assert {start: row for start, row in rows.items() if row.trades} == folded
    assert all(
        row.volume == 0 and row.open == row.high == row.low == row.close for row in rows.values() if not row.trades
    )


@settings(max_examples=40, deadline=None)
@given(pair_and_day=PAIR_AND_DAY, interval=st.sampled_from(["5m", "15m", "1h", "4h", "1d"]))
def test_coarse_candles_are_the_aggregate_of_the_minutes(pair_and_day: tuple[str, int], interval: str) -> None:
    symbol, day = pair_and_day
    width = WIDTHS_MS[interval]
    groups: dict[int, list[Row]] = defaultdict(list)
    for start, row in _rows(symbol, "1m", day).items():
        groups[start // width * width].append(row)
    assert {start: _aggregated(rows) for start, rows in groups.items()} == _rows(symbol, interval, day)


@settings(max_examples=15, deadline=None)
@given(symbol=st.sampled_from(SYMBOLS), month=st.integers(min_value=0, max_value=100))
def test_months_and_weeks_are_the_aggregate_of_days(symbol: str, month: int) -> None:
    book = _book()
    pair = book.tape.pairs[symbol]
    at_us = int(1_503_000_000 + month * 2_629_800) * MICROS
    for interval in ("3d", "1w", "1M"):
        wide = book.candles(pair, interval, start_us=at_us, end_us=at_us + 32 * DAY_US, now_us=at_us + 80 * DAY_US)
        for cells, start, end in zip(
            kline_rows(pair, wide, unit_us=1000), wide.start_us.tolist(), wide.end_us.tolist(), strict=True
        ):
            days = book.candles(pair, "1d", start_us=start, end_us=end, now_us=at_us + 80 * DAY_US)
            assert _row(cells) == _aggregated([_row(row) for row in kline_rows(pair, days, unit_us=1000)])


@settings(max_examples=30, deadline=None)
@given(
    symbol=st.sampled_from(SYMBOLS),
    at=st.integers(min_value=1_502_942_400, max_value=1_800_000_000),
    limit=st.integers(min_value=1, max_value=700),
    interval=st.sampled_from(["1m", "5m", "1h", "1d"]),
)
def test_asking_backwards_and_forwards_gives_the_same_rows(symbol: str, at: int, limit: int, interval: str) -> None:
    book = _book()
    pair, at_us = book.tape.pairs[symbol], at * MICROS
    backwards = book.latest(pair, interval, limit=limit, end_us=at_us, now_us=at_us)
    if not len(backwards):
        return
    forwards = book.earliest(
        pair, interval, limit=limit, start_us=int(backwards.start_us[0]), end_us=at_us, now_us=at_us
    )
    assert len(backwards) <= limit
    assert kline_rows(pair, backwards, unit_us=1) == kline_rows(pair, forwards, unit_us=1)
