"""The newest stored sample of each provider and asset, kept beside the samples: what the next answer is held against.

It follows from the samples alone: of two the one observed later stays, of two versions of one the one fetched later,
in whatever order they come.
What does not belong here: judging an answer by it (refine.batch_nature), what became of absent assets (slots).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from psycopg import sql

from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.staging import stage_of
from cryptoflow.warehouse.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSample:
    """What a provider said of an asset last."""

    observed_at: datetime
    price_usd: Decimal
    volume_24h_usd: Decimal | None


def last_samples(connection: Connection) -> dict[str, dict[int, LastSample]]:
    """By provider and asset, what stands."""
    found: dict[str, dict[int, LastSample]] = {}
    rows = connection.execute(statement("ops/select_last_samples"))
    for provider, asset_id, observed_at, price_usd, volume_24h_usd in rows:
        found.setdefault(provider, {})[asset_id] = LastSample(
            observed_at=observed_at, price_usd=price_usd, volume_24h_usd=volume_24h_usd
        )
    return found


def keep_last_samples(connection: Connection) -> None:
    """Take the samples that stand in the stage of the snapshots, after the bad ones were refused."""
    connection.execute(_keep_statement())


@cache
def _keep_statement() -> sql.Composed:
    return sql.SQL(
        """
        INSERT INTO ops.last_samples AS known (
            provider, asset_id, observed_at, fetched_at, price_usd, volume_24h_usd, market_cap_rank,
            payload_sha256
        )
        SELECT DISTINCT ON (provider, asset_id)
            provider, asset_id, observed_at, fetched_at, price_usd, volume_24h_usd, market_cap_rank, payload_sha256
        FROM {stage}
        ORDER BY provider, asset_id, observed_at DESC, fetched_at DESC, payload_sha256 DESC
        ON CONFLICT (provider, asset_id) DO UPDATE
            SET
                observed_at = excluded.observed_at,
                fetched_at = excluded.fetched_at,
                price_usd = excluded.price_usd,
                volume_24h_usd = excluded.volume_24h_usd,
                market_cap_rank = excluded.market_cap_rank,
                payload_sha256 = excluded.payload_sha256
            WHERE
                (excluded.observed_at, excluded.fetched_at, excluded.payload_sha256)
                >= (known.observed_at, known.fetched_at, known.payload_sha256)
                AND excluded IS DISTINCT FROM known
        """
    ).format(stage=stage_of(market_snapshots))
