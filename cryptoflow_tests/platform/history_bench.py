"""What the tests of history share: a simulated world whose time they move, a warehouse, ticks, and runs of history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptoflow.collect.history import HistoryReport, collect_history
from cryptoflow.collect.history_run import HistoryRun
from cryptoflow.collect.planning import sweep
from cryptoflow.collect.snapshots import collect_snapshots
from cryptoflow_tests.closes_model import rows
from cryptoflow_tests.platform.world_bench import MARKET_RATES, WorldBench

ASSETS = 12


class Bench(WorldBench):
    """A simulated world whose time a test moves, a warehouse, ticks, and runs of history."""

    given = MARKET_RATES | {"universe_size": ASSETS}

    def advance(self, minutes: float) -> None:
        self.world.clock.set(now=self.world.clock.now() + 60 * minutes)

    def tick(self) -> None:
        """CoinGecko alone, so that what it misses nobody else has."""
        settings = self.settings()
        collect_snapshots(
            settings,
            slot=self.minute,
            database_url=self.database_url,
            redis_url=self.valkey_url,
            calls={"coingecko": sweep(settings)["coingecko"]},
        )

    def run(
        self,
        *,
        seconds: float | None = None,
        depths: tuple[int, ...] = (),
        on_progress: Callable[[HistoryRun], None] | None = None,
        **changes: Any,
    ) -> HistoryReport:
        return collect_history(
            self.settings(**changes),
            now=self.now,
            database_url=self.database_url,
            redis_url=self.valkey_url,
            depths=depths,
            seconds=seconds,
            run_id="run-1",
            on_progress=on_progress,
        )

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return rows(self.database_url, query, *values)

    def slots(self) -> dict[datetime, tuple[str, str | None]]:
        found = self.rows("SELECT slot, state, reason FROM ops.slots WHERE provider = 'coingecko' ORDER BY slot")
        return {slot: (state, reason) for slot, state, reason in found}

    def calls(self) -> int:
        ((count,),) = self.rows("SELECT count(*) FROM raw.fetches WHERE endpoint LIKE 'coins/{id}/%%'")
        return int(count)
