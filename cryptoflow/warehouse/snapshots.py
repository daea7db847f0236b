"""Market snapshots: the samples of the providers' listings, as rows of raw.market_snapshots.

What does not belong here: asking providers (collect), how samples are written and what follows (minutes).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.warehouse.last_samples import keep_last_samples
from cryptoflow.warehouse.minutes import Written, write_samples
from cryptoflow.warehouse.pool import Connection


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's figures of one asset at one instant. A struct, for a tick makes thousands."""

    observed_at: datetime | None
    provider: str
    asset_id: int
    slot: datetime
    fetched_at: datetime
    price_usd: Decimal | None
    market_cap_usd: Decimal | None
    volume_24h_usd: Decimal | None
    circulating_supply: Decimal | None
    total_supply: Decimal | None
    max_supply: Decimal | None
    market_cap_rank: int | None
    fully_diluted_valuation_usd: Decimal | None
    price_change_1h_percent: Decimal | None
    price_change_24h_percent: Decimal | None
    price_change_7d_percent: Decimal | None
    payload_sha256: bytes
    run_id: str | None


def store_snapshots(connection: Connection, snapshots: Iterable[Snapshot]) -> Written:
    """Store a batch and what follows from it, in the caller's transaction."""
    written = write_samples(connection, market_snapshots, snapshots)
    keep_last_samples(connection)
    return written
