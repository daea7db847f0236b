"""A market of the last two months in a warehouse, sound in every respect until a test spoils it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow_tests.closes_model import rows, sample, store
from cryptoflow_tests.database.recorded_market import coin, fill

ASSETS = 24
MINUTES = (5, 6, 7, 8)


def closed_hour(now: datetime) -> datetime:
    """The newest hour that expectations hold for closed."""
    return bucket_start(now - timedelta(minutes=5), Grain.HOUR) - timedelta(hours=1)


def sound_market(database_url: str, folder: Path) -> datetime:
    """Fill it; returns the instant that the newest samples were observed at."""
    now = datetime.now(UTC).replace(microsecond=0)
    fill(database_url, folder, *(coin(f"coin-{n}", str(101 + n), now - timedelta(days=70)) for n in range(ASSETS)))
    ids = [asset for (asset,) in rows(database_url, "SELECT asset_id FROM market.assets ORDER BY asset_id")]
    hour = closed_hour(now)
    instants = [
        *(now - timedelta(days=days) for days in (40, 20, 9, 2, 1)),
        *(hour + timedelta(minutes=minute, seconds=20) for minute in MINUTES),
        now - timedelta(minutes=2),
        now - timedelta(minutes=1),
    ]
    store(
        database_url,
        *(
            sample(
                instant,
                Decimal(100 + rank) * (1 + Decimal(step) / 10_000),
                asset_id=asset,
                market_cap_rank=rank,
                provider=provider,
            )
            for step, instant in enumerate(instants)
            for rank, asset in enumerate(ids, start=1)
            for provider in ("coingecko", "coinmarketcap")
        ),
    )
    return instants[-1]
