"""Trades followed live over real websockets into a real warehouse: whatever the stream does, nothing is missing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from cryptoflow.collect.trade_feed import FeedBounds, TradeFeed
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow_tests.exchange_truth import TRIED
from cryptoflow_tests.platform.candle_bench import FOLLOWED, MINUTE, CandleBench, new_world, wait_until

QUICK = FeedBounds(
    write_seconds=0.05,
    reckon_seconds=0.2,
    beat_seconds=0.2,
    hole_seconds=0.3,
    pause_base_seconds=0.05,
    pause_cap_seconds=0.2,
    nobody_seconds=0.2,
)
SPEED = 900.0
EXCHANGES = {name: tried.pairs for name, tried in TRIED.items()}


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=60)


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str) -> Iterator[CandleBench]:
    with SimulatorServer(world=new_world(market)) as server:
        yield CandleBench(server, database_url, valkey_url)


@contextmanager
def following(bench: CandleBench, exchange: str, *, bounds: FeedBounds = QUICK, **changes: Any) -> Iterator[TradeFeed]:
    """The feed of an exchange in a thread of its own, stopped as a signal would stop it."""
    loop = asyncio.new_event_loop()
    feed = TradeFeed(
        bench.settings(**changes),
        exchange,
        database_url=bench.database_url,
        redis_url=bench.valkey_url,
        bounds=bounds,
    )
    ended: list[BaseException] = []

    async def run() -> None:
        try:
            await feed.run()
        except asyncio.CancelledError:
            return
        except BaseException as error:
            ended.append(error)

    work = loop.create_task(run())
    thread = threading.Thread(target=loop.run_until_complete, args=(work,))
    thread.start()
    try:
        yield feed
    finally:
        loop.call_soon_threadsafe(work.cancel)
        thread.join(20)
        assert not thread.is_alive(), "the feed did not stop"
        loop.close()
        assert not ended, ended


def states(bench: CandleBench) -> dict[str, str]:
    query = "SELECT symbol, state FROM candles.trade_feeds INNER JOIN candles.symbols USING (symbol_id)"
    return dict(bench.rows(query))


def wait_live(bench: CandleBench, exchange: str) -> None:
    wanted = [name.partition(":")[2] for name in FOLLOWED if name.startswith(exchange)]
    wait_until(lambda: [states(bench).get(name) for name in wanted] == ["live"] * len(wanted), "every feed is live")


def newest(bench: CandleBench, exchange: str, symbol: str) -> int:
    return max(bench.stored_trades(exchange, symbol), default=0)


def wait_for_trades(bench: CandleBench, exchange: str, symbol: str, more: int) -> None:
    first = newest(bench, exchange, symbol)
    wait_until(lambda: newest(bench, exchange, symbol) >= first + more, f"{more} more trades of {symbol}")


def assert_whole(bench: CandleBench, exchange: str) -> None:
    """With the clock standing: every trade from the first one stored until now is there, exactly."""
    for symbol in EXCHANGES[exchange]:
        stored = bench.stored_trades(exchange, symbol)
        start = min(row[0] for row in stored.values())
        truth = bench.true_trades(exchange, symbol, start, bench.now)
        truth = {number: row for number, row in truth.items() if number >= min(stored)}
        assert stored == truth


def assert_minutes_are_true(bench: CandleBench, exchange: str) -> None:
    """Every minute that is over and whole, from its first, is as the exchange's own; quiet ones are not claimed."""
    for symbol in EXCHANGES[exchange]:
        stored = bench.stored_trades(exchange, symbol)
        first = min(row[0] for row in stored.values()).replace(second=0, microsecond=0) + MINUTE
        last = bench.now.replace(second=0, microsecond=0)
        truth = bench.true_minutes(exchange, symbol, first, last)
        traded = {start: row for start, row in truth.items() if row[4] > 0}
        reckoned = {
            start: row for start, row in bench.stored_minutes(exchange, symbol, finals=False).items() if start < last
        }
        assert reckoned == traded


def freeze_and_settle(bench: CandleBench, exchange: str) -> None:
    """Stop the clock and wait until all that happened until then is stored and reckoned."""
    bench.world.clock.set(freeze=True)
    for symbol in EXCHANGES[exchange]:
        stored = bench.stored_trades(exchange, symbol)
        start = min(row[0] for row in stored.values())
        last = max(bench.true_trades(exchange, symbol, start, bench.now))
        wait_until(lambda s=symbol, n=last: newest(bench, exchange, s) == n, f"{symbol} is there until now")  # type: ignore[misc]
        wait_until(partial(is_reckoned, bench, bench.symbol_id(exchange, symbol)), f"{symbol}'s minutes are reckoned")


def is_reckoned(bench: CandleBench, symbol_id: int) -> bool:
    query = (
        "SELECT whole_until >= max(traded_at) FROM candles.trade_feeds INNER JOIN candles.price_ticks"
        " USING (symbol_id) WHERE symbol_id = %s GROUP BY whole_until"
    )
    return bench.rows(query, symbol_id) == [(True,)]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_trades_and_their_minutes_are_the_truth_through_a_halt(bench: CandleBench, exchange: str) -> None:
    bench.sync_symbols()
    bench.world.clock.set(speed=SPEED, freeze=False)
    with following(bench, exchange):
        wait_live(bench, exchange)
        bench.world.clock.set(speed=1_500)
        halted_until = bench.now.replace(hour=7, minute=12, second=0)
        wait_until(lambda: bench.now > halted_until, "the halt is over")
        freeze_and_settle(bench, exchange)
        assert_whole(bench, exchange)
        assert_minutes_are_true(bench, exchange)
    assert set(states(bench).values()) == {"down"}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_drops_disorder_and_doubling_leave_nothing_out(bench: CandleBench, exchange: str) -> None:
    bench.sync_symbols()
    bench.world.clock.set(speed=SPEED, freeze=False)
    stream = f"{exchange}_stream"
    with following(bench, exchange):
        wait_live(bench, exchange)
        for name, rate in (("ws_drop", 0.05), ("ws_out_of_order", 0.3), ("ws_duplicates", 0.3)):
            bench.world.faults.add(name, provider=stream, rate=rate)
        wait_for_trades(bench, exchange, EXCHANGES[exchange][0], 60)
        bench.world.faults.clear()
        wait_live(bench, exchange)
        freeze_and_settle(bench, exchange)
        assert_whole(bench, exchange)
        assert_minutes_are_true(bench, exchange)
    outages = bench.rows("SELECT count(*), bool_and(is_refilled) FROM candles.feed_outages WHERE ends IS NOT NULL")
    assert outages[0][0] > 0
    assert outages[0][1] is True


def test_a_feed_that_was_away_says_so_until_the_missed_trades_are_there(bench: CandleBench) -> None:
    bench.sync_symbols()
    bench.world.clock.set(speed=SPEED, freeze=False)
    with following(bench, "binance"):
        wait_live(bench, "binance")
        wait_for_trades(bench, "binance", "BTCUSDT", 10)
    bench.advance(timedelta(hours=3))
    before = newest(bench, "binance", "BTCUSDT")
    bench.world.faults.add("http_5xx", provider="binance", amount=503)
    with following(bench, "binance"):
        wait_until(
            lambda: bench.rows("SELECT count(*) FROM candles.trade_feeds WHERE reason LIKE '%%503%%'") != [(0,)],
            "it says that the exchange is in trouble",
        )
        assert set(states(bench).values()) == {"down"}
        assert newest(bench, "binance", "BTCUSDT") == before
        bench.world.faults.clear()
        wait_live(bench, "binance")
        freeze_and_settle(bench, "binance")
        assert_whole(bench, "binance")
        assert_minutes_are_true(bench, "binance")
    reasons = bench.rows("SELECT reason, is_refilled FROM candles.feed_outages ORDER BY noticed_at LIMIT 1")
    assert reasons == [("The collector was stopped.", True)]


def test_what_is_past_its_retention_is_not_fetched_and_stays_an_outage(bench: CandleBench) -> None:
    bench.sync_symbols()
    bench.world.clock.set(speed=SPEED, freeze=False)
    with following(bench, "binance"):
        wait_live(bench, "binance")
        wait_for_trades(bench, "binance", "BTCUSDT", 10)
    bench.advance(timedelta(days=2))
    with following(bench, "binance"):
        wait_live(bench, "binance")
        wait_for_trades(bench, "binance", "BTCUSDT", 10)
        wait_until(
            lambda: (
                bench.rows("SELECT min(traded_at) > %s FROM candles.price_ticks", bench.now - timedelta(days=1))
                == [(True,)]
            ),
            "old hours are let go",
        )
    assert bench.rows("SELECT DISTINCT is_refilled FROM candles.feed_outages WHERE ends IS NOT NULL") == [(False,)]


def test_a_slow_database_slows_the_feed_and_nothing_is_lost(bench: CandleBench) -> None:
    bench.sync_symbols()
    bench.world.clock.set(speed=SPEED, freeze=False)
    narrow = FeedBounds(
        queue=20,
        batch=50,
        write_seconds=0.05,
        reckon_seconds=0.2,
        beat_seconds=0.2,
        hole_seconds=0.3,
        pause_base_seconds=0.05,
        pause_cap_seconds=0.2,
    )
    with following(bench, "binance", bounds=narrow) as feed:
        wait_live(bench, "binance")
        with psycopg.connect(bench.database_url) as blocking:
            blocking.execute("LOCK TABLE candles.price_ticks IN SHARE MODE")
            wait_until(feed._queue.full, "the queue is full")
            held = newest(bench, "binance", "BTCUSDT")
            bench.advance(timedelta(minutes=30))
            assert feed._queue.qsize() <= 20
            assert newest(bench, "binance", "BTCUSDT") == held
        wait_for_trades(bench, "binance", "BTCUSDT", 60)
        wait_live(bench, "binance")
        freeze_and_settle(bench, "binance")
        assert_whole(bench, "binance")
