"""What the tests of candles and trades share: a simulated world, a warehouse, and the truth to compare with.

The world's clock begins before a halt of both exchanges, on a day whose archive has microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import psycopg

from cryptoflow.collect.symbols import collect_symbols
from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.faults import FaultBoard
from cryptoflow.simulator.limits import LimitBook
from cryptoflow.simulator.market.candles import CandleBook
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import Tape
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.world import World
from cryptoflow_tests.exchange_truth import TRIED, true_minutes, true_trades, venue_of
from cryptoflow_tests.platform.world_bench import WorldBench
from cryptoflow_tests.waiting import wait_for

START = instant("2025-02-11T05:58:30")
MINUTE = timedelta(minutes=1)
# Of each exchange a liquid pair and a thin one, and one more.
FOLLOWED = (*(f"{name}:{pair}" for name, tried in TRIED.items() for pair in tried.pairs), "binance:ETHBTC")


def new_world(market: Market, *, at: float = START) -> World:
    """A world whose time stands still until a test moves it; the quotas of connections are out of the way."""
    clock = SimClock(now=at)
    clock.set(freeze=True)
    world = World(market=market, clock=clock, faults=FaultBoard(seed=1), limits=LimitBook())
    for provider, window in (("coinbase", "second"), ("coinbase_stream", "second"), ("binance_stream", "five_minutes")):
        world.limits.set_quota(provider=provider, plan="ip", window=window, quota=None)
    return world


class CandleBench(WorldBench):
    """A simulated world, a warehouse, and what must be found in it."""

    given: ClassVar[dict[str, Any]] = {
        "candle_top": 0,
        "candle_symbols": ",".join(FOLLOWED),
        "coinbase_calls_per_second": 1_000,
        "binance_weight_per_minute": 1_000_000,
    }

    def sync_symbols(self, **changes: Any) -> None:
        collect_symbols(self.settings(**changes), database_url=self.database_url, redis_url=self.valkey_url)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def symbol_id(self, exchange: str, symbol: str) -> int:
        query = "SELECT symbol_id FROM candles.symbols WHERE exchange = %s AND symbol = %s"
        return int(self.rows(query, exchange, symbol)[0][0])

    def advance(self, delta: timedelta) -> None:
        self.world.clock.set(now=self.world.clock.now() + delta.total_seconds())

    # The truth --------------------------------------------------------------------------------------------------

    def venue(self, exchange: str, symbol: str) -> tuple[Tape, CandleBook, SimPair]:
        """The tape and candles of an exchange, and the pair on it."""
        return venue_of(self.world.market, exchange, symbol)

    def true_trades(self, exchange: str, symbol: str, start: datetime, end: datetime) -> dict[int, tuple[Any, ...]]:
        """Time, price, quantity, whether the buyer waited, and fills by number, of [start, end)."""
        return true_trades(self.world.market, exchange, symbol, start, end)

    def true_minutes(
        self, exchange: str, symbol: str, start: datetime, end: datetime, *, interval: str = "1m"
    ) -> dict[datetime, tuple[Any, ...]]:
        """Open, high, low, close, volume, quote volume, trades, taker volumes by start, as the exchange has them."""
        return true_minutes(self.world.market, exchange, symbol, start, end, interval=interval)

    # What is there ----------------------------------------------------------------------------------------------

    def stored_trades(self, exchange: str, symbol: str) -> dict[int, tuple[Any, ...]]:
        query = (
            "SELECT trade_id, traded_at, price, quantity, is_buyer_maker, fills FROM candles.price_ticks"
            " WHERE symbol_id = %s"
        )
        found = self.rows(query, self.symbol_id(exchange, symbol))
        assert len(found) == len({row[0] for row in found}), "a trade is there twice"
        return {row[0]: row[1:] for row in found}

    def stored_minutes(self, exchange: str, symbol: str, *, finals: bool) -> dict[datetime, tuple[Any, ...]]:
        query = (
            "SELECT open_time, open, high, low, close, volume, quote_volume, trade_count, taker_base_volume,"
            " taker_quote_volume FROM candles.minute_candles WHERE symbol_id = %s AND is_final = %s"
        )
        return {row[0]: row[1:] for row in self.rows(query, self.symbol_id(exchange, symbol), finals)}


def wait_until(is_so: Callable[[], bool], what: str, *, seconds: float = 120.0) -> None:
    """Wait with the patience that a feed may ask of a busy machine."""
    wait_for(is_so, seconds=seconds, what=what)
