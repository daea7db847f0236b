"""The simulated exchange over HTTP: candles, trades, tickers, rules, refusals and weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest

from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow_tests.platform.simulated_exchange import DAY_MS, NOW_MS, ask, exchange_server, reset, rest_client

INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")


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


def test_klines_without_a_start_are_the_most_recent_and_the_last_is_open(rest: httpx.Client) -> None:
    rows = ask(rest, "/klines", symbol="BTCUSDT", interval="1m", limit=5)
    assert [row[0] for row in rows] == [NOW_MS // 60_000 * 60_000 - 60_000 * back for back in (4, 3, 2, 1, 0)]
    assert rows[-1][6] > NOW_MS > rows[-2][6]
    for row in rows:
        assert len(row) == 12
        assert row[6] == row[0] + 59_999
        assert [type(cell) for cell in row] == [int, str, str, str, str, str, int, str, int, str, str, str]
    assert ask(rest, "/klines", symbol="BTCUSDT", interval="1m", endTime=rows[2][0], limit=2) == rows[1:3]


def test_klines_with_a_start_are_the_oldest_first_up_to_the_limit(rest: httpx.Client) -> None:
    start = NOW_MS - 10 * DAY_MS
    rows = ask(rest, "/klines", symbol="ETHUSDT", interval="1m", startTime=start, limit=5000)
    assert len(rows) == 1000
    assert rows[0][0] == -(-start // 60_000) * 60_000
    assert [later[0] - earlier[0] for earlier, later in pairwise(rows)] == [60_000] * 999
    window = ask(rest, "/klines", symbol="ETHUSDT", interval="1m", startTime=rows[3][0], endTime=rows[6][0])
    assert window == rows[3:7]
    assert ask(rest, "/klines", symbol="ETHUSDT", interval="1m", startTime=rows[6][0], endTime=rows[3][0]) == []
    assert len(ask(rest, "/klines", symbol="ETHUSDT", interval="1m")) == 500


def test_times_can_be_asked_and_answered_in_microseconds(rest: httpx.Client) -> None:
    params = {"symbol": "BTCUSDT", "interval": "1h", "startTime": (NOW_MS - DAY_MS) * 1000, "limit": 3}
    answer = rest.get("/klines", params=params, headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
    plain = ask(rest, "/klines", symbol="BTCUSDT", interval="1h", startTime=NOW_MS - DAY_MS, limit=3)
    assert [row[0] for row in answer.json()] == [row[0] * 1000 for row in plain]
    assert answer.json()[0][6] == plain[0][6] * 1000 + 999
    assert [row[1:6] for row in answer.json()] == [row[1:6] for row in plain]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/klines", {"symbol": "NOPEUSDT", "interval": "1m"}, -1121),
        ("/klines", {"symbol": "btcusdt", "interval": "1m"}, -1100),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1x"}, -1120),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1M", "startTime": "soon"}, -1100),
        ("/klines", {"symbol": "BTCUSDT"}, -1102),
        ("/klines", {"interval": "1m"}, -1102),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 0}, -1130),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1m", "timeZone": "+15:00"}, -1130),
        ("/klines", {"symbol": "HLTUSDT", "interval": "1m"}, -1121),
        ("/aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, -1128),
        ("/exchangeInfo", {"symbols": '["BTCUSDT","NOPE"]'}, -1121),
        ("/exchangeInfo", {"symbols": "BTCUSDT"}, -1100),
        ("/ticker/24hr", {"symbol": "NOPE"}, -1121),
    ],
)
def test_refusals_carry_a_code_and_a_message(rest: httpx.Client, path: str, params: dict[str, str], code: int) -> None:
    answer = rest.get(path, params=params)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert set(answer.json()) == {"code", "msg"}


def test_every_interval_is_answered_and_ends_with_the_open_row(rest: httpx.Client) -> None:
    for interval in INTERVALS:
        rows = ask(rest, "/klines", symbol="XRPUSDT", interval=interval, limit=2)
        assert rows[0][6] < NOW_MS <= rows[1][6], interval
        assert rows[0][6] + 1 == rows[1][0]


def test_agg_trades_are_paged_by_number_without_a_gap(rest: httpx.Client) -> None:
    found = ask(rest, "/aggTrades", symbol="BTCUSDT", startTime=NOW_MS - 7_200_000, limit=50)
    number = found[-1]["a"] + 1
    while True:
        page = ask(rest, "/aggTrades", symbol="BTCUSDT", fromId=number, limit=50)
        if not page:
            break
        found += page
        number = found[-1]["a"] + 1
    assert [row["a"] for row in found] == list(range(found[0]["a"], found[-1]["a"] + 1))
    assert all(later["f"] == earlier["l"] + 1 for earlier, later in pairwise(found))
    assert NOW_MS - 7_200_000 <= found[0]["T"] <= found[-1]["T"] <= NOW_MS
    assert found[-1] == ask(rest, "/aggTrades", symbol="BTCUSDT", limit=1)[0]
    assert list(found[0]) == ["a", "p", "q", "f", "l", "T", "m", "M"]


def test_trades_continue_from_a_number(rest: httpx.Client) -> None:
    recent = ask(rest, "/trades", symbol="ETHUSDT", limit=40)
    assert [row["id"] for row in recent] == list(range(recent[0]["id"], recent[0]["id"] + 40))
    for start in (0, 7, 20):
        page = ask(rest, "/historicalTrades", symbol="ETHUSDT", fromId=recent[start]["id"], limit=15)
        assert page == recent[start : start + 15]
    assert ask(rest, "/historicalTrades", symbol="ETHUSDT", fromId=0, limit=2)[0]["id"] == 0


def test_the_day_ticker_agrees_with_the_trades_of_the_day(rest: httpx.Client) -> None:
    ticker = ask(rest, "/ticker/24hr", symbol="SUSHIBTC")
    trades = ask(rest, "/aggTrades", symbol="SUSHIBTC", startTime=NOW_MS - DAY_MS + 1, limit=1000)
    assert ticker["openPrice"] == trades[0]["p"]
    assert ticker["lastPrice"] == trades[-1]["p"]
    assert (ticker["firstId"], ticker["lastId"]) == (trades[0]["f"], trades[-1]["l"])
    assert ticker["count"] == ticker["lastId"] - ticker["firstId"] + 1
    assert ticker["closeTime"] - ticker["openTime"] == DAY_MS
    assert ask(rest, "/ticker/price", symbol="SUSHIBTC") == {"symbol": "SUSHIBTC", "price": ticker["lastPrice"]}
    everything = ask(rest, "/ticker/24hr", type="MINI")
    assert len(everything) > 40
    assert "priceChange" not in everything[0]
    two = ask(rest, "/ticker/24hr", symbols='["BTCUSDT","SUSHIBTC"]')
    assert two[1] == ticker


def test_exchange_info_shows_halts_and_delisted_pairs(rest: httpx.Client, simulator: SimulatorServer) -> None:
    info = ask(rest, "/exchangeInfo")
    assert {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000} in info[
        "rateLimits"
    ]
    assert {row["status"] for row in info["symbols"]} == {"TRADING"}
    assert "XMRUSDT" not in {row["symbol"] for row in info["symbols"]}
    long = ask(rest, "/exchangeInfo", symbol="LONGTIDEHARBORUSDT")["symbols"][0]
    assert long["baseAsset"] == "LONGTIDEHARBOR"
    assert long["filters"][0]["tickSize"] == "0.00000100"
    simulator.world.clock.set(now=instant("2023-03-24T12:00:00"))
    assert {row["status"] for row in ask(rest, "/exchangeInfo")["symbols"]} == {"HALT"}
    assert ask(rest, "/exchangeInfo", symbolStatus="TRADING")["symbols"] == []
    simulator.world.clock.set(now=instant("2024-03-01T00:00:00"))
    gone = ask(rest, "/exchangeInfo", symbolStatus="BREAK")["symbols"]
    assert [row["symbol"] for row in gone] == ["XMRUSDT", "XMRBTC"]


def test_weights_are_counted_and_their_breach_is_refused(rest: httpx.Client) -> None:
    spent = [
        int(rest.get(path, params=params).headers["x-mbx-used-weight-1m"])
        for path, params in [
            ("/ping", {}),
            ("/exchangeInfo", {}),
            ("/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1}),
            ("/aggTrades", {"symbol": "BTCUSDT", "limit": 1}),
            ("/ticker/24hr", {"symbol": "BTCUSDT"}),
            ("/ticker/24hr", {"type": "MINI"}),
        ]
    ]
    assert spent == [1, 21, 23, 27, 29, 109]
    while (answer := rest.get("/ticker/24hr", params={"type": "MINI"})).status_code == 200:
        assert int(answer.headers["x-mbx-used-weight-1m"]) <= 6000
    assert answer.status_code == 429
    assert answer.json()["code"] == -1003
    assert 1 <= int(answer.headers["retry-after"]) <= 60
