"""Chart points: the samples of the providers' charts, as rows of raw.market_chart_points.

A chart tells afterwards what was. Where a listing of the same provider was seen in the minute, that one counts.
What does not belong here: asking providers (collect), how samples are written and what follows (minutes).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cryptoflow.contracts.closes import market_chart_points
from cryptoflow.warehouse.minutes import Written, write_samples
from cryptoflow.warehouse.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """What one provider says of one asset at one instant in the past."""

    observed_at: datetime
    provider: str
    asset_id: int
    price_usd: Decimal | None
    market_cap_usd: Decimal | None
    volume_24h_usd: Decimal | None
    fetched_at: datetime
    payload_sha256: bytes
    run_id: str | None


def store_chart_points(connection: Connection, points: Iterable[ChartPoint]) -> Written:
    """Store a batch and what follows from it, in the caller's transaction."""
    return write_samples(connection, market_chart_points, points)
