"""Certificates of whole days: of every pair that has minutes in them, and of every pair that is followed.

A followed pair that stood still all day has no minute, and is certified all the same: that is what one wants to read.
What does not belong here: what a certificate says (warehouse.candle_certificates).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.following import followed_pairs
from cryptoflow.refine.candle_proof import Certificate
from cryptoflow.settings import Settings
from cryptoflow.warehouse.candle_certificates import certify_expected
from cryptoflow.warehouse.candle_reach import days_with_candles
from cryptoflow.warehouse.pool import snapshot, transaction
from cryptoflow.warehouse.symbols import KnownSymbol, symbols_by_id

_DAY: Final = timedelta(days=1)
# In one transaction for each pair.
_DAYS_AT_ONCE: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedDays:
    """What the certificates of some days say together."""

    certificates: int
    # Certificates on which every minute is accounted for.
    without_unknown: int
    minutes: Counter[str]


def certify_days(
    settings: Settings, *, start: datetime, end: datetime, database_url: str, run_id: str | None = None
) -> CertifiedDays:
    """Certify the whole days in [start, end), each pair and day as it stands at one instant."""
    issued: list[Certificate] = []
    days = [bucket_start(start, Grain.DAY) + number * _DAY for number in range(-((start - end) // _DAY))]
    for first in range(0, len(days), _DAYS_AT_ONCE):
        for pair, of_pair in _days_by_pair(settings, database_url, days[first : first + _DAYS_AT_ONCE]):
            with snapshot(database_url) as connection:
                issued += certify_expected(connection, pair, of_pair, now=datetime.now(UTC), run_id=run_id)
    return CertifiedDays(
        certificates=len(issued),
        without_unknown=sum(not one.unknown_minutes for one in issued),
        minutes=_minutes(issued),
    )


def _days_by_pair(
    settings: Settings, database_url: str, days: Sequence[datetime]
) -> list[tuple[KnownSymbol, Sequence[datetime]]]:
    """Of the days, those on which a pair is certified. The pairs are in the order of their ids."""
    with transaction(database_url) as connection:
        followed = [pair for name in settings.exchanges for pair in followed_pairs(connection, settings, name)]
        with_candles = days_with_candles(connection, starts=days[0], ends=days[-1] + _DAY)
        known = symbols_by_id(connection, list(with_candles))
    pairs = known | {pair.symbol_id: pair for pair in followed}
    whole = {pair.symbol_id for pair in followed}
    return [(pairs[one], days if one in whole else with_candles[one]) for one in sorted(pairs)]


def _minutes(issued: list[Certificate]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in issued:
        counts["expected"] += one.expected_minutes
        counts["observed"] += one.observed_minutes
        counts["confirmed empty"] += one.confirmed_empty_minutes
        counts["source has none"] += one.source_has_none_minutes
        counts["unknown"] += one.unknown_minutes
    return counts
