"""Recorded answers of a market that moves a little from minute to minute, and what a provider may make of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptoflow.collect.replay import replay_snapshots
from cryptoflow.collect.snapshots import SnapshotReport
from cryptoflow_tests.database.recorded_market import NOON, Row, coin, written

MINUTE = timedelta(minutes=1)
COINS = 30


def market(minute: int = 0, *, count: int = COINS, factor: int = 1, **fields: Any) -> list[Row]:
    """Sound rows, whose market caps fit their prices; every figure is there, and price and volume move."""
    rows = []
    for number in range(1, count + 1):
        price = (Decimal(number) + Decimal(minute) / 1000) * factor
        rows.append(
            coin(
                f"coin-{number}",
                f"{price:f}",
                NOON + minute * MINUTE,
                market_cap=price * 100,
                market_cap_rank=number,
                total_volume=5_000 + minute,
                total_supply=200,
                max_supply=300,
                fully_diluted_valuation=price * 300,
                price_change_percentage_1h_in_currency=1,
                price_change_percentage_24h=1,
                price_change_percentage_7d_in_currency=1,
            )
            | fields
        )
    return rows


def answer(
    url: str, folder: Path, rows: Sequence[Row], minute: int, *, fetched_at: datetime | None = None
) -> SnapshotReport:
    """Replay the rows as an answer of CoinGecko, received twenty seconds after the minute's figures."""
    return replay_snapshots(
        url,
        [written(folder / f"answer-{minute}.json", list(rows))],
        provider="coingecko",
        endpoint="coins/markets",
        fetched_at=fetched_at or NOON + minute * MINUTE + timedelta(seconds=20),
        world="real",
    )
