"""One span of minutes of one pair: asked, stored, and of every minute in it that has no candle said why.

An answer speaks for the span that was asked. What a minute's absence in it means depends on the exchange: one that
leaves quiet minutes out says that nothing traded; one that sends them flat has none, if it has none a while later.
What does not belong here: which spans are asked (candle_tail, candle_holes, backfills).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptoflow.collect.quarantining import refused
from cryptoflow.contracts.candles import minute_candles
from cryptoflow.sources.errors import ProviderError, QuotaSpent, RateLimited
from cryptoflow.sources.exchange import CandlePage, Exchange, ExchangeCandle, Traits
from cryptoflow.warehouse.candle_gaps import MissingState, tell_candle_slots
from cryptoflow.warehouse.candle_partitions import prepare_candle_partitions
from cryptoflow.warehouse.candles import Candle, Origin, store_candles
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.quarantine import quarantine
from cryptoflow.warehouse.symbols import KnownSymbol

DATASET: Final = f"{minute_candles.schema}.{minute_candles.name}"
INTERVAL: Final = "1m"
MINUTE: Final = timedelta(minutes=1)
# A minute that is just over may not have been published yet.
PUBLISHED_AFTER: Final = timedelta(minutes=1)
# A row that is not there so long after its minute does not come any more by itself.
SETTLED_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanResult:
    """What became of one span."""

    symbol: str
    starts: datetime
    ends: datetime
    received: int = 0
    stored: int = 0
    refused: int = 0
    empty: int = 0
    """Minutes of which the answer says that there is nothing."""
    error: ProviderError | None = None


async def collect_span(
    exchange: Exchange,
    pair: KnownSymbol,
    *,
    starts: datetime,
    ends: datetime,
    now: datetime,
    database_url: str,
    run_id: str | None,
) -> SpanResult:
    """Ask for the minutes of [starts, ends), one answer's worth at most, and write what came; `now` is the exchange's.

    A failure is told of the span's minutes and returned, not raised.
    """
    try:
        page = await exchange.candles(pair.symbol, INTERVAL, start=starts, end=ends)
    except ProviderError as error:
        await asyncio.to_thread(tell_failure, database_url, pair, starts, min(ends, minute_of(now)), error)
        return SpanResult(symbol=pair.symbol, starts=starts, ends=ends, error=error)
    return await asyncio.to_thread(write_page, database_url, pair, page, traits=exchange.traits, now=now, run_id=run_id)


def write_page(
    database_url: str, pair: KnownSymbol, page: CandlePage, *, traits: Traits, now: datetime, run_id: str | None
) -> SpanResult:
    """Write an answer in one transaction: candles that are over, rows that could not be read, minutes without any."""
    over = [candle for candle in page.candles if candle.closes_at <= now]
    origin = Origin(
        source="rest", fetched_at=page.answer.fetched_at, payload_sha256=page.answer.payload_sha256, run_id=run_id
    )
    prepare_candle_partitions(database_url, starts=page.start, ends=page.end)
    with transaction(database_url) as connection:
        stored = store_candles(connection, [candle_of(pair, one) for one in over], origin=origin)
        sha256 = page.answer.payload_sha256
        quarantine(connection, [refused(row, sha256, dataset=DATASET, provider=pair.exchange) for row in page.bad])
        broken = len(page.bad) + stored.refused
        silent = list(_silent_minutes(page, until=minute_of(now), refused_minutes=stored.refused_minutes))
        _tell_silent(connection, pair, silent, traits=traits, now=now, broken=broken)
    return SpanResult(
        symbol=pair.symbol,
        starts=page.start,
        ends=page.end,
        received=stored.received,
        stored=stored.stored,
        refused=broken,
        empty=len(silent),
    )


def tell_failure(database_url: str, pair: KnownSymbol, starts: datetime, ends: datetime, error: ProviderError) -> None:
    """Say of the minutes of a span that they could not be asked for."""
    if starts < ends:
        with transaction(database_url) as connection:
            tell_candle_slots(
                connection,
                pair.symbol_id,
                [(starts, ends)],
                state="throttled" if isinstance(error, QuotaSpent | RateLimited) else "feed_down",
                reason=error.what,
                asked=False,
            )


def minute_of(instant: datetime) -> datetime:
    """The start of the minute."""
    return instant.replace(second=0, microsecond=0)


def runs_of(minutes: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Minutes in their order as spans [start, end)."""
    runs: list[tuple[datetime, datetime]] = []
    for minute in minutes:
        if runs and runs[-1][1] == minute:
            runs[-1] = (runs[-1][0], minute + MINUTE)
        else:
            runs.append((minute, minute + MINUTE))
    return runs


def candle_of(pair: KnownSymbol, candle: ExchangeCandle) -> Candle:
    """What the exchange said, as a row of the pair."""
    return Candle(
        symbol_id=pair.symbol_id,
        open_time=candle.opens_at,
        close_time=candle.closes_at,
        open=candle.open_price,
        high=candle.high_price,
        low=candle.low_price,
        close=candle.close_price,
        volume=candle.volume,
        quote_volume=candle.quote_volume,
        trade_count=candle.trade_count,
        taker_base_volume=candle.taker_buy_volume,
        taker_quote_volume=candle.taker_buy_quote_volume,
    )


def _silent_minutes(page: CandlePage, *, until: datetime, refused_minutes: Set[datetime]) -> Iterator[datetime]:
    there = {candle.opens_at for candle in page.candles} - refused_minutes
    minute = page.start
    while minute < min(page.end, until):
        if minute not in there:
            yield minute
        minute += MINUTE


def _tell_silent(
    connection: Connection,
    pair: KnownSymbol,
    silent: list[datetime],
    *,
    traits: Traits,
    now: datetime,
    broken: int,
) -> None:
    by_state: dict[tuple[MissingState, str], list[datetime]] = {}
    for minute in silent:
        said = _meaning(minute + MINUTE, traits=traits, now=now, broken=broken)
        if said is not None:
            by_state.setdefault(said, []).append(minute)
    for (state, reason), minutes in by_state.items():
        tell_candle_slots(connection, pair.symbol_id, runs_of(minutes), state=state, reason=reason, asked=True)


def _meaning(ends: datetime, *, traits: Traits, now: datetime, broken: int) -> tuple[MissingState, str] | None:
    """What it means that a minute is not in the answer; None: nothing yet."""
    if now < ends + PUBLISHED_AFTER:
        return None
    if broken:
        return "pending", f"{broken} rows of the answer were refused; one of them may be this minute"
    if not traits.sends_quiet_minutes:
        return "confirmed_empty", "the exchange leaves minutes out in which nothing traded"
    if now < ends + SETTLED_AFTER:
        return "pending", "not in the exchange's answer; it will be asked once more"
    return "source_has_none", "not in the exchange's answer"
