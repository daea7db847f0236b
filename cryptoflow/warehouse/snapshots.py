"""Market snapshots into the warehouse, and the closes that follow from them. One transaction, all or nothing.

    stage, check, merge into raw.market_snapshots (staging)
    -> the minutes that changed samples touch are closed anew -> coarser buckets are marked and built

What does not belong here: asking providers (collect), what a coarse close is (rollups).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Final

from psycopg import sql

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.contracts.closes import market_snapshots, minute_close
from cryptoflow.warehouse.last_samples import keep_last_samples
from cryptoflow.warehouse.merge import merge_statement, written_columns
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.rollups import Built, build_marked, lock_closes, mark_coarser
from cryptoflow.warehouse.staging import Refusal, merge_staged, stage_rows, take_refused
from cryptoflow.warehouse.statements import statement

# Where fewer than three sources speak, the earlier of these is believed.
PRIORITY: Final = ("coingecko", "coinmarketcap")
CLOSE_FORMULA_VERSION: Final = 1
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
    refusals: Sequence[Refusal] = ()

    @property
    def refused(self) -> int:
        """Rows of all providers that broke a rule."""
        return sum(self.refused_by.values())


def store_snapshots(connection: Connection, snapshots: Iterable[Snapshot]) -> Written:
    """Store a batch, in the caller's transaction. The same batch a second time changes nothing."""
    recorded_at = lock_closes(connection)
    figures = attrgetter(*written_columns(market_snapshots))
    received = stage_rows(connection, market_snapshots, map(figures, snapshots))
    refusals = take_refused(connection, market_snapshots, rules=_RULES)
    # Of a sample that came twice in one batch, the one fetched last counts.
    keys = merge_staged(
        connection, market_snapshots, recorded_at=recorded_at, newest="fetched_at DESC, payload_sha256 DESC"
    )
    keep_last_samples(connection)
    stored = [(observed_at, asset) for observed_at, _, asset in keys]
    minutes = close_minutes(connection, _minutes_of(stored), recorded_at=recorded_at)
    return Written(
        received=received,
        refused_by=Counter(row.provider for row in refusals),
        refusals=refusals,
        stored=len(stored),
        minutes=len(minutes),
        built=build_marked(connection, recorded_at=recorded_at),
    )


def close_minutes(
    connection: Connection, keys: Sequence[tuple[datetime, int]], *, recorded_at: datetime
) -> list[tuple[datetime, int]]:
    """Close the given minutes of the given assets anew from the snapshots; returns those that say something new."""
    if not keys:
        return []
    buckets, assets = zip(*keys, strict=True)
    ensure_partitions(connection, minute_close, set(buckets))
    rows = connection.execute(
        _close_statement(),
        {
            "buckets": list(buckets),
            "assets": list(assets),
            "low": min(buckets),
            "high": max(buckets),
            "priority": list(PRIORITY),
            "version": CLOSE_FORMULA_VERSION,
            "recorded_at": recorded_at,
        },
    )
    changed = [(bucket, asset) for bucket, asset, _ in rows]
    mark_coarser(connection, Grain.MINUTE, changed)
    return changed


def _minutes_of(keys: Iterable[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    return sorted({(bucket_start(instant, Grain.MINUTE), asset) for instant, asset in keys})


@cache
def _close_statement() -> sql.Composed:
    closes = sql.SQL(statement("market/select_minute_closes").decode().rstrip().removesuffix(";"))
    return sql.SQL("WITH incoming AS ({}\n), ").format(closes) + merge_statement(minute_close)
