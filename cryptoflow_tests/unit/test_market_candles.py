"""Candles: halts, flat minutes, open rows, calendars, exact text."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from cryptoflow.simulator.market.candles import CandleBook, bucket_end, bucket_start, combine, exact_text, fold
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.trades import DAY_US, MICROS, MINUTE_US, Orders, Tape
from cryptoflow.simulator.market.universe import instant

NOW_US = int(instant("2026-11-20T12:34:56")) * MICROS
HOUR_US = 60 * MINUTE_US


@pytest.fixture(scope="module")
def book() -> CandleBook:
    return CandleBook(Tape(Market(asset_count=60)))


def _us(text: str) -> int:
    return int(instant(text)) * MICROS


def test_a_minute_without_a_trade_is_flat_at_the_close_before(book: CandleBook) -> None:
    pair = book.tape.pairs["SUSHIBTC"]
    rows = book.candles(
        pair, "1m", start_us=_us("2026-11-19T00:00:00"), end_us=_us("2026-11-20T00:00:00"), now_us=NOW_US
    )
    assert len(rows) == 1440
    flat = rows.trades == 0
    assert flat.sum() > 1000
    for column in (rows.open, rows.high, rows.low):
        assert (column[flat] == rows.close[flat]).all()
    assert (rows.close[1:][flat[1:]] == rows.close[:-1][flat[1:]]).all()
    assert (rows.volume[flat] == 0).all()
    assert (rows.first_trade_id[flat] == -1).all()


def test_a_halt_first_flattens_the_minutes_and_then_removes_them(book: CandleBook) -> None:
    pair = book.tape.pairs["BTCUSDT"]
    window = {"start_us": _us("2023-03-24T11:00:00"), "end_us": _us("2023-03-24T15:00:00"), "now_us": NOW_US}
    minutes = book.candles(pair, "1m", **window)
    starts = set(minutes.start_us.tolist())
    assert _us("2023-03-24T12:39:00") in starts
    assert _us("2023-03-24T12:40:00") not in starts
    assert _us("2023-03-24T13:59:00") not in starts
    assert _us("2023-03-24T14:00:00") in starts
    quiet = (minutes.start_us >= _us("2023-03-24T11:36:00")) & (minutes.start_us < _us("2023-03-24T12:40:00"))
    assert quiet.sum() == 64
    assert (minutes.trades[quiet] == 0).all()
    hours = book.candles(pair, "1h", **window)
    assert [(start - window["start_us"]) // HOUR_US for start in hours.start_us.tolist()] == [0, 1, 3]
    assert int(hours.trades[1]) == 0
    assert int(hours.close[1]) == int(hours.close[0])


def test_the_last_row_is_open_and_grows(book: CandleBook) -> None:
    pair = book.tape.pairs["BTCUSDT"]
    now = _us("2026-11-20T12:20:00")
    early = book.latest(pair, "1h", limit=2, end_us=now + 1, now_us=now)
    late = book.latest(pair, "1h", limit=2, end_us=NOW_US + 1, now_us=NOW_US)
    assert early.start_us.tolist() == late.start_us.tolist()
    assert int(early.end_us[-1]) > NOW_US
    assert int(early.volume[0]) == int(late.volume[0])
    assert int(early.volume[1]) < int(late.volume[1])


def test_nothing_is_known_of_the_future(book: CandleBook) -> None:
    pair = book.tape.pairs["BTCUSDT"]
    rows = book.candles(pair, "1m", start_us=NOW_US - HOUR_US, end_us=NOW_US + HOUR_US, now_us=NOW_US)
    assert int(rows.start_us[-1]) <= NOW_US < int(rows.end_us[-1])


def test_one_row_asked_alone_is_the_row_of_the_range(book: CandleBook) -> None:
    for symbol in ("BTCUSDT", "SUSHIBTC"):
        pair = book.tape.pairs[symbol]
        for interval in ("1s", "1m", "15m", "4h", "1d", "3d", "1w", "1M"):
            alone = book.at(pair, interval, at_us=NOW_US)
            ranged = book.latest(pair, interval, limit=1, end_us=NOW_US + 1, now_us=NOW_US)
            for name in type(alone).__dataclass_fields__:
                assert getattr(alone, name).tolist() == getattr(ranged, name).tolist(), (symbol, interval, name)


def test_the_first_row_is_that_of_the_first_trade(book: CandleBook) -> None:
    pair = book.tape.pairs["SUSHIBTC"]
    first_trade_us = int(book.tape.from_order(pair, 0, limit=1, until_us=NOW_US).time_us[0])
    rows = book.earliest(pair, "1m", limit=3, start_us=0, end_us=NOW_US, now_us=NOW_US)
    assert int(rows.start_us[0]) == first_trade_us // MINUTE_US * MINUTE_US
    assert int(rows.first_trade_id[0]) == 0
    days = book.earliest(pair, "1d", limit=1, start_us=0, end_us=NOW_US, now_us=NOW_US)
    assert int(days.start_us[0]) == first_trade_us // DAY_US * DAY_US


def test_a_delisted_pair_keeps_its_past_and_has_no_present(book: CandleBook) -> None:
    pair = book.tape.pairs["XMRUSDT"]
    rows = book.latest(pair, "1h", limit=5, end_us=NOW_US, now_us=NOW_US)
    assert int(rows.end_us[-1]) == _us("2024-02-20T03:00:00")
    assert len(book.at(pair, "1m", at_us=NOW_US)) == 0


def test_a_time_zone_moves_the_borders_of_days(book: CandleBook) -> None:
    pair = book.tape.pairs["ETHUSDT"]
    rows = book.latest(pair, "1d", limit=3, end_us=NOW_US, now_us=NOW_US, offset_us=8 * HOUR_US)
    assert all((start + 8 * HOUR_US) % DAY_US == 0 for start in rows.start_us.tolist())
    hours = book.candles(pair, "1h", start_us=int(rows.start_us[0]), end_us=int(rows.end_us[0]), now_us=NOW_US)
    assert int(rows.volume[0]) == int(hours.volume.sum())
    assert int(rows.high[0]) == int(hours.high.max())


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("15m", "2026-11-20T12:30:00", "2026-11-20T12:45:00"),
        ("6h", "2026-11-20T12:00:00", "2026-11-20T18:00:00"),
        ("1w", "2026-11-16T00:00:00", "2026-11-23T00:00:00"),
        ("1M", "2026-11-01T00:00:00", "2026-12-01T00:00:00"),
    ],
)
def test_buckets_follow_the_calendar(interval: str, start: str, end: str) -> None:
    found = bucket_start(interval, NOW_US)
    assert found == _us(start)
    assert bucket_end(interval, found) == _us(end)
    assert datetime.fromtimestamp(bucket_start("1w", NOW_US) / MICROS, UTC).weekday() == 0


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(5365883, 2, "53658.83000000"), (1, 8, "0.00000001"), (0, 0, "0.00000000"), (-93173, 2, "-931.73000000")],
)
def test_numbers_become_text_without_a_float(value: int, decimals: int, text: str) -> None:
    assert exact_text(value, decimals) == text


def _orders(*ticks: int, minutes: tuple[int, ...]) -> Orders:
    return Orders(
        first_id=0,
        time_us=np.array(minutes) * MINUTE_US,
        price_ticks=np.array(ticks),
        quantity_steps=np.full(len(ticks), 10),
        buyer_is_maker=np.zeros(len(ticks), dtype=np.bool_),
    )


def test_flat_rows_count_for_the_close_of_a_coarser_candle_alone() -> None:
    starts, published = np.arange(4) * MINUTE_US, np.ones(4, dtype=np.bool_)
    minutes = fold(_orders(70, 75, minutes=(1, 2)), starts, MINUTE_US, before=90, published=published)
    assert minutes.close.tolist() == [90, 70, 75, 75]
    coarse = combine(minutes, start_us=0, end_us=4 * MINUTE_US)
    assert (int(coarse.open[0]), int(coarse.high[0]), int(coarse.low[0]), int(coarse.close[0])) == (70, 75, 70, 75)
    assert int(coarse.volume[0]) == 20
    assert int(coarse.first_trade_id[0]) == 0
    flat = combine(minutes.rows(slice(0, 1)), start_us=0, end_us=MINUTE_US)
    assert (int(flat.open[0]), int(flat.high[0]), int(flat.trades[0])) == (90, 90, 0)
    assert len(combine(minutes.rows(slice(0, 0)), start_us=0, end_us=MINUTE_US)) == 0
