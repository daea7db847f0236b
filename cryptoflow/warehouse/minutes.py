"""Samples into the warehouse, and what follows from them. One transaction, all or nothing.

    stage, check, merge into the table of the samples (staging)
    -> the minutes that changed samples touch are closed and scored anew -> coarser buckets are marked and built
    -> velocity of every minute that a changed close enters is computed, or marked where that is much

Every writer of samples goes this way, under the writers' lock, so that listings, charts, late data and corrections are
one path. What does not belong here: what a sample is (snapshots, chart_points), what a coarse close is (rollups).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.contracts.closes import minute_close
from cryptoflow.warehouse.arrays import instant_array, integer_array
from cryptoflow.warehouse.close_quality import score_minutes
from cryptoflow.warehouse.merge import merge_statement, written_columns
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.planner import joined_at_once
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.rollups import Built, build_marked, lock_closes
from cryptoflow.warehouse.staging import Refusal, merge_staged, stage_rows, take_refused
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.velocity import follow_closes

# Where fewer than three sources speak, the earlier of these is believed.
PRIORITY: Final = ("coingecko", "coinmarketcap")
CLOSE_FORMULA_VERSION: Final = 1
_RULES: Final = (("observed_before_fetched", "observed_at <= fetched_at + INTERVAL '2 minutes'"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a batch changed."""

    received: int
    refused_by: Mapping[str, int]
    refusals: Sequence[Refusal]
    stored: int
    minutes: int
    built: Sequence[Built]
    moved: int
    """Rows of velocity that say something new."""

    @property
    def refused(self) -> int:
        """Rows of all providers that broke a rule."""
        return sum(self.refused_by.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What followed from samples: minutes and rows of velocity that say something new, and what was built."""

    minutes: Sequence[tuple[datetime, int]]
    built: Sequence[Built]
    moved: int


def write_samples(connection: Connection, table: sa.Table, samples: Iterable[object]) -> Written:
    """Store records with the table's columns, and what follows. The same batch a second time changes nothing."""
    recorded_at = lock_closes(connection)
    received = stage_rows(connection, table, map(attrgetter(*written_columns(table)), samples))
    refusals = take_refused(connection, table, rules=_RULES)
    # Of a sample that came twice in one batch, the one fetched last counts.
    keys = merge_staged(connection, table, recorded_at=recorded_at, newest="fetched_at DESC, payload_sha256 DESC")
    followed = follow_minutes(connection, [(at, asset) for at, _, asset in keys], recorded_at=recorded_at)
    return Written(
        received=received,
        refused_by=Counter(row.provider for row in refusals),
        refusals=refusals,
        stored=len(keys),
        minutes=len(followed.minutes),
        built=followed.built,
        moved=followed.moved,
    )


def follow_minutes(
    connection: Connection, samples: Iterable[tuple[datetime, int]], *, recorded_at: datetime
) -> Followed:
    """Close the minutes of the samples, given as (observed at, asset), and compute what follows from them."""
    touched = sorted({(bucket_start(instant, Grain.MINUTE), asset) for instant, asset in samples})
    minutes = close_minutes(connection, touched, recorded_at=recorded_at)
    score_minutes(connection, touched, priority=PRIORITY, recorded_at=recorded_at)
    built = build_marked(connection, recorded_at=recorded_at)
    moved = follow_closes(connection, minutes, recorded_at=recorded_at)
    return Followed(minutes=minutes, built=built, moved=moved)


def close_minutes(
    connection: Connection, keys: Sequence[tuple[datetime, int]], *, recorded_at: datetime
) -> list[tuple[datetime, int]]:
    """Close the given minutes of the given assets anew from the samples; returns those that say something new."""
    if not keys:
        return []
    buckets, assets = zip(*keys, strict=True)
    ensure_partitions(connection, minute_close, set(buckets))
    with joined_at_once(connection, len(keys)):
        rows = connection.execute(
            _close_statement(),
            {
                "buckets": instant_array(buckets),
                "assets": integer_array(assets),
                "low": min(buckets),
                "high": max(buckets),
                "priority": list(PRIORITY),
                "version": CLOSE_FORMULA_VERSION,
                "recorded_at": recorded_at,
            },
        ).fetchall()
    return [(bucket, asset) for bucket, asset, _ in rows]


@cache
def _close_statement() -> sql.Composed:
    closes = sql.SQL(statement("market/select_minute_closes").decode().rstrip().removesuffix(";"))
    return sql.SQL("WITH incoming AS ({}\n), ").format(closes) + merge_statement(minute_close)
