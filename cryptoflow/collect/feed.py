"""One followed pair's live feed: which trades are there, how it stands. Plain state without any I/O.

A feed takes trades in any order and as often as they come; the number alone says whether a trade is there.
What does not belong here: writing (feed_book), connections (trade_feed).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptoflow.refine.number_runs import NumberRuns
from cryptoflow.sources.exchange import ExchangeTrade, TradePage
from cryptoflow.warehouse.symbols import KnownSymbol
from cryptoflow.warehouse.ticks import Advance, Tick
from cryptoflow.warehouse.trade_feeds import FeedStanding, FeedState

_MINUTE: Final = timedelta(minutes=1)
# Trades of one instant need not be in the order of their numbers.
_OUT_OF_ORDER: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The exchange's answer for the trades [first, last]: those that did not come do not exist."""

    symbol: str
    page: TradePage
    first: int
    last: int


@dataclass(slots=True, kw_only=True)
class Feed:
    """How one pair is followed."""

    pair: KnownSymbol
    state: FeedState = "down"
    state_since: datetime = field(default_factory=lambda: datetime.now(UTC))
    reason: str | None = None
    runs: NumberRuns | None = None
    """None until the first trade is known."""
    first_trade_id: int | None = None
    whole_from: datetime | None = None
    whole_until: datetime | None = None
    """Of the trades that minutes were reckoned from, the time of the last."""
    reckoned_id: int | None = None
    """Minutes were reckoned from the trades before this one."""
    asked_until: datetime | None = None
    """Every trade until then was asked for, but one of them is still on its way in the stream."""
    lag_ms: int | None = None
    stored: int = 0
    refilled: int = 0

    def copy(self) -> Feed:
        """The same again, to be changed and then taken or thrown away."""
        return replace(self, runs=self.runs.copy() if self.runs else None)

    def turn(self, state: FeedState, reason: str | None = None) -> None:
        """From now on it stands so."""
        if state != self.state:
            self.state_since = datetime.now(UTC)
        self.state, self.reason, self.asked_until = state, reason, None

    def turn_live(self) -> datetime | None:
        """Live, once everything was asked for and no trade is missing: until when it was asked for. Else None.

        The answer may be ahead of the stream: it is whole when the stream has come as far.
        """
        until = self.asked_until
        if until is None or not (self.is_whole or self.runs is None):
            return None
        self.turn("live")
        return until

    @property
    def next_trade_id(self) -> int | None:
        """The first trade that is not there; None when none is known."""
        return self.runs.next_missing if self.runs else None

    @property
    def is_whole(self) -> bool:
        """Whether no trade is missing before one that is there."""
        return self.runs is not None and self.runs.first_hole() is None

    @property
    def reaches(self) -> datetime | None:
        """The exchange's time until which its trades are known to be whole."""
        return self.whole_until or self.whole_from

    @property
    def first_whole_minute(self) -> datetime | None:
        """The first minute of which no trade can be missing."""
        return None if self.whole_from is None else self.whole_from.replace(second=0, microsecond=0) + _MINUTE

    # Taking -----------------------------------------------------------------------------------------------------

    def take(self, trade: ExchangeTrade) -> Tick | None:
        """The trade, to be stored; None when it is there already."""
        if self.runs is None:
            self.runs = NumberRuns(start=trade.trade_id)
            self.first_trade_id, self.whole_from = trade.trade_id, trade.traded_at
        if self.runs.has(trade.trade_id):
            return None
        self.runs.add(trade.trade_id, trade.trade_id)
        self.stored += 1
        return Tick(
            traded_at=trade.traded_at,
            symbol_id=self.pair.symbol_id,
            trade_id=trade.trade_id,
            price=trade.price,
            quantity=trade.quantity,
            is_buyer_maker=trade.buyer_is_maker,
            fills=trade.fills,
        )

    def take_answer(self, answered: Answered) -> list[Tick]:
        """The trades of an answer, to be stored. Numbers that did not come or could not be read are asked no more."""
        inside = (one for one in answered.page.trades if answered.first <= one.trade_id <= answered.last)
        ticks = [tick for trade in inside if (tick := self.take(trade)) is not None]
        if self.runs is not None:
            self.runs.add(answered.first, answered.last)
        self.refilled += len(ticks)
        return ticks

    def advance(self) -> Advance | None:
        """The whole trades from which minutes were not reckoned yet."""
        begin = self.first_trade_id if self.reckoned_id is None else self.reckoned_id
        until, since = self.next_trade_id, self.reaches
        if begin is None or until is None or since is None or until <= begin:
            return None
        return Advance(symbol_id=self.pair.symbol_id, from_id=begin, until_id=until, since=since - _OUT_OF_ORDER)

    # The table --------------------------------------------------------------------------------------------------

    def take_up(self, standing: FeedStanding) -> None:
        """Go on where an earlier collector stopped."""
        self.stored, self.refilled = standing.trades_stored, standing.trades_refilled
        if standing.next_trade_id is not None:
            self.runs = NumberRuns(start=standing.next_trade_id)
        self.first_trade_id = standing.first_trade_id
        self.whole_from, self.whole_until = standing.whole_from, standing.whole_until

    def begin_anew(self) -> None:
        """Follow from the next trade on, as if nothing were known."""
        self.runs = self.first_trade_id = self.reckoned_id = self.whole_from = self.whole_until = None

    def standing(self, *, waiting: int) -> FeedStanding:
        """How it stands, for the table."""
        return FeedStanding(
            symbol_id=self.pair.symbol_id,
            state=self.state,
            state_since=self.state_since,
            reason=self.reason,
            first_trade_id=self.first_trade_id,
            next_trade_id=self.next_trade_id,
            whole_from=self.whole_from,
            whole_until=self.whole_until,
            lag_ms=self.lag_ms,
            waiting=waiting,
            trades_stored=self.stored,
            trades_refilled=self.refilled,
        )
