"""The quality of minute closes, scored from the same samples that they are closed from.

What does not belong here: the terms and weights (refine.quality_score, sql/market/select_close_quality).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from psycopg import sql

from cryptoflow.contracts.close_quality import close_quality
from cryptoflow.refine.quality_score import FORMULA_VERSION
from cryptoflow.warehouse.arrays import instant_array, integer_array
from cryptoflow.warehouse.merge import merge_statement
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.planner import joined_at_once
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement


def score_minutes(
    connection: Connection,
    keys: Sequence[tuple[datetime, int]],
    *,
    priority: Sequence[str],
    recorded_at: datetime,
) -> int:
    """Score the given minutes of the given assets anew; returns how many rows say something new."""
    if not keys:
        return 0
    buckets, assets = zip(*keys, strict=True)
    ensure_partitions(connection, close_quality, set(buckets))
    with joined_at_once(connection, len(keys)):
        return connection.execute(
            _score_statement(),
            {
                "buckets": instant_array(buckets),
                "assets": integer_array(assets),
                "low": min(buckets),
                "high": max(buckets),
                "priority": list(priority),
                "version": FORMULA_VERSION,
                "recorded_at": recorded_at,
            },
        ).rowcount


@cache
def _score_statement() -> sql.Composed:
    scores = sql.SQL(statement("market/select_close_quality").decode().rstrip().removesuffix(";"))
    return sql.SQL("WITH incoming AS ({}\n), ").format(scores) + merge_statement(close_quality)
