"""The book of one exchange's live feeds: every write of them, each in one transaction.

A batch is worked into copies of the feeds it touches; they take the place of the feeds after the commit, so that a
batch whose write failed is simply written again. Trades go with the standing that says how far they are whole: whoever
dies is taken up right behind them. Minutes are reckoned from whole trades alone; no quiet minute is claimed here.

The book is used by one thread at a time. What does not belong here: connections, fetching what is missing (trade_feed).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptoflow.collect.feed import Answered, Feed
from cryptoflow.collect.quarantining import refused
from cryptoflow.contracts import contract_of
from cryptoflow.contracts.candles import price_ticks
from cryptoflow.sources.exchange import ExchangeTrade, StreamRefused
from cryptoflow.warehouse.candle_partitions import prepare_candle_partitions
from cryptoflow.warehouse.candles import Origin, store_candles
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import RefusedRow, quarantine
from cryptoflow.warehouse.symbols import KnownSymbol
from cryptoflow.warehouse.ticks import Tick, drop_old_ticks, reckon_minutes, store_ticks
from cryptoflow.warehouse.trade_feeds import (
    FeedState,
    OutageBegun,
    OutageEnded,
    close_outages,
    open_outages,
    read_feeds,
    write_feeds,
)

DATASET: Final = f"{price_ticks.schema}.{price_ticks.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """Every trade of the symbol until `until` was asked for."""

    symbol: str
    until: datetime


Item = ExchangeTrade | StreamRefused | Answered | CaughtUp


class FeedBook:
    """The feeds of one exchange."""

    def __init__(self, database_url: str, exchange: str, pairs: Sequence[KnownSymbol]) -> None:
        self._database_url = database_url
        self._exchange = exchange
        self.feeds = {pair.symbol: Feed(pair=pair) for pair in pairs}
        self.clock_offset = timedelta(0)
        """How far the exchange's clock is ahead of ours."""
        self.waiting = 0
        """Messages that wait to be stored."""

    def exchange_now(self) -> datetime:
        """The exchange's time."""
        return datetime.now(UTC) + self.clock_offset

    def load(self, *, reason: str) -> None:
        """Take up where an earlier collector stopped: what happened since is an outage until it is refilled."""
        with transaction(self._database_url) as connection:
            known = read_feeds(connection, [feed.pair.symbol_id for feed in self.feeds.values()])
            for feed in self.feeds.values():
                if standing := known.get(feed.pair.symbol_id):
                    feed.take_up(standing)
        self.turn_down(reason)

    def begin_connection(self) -> None:
        """What was missed is about to be fetched, but for what would be past its retention: that stays an outage."""
        oldest = self.exchange_now() - _retention()
        changed = [feed.copy() for feed in self.feeds.values()]
        lost = [feed for feed in changed if feed.reaches is not None and feed.reaches < oldest]
        ended = [
            OutageEnded(symbol_id=feed.pair.symbol_id, ends=self.exchange_now(), is_refilled=False) for feed in lost
        ]
        for feed in lost:
            feed.begin_anew()
        self._turn("catching_up", None, changed, ended=ended)

    def store(self, items: Iterable[Item]) -> int:
        """Write a batch; returns how many trades are new. When it raises, nothing has changed."""
        ticks: list[Tick] = []
        refusals: list[RefusedRow] = []
        ended: list[OutageEnded] = []
        changed: dict[str, Feed] = {}
        for item in items:
            if isinstance(item, StreamRefused):
                refusals.append(self._refused(item))
                continue
            if item.symbol not in self.feeds:
                continue
            feed = changed.setdefault(item.symbol, self.feeds[item.symbol].copy())
            if isinstance(item, ExchangeTrade):
                ticks += [tick] if (tick := feed.take(item)) else []
            elif isinstance(item, Answered):
                ticks += feed.take_answer(item)
                refusals += self._refused_rows(item)
            else:
                feed.asked_until = item.until
            if (until := feed.turn_live()) is not None:
                ended.append(OutageEnded(symbol_id=feed.pair.symbol_id, ends=until, is_refilled=True))
        self._measure_lag(changed, ticks)
        with transaction(self._database_url) as connection:
            new = store_ticks(connection, ticks)
            quarantine(connection, refusals)
            close_outages(connection, ended)
            write_feeds(connection, [feed.standing(waiting=self.waiting) for feed in changed.values()])
        self.feeds |= changed
        return new

    def reckon(self) -> int:
        """Reckon provisional minutes from the trades that became whole since the last time; returns how many."""
        changed = {feed.pair.symbol_id: feed.copy() for feed in self.feeds.values() if feed.advance()}
        advances = [advance for feed in changed.values() if (advance := feed.advance())]
        if not advances:
            return 0
        earliest = min(advance.since for advance in advances)
        prepare_candle_partitions(self._database_url, starts=earliest, ends=self.exchange_now())
        with transaction(self._database_url) as connection:
            minutes = reckon_minutes(connection, advances)
            for minute in minutes:
                feed = changed[minute.candle.symbol_id]
                feed.whole_until = max(minute.last_traded_at, feed.whole_until or minute.last_traded_at)
            for advance in advances:
                changed[advance.symbol_id].reckoned_id = advance.until_id
            first = {symbol_id: feed.first_whole_minute for symbol_id, feed in changed.items()}
            whole = [
                minute.candle
                for minute in minutes
                if (begins := first[minute.candle.symbol_id]) is not None and minute.candle.open_time >= begins
            ]
            store_candles(connection, whole, origin=Origin(source="trades", fetched_at=datetime.now(UTC)))
            write_feeds(connection, [feed.standing(waiting=self.waiting) for feed in changed.values()])
        self.feeds |= {feed.pair.symbol: feed for feed in changed.values()}
        return len(whole)

    def beat(self) -> None:
        """Say how every feed stands."""
        with transaction(self._database_url) as connection:
            write_feeds(connection, [feed.standing(waiting=self.waiting) for feed in self.feeds.values()])

    def turn_down(self, reason: str) -> None:
        """Every feed is out, from its last whole trade on."""
        self._turn("down", reason, [feed.copy() for feed in self.feeds.values()])

    def turn_to_catching_up(self, symbols: Iterable[str]) -> None:
        """Trades of these symbols are missing and being fetched."""
        self._turn("catching_up", None, [self.feeds[symbol].copy() for symbol in symbols])

    def forget_old(self) -> list[str]:
        """Let go of the hours of trades that are past their retention."""
        with transaction(self._database_url) as connection:
            return drop_old_ticks(connection, now=self.exchange_now())

    def _turn(
        self, state: FeedState, reason: str | None, changed: Sequence[Feed], *, ended: Sequence[OutageEnded] = ()
    ) -> None:
        for feed in changed:
            feed.turn(state, reason)
        with transaction(self._database_url) as connection:
            close_outages(connection, ended)
            if reason is not None:
                open_outages(connection, list(_outages(changed, reason)))
            write_feeds(connection, [feed.standing(waiting=self.waiting) for feed in changed])
        self.feeds |= {feed.pair.symbol: feed for feed in changed}

    def _measure_lag(self, changed: dict[str, Feed], ticks: Sequence[Tick]) -> None:
        now = self.exchange_now()
        newest: dict[int, datetime] = {}
        for tick in ticks:
            newest[tick.symbol_id] = max(tick.traded_at, newest.get(tick.symbol_id, tick.traded_at))
        for feed in changed.values():
            if (at := newest.get(feed.pair.symbol_id)) is not None:
                feed.lag_ms = max(0, (now - at) // timedelta(milliseconds=1))

    def _refused(self, message: StreamRefused) -> RefusedRow:
        return RefusedRow(
            dataset=DATASET,
            provider=self._exchange,
            rule="decodes",
            reason=message.reason,
            row_text=message.raw,
        )

    def _refused_rows(self, answered: Answered) -> list[RefusedRow]:
        sha256 = answered.page.answer.payload_sha256
        return [refused(row, sha256, dataset=DATASET, provider=self._exchange) for row in answered.page.bad]


def _outages(feeds: Iterable[Feed], reason: str) -> Iterable[OutageBegun]:
    for feed in feeds:
        if feed.reaches is not None:
            yield OutageBegun(symbol_id=feed.pair.symbol_id, starts=feed.reaches, reason=reason)


def _retention() -> timedelta:
    days = contract_of(price_ticks).retention.days
    assert days is not None
    return timedelta(days=days)
