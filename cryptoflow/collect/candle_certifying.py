"""Certificates of whole days: of every pair that has minutes in them, and of every pair that is followed.

A followed pair that stood still all day has no minute, and is certified all the same: that is what one wants to read.
What does not belong here: what a certificate says (warehouse.candle_certificates).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptoflow.collect.following import followed_pairs
from cryptoflow.refine.candle_proof import Certificate
from cryptoflow.settings import Settings
from cryptoflow.warehouse.candle_certificates import certify_if_expected
from cryptoflow.warehouse.candle_reach import symbols_with_candles
from cryptoflow.warehouse.pool import snapshot, transaction
from cryptoflow.warehouse.symbols import KnownSymbol, symbols_by_id


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
    day = start
    while day < end:
        for pair in _pairs_of(settings, database_url, day):
            with snapshot(database_url) as connection:
                certificate = certify_if_expected(connection, pair, day, now=datetime.now(UTC), run_id=run_id)
            issued += [certificate] if certificate else []
        day += timedelta(days=1)
    return CertifiedDays(
        certificates=len(issued),
        without_unknown=sum(not one.unknown_minutes for one in issued),
        minutes=_minutes(issued),
    )


def _pairs_of(settings: Settings, database_url: str, day: datetime) -> list[KnownSymbol]:
    """In the order of their ids."""
    with transaction(database_url) as connection:
        followed = [pair for name in settings.exchanges for pair in followed_pairs(connection, settings, name)]
        with_candles = symbols_with_candles(connection, starts=day, ends=day + timedelta(days=1))
        known = symbols_by_id(connection, with_candles)
    return [pair for _, pair in sorted((known | {pair.symbol_id: pair for pair in followed}).items())]


def _minutes(issued: list[Certificate]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in issued:
        counts["expected"] += one.expected_minutes
        counts["observed"] += one.observed_minutes
        counts["confirmed empty"] += one.confirmed_empty_minutes
        counts["source has none"] += one.source_has_none_minutes
        counts["unknown"] += one.unknown_minutes
    return counts
