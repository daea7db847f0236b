"""What is missing in buckets of several minutes: those that lack assets or samples, with what became of their slots.

An asset is due in a bucket between the first and the last bucket that hold it around the span. A bucket that is not
whole because the plan asks more seldom than every minute is told as well: its slots say so.
What does not belong here: minutes (gaps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

from psycopg import sql

from cryptoflow.cadence import Grain
from cryptoflow.warehouse.buckets import closes_of, length_of
from cryptoflow.warehouse.explaining import asset_of_slug
from cryptoflow.warehouse.pool import transaction

# How far around the span an asset is looked for, to know whether it was due in it.
_AROUND: Final = {
    Grain.HOUR: timedelta(days=7),
    Grain.DAY: timedelta(days=60),
    Grain.WEEK: timedelta(days=365),
    Grain.MONTH: timedelta(days=800),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSummary:
    """How many slots of a provider in a bucket were in a state; the reason is that of one of them."""

    provider: str
    state: str
    slots: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseGap:
    """A bucket that is not whole: assets that it lacks, assets that lack samples, and what its slots say."""

    bucket: datetime
    ends: datetime
    assets_due: int
    assets_missing: int
    assets_short: int
    mean_coverage: Decimal | None
    slots: Sequence[SlotSummary]


def find_coarse_gaps(
    database_url: str, grain: Grain, *, dataset: str, starts: datetime, ends: datetime, asset: str | None = None
) -> list[CoarseGap]:
    """Every bucket of the grain in [starts, ends) that is not whole; `dataset` is the one whose slots it comes from."""
    with transaction(database_url) as connection:
        rows = connection.execute(
            _find_statement(grain),
            {
                "dataset": dataset,
                "starts": starts,
                "ends": ends,
                "around": _AROUND[grain],
                "asset_id": None if asset is None else asset_of_slug(connection, asset),
            },
        ).fetchall()
    return [_gap(*row) for row in rows]


def _gap(
    bucket: datetime,
    ends: datetime,
    due: int,
    present: int,
    short: int,
    mean_coverage: Decimal | None,
    slots: list[dict[str, Any]],
) -> CoarseGap:
    return CoarseGap(
        bucket=bucket,
        ends=ends,
        assets_due=due,
        assets_missing=max(0, due - present),
        assets_short=short,
        mean_coverage=mean_coverage,
        slots=[SlotSummary(**one) for one in slots],
    )


@cache
def _find_statement(grain: Grain) -> sql.Composed:
    return sql.SQL(
        """
        WITH grid AS (
            SELECT starts.bucket, starts.bucket + {length} AS ends
            FROM generate_series(%(starts)s::timestamptz, %(ends)s::timestamptz - INTERVAL '1 us', {length})
                AS starts (bucket)
        ),

        lives AS (
            SELECT asset_id, min(bucket) AS first_bucket, max(bucket) AS last_bucket
            FROM {closes}
            WHERE
                bucket >= %(starts)s::timestamptz - %(around)s::interval
                AND bucket < %(ends)s::timestamptz + %(around)s::interval
                AND (%(asset_id)s::int IS NULL OR asset_id = %(asset_id)s::int)
            GROUP BY asset_id
        ),

        held AS (
            SELECT
                grid.bucket,
                grid.ends,
                count(lives.asset_id) AS due,
                count(closes.asset_id) AS present,
                count(*) FILTER (WHERE closes.coverage < 1) AS short,
                round(avg(closes.coverage), 6) AS mean_coverage
            FROM grid
            LEFT JOIN lives ON grid.bucket BETWEEN lives.first_bucket AND lives.last_bucket
            LEFT JOIN {closes} AS closes ON grid.bucket = closes.bucket AND lives.asset_id = closes.asset_id
            GROUP BY grid.bucket, grid.ends
        )

        SELECT
            held.bucket, held.ends, held.due, held.present, held.short, held.mean_coverage,
            coalesce(told.slots, '[]'::jsonb)
        FROM held
        CROSS JOIN LATERAL (
            SELECT jsonb_agg(
                jsonb_build_object(
                    'provider', states.provider, 'state', states.state, 'slots', states.slots, 'reason', states.reason
                )
                ORDER BY states.provider, states.state
            ) AS slots
            FROM (
                SELECT provider, state, count(*) AS slots, max(reason) AS reason
                FROM ops.slots
                WHERE dataset = %(dataset)s AND slot >= held.bucket AND slot < held.ends
                GROUP BY provider, state
            ) AS states
        ) AS told
        WHERE
            (held.due > held.present OR held.short > 0 OR held.present = 0)
            -- Before anything was collected, nothing is missing.
            AND (held.due > 0 OR held.ends > (SELECT min(slot) FROM ops.slots WHERE dataset = %(dataset)s))
        ORDER BY held.bucket
        """
    ).format(
        length=length_of(grain),
        closes=closes_of(grain),
    )
