"""Market samples for tests, the closes that must follow from them, and what a warehouse holds.

The closes are computed here in plain Python from the definitions, from nothing but the samples, so that the warehouse's
own way of building them can be compared with it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import psycopg

from cryptoflow.cadence import CADENCES, Grain, bucket_start, expected_samples
from cryptoflow.contracts.closes import CLOSES, REVISIONS
from cryptoflow.warehouse.chart_points import ChartPoint, store_chart_points
from cryptoflow.warehouse.minutes import Written
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.snapshots import Snapshot, store_snapshots
from cryptoflow_tests.held_rows import Row, held_rows

POINTS = "raw.market_chart_points"
FACTS = ("raw.market_snapshots", *(f"market.{table.name}" for table in CLOSES.values()))
FOLLOWING = ("market.velocity", "market.close_quality")
KEPT = (
    *(f"{table.schema}.{table.name}" for table in REVISIONS.values()),
    *(f"{name}_revisions" for name in FOLLOWING),
)
WORK = ("ops.dirty_buckets", "ops.last_samples", "ops.quarantine", "ops.slots", "ops.slot_exceptions")
WHEN_WRITTEN = ("recorded_at", "superseded_at", "marked_at", "closed_at", "last_seen_at", "quarantine_id")
PRIORITY = ("coingecko", "coinmarketcap")
COARSE = (Grain.HOUR, Grain.DAY, Grain.WEEK, Grain.MONTH)
Key = tuple[datetime, int]
Sample = Snapshot | ChartPoint
S = TypeVar("S", Snapshot, ChartPoint)


def sample(at: datetime | None, price: str | Decimal | None = "1", **changes: Any) -> Snapshot:
    """A snapshot that is sound unless `changes` make it otherwise."""
    fetched_at = changes.get("fetched_at") or (at or changes["slot"]) + timedelta(seconds=5)
    given: dict[str, Any] = {
        "observed_at": at, "provider": "coingecko", "asset_id": 1, "slot": bucket_start(fetched_at, Grain.MINUTE),
        "fetched_at": fetched_at, "price_usd": None if price is None else Decimal(price),
        "market_cap_usd": Decimal(1000), "volume_24h_usd": Decimal(10), "circulating_supply": Decimal(1000),
        "total_supply": Decimal(2000), "max_supply": None, "market_cap_rank": 1, "fully_diluted_valuation_usd": None,
        "price_change_1h_percent": None, "price_change_24h_percent": Decimal("-1.5"), "price_change_7d_percent": None,
        "payload_sha256": hashlib.sha256(str(fetched_at).encode()).digest(), "run_id": None,
    }  # fmt: skip
    return Snapshot(**given | changes)


def store(database_url: str, *snapshots: Snapshot) -> Written:
    """Store them as one batch in a transaction of its own."""
    with transaction(database_url) as connection:
        return store_snapshots(connection, snapshots)


def point(at: datetime, price: str | Decimal | None = "1", **changes: Any) -> ChartPoint:
    """A point of a chart that is sound unless `changes` make it otherwise."""
    fetched_at = changes.get("fetched_at") or at + timedelta(hours=1)
    given: dict[str, Any] = {
        "observed_at": at, "provider": "coingecko", "asset_id": 1, "fetched_at": fetched_at,
        "price_usd": None if price is None else Decimal(price),
        "market_cap_usd": Decimal(900), "volume_24h_usd": Decimal(9),
        "payload_sha256": hashlib.sha256(str(fetched_at).encode()).digest(), "run_id": None,
    }  # fmt: skip
    return ChartPoint(**given | changes)


def store_points(database_url: str, *points: ChartPoint) -> Written:
    """Store them as one batch in a transaction of its own."""
    with transaction(database_url) as connection:
        return store_chart_points(connection, points)


def rows(database_url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What a query says, in UTC."""
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        return connection.execute(query, values).fetchall()


def held(database_url: str, *names: str) -> dict[str, list[Row]]:
    """The rows of tables, of all when none is named, without the instants at which they were written."""
    tables = names or (POINTS, *FACTS, *FOLLOWING, *KEPT, *WORK)
    return held_rows(database_url, tables, without=WHEN_WRITTEN)


def empty(database_url: str) -> None:
    """Take every row away."""
    with psycopg.connect(database_url) as connection:
        connection.execute(f"TRUNCATE {', '.join((POINTS, *FACTS, *FOLLOWING, *KEPT, *WORK))} RESTART IDENTITY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """One close as the definitions have it. For a minute open, high, low and last price are one."""

    open: Decimal
    high: Decimal
    low: Decimal
    price: Decimal
    volume: Decimal | None
    cap: Decimal | None
    rank: int | None
    samples: int
    expected: int
    first_at: datetime
    last_at: datetime


def believed(samples: Iterable[S]) -> dict[tuple[datetime, str, int], S]:
    """Of each sample the version that was fetched last."""
    known: dict[tuple[datetime, str, int], S] = {}
    for one in sorted(samples, key=lambda one: (one.fetched_at, one.payload_sha256)):
        assert one.observed_at is not None
        known[one.observed_at, one.provider, one.asset_id] = one
    return known


def expected_closes(snapshots: Iterable[Snapshot], points: Iterable[ChartPoint] = ()) -> dict[Grain, dict[Key, Close]]:
    """The closes of every grain, from scratch."""
    closes = {Grain.MINUTE: _minutes([*believed(points).values(), *believed(snapshots).values()])}
    for grain in COARSE:
        finer = CADENCES[grain].built_from
        assert finer is not None
        closes[grain] = _coarse(grain, closes[finer])
    return closes


def stored_closes(database_url: str) -> dict[Grain, dict[Key, Close]]:
    """The closes that a warehouse holds."""
    minute = (
        "price_usd, price_usd, price_usd, price_usd, volume_24h_usd, market_cap_usd, market_cap_rank, 1, 1,"
        " bucket, bucket"
    )
    coarse = (
        "open_usd, high_usd, low_usd, price_usd, volume_24h_usd, market_cap_usd, market_cap_rank, samples,"
        " expected_samples, first_at, last_at"
    )
    names = Close.__dataclass_fields__
    return {
        grain: {
            (bucket, asset): Close(**dict(zip(names, figures, strict=True)))
            for bucket, asset, *figures in rows(
                database_url,
                f"SELECT bucket, asset_id, {minute if grain is Grain.MINUTE else coarse} FROM market.{table.name}",
            )
        }
        for grain, table in CLOSES.items()
    }


def _minutes(known: Iterable[Sample]) -> dict[Key, Close]:
    """Whatever a provider's charts say, its listings in the minute say more: they come last, and the last counts."""
    last: dict[Key, dict[str, Sample]] = defaultdict(dict)
    for one in sorted(known, key=lambda one: (isinstance(one, Snapshot), one.observed_at or one.fetched_at)):
        assert one.observed_at is not None
        last[bucket_start(one.observed_at, Grain.MINUTE), one.asset_id][one.provider] = one
    return {key: _minute(key, list(of.values())) for key, of in last.items()}


def _minute(key: Key, sources: Sequence[Sample]) -> Close:
    first = min(sources, key=lambda one: ((*PRIORITY, one.provider).index(one.provider), one.provider))
    prices = sorted(one.price_usd for one in sources if one.price_usd is not None)
    price = first.price_usd
    if len(prices) >= 3:
        middle = len(prices) // 2
        price = prices[middle] if len(prices) % 2 else (prices[middle - 1] + prices[middle]) / 2
    assert price is not None
    return Close(
        open=price, high=price, low=price, price=price, volume=first.volume_24h_usd, cap=first.market_cap_usd,
        rank=getattr(first, "market_cap_rank", None),
        samples=1, expected=1, first_at=key[0], last_at=key[0],
    )  # fmt: skip


def _coarse(grain: Grain, finer: dict[Key, Close]) -> dict[Key, Close]:
    inside: dict[Key, list[Close]] = defaultdict(list)
    for (bucket, asset), close in sorted(finer.items()):
        inside[bucket_start(bucket, grain), asset].append(close)
    return {
        (bucket, asset): Close(
            open=parts[0].open, high=max(one.high for one in parts), low=min(one.low for one in parts),
            price=parts[-1].price, volume=parts[-1].volume, cap=parts[-1].cap, rank=parts[-1].rank, samples=len(parts),
            expected=expected_samples(bucket, grain), first_at=parts[0].first_at, last_at=parts[-1].last_at,
        )
        for (bucket, asset), parts in inside.items()
    }  # fmt: skip
