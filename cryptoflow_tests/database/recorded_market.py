"""Recorded answers made by hand, and a warehouse filled from them by the path that live answers take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from cryptoflow.collect.replay import replay_snapshots
from cryptoflow.collect.snapshots import SnapshotReport

# A Wednesday, the first of a month that is not the first of a week.
NOON = datetime(2023, 2, 1, 12, 0, 30, tzinfo=UTC)

Row = dict[str, object]


def coin(key: str, price: str | None, observed_at: datetime = NOON, **fields: object) -> Row:
    """A row of CoinGecko's coins/markets."""
    return {
        "id": key,
        "symbol": key[:3],
        "name": key.title(),
        "current_price": None if price is None else Decimal(price),
        "market_cap": 1_000_000,
        "market_cap_rank": 1,
        "total_volume": 5_000,
        "circulating_supply": 100,
        "last_updated": observed_at.isoformat(),
        **fields,
    }


def listing(cmc_id: int, slug: str, price: str, observed_at: datetime = NOON) -> Row:
    """A row of CoinMarketCap's listings/latest."""
    return {
        "id": cmc_id,
        "slug": slug,
        "symbol": slug[:3].upper(),
        "name": slug.title(),
        "cmc_rank": 2,
        "circulating_supply": 100,
        "last_updated": observed_at.isoformat(),
        "quote": {"USD": {"price": Decimal(price), "volume_24h": 6_000, "market_cap": 900_000}},
    }


def written(path: Path, body: object) -> Path:
    """The body as a file; decimals are numbers with their own digits."""
    path.write_bytes(msgspec.json.Encoder(decimal_format="number").encode(body))
    return path


def fill(database_url: str, folder: Path, *coins: Row, fetched_at: datetime | None = None) -> SnapshotReport:
    """Replay the coins as one answer of CoinGecko, received a minute after the last of them was observed."""
    return _replay(database_url, written(folder / "markets.json", coins), coins, "coingecko", fetched_at)


def fill_coinmarketcap(database_url: str, folder: Path, *listings: Row) -> SnapshotReport:
    """Replay the listings as one answer of CoinMarketCap."""
    return _replay(database_url, written(folder / "listings.json", {"data": listings}), listings, "coinmarketcap", None)


def _replay(
    database_url: str, file: Path, rows: Sequence[Row], provider: str, fetched_at: datetime | None
) -> SnapshotReport:
    last = max(datetime.fromisoformat(str(row["last_updated"])) for row in rows)
    return replay_snapshots(
        database_url,
        [file],
        provider=provider,
        endpoint="coins/markets" if provider == "coingecko" else "listings/latest",
        fetched_at=fetched_at or last + timedelta(minutes=1),
        world="real",
    )
