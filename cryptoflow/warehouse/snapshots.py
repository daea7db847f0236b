"""Market snapshots into the warehouse, and the closes that follow from them. One transaction, all or nothing.

    stage, check, merge into raw.market_snapshots (staging)
    -> the minutes that changed samples touch are closed anew, and everything coarser is built (minutes)

What does not belong here: asking providers (collect), what follows from samples (minutes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Final

from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.minutes import follow_minutes
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.rollups import Built, lock_closes
from cryptoflow.warehouse.staging import merge_staged, refuse_staged, stage_rows

_RULES: Final = (("observed_before_fetched", "observed_at <= fetched_at + INTERVAL '2 minutes'"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One provider's figures of one asset at one instant."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a batch changed."""

    received: int
    refused_by: Mapping[str, int]
    stored: int
    minutes: int
    built: Sequence[Built]

    @property
    def refused(self) -> int:
        """Rows of all providers that broke a rule."""
        return sum(self.refused_by.values())


def store_snapshots(connection: Connection, snapshots: Iterable[Snapshot]) -> Written:
    """Store a batch, in the caller's transaction. The same batch a second time changes nothing."""
    recorded_at = lock_closes(connection)
    figures = attrgetter(*written_columns(market_snapshots))
    received = stage_rows(connection, market_snapshots, map(figures, snapshots))
    refused = refuse_staged(connection, market_snapshots, rules=_RULES)
    # Of a sample that came twice in one batch, the one fetched last counts.
    keys = merge_staged(
        connection, market_snapshots, recorded_at=recorded_at, newest="fetched_at DESC, payload_sha256 DESC"
    )
    stored = [(observed_at, asset) for observed_at, _, asset in keys]
    followed = follow_minutes(connection, stored, recorded_at=recorded_at)
    return Written(
        received=received,
        refused_by=refused,
        stored=len(stored),
        minutes=len(followed.minutes),
        built=followed.built,
    )
