"""What the tests of the simulated exchanges share: the instant at which they begin, asking, and what really happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    renamed_never: str
    """A pair that began under its own name, so that its beginning is a first trade."""
    tells_amounts: bool
    """Whether candles tell quote volume, number of trades and what takers bought."""
    streams_per: Window
    """The window in which connections of the stream are counted."""

    @property
    def pairs(self) -> tuple[str, str]:
        """A liquid pair and a thin one."""
        return self.liquid, self.thin


TRIED = {
    "binance": Tried(
        liquid="BTCUSDT", thin="SUSHIBTC", renamed_never="SOLUSDT", tells_amounts=True, streams_per="five_minutes"
    ),
    "coinbase": Tried(
        liquid="BTC-USD", thin="SUSHI-USD", renamed_never="SOL-USD", tells_amounts=False, streams_per="second"
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
