"""Partitions for candles, made in a transaction of their own before the rows are written.

Writers of the same pairs lock each other out by pair; a partition that is made within such a transaction could lock
two of them up. What does not belong here: how a partition is made.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from cryptoflow.contracts.candles import coarse_candles, minute_candles
from cryptoflow.warehouse.partitions import ensure_partitions, period_start, periods
from cryptoflow.warehouse.pool import transaction

# The longest candle that holds the first minute begins so much before it.
_LONGEST = timedelta(weeks=1)


def prepare_candle_partitions(database_url: str, *, starts: datetime, ends: datetime) -> None:
    """Make what minutes of [starts, ends] and the larger candles over them need."""
    for month in periods(starts - _LONGEST, ends, "month"):
        _prepare_month(database_url, period_start(month, "month"))


@lru_cache(maxsize=512)
def _prepare_month(database_url: str, month: datetime) -> None:
    with transaction(database_url) as connection:
        ensure_partitions(connection, minute_candles, {month})
        ensure_partitions(connection, coarse_candles, {month})
