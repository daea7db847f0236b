"""History of the followed pairs of every exchange over one span: what the schedule and a person's backfill share.

What does not belong here: how one exchange's history is fetched (candle_backfill).
"""

from __future__ import annotations

from datetime import datetime

from cryptoflow.collect.candle_backfill import CandleBackfill, PairBackfill
from cryptoflow.collect.following import followed_pairs
from cryptoflow.settings import Settings
from cryptoflow.sources.http import run_sync
from cryptoflow.warehouse.pool import transaction


def collect_history(
    settings: Settings,
    *,
    start: datetime,
    end: datetime,
    database_url: str,
    redis_url: str | None,
    run_id: str | None = None,
) -> list[PairBackfill]:
    """Fetch what is missing of [start, end); what failed is in the reports."""
    reports: list[PairBackfill] = []
    for exchange in settings.exchanges:
        with transaction(database_url) as connection:
            pairs = followed_pairs(connection, settings, exchange)
        backfill = CandleBackfill(
            settings,
            exchange,
            pairs,
            start=start,
            end=end,
            database_url=database_url,
            redis_url=redis_url,
            run_id=run_id,
        )
        reports += run_sync(backfill.run())
    return reports
