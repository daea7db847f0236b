"""The simulated streams over real websockets: completeness, order, commands, faults and ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from cryptoflow.simulator.server import SimulatorServer
from cryptoflow_tests.platform.simulated_exchange import NOW, ask, exchange_server, reset, rest_client

FAST = 60.0
FASTER = 600.0
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with exchange_server() as running:
        yield running


@pytest.fixture
def simulator(server: SimulatorServer) -> SimulatorServer:
    return reset(server)


@pytest.fixture
def rest(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with rest_client(simulator) as client:
        yield client


def _stream(simulator: SimulatorServer, path: str) -> ClientConnection:
    return connect(f"{simulator.websocket_url}/binance_stream{path}", close_timeout=2)


def _collect(
    socket: ClientConnection, enough: Callable[[list[Any]], bool], *, patience: float = PATIENCE_SECONDS
) -> list[Any]:
    """Messages until there are enough of them; fails when they do not come."""
    found: list[Any] = []
    until = time.monotonic() + patience
    while not enough(found):
        rest = until - time.monotonic()
        assert rest > 0, f"only {len(found)} messages came"
        found.append(json.loads(socket.recv(timeout=rest)))
    return found


def test_streamed_trades_are_complete_ordered_and_those_of_rest(simulator: SimulatorServer, rest: httpx.Client) -> None:
    simulator.world.clock.set(speed=FASTER, freeze=False)
    with _stream(simulator, "/ws/btcusdt@aggTrade") as socket:
        messages = _collect(socket, lambda found: len(found) >= 30)
    assert [message["a"] for message in messages] == list(range(messages[0]["a"], messages[0]["a"] + 30))
    assert [message["T"] for message in messages] == sorted(message["T"] for message in messages)
    asked = ask(rest, "/aggTrades", symbol="BTCUSDT", fromId=messages[0]["a"], limit=30)
    assert [{key: message[key] for key in row} for message, row in zip(messages, asked, strict=True)] == asked
    assert {(message["e"], message["s"]) for message in messages} == {("aggTrade", "BTCUSDT")}


def test_a_combined_stream_closes_candles_as_rest_does(simulator: SimulatorServer, rest: httpx.Client) -> None:
    simulator.world.clock.set(speed=FAST, freeze=False)
    path = "/stream?streams=btcusdt@kline_1m/sushibtc@kline_1m/ethusdt@trade/ethusdt@miniTicker/!miniTicker@arr"

    def closed(found: list[Any]) -> list[Any]:
        return [m["data"]["k"] for m in found if "@kline" in m["stream"] and m["data"]["k"]["x"]]

    with _stream(simulator, path) as socket:
        messages = _collect(socket, lambda found: len(closed(found)) >= 6)
    assert {message["stream"] for message in messages} == set(path.partition("=")[2].split("/"))
    for candle in closed(messages):
        (row,) = ask(rest, "/klines", symbol=candle["s"], interval="1m", startTime=candle["t"], limit=1)
        assert [candle[key] for key in "tohlcvTqnVQ"] == row[:-1]
    candles = [m["data"]["k"] for m in messages if m["stream"] == "btcusdt@kline_1m"]
    assert any(not candle["x"] for candle in candles)
    assert [candle["t"] for candle in candles] == sorted(candle["t"] for candle in candles)
    tickers = [m["data"] for m in messages if m["stream"] == "!miniTicker@arr"]
    assert all(len(changed) < 50 and changed[0]["e"] == "24hrMiniTicker" for changed in tickers)


def test_times_of_a_stream_can_be_in_microseconds(simulator: SimulatorServer) -> None:
    simulator.world.clock.set(speed=FAST, freeze=False)
    with _stream(simulator, "/ws/btcusdt@miniTicker?timeUnit=MICROSECOND") as socket:
        (message,) = _collect(socket, lambda found: len(found) >= 1)
    assert message["E"] > 10**15


def _send_without_end(socket: ClientConnection, text: str) -> None:
    for _ in range(1000):
        socket.send(text)
        _collect(socket, lambda found: len(found) == 1)


def test_subscriptions_are_changed_by_command(simulator: SimulatorServer) -> None:
    simulator.world.clock.set(speed=FAST, freeze=False)
    with _stream(simulator, "/ws") as socket:

        def command(order: object, number: object) -> Any:
            socket.send(json.dumps(order))
            found = _collect(socket, lambda found: bool(found) and "id" in found[-1] and found[-1]["id"] == number)
            return found[-1]

        subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@miniTicker", "ethusdt@miniTicker"], "id": 1}
        assert command(subscribe, 1) == {"result": None, "id": 1}
        _collect(socket, lambda found: {m.get("s") for m in found} >= {"BTCUSDT", "ETHUSDT"})
        assert command({"method": "UNSUBSCRIBE", "params": ["btcusdt@miniTicker"], "id": 2}, 2)["result"] is None
        assert command({"method": "LIST_SUBSCRIPTIONS", "id": "x"}, "x")["result"] == ["ethusdt@miniTicker"]
        assert {m["s"] for m in _collect(socket, lambda found: len(found) >= 5)} == {"ETHUSDT"}
        assert command({"method": "SUBSCRIBE", "params": ["btcusdt@nothing"], "id": 4}, 4)["error"]["code"] == 2
    with _stream(simulator, "/ws") as socket:
        socket.send("no json")
        assert _collect(socket, lambda found: len(found) == 1)[0]["error"]["code"] == 3
        with pytest.raises(ConnectionClosed) as closed:
            _send_without_end(socket, "[]")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_a_dropped_connection_ends_without_a_farewell_and_misses_trades(simulator: SimulatorServer) -> None:
    simulator.world.clock.set(speed=FAST, freeze=False)
    with _stream(simulator, "/ws/btcusdt@aggTrade") as socket:
        before = _collect(socket, lambda found: len(found) >= 3)
        simulator.world.faults.add("ws_drop", provider="binance_stream")
        with pytest.raises(ConnectionClosed) as closed:
            before += _collect(socket, lambda found: len(found) > 1000)
        assert closed.value.rcvd is None
    simulator.world.faults.clear()
    simulator.world.clock.set(now=simulator.world.clock.now() + 300)
    with _stream(simulator, "/ws/btcusdt@aggTrade") as socket:
        after = _collect(socket, lambda found: len(found) >= 1)
    assert after[0]["a"] > before[-1]["a"] + 1


def test_duplicates_and_disorder_happen_on_demand(simulator: SimulatorServer) -> None:
    simulator.world.clock.set(speed=FASTER, freeze=False)
    simulator.world.faults.add("ws_duplicates", provider="binance_stream", rate=0.5)
    with _stream(simulator, "/ws/btcusdt@aggTrade") as socket:
        numbers = [m["a"] for m in _collect(socket, lambda found: len(found) >= 30)]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) < len(numbers)
    simulator.world.faults.clear()
    simulator.world.faults.add("ws_out_of_order", provider="binance_stream", rate=0.5)
    with _stream(simulator, "/ws/btcusdt@aggTrade") as socket:
        numbers = [m["a"] for m in _collect(socket, lambda found: len(found) >= 30)]
    assert numbers != sorted(numbers)
    assert len(set(numbers)) == len(numbers)


def test_a_connection_announces_its_end_and_lives_for_a_day(simulator: SimulatorServer) -> None:
    simulator.world.clock.set(speed=FAST, freeze=False)
    with _stream(simulator, "/ws/btcusdt@miniTicker") as socket:
        _collect(socket, lambda found: len(found) >= 1)
        simulator.world.clock.set(now=NOW + 86_400 - 300)
        _collect(socket, lambda found: found[-1:] != [] and found[-1]["e"] == "serverShutdown")
        simulator.world.clock.set(now=NOW + 86_400 + 60)
        with pytest.raises(ConnectionClosed) as closed:
            _collect(socket, lambda found: len(found) > 1000)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


@pytest.fixture
def short_lived() -> SimulatorServer:
    """A server that the test starts and stops itself."""
    return exchange_server(asset_count=5, speed=FAST)


def test_open_streams_do_not_hold_up_the_end_of_the_server(short_lived: SimulatorServer) -> None:
    with ExitStack() as clients:
        with short_lived as server:
            socket = clients.enter_context(_stream(server, "/ws/btcusdt@miniTicker"))
            _collect(socket, lambda found: len(found) >= 1)
            started = time.monotonic()
        assert time.monotonic() - started < 8
        with pytest.raises(ConnectionClosed):
            _collect(socket, lambda found: len(found) > 1000)
