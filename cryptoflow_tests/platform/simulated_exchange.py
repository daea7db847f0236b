"""What the tests of the simulated exchanges share: when they begin, asking, and what really happened there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from cryptoflow.simulator.binance.venue import venue_of as binance_venue
from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.coinbase.venue import venue_of as coinbase_venue
from cryptoflow.simulator.limits import Window
from cryptoflow.simulator.market.candles import CandleBook
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import Tape
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.simulator.world import make_world

NOW = instant("2026-11-20T12:34:56")
NOW_MS = int(NOW) * 1000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An exchange as the tests of all exchanges try it."""

    liquid: str
    thin: str
    young: str
    """A pair that began when trading was under way: its beginning is its first trade."""
    figures: int
    """How many a candle tells of: open, high, low, close, volume, quote volume, trades, the two volumes of takers."""
    numbers: Literal["orders", "fills"]
    """What has a number of its own: what a taker ordered, or each trade that came of it."""
    unit_us: int
    """To how many microseconds it tells the time of a trade."""
    streams_per: Window
    """The window in which connections of the stream are counted."""

    @property
    def pairs(self) -> tuple[str, str]:
        """A liquid pair and a thin one."""
        return self.liquid, self.thin


TRIED = {
    "binance": Tried(
        liquid="BTCUSDT",
        thin="SUSHIBTC",
        young="SOLUSDT",
        figures=9,
        numbers="orders",
        unit_us=1_000,
        streams_per="five_minutes",
    ),
    "coinbase": Tried(
        liquid="BTC-USD",
        thin="SUSHI-USD",
        young="SOL-USD",
        figures=5,
        numbers="fills",
        unit_us=1,
        streams_per="second",
    ),
}
"""Every exchange that can be asked; a test says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happened on a simulated exchange."""

    tape: Tape
    book: CandleBook
    pairs: Mapping[str, SimPair]
    """By the exchange's own name."""


def truth_of(market: Market, exchange: str) -> Truth:
    """The trades, the candles and the pairs of an exchange."""
    if exchange == "coinbase":
        products = coinbase_venue(market)
        return Truth(tape=products.tape, book=products.book, pairs=products.products)
    venue = binance_venue(market)
    return Truth(tape=venue.tape, book=venue.book, pairs=venue.tape.pairs)


def exchange_server(*, asset_count: int = 60, speed: float = 1.0) -> SimulatorServer:
    """A simulator, not yet started, whose clock begins at NOW."""
    return SimulatorServer(world=make_world(asset_count=asset_count, clock=SimClock(now=NOW, speed=speed)))


def reset(server: SimulatorServer) -> SimulatorServer:
    """Back to NOW with a standing clock, no faults and nothing used up."""
    server.world.clock.set(now=NOW, speed=1.0, freeze=True)
    server.world.faults.clear()
    server.world.limits.reset_usage()
    return server


def rest_client(server: SimulatorServer) -> httpx.Client:
    """A client of the REST API."""
    return httpx.Client(base_url=f"{server.url}/binance/api/v3", timeout=30)


def ask(client: httpx.Client, path: str, **params: Any) -> Any:
    """The body of an answer that must be good."""
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()
