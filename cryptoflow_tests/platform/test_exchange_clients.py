"""The exchanges asked over real HTTP and websockets: what their clients return is the simulated truth, exactly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from cryptoflow.settings import load_settings
from cryptoflow.simulator.market.candles import CandleBook, exact_text
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import MICROS
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.sources.binance import Binance
from cryptoflow.sources.binance_archive import ArchiveFile, BinanceArchive
from cryptoflow.sources.errors import ChecksumWrong, NotFound, ProviderUnreachable, RateLimited
from cryptoflow.sources.exchange import Exchange, ExchangeCandle, ExchangeTrade, Messages
from cryptoflow.sources.exchanges import exchange_names, exchange_of, traits_of
from cryptoflow.sources.http import ProviderClient, open_client, run_sync
from cryptoflow.sources.ledger import MemoryLedger
from cryptoflow.sources.valkey import open_valkey
from cryptoflow_tests.exchange_truth import TRIED, truth_of
from cryptoflow_tests.platform.simulated_exchange import NOW, exchange_server, reset

AT = datetime.fromtimestamp(NOW, UTC)
MINUTE = timedelta(minutes=1)
PAIRS = {name: tried.pairs for name, tried in TRIED.items()}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with exchange_server() as running:
        yield running


@pytest.fixture
def simulator(server: SimulatorServer) -> SimulatorServer:
    return reset(server)


@asynccontextmanager
async def opened(
    simulator: SimulatorServer, name: str, *, ledger: MemoryLedger | None = None, redis: Redis | None = None
) -> AsyncIterator[ProviderClient]:
    settings = load_settings(
        simulator_url=simulator.url, http_attempts=2, http_read_timeout_seconds=5, coinbase_calls_per_second=1_000
    )
    books = ledger or MemoryLedger()
    async with open_client(settings, name, ledger=books, payloads=books, redis=redis) as client:
        yield client


def ask(simulator: SimulatorServer, name: str, question: Callable[[Exchange], Any]) -> Any:
    simulator.world.limits.reset_usage()

    async def run() -> Any:
        async with opened(simulator, name) as client:
            return await question(exchange_of(client))

    return run_sync(run())


def truth(simulator: SimulatorServer, name: str, symbol: str) -> tuple[CandleBook, SimPair]:
    found = truth_of(simulator.world.market, name)
    return found.book, found.pairs[symbol]


def expected_candles(
    simulator: SimulatorServer, name: str, symbol: str, start: datetime, end: datetime
) -> list[ExchangeCandle]:
    book, pair = truth(simulator, name, symbol)
    found = book.candles(
        pair, "1m", start_us=micros(start), end_us=micros(end), now_us=int(simulator.world.clock.now() * MICROS)
    )
    figures = TRIED[name].figures
    found = found if traits_of(name).sends_quiet_minutes else found.rows(found.trades > 0)

    def price(ticks: int) -> Decimal:
        return Decimal(exact_text(ticks, pair.tick_decimals))

    def base(steps: int) -> Decimal:
        return Decimal(exact_text(steps, pair.step_decimals))

    def paid(product: int) -> Decimal:
        return Decimal(exact_text(product, pair.tick_decimals + pair.step_decimals))

    return [
        ExchangeCandle(
            opens_at=datetime.fromtimestamp(int(found.start_us[i]) // MICROS, UTC),
            closes_at=datetime.fromtimestamp(int(found.end_us[i]) // MICROS, UTC),
            open_price=price(int(found.open[i])),
            high_price=price(int(found.high[i])),
            low_price=price(int(found.low[i])),
            close_price=price(int(found.close[i])),
            volume=base(int(found.volume[i])),
            quote_volume=paid(int(found.quote_volume[i])) if figures > 5 else None,
            trade_count=int(found.trades[i]) if figures > 6 else None,
            taker_buy_volume=base(int(found.taker_volume[i])) if figures > 7 else None,
            taker_buy_quote_volume=paid(int(found.taker_quote_volume[i])) if figures > 8 else None,
        )
        for i in range(len(found))
    ]


def micros(instant: datetime) -> int:
    return int(instant.timestamp()) * MICROS


@pytest.mark.usefixtures("simulator")
def test_every_exchange_that_can_be_asked_is_tried() -> None:
    assert tuple(TRIED) == exchange_names()


@pytest.mark.parametrize("name", PAIRS)
def test_symbols_have_their_parts_precisions_and_status(simulator: SimulatorServer, name: str) -> None:
    listing = ask(simulator, name, lambda exchange: exchange.symbols())
    by_name = {one.symbol: one for one in listing.symbols}
    _, pair = truth(simulator, name, PAIRS[name][0])
    bitcoin = by_name[PAIRS[name][0]]
    assert (bitcoin.base, bitcoin.quote, bitcoin.status) == (pair.base, pair.quote, "trading")
    assert (bitcoin.price_step, bitcoin.quantity_step) == (pair.tick_size, pair.step_size)
    assert listing.bad == ()
    assert any(len(one.base) > 4 for one in listing.symbols)


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_that_has_left_is_closed_and_one_that_stands_still_is_halted(
    simulator: SimulatorServer, name: str
) -> None:
    pairs = truth_of(simulator.world.market, name).pairs
    left = next(symbol for symbol, pair in pairs.items() if pair.delisted_at is not None)
    stands, halt = next(
        (symbol, halt)
        for symbol, pair in pairs.items()
        for halt in pair.halts
        if halt.starts_at > pair.listed_at and halt.ends_at < pair.ends_at
    )

    def status(symbol: str, at: float) -> str:
        simulator.world.clock.set(now=at)
        listing = ask(simulator, name, lambda exchange: exchange.symbols())
        return next(one.status for one in listing.symbols if one.symbol == symbol)

    assert (status(stands, halt.starts_at + 1), status(left, pairs[left].ends_at + 60)) == ("halted", "closed")


@pytest.mark.parametrize("name", PAIRS)
def test_the_clock_is_the_exchanges(simulator: SimulatorServer, name: str) -> None:
    assert ask(simulator, name, lambda exchange: exchange.server_time()) == AT


@pytest.mark.parametrize(("name", "symbol"), [(name, symbol) for name, pair in PAIRS.items() for symbol in pair])
def test_candles_are_the_truth_oldest_first_and_within_the_span(
    simulator: SimulatorServer, name: str, symbol: str
) -> None:
    end = AT.replace(second=0, microsecond=0)
    start = end - min(300, traits_of(name).candles_per_answer) * MINUTE
    page = ask(simulator, name, lambda exchange: exchange.candles(symbol, "1m", start=start, end=end))
    assert list(page.candles) == expected_candles(simulator, name, symbol, start, end)
    assert page.candles
    assert (page.start, page.end, page.bad) == (start, end, ())
    still_open = ask(
        simulator, name, lambda exchange: exchange.candles(symbol, "1m", start=end - 5 * MINUTE, end=end + MINUTE)
    )
    assert all(candle.opens_at <= end for candle in still_open.candles)


def test_a_halt_has_no_rows_at_binance(simulator: SimulatorServer) -> None:
    start = datetime(2026, 7, 16, 2, tzinfo=UTC)
    page = ask(simulator, "binance", lambda ex: ex.candles("BTCUSDT", "1m", start=start, end=start + 80 * MINUTE))
    minutes = {int((candle.opens_at - start) / MINUTE) for candle in page.candles}
    assert minutes == set(range(25)) | set(range(70, 80))
    assert [candle.volume for candle in page.candles if candle.opens_at == start + 10 * MINUTE] == [0]


@pytest.mark.parametrize(("name", "symbol"), [(name, tried.young) for name, tried in TRIED.items()])
def test_the_beginning_of_a_pair_is_its_first_traded_minute(simulator: SimulatorServer, name: str, symbol: str) -> None:
    first = ask(simulator, name, lambda exchange: exchange.first_candle_at(symbol))
    _, pair = truth(simulator, name, symbol)
    listed = datetime.fromtimestamp(pair.listed_at, UTC)
    trades = expected_candles(simulator, name, symbol, listed, listed + timedelta(days=1))
    assert first == trades[0].opens_at


@pytest.mark.parametrize("name", PAIRS)
def test_trades_by_number_join_without_a_gap_and_end_at_the_newest(simulator: SimulatorServer, name: str) -> None:
    symbol = PAIRS[name][0]
    newest = ask(simulator, name, lambda exchange: exchange.newest_trades(symbol, limit=3)).trades
    count = traits_of(name).trades_per_answer * 3 // 2
    wanted = newest[-1].trade_id - count + 1

    async def walk(exchange: Exchange) -> list[ExchangeTrade]:
        found: list[ExchangeTrade] = []
        number = wanted
        while True:
            page = await exchange.trades_from(symbol, number)
            found += page.trades
            if page.is_last:
                return found
            number = page.trades[-1].trade_id + 1

    trades = ask(simulator, name, walk)
    assert [trade.trade_id for trade in trades] == list(range(wanted, wanted + count))
    assert trades[-3:] == list(newest)
    assert [trade.traded_at for trade in trades] == sorted(trade.traded_at for trade in trades)


@pytest.mark.parametrize("name", PAIRS)
def test_a_stream_tells_the_trades_that_rest_has(simulator: SimulatorServer, name: str) -> None:
    symbols = PAIRS[name]
    simulator.world.clock.set(speed=600, freeze=False)

    async def listen(exchange: Exchange) -> list[ExchangeTrade]:
        found: list[ExchangeTrade] = []
        async with asyncio.timeout(20), exchange.stream(symbols) as messages:
            async for message in messages:
                if isinstance(message, ExchangeTrade) and message.symbol == symbols[0]:
                    found.append(message)
                if len(found) == 20:
                    return found
        return found

    streamed = ask(simulator, name, listen)
    asked = ask(simulator, name, lambda exchange: exchange.trades_from(symbols[0], streamed[0].trade_id))
    assert streamed == list(asked.trades[:20])


@pytest.mark.parametrize("name", PAIRS)
def test_disorder_in_a_stream_keeps_nothing_back_when_time_stands_still(simulator: SimulatorServer, name: str) -> None:
    symbol = PAIRS[name][0]
    simulator.world.faults.add("ws_out_of_order", provider=f"{name}_stream", rate=1.0)

    async def listen(exchange: Exchange) -> list[int]:
        found: list[int] = []
        async with asyncio.timeout(60), exchange.stream([symbol]) as messages:
            # Each time the last trade is as likely as not one that waits for the next.
            for _ in range(6):
                simulator.world.clock.set(speed=600, freeze=False)
                enough = len(found) + 5
                await _take(messages, found, until=lambda enough=enough: len(found) >= enough)
                simulator.world.clock.set(freeze=True)
                newest = (await exchange.newest_trades(symbol, limit=1)).trades[-1].trade_id
                await _take(messages, found, until=lambda last=newest: {*range(min(found), last + 1)} <= {*found})
        return found

    numbers = ask(simulator, name, listen)
    assert numbers != sorted(numbers)


async def _take(messages: Messages, found: list[int], *, until: Callable[[], bool]) -> None:
    """Numbers of the trades that come, until it is so."""
    while not until():
        message = await anext(messages)
        if isinstance(message, ExchangeTrade):
            found.append(message.trade_id)


@pytest.mark.parametrize("name", PAIRS)
def test_a_stream_that_is_cut_or_not_there_is_an_error_with_a_verdict(simulator: SimulatorServer, name: str) -> None:
    simulator.world.clock.set(speed=600, freeze=False)
    simulator.world.faults.add("ws_drop", provider=f"{name}_stream", rate=0.1)

    async def listen(exchange: Exchange) -> None:
        async with asyncio.timeout(20), exchange.stream(PAIRS[name]) as messages:
            async for _ in messages:
                pass

    with pytest.raises(ProviderUnreachable, match="broke off without a farewell"):
        ask(simulator, name, listen)
    window = TRIED[name].streams_per
    simulator.world.limits.set_quota(provider=f"{name}_stream", plan="ip", window=window, quota=0)
    try:
        with pytest.raises(ProviderUnreachable, match="no connection"):
            run_sync(_listen_once(simulator, name, listen))
    finally:
        simulator.world.limits.set_quota(provider=f"{name}_stream", plan="ip", window=window, quota=300)


async def _listen_once(simulator: SimulatorServer, name: str, listen: Callable[[Exchange], Any]) -> None:
    async with opened(simulator, name) as client:
        await listen(exchange_of(client))


def test_weight_is_spent_as_binance_counts_it(simulator: SimulatorServer) -> None:
    async def run() -> None:
        async with opened(simulator, "binance") as client:
            exchange = Binance(client)
            await exchange.symbols()
            await exchange.candles("BTCUSDT", "1m", start=AT - MINUTE, end=AT)
            await exchange.trades_from("BTCUSDT", 5)

    run_sync(run())
    spent = simulator.world.limits.take(
        provider="binance", plan="ip", user="127.0.0.1", now=simulator.world.clock.now(), costs={"minute": 0}
    )
    assert [usage.used for usage in spent.usages] == [20 + 2 + 4]


@pytest.mark.parametrize("name", PAIRS)
def test_a_refusal_holds_everybody_back(simulator: SimulatorServer, name: str, valkey_url: str) -> None:
    simulator.world.faults.add("http_429", provider=name)
    ledger = MemoryLedger()

    async def run() -> None:
        async with open_valkey(valkey_url) as redis, opened(simulator, name, ledger=ledger, redis=redis) as client:
            exchange = exchange_of(client)
            with pytest.raises(RateLimited):
                await client.ask("time", patience_seconds=0.1)
            simulator.world.faults.clear()
            with pytest.raises(RateLimited):
                await client.ask("time", patience_seconds=0.1)
            assert exchange.name == name

    run_sync(run())
    assert [call.outcome for call in ledger.calls] == ["limited"], "the second question was not even sent"


# The archive ----------------------------------------------------------------------------------------------------


def download(simulator: SimulatorServer, file: ArchiveFile, into: Path, ledger: MemoryLedger | None = None) -> bytes:
    async def run() -> bytes:
        async with opened(simulator, "binance_archive", ledger=ledger) as client:
            return await BinanceArchive(client).download(file, into)

    return run_sync(run())


def daily(day: str) -> ArchiveFile:
    starts = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return ArchiveFile(symbol="BTCUSDT", interval="1m", kind="daily", starts=starts)


def test_a_file_is_verified_and_stays_out_of_the_payload_store(simulator: SimulatorServer, tmp_path: Path) -> None:
    ledger = MemoryLedger()
    into = tmp_path / "file.zip"
    digest = download(simulator, daily("2026-11-18"), into, ledger)
    assert into.read_bytes()[:2] == b"PK"
    assert digest not in ledger.answers, "a file is not an answer to be kept in the database"
    assert ledger.calls[-1].payload_sha256 == digest


def test_a_wrong_checksum_names_the_file_and_leaves_nothing(simulator: SimulatorServer, tmp_path: Path) -> None:
    simulator.world.faults.add("archive_checksum", provider="binance_archive", field="2026-11-18")
    into = tmp_path / "file.zip"
    with pytest.raises(ChecksumWrong, match=r"BTCUSDT-1m-2026-11-18\.zip"):
        download(simulator, daily("2026-11-18"), into)
    assert not into.exists()
    assert download(simulator, daily("2026-11-17"), into)


def test_a_file_that_is_not_there_yet_is_not_found(simulator: SimulatorServer, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        download(simulator, daily("2026-11-20"), tmp_path / "file.zip")
