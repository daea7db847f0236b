"""Minute closes to work on: days of them, made by the server from a formula, with a few missing.

What does not belong here: what is measured; ticks (ticks).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from psycopg import sql

from bench.contest import Row
from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.contracts.closes import minute_close
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.partitions import ensure_partitions

DAY: Final = timedelta(days=1)
# One minute of so many is missing, another one for each asset.
_MISSING_OF: Final = 499
_FIGURES: Final[Mapping[str, str]] = {
    "bucket": "minutes.bucket",
    "asset_id": "assets.asset_id",
    "price_usd": "round((mod(assets.asset_id, 997) + 1) * waves.factor, 8)",
    "market_cap_usd": "round(assets.asset_id * 1000000::numeric * waves.factor, 2)",
    "volume_24h_usd": "round(assets.asset_id * 54321::numeric * waves.factor, 2)",
    "circulating_supply": "assets.asset_id * 1000003::numeric",
    "total_supply": "assets.asset_id * 2000003::numeric",
    "max_supply": "NULL",
    "market_cap_rank": "assets.asset_id",
    "provider": "'coingecko'",
    "sources": "1",
    "dispersion": "0",
    "observed_at": "minutes.bucket + INTERVAL '30 seconds'",
    "formula_version": "1",
}


def some_days_ago(days: int) -> datetime:
    """A midnight whose following days are over, and final."""
    return bucket_start(datetime.now(UTC), Grain.DAY) - (days + 1) * DAY


def make_minutes(
    connection: psycopg.Connection[Row], *, assets: int, start: datetime, days: int, step: int = 1
) -> None:
    """Closes of every `step`th minute of the days."""
    for day in range(days):
        ensure_partitions(connection, minute_close, {start + day * DAY})
    connection.execute(
        sql.SQL(
            """
            INSERT INTO market.minute_close ({names})
            SELECT {values}
            FROM generate_series(
                %(start)s::timestamptz, %(end)s::timestamptz - INTERVAL '1 minute', %(step)s * INTERVAL '1 minute'
            ) WITH ORDINALITY AS minutes (bucket, number)
            CROSS JOIN generate_series(1, %(assets)s) AS assets (asset_id)
            CROSS JOIN LATERAL (
                SELECT (1 + 0.05 * sin(minutes.number / 37.0 + assets.asset_id))::numeric AS factor
            ) AS waves
            WHERE mod(minutes.number + assets.asset_id * 31, %(missing)s) <> 0
            """
        ).format(
            names=column_list(written_columns(minute_close)),
            values=sql.SQL(", ").join(sql.SQL(_FIGURES[name]) for name in written_columns(minute_close)),
        ),
        {"start": start, "end": start + days * DAY, "step": step, "assets": assets, "missing": _MISSING_OF},
    )
    connection.commit()
