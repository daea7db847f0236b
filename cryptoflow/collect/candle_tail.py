"""The newest minutes of the followed pairs, every minute; and behind them the minutes that are still missing.

The tail asks each pair for its last answer's worth, from a few minutes before the newest that is confirmed. What lies
further back without a candle is a hole, and is asked for again when that may help, newest first, a bounded number at a
time. What does not belong here: what an answer means (candle_spans), history before the first candle (backfills).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from cryptoflow.collect.asking import Asking, ask_all, begin, raise_if_none_answered
from cryptoflow.collect.candle_spans import DATASET, MINUTE, SETTLED_AFTER, SpanResult, collect_span, minute_of
from cryptoflow.collect.following import followed_pairs
from cryptoflow.errors import UsageError
from cryptoflow.settings import Settings
from cryptoflow.sources.exchange import Exchange
from cryptoflow.sources.exchanges import check_exchange, exchange_of
from cryptoflow.sources.http import ProviderClient, run_sync
from cryptoflow.warehouse.candle_gaps import CandleGap, find_candle_gaps
from cryptoflow.warehouse.candle_reach import first_days, newest_confirmed
from cryptoflow.warehouse.collections import CollectionType, close_collection
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import RefusedRow
from cryptoflow.warehouse.symbols import KnownSymbol
from cryptoflow.warehouse.world import settle_world

# The newest minutes are asked for once more: what an exchange changes within them is noticed.
OVERLAP: Final = timedelta(minutes=3)
AT_ONCE: Final = 6
HOLES_PER_RUN: Final = 60
_ASKED_AGAIN: Final = frozenset({"pending", "feed_down", "throttled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Minutes [starts, ends) of a pair that are to be asked for."""

    pair: KnownSymbol
    starts: datetime
    ends: datetime


@dataclass(slots=True, kw_only=True)
class CandleAnswer:
    """What one exchange gave; the rows are written already."""

    exchange: str
    results: list[SpanResult] = field(default_factory=list)

    @property
    def listed(self) -> int:
        """Minutes that were received."""
        return sum(one.received - one.refused for one in self.results if one.error is None)

    @property
    def refused(self) -> Sequence[RefusedRow]:
        """Those that were refused are in quarantine already."""
        return ()

    @property
    def details(self) -> dict[str, object]:
        """Sums, and what went wrong."""
        failed = [one for one in self.results if one.error is not None]
        return {
            "spans": len(self.results),
            "stored": sum(one.stored for one in self.results),
            "refused": sum(one.refused for one in self.results),
            "empty": sum(one.empty for one in self.results),
            "failed": {one.symbol: str(one.error) for one in failed[:10]},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleReport:
    """What a run changed on one exchange."""

    exchange: str
    spans: int
    received: int
    stored: int
    refused: int
    empty: int
    calls: int
    errors: Sequence[str]


def collect_tail(
    settings: Settings,
    *,
    database_url: str,
    redis_url: str | None,
    collection_type: CollectionType = "continuous",
    run_id: str | None = None,
) -> list[CandleReport]:
    """The newest minutes of every followed pair, each exchange on its own. Raises when no exchange answered."""
    return _collect(
        settings, _tail_spans, database_url=database_url, redis_url=redis_url, kind=collection_type, run_id=run_id
    )


def collect_holes(
    settings: Settings, *, database_url: str, redis_url: str | None, run_id: str | None = None
) -> list[CandleReport]:
    """Ask again for minutes that are missing behind the tail. Raises when no exchange answered."""
    return _collect(
        settings,
        _hole_spans,
        database_url=database_url,
        redis_url=redis_url,
        kind="priority_refresh",
        run_id=run_id,
    )


Plan = Callable[[str, Exchange, Sequence[KnownSymbol], datetime], list[Span]]


def _collect(
    settings: Settings,
    plan: Plan,
    *,
    database_url: str,
    redis_url: str | None,
    kind: CollectionType,
    run_id: str | None,
) -> list[CandleReport]:
    exchanges = [check_exchange(name) for name in settings.exchanges]
    settle_world(database_url, "simulated" if settings.simulator_url else "real")
    with transaction(database_url) as connection:
        pairs = {name: followed_pairs(connection, settings, name) for name in exchanges}
    followed = [name for name in exchanges if pairs[name]]
    if not followed:
        raise UsageError(
            "No pair of any exchange is followed.",
            cure="Materialize `symbols` first; `cryptoflow config` shows CRYPTOFLOW_CANDLE_TOP and ..._SYMBOLS.",
        )
    with dataset_lock(database_url, DATASET):
        askings: list[Asking[CandleAnswer]] = begin(
            settings, followed, dataset=DATASET, database_url=database_url, collection_type=kind, run_id=run_id
        )
        questions = {
            name: partial(_ask, pairs=pairs[name], plan=plan, database_url=database_url, run_id=run_id)
            for name in followed
        }
        run_sync(ask_all(settings, askings, questions, database_url=database_url, redis_url=redis_url, run_id=run_id))
        with transaction(database_url) as connection:
            for asking in askings:
                close_collection(connection, asking.collection, asking.outcome())
        raise_if_none_answered(askings)
    return [_report(asking) for asking in askings]


async def _ask(
    client: ProviderClient, *, pairs: Sequence[KnownSymbol], plan: Plan, database_url: str, run_id: str | None
) -> CandleAnswer:
    exchange = exchange_of(client)
    now = await exchange.server_time()
    spans = await asyncio.to_thread(plan, database_url, exchange, pairs, now)
    few = asyncio.Semaphore(AT_ONCE)

    async def collect(span: Span) -> SpanResult:
        async with few:
            return await collect_span(
                exchange,
                span.pair,
                starts=span.starts,
                ends=span.ends,
                now=now,
                database_url=database_url,
                run_id=run_id,
            )

    asked: Iterable[Awaitable[SpanResult]] = map(collect, spans)
    results = list(await asyncio.gather(*asked))
    errors = [one.error for one in results if one.error]
    if errors and len(errors) == len(results):
        raise errors[0]
    return CandleAnswer(exchange=exchange.name, results=results)


def _tail_spans(database_url: str, exchange: Exchange, pairs: Sequence[KnownSymbol], now: datetime) -> list[Span]:
    """Of each pair its newest minutes, as many as one answer holds, from just before the newest that is confirmed."""
    ends = minute_of(now)
    earliest = ends - exchange.traits.candles_per_answer * MINUTE
    with transaction(database_url) as connection:
        confirmed = newest_confirmed(connection, [pair.symbol_id for pair in pairs], since=earliest)
    spans = []
    for pair in pairs:
        newest = confirmed.get(pair.symbol_id)
        starts = max(earliest, newest + MINUTE - OVERLAP) if newest else earliest
        if pair.listed_at:
            starts = max(starts, minute_of(pair.listed_at))
        if starts < ends:
            spans.append(Span(pair=pair, starts=starts, ends=ends))
    return spans


def _hole_spans(database_url: str, exchange: Exchange, pairs: Sequence[KnownSymbol], now: datetime) -> list[Span]:
    """Of all pairs the newest holes that may be filled by asking again, cut to one answer's worth each."""
    longest = exchange.traits.candles_per_answer * MINUTE
    spans: list[Span] = []
    with transaction(database_url) as connection:
        first = first_days(connection, [pair.symbol_id for pair in pairs])
        for pair in pairs:
            if pair.symbol_id not in first:
                continue
            gaps = find_candle_gaps(
                connection, pair.symbol_id, now=now, start=first[pair.symbol_id], end=now - SETTLED_AFTER
            )
            spans += [
                Span(pair=pair, starts=starts, ends=ends)
                for gap in gaps
                if gap.state in _ASKED_AGAIN
                for starts, ends in pieces(gap, longest)
            ]
    spans.sort(key=lambda span: span.ends, reverse=True)
    return spans[:HOLES_PER_RUN]


def pieces(gap: CandleGap, longest: timedelta) -> list[tuple[datetime, datetime]]:
    """The gap in parts that one answer holds."""
    found = []
    starts = gap.starts
    while starts < gap.ends:
        ends = min(gap.ends, starts + longest)
        found.append((starts, ends))
        starts = ends
    return found


def _report(asking: Asking[CandleAnswer]) -> CandleReport:
    results = asking.answered.results if asking.answered else []
    errors = [str(asking.error)] if asking.error else []
    return CandleReport(
        exchange=asking.provider,
        spans=len(results),
        received=sum(one.received for one in results),
        stored=sum(one.stored for one in results),
        refused=sum(one.refused for one in results),
        empty=sum(one.empty for one in results),
        calls=asking.tally.calls,
        errors=[*errors, *(f"{one.symbol}: {one.error}" for one in results if one.error)],
    )
