"""A warehouse that an analyst finds: a small simulated market, collected by the paths that collect the real one.

The last minutes are ticks: CoinGecko missed four of them, CoinMarketCap three. Before them lie the charts of the
largest coins; pairs of both exchanges have their candles since yesterday; and one minute was corrected after it was
final.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.candle_certifying import certify_days
from cryptoflow.collect.candle_history import collect_history as collect_candles
from cryptoflow.collect.candle_tail import collect_tail
from cryptoflow.collect.catalog import collect_catalog
from cryptoflow.collect.history import collect_history
from cryptoflow.collect.replay import replay_snapshots
from cryptoflow.collect.symbols import collect_symbols
from cryptoflow.quality.proving import prove
from cryptoflow.quality.suites import suite_of
from cryptoflow.simulator.market.model import Market
from cryptoflow.sources.errors import ProviderError
from cryptoflow_tests.closes_model import rows
from cryptoflow_tests.database.recorded_market import coin, written
from cryptoflow_tests.platform.market_bench import Bench, open_bench

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
TICKS = 9
MISSED = {3: "coingecko", 4: None, 5: None, 6: None}
"""Which ticks failed; None: no provider answered. Of three in a row no later answer tells the first."""
CHARTED = 3
CHARTED_DAYS = 7
"""So many of the largest coins have so many days of history."""
PAIRS = ("binance:BTCUSDT", "binance:AAVEBTC", "coinbase:BTC-USD", "coinbase:AAVE-BTC")
CORRECTION = Decimal("1.01")
PROVEN = ("minute_close", "market_snapshots")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystMarket:
    """What was filled, and the instants that matter."""

    bench: Bench
    now: datetime
    before_correction: datetime
    """Recorded after everything else, before the correction."""
    corrected_minute: datetime

    @property
    def url(self) -> str:
        """The warehouse."""
        return self.bench.database_url

    @property
    def today(self) -> datetime:
        """The day that the market began in."""
        return bucket_start(self.now, Grain.DAY)


@contextmanager
def analyst_market(database_url: str, redis_url: str, folder: Path) -> Iterator[AnalystMarket]:
    """Fill it; the simulator runs while the block does."""
    # A minute is corrected after it was final, so even the last of them has to be some minutes old.
    begins = datetime.now(UTC) - (TICKS + 4) * MINUTE
    with open_bench(Market(seed=1, asset_count=30), database_url, redis_url, start=begins.timestamp()) as bench:
        bench.world.limits.set_quota(provider="coinbase", plan="ip", window="second", quota=None)
        settings = bench.settings(
            home=folder,
            universe_size=CHARTED,
            candle_top=0,
            candle_symbols=",".join(PAIRS),
            coinbase_calls_per_second=1_000,
            binance_weight_per_minute=100_000,
        )
        given: dict[str, Any] = {"database_url": database_url, "redis_url": redis_url}
        collect_catalog(bench.settings(), **given)
        collect_symbols(settings, **given)
        _tick(bench, 0)
        # Before anything is missed, or the charts would tell it.
        collect_history(settings, now=bench.minute, depths=(1, CHARTED_DAYS), **given)
        for number in range(1, TICKS):
            bench.advance(60)
            _tick(bench, number)
        bench.advance(60)
        yesterday = bucket_start(bench.minute, Grain.DAY) - DAY
        collect_candles(settings, start=yesterday, end=bench.minute, **given)
        collect_tail(settings, **given)
        certify_days(settings, start=yesterday, end=yesterday + DAY, database_url=database_url)
        for suite in PROVEN:
            list(prove(settings, [suite_of(suite)], database_url=database_url))
        ((before_correction,),) = rows(database_url, "SELECT clock_timestamp()")
        corrected = _correct(database_url, folder)
        yield AnalystMarket(
            bench=bench, now=datetime.now(UTC), before_correction=before_correction, corrected_minute=corrected
        )


def _tick(bench: Bench, number: int) -> None:
    if number in MISSED:
        bench.world.faults.add("http_5xx", provider=MISSED[number], amount=503)
    with pytest.raises(ProviderError) if MISSED.get(number, "") is None else nullcontext():
        bench.tick(run_id=f"tick-{number}")
    bench.world.faults.clear()


def _correct(database_url: str, folder: Path) -> datetime:
    """CoinGecko tells another price of a minute that is final; returns the minute."""
    query = (
        "SELECT bucket, observed_at, price_usd, market_cap_usd, volume_24h_usd, circulating_supply, market_cap_rank"
        " FROM analytics.minute_close WHERE slug = 'bitcoin' AND provider = 'coingecko' AND sources = 2"
        " ORDER BY bucket LIMIT 1"
    )
    ((minute, observed_at, price, cap, volume, supply, rank),) = rows(database_url, query)
    told = coin(
        "bitcoin", f"{price * CORRECTION:f}", observed_at, symbol="btc", name="Bitcoin", market_cap=cap,
        total_volume=volume, circulating_supply=supply, market_cap_rank=rank,
    )  # fmt: skip
    replay_snapshots(
        database_url,
        [written(folder / "corrected.json", [told])],
        provider="coingecko",
        endpoint="coins/markets",
        fetched_at=datetime.now(UTC),
        world="simulated",
    )
    assert isinstance(minute, datetime)
    return minute
