"""Larger candles built once more from the minutes of a span, and compared with the exchange's own on a sample.

What does not belong here: the rule that builds them, how candles are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptoflow.collect.candle_spans import candle_of
from cryptoflow.collect.exchange_access import open_exchange
from cryptoflow.collect.following import followed_pairs
from cryptoflow.settings import Settings
from cryptoflow.sources.exchange import Exchange
from cryptoflow.sources.exchanges import traits_of
from cryptoflow.sources.http import run_sync
from cryptoflow.warehouse.candle_comparison import Comparison, compare_candles
from cryptoflow.warehouse.candle_partitions import prepare_candle_partitions
from cryptoflow.warehouse.candle_reach import symbols_with_candles
from cryptoflow.warehouse.candle_rollups import build_candles, lock_candles, mark_candles
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol, refresh_symbol_summary

SAMPLED: tuple[str, ...] = ("1h", "15m")


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltCandles:
    """What building a span once more did."""

    symbols: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One pair and interval compared with the exchange's own candles of a day."""

    exchange: str
    symbol: str
    interval: str
    comparison: Comparison


def rebuild_candles(database_url: str, *, start: datetime, end: datetime) -> RebuiltCandles:
    """Build every larger candle over the minutes of [start, end) once more, a transaction for each pair."""
    prepare_candle_partitions(database_url, starts=start, ends=end)
    with transaction(database_url) as connection:
        symbol_ids = symbols_with_candles(connection, starts=start, ends=end)
    changed = 0
    for symbol_id in symbol_ids:
        with transaction(database_url) as connection:
            recorded_at = lock_candles(connection, [symbol_id])
            mark_candles(connection, symbol_id, start=start, end=end)
            built = build_candles(connection, [symbol_id], recorded_at=recorded_at)
        changed += sum(one.changed for one in built)
    with transaction(database_url) as connection:
        refresh_symbol_summary(connection)
    return RebuiltCandles(symbols=len(symbol_ids), changed=changed)


def verify_sample(
    settings: Settings,
    *,
    day: datetime,
    pairs_each: int,
    database_url: str,
    redis_url: str | None,
    run_id: str | None = None,
) -> list[Verified]:
    """Compare a day's larger candles of a few pairs of each exchange with the exchange's own. Each day others."""
    found: list[Verified] = []
    for name in settings.exchanges:
        with transaction(database_url) as connection:
            pairs = followed_pairs(connection, settings, name)
        chosen = sorted(pairs, key=lambda pair: _drawn(day, pair))[:pairs_each]
        found += run_sync(_verify(settings, name, chosen, day, database_url, redis_url, run_id))
    return found


async def _verify(
    settings: Settings,
    name: str,
    pairs: Sequence[KnownSymbol],
    day: datetime,
    database_url: str,
    redis_url: str | None,
    run_id: str | None,
) -> list[Verified]:
    intervals = [interval for interval in SAMPLED if interval in traits_of(name).intervals]
    async with open_exchange(settings, name, database_url, redis_url, run_id=run_id) as exchange:
        return [
            await _verify_one(exchange, pair, interval, day, database_url) for pair in pairs for interval in intervals
        ]


async def _verify_one(
    exchange: Exchange, pair: KnownSymbol, interval: str, day: datetime, database_url: str
) -> Verified:
    end = day + timedelta(days=1)
    page = await exchange.candles(pair.symbol, interval, start=day, end=end)
    with transaction(database_url) as connection:
        comparison = compare_candles(
            connection,
            [candle_of(pair, one) for one in page.candles],
            symbol_id=pair.symbol_id,
            interval=interval,
            start=day,
            end=end,
            found_at=page.answer.fetched_at,
        )
    return Verified(exchange=pair.exchange, symbol=pair.symbol, interval=interval, comparison=comparison)


def _drawn(day: datetime, pair: KnownSymbol) -> bytes:
    """The place of the pair in the day's draw: the same whenever the day is drawn again."""
    return hashlib.sha256(f"{day:%Y-%m-%d} {pair.symbol_id}".encode()).digest()
