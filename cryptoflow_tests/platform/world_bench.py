"""What all tests of collecting share: a simulated world whose time they move, a warehouse, and settings that join them.

What does not belong here: what is collected (market_bench, history_bench, candle_bench, test_catalog).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.settings import Settings, load_settings
from cryptoflow.simulator.server import SimulatorServer

MARKET_RATES = {"coingecko_calls_per_minute": 10_000, "coinmarketcap_calls_per_minute": 10_000}
"""So that no test waits for its turn."""


class WorldBench:
    """A simulated world and a warehouse."""

    given: ClassVar[dict[str, Any]] = MARKET_RATES
    """Settings of all tests on this bench."""

    def __init__(self, server: SimulatorServer, database_url: str, valkey_url: str) -> None:
        self.server = server
        self.world = server.world
        self.database_url = database_url
        self.valkey_url = valkey_url

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now(), UTC)

    @property
    def minute(self) -> datetime:
        return bucket_start(self.now, Grain.MINUTE)

    def settings(self, **changes: Any) -> Settings:
        shared = {"simulator_url": self.server.url, "http_attempts": 2, "http_read_timeout_seconds": 5}
        return load_settings(**shared | self.given | changes)
