"""Minutes asked over HTTP from simulated exchanges: the tables are the truth, and each empty minute says why it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from cryptoflow.collect.candle_tail import CandleReport, collect_holes, collect_tail
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.sources.errors import ProviderUnavailable
from cryptoflow.sources.exchanges import traits_of
from cryptoflow_tests.exchange_truth import TRIED
from cryptoflow_tests.platform.candle_bench import FOLLOWED, MINUTE, CandleBench, new_world

PAIRS = [name.partition(":")[::2] for name in FOLLOWED]
HALT_IS_OVER = timedelta(minutes=80)


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=60)


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str) -> Iterator[CandleBench]:
    with SimulatorServer(world=new_world(market)) as server:
        bench = CandleBench(server, database_url, valkey_url)
        bench.sync_symbols()
        yield bench


def tail(bench: CandleBench, **changes: Any) -> dict[str, CandleReport]:
    reports = collect_tail(bench.settings(**changes), database_url=bench.database_url, redis_url=bench.valkey_url)
    return {report.exchange: report for report in reports}


def holes(bench: CandleBench) -> dict[str, CandleReport]:
    reports = collect_holes(bench.settings(), database_url=bench.database_url, redis_url=bench.valkey_url)
    return {report.exchange: report for report in reports}


def half_an_hour_asked_under(bench: CandleBench, fault: str) -> datetime:
    """A tail of sound rows, and one of the half hour after it while Binance has the fault; returns its first minute."""
    tail(bench)
    bench.advance(timedelta(minutes=30))
    bench.world.faults.add(fault, provider="binance")
    tail(bench)
    return floor(bench.now) - timedelta(minutes=30)


def slots(bench: CandleBench, exchange: str, symbol: str) -> dict[datetime, str]:
    """The state of each minute that has no confirmed candle and of which something was said."""
    query = "SELECT starts, ends, state FROM candles.candle_slots WHERE symbol_id = %s"
    told = {
        starts + number * MINUTE: state
        for starts, ends, state in bench.rows(query, bench.symbol_id(exchange, symbol))
        for number in range((ends - starts) // MINUTE)
    }
    there = bench.stored_minutes(exchange, symbol, finals=True)
    return {minute: state for minute, state in told.items() if minute not in there}


def assert_true(bench: CandleBench, exchange: str, symbol: str, start: datetime, end: datetime) -> None:
    """Exactly the exchange's minutes are there, to the last digit."""
    known = TRIED[exchange].figures
    truth = {at: row[:known] for at, row in bench.true_minutes(exchange, symbol, start, end).items()}
    stored = bench.stored_minutes(exchange, symbol, finals=True)
    assert {at: row[:known] for at, row in stored.items() if start <= at < end} == truth
    assert {row[known:] for row in stored.values()} == {(None,) * (9 - known)}


def floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def test_the_first_tail_brings_an_answers_worth_and_the_open_minute_is_left_out(bench: CandleBench) -> None:
    reports = tail(bench)
    end = floor(bench.now)
    for exchange, symbol in PAIRS:
        length = traits_of(exchange).candles_per_answer
        assert_true(bench, exchange, symbol, end - length * MINUTE, end)
        assert max(bench.stored_minutes(exchange, symbol, finals=True)) < end
    assert {exchange: report.spans for exchange, report in reports.items()} == Counter(name for name, _ in PAIRS)
    assert all(report.errors == [] and report.refused == 0 for report in reports.values())


def test_through_a_halt_every_minute_is_there_or_says_why_not(bench: CandleBench) -> None:
    tail(bench)
    start = floor(bench.now)
    for _ in range(4):
        bench.advance(HALT_IS_OVER / 4)
        tail(bench)
    bench.advance(timedelta(minutes=15))
    tail(bench)
    holes(bench)
    end = floor(bench.now) - timedelta(minutes=12)
    for exchange, symbol in PAIRS:
        assert_true(bench, exchange, symbol, start, end)
        truth = bench.true_minutes(exchange, symbol, start, end)
        expected = "source_has_none" if traits_of(exchange).sends_quiet_minutes else "confirmed_empty"
        missing = {start + n * MINUTE for n in range((end - start) // MINUTE)} - truth.keys()
        told = {at: state for at, state in slots(bench, exchange, symbol).items() if start <= at < end}
        assert told == dict.fromkeys(missing, expected)
        assert missing, "there was a halt"


def test_a_minute_that_is_not_there_at_first_is_asked_for_once_more(bench: CandleBench) -> None:
    tail(bench)
    bench.world.clock.set(now=datetime(2025, 2, 11, 6, 36, tzinfo=bench.now.tzinfo).timestamp())
    tail(bench)
    gone = datetime(2025, 2, 11, 6, 33, tzinfo=bench.now.tzinfo)
    assert slots(bench, "binance", "BTCUSDT")[gone] == "pending"
    bench.advance(timedelta(minutes=15))
    holes(bench)
    assert slots(bench, "binance", "BTCUSDT")[gone] == "source_has_none"
    before = len(bench.world.traffic.last(provider="binance", limit=1_000))
    holes(bench)
    asked = bench.world.traffic.last(provider="binance", limit=1_000)[before:]
    assert not [one for one in asked if "klines" in one.path and "BTCUSDT" in one.query], "and then no more"


def test_an_exchange_that_fails_leaves_the_others_whole_and_is_asked_again_later(bench: CandleBench) -> None:
    tail(bench)
    start = floor(bench.now)
    bench.advance(timedelta(minutes=20))
    bench.world.faults.add("http_5xx", provider="binance", amount=503)
    reports = tail(bench)
    assert reports["coinbase"].errors == []
    assert "503" in reports["binance"].errors[0]
    latest = "SELECT status FROM ops.collection_status WHERE provider = 'binance' ORDER BY id DESC LIMIT 1"
    assert bench.rows(latest) == [("failed",)]
    bench.world.faults.clear()
    tail(bench)
    for exchange, symbol in PAIRS:
        assert_true(bench, exchange, symbol, start, floor(bench.now) - MINUTE)


def test_when_nobody_answers_the_run_fails(bench: CandleBench) -> None:
    bench.world.faults.add("http_5xx", amount=503)
    with pytest.raises(ProviderUnavailable):
        tail(bench)


@pytest.mark.parametrize("fault", ["nan_values", "negative_price", "zero_price"])
def test_minutes_whose_rows_are_refused_say_that_they_are_waited_for(bench: CandleBench, fault: str) -> None:
    start = half_an_hour_asked_under(bench, fault)
    expected = {start + number * MINUTE for number in range(29)}
    for exchange, symbol in [pair for pair in PAIRS if pair[0] == "binance"]:
        missing = expected - bench.stored_minutes(exchange, symbol, finals=True).keys()
        assert missing
        told = slots(bench, exchange, symbol)
        assert {minute: told.get(minute) for minute in missing} == dict.fromkeys(missing, "pending")


@pytest.mark.parametrize("fault", ["nan_values", "negative_price", "field_changes_type"])
def test_rows_that_cannot_be_are_refused_and_come_right_later(bench: CandleBench, fault: str) -> None:
    start = half_an_hour_asked_under(bench, fault)
    bench.world.faults.clear()
    bench.advance(timedelta(minutes=15))
    tail(bench)
    holes(bench)
    end = floor(bench.now) - timedelta(minutes=12)
    for exchange, symbol in PAIRS:
        assert_true(bench, exchange, symbol, start, end)


def test_the_larger_candles_are_the_exchanges_own(bench: CandleBench) -> None:
    tail(bench)
    end = floor(bench.now)
    for interval, minutes in (("5m", 5), ("15m", 15), ("1h", 60)):
        first = end - timedelta(minutes=900)
        start = first.replace(minute=0) + timedelta(hours=1)
        stop = end.replace(minute=0) if minutes == 60 else end - timedelta(minutes=end.minute % minutes)
        query = (
            "SELECT open_time, open, high, low, close, volume, quote_volume, trade_count, taker_base_volume,"
            " taker_quote_volume FROM candles.coarse_candles"
            " WHERE interval = %s AND symbol_id = %s AND open_time >= %s AND open_time < %s"
        )
        for symbol in ("BTCUSDT", "SUSHIBTC"):
            found = bench.rows(query, interval, bench.symbol_id("binance", symbol), start, stop)
            truth = bench.true_minutes("binance", symbol, start, stop, interval=interval)
            assert {row[0]: row[1:] for row in found} == truth
