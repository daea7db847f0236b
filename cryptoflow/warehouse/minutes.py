"""What follows from samples: the minutes that they touch are closed anew, and everything coarser is built from those.

Every writer of samples ends here, in its own transaction and under the writers' lock (rollups.lock_closes), so that
listings, charts, late data and corrections are one path.
What does not belong here: storing samples (snapshots), what a coarse close is (rollups).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.contracts.closes import minute_close
from cryptoflow.warehouse.merge import merge_statement
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.rollups import Built, build_marked
from cryptoflow.warehouse.statements import statement

# Where fewer than three sources speak, the earlier of these is believed.
PRIORITY: Final = ("coingecko", "coinmarketcap")
CLOSE_FORMULA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What followed from a batch of samples: the minutes that say something new, and the buckets that were built."""

    minutes: Sequence[tuple[datetime, int]]
    built: Sequence[Built]


def follow_minutes(
    connection: Connection, samples: Iterable[tuple[datetime, int]], *, recorded_at: datetime
) -> Followed:
    """Close the minutes of the samples, given as (observed at, asset), and build what is coarser."""
    touched = sorted({(bucket_start(instant, Grain.MINUTE), asset) for instant, asset in samples})
    minutes = close_minutes(connection, touched, recorded_at=recorded_at)
    return Followed(minutes=minutes, built=build_marked(connection, recorded_at=recorded_at))


def close_minutes(
    connection: Connection, keys: Sequence[tuple[datetime, int]], *, recorded_at: datetime
) -> list[tuple[datetime, int]]:
    """Close the given minutes of the given assets anew from the samples; returns those that say something new."""
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
    return [(bucket, asset) for bucket, asset, _ in rows]


@cache
def _close_statement() -> sql.Composed:
    closes = sql.SQL(statement("market/select_minute_closes").decode().rstrip().removesuffix(";"))
    return sql.SQL("WITH incoming AS ({}\n), ").format(closes) + merge_statement(minute_close)
