"""What every exchange is asked for, whatever its own words: symbols, candles, trades by number, a stream of trades.

Each exchange is one class that keeps to the protocol `Exchange`; whoever collects knows the protocol only. What
exchanges differ in (how much one answer holds, whether a quiet minute is sent) is told by `Traits`, not by name.

What does not belong here: an exchange's words (one file per exchange), storing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from cryptoflow.sources.decode import BadRow
from cryptoflow.sources.ledger import RawAnswer

SymbolStatus = Literal["trading", "halted", "closed"]
"""`halted`: listed, but nothing trades just now. `closed`: it has left, and is only shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is peculiar to an exchange."""

    intervals: tuple[str, ...]
    """The candle intervals that it can be asked for, of those that are kept here."""
    candles_per_answer: int
    trades_per_answer: int
    sends_quiet_minutes: bool
    """True: a minute without a trade comes as a flat candle. False: it is left out, which says that nothing traded."""
    tells_beginnings: bool
    """Whether one question tells when a pair began; else it takes a search, made only where that is needed."""
    usual_quotes: tuple[str, ...]
    """The currencies that its main pairs are quoted in, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSymbol:
    """One pair as the exchange lists it. Precisions are None where it does not say."""

    symbol: str
    base: str
    quote: str
    status: SymbolStatus
    status_text: str
    """The status in the exchange's own word."""
    price_step: Decimal | None
    quantity_step: Decimal | None
    min_quantity: Decimal | None
    min_notional: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeCandle:
    """One candle. `closes_at` is the first instant after it. What the exchange does not tell is None."""

    opens_at: datetime
    closes_at: datetime
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    close_price: Decimal
    volume: Decimal
    quote_volume: Decimal | None = None
    trade_count: int | None = None
    taker_buy_volume: Decimal | None = None
    taker_buy_quote_volume: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTrade:
    """One numbered trade. Where the exchange numbers whole orders, it stands for `fills` trades of one price."""

    symbol: str
    trade_id: int
    traded_at: datetime
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    fills: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolList:
    """Every pair of the exchange, what could not be read, and the answer that said so."""

    symbols: tuple[ExchangeSymbol, ...]
    bad: tuple[BadRow, ...]
    answer: RawAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class CandlePage:
    """The candles of one answer, oldest first, and the span that it speaks for: [start, end)."""

    candles: tuple[ExchangeCandle, ...]
    bad: tuple[BadRow, ...]
    answer: RawAnswer
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TradePage:
    """Consecutive trades by number, oldest first. `is_last`: at the time of the answer there were no more."""

    trades: tuple[ExchangeTrade, ...]
    bad: tuple[BadRow, ...]
    answer: RawAnswer
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamNotice:
    """The stream is alive and tells no trade: a heartbeat, or a farewell (`ends`: it will soon be closed)."""

    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRefused:
    """A message that could not be read as what it should be."""

    raw: str
    reason: str


StreamMessage = ExchangeTrade | StreamNotice | StreamRefused
Messages = AsyncIterator[StreamMessage]


class Exchange(Protocol):
    """The questions."""

    @property
    def name(self) -> str:
        """How the exchange is called in the tables."""
        ...

    @property
    def traits(self) -> Traits:
        """What is peculiar to it."""
        ...

    async def server_time(self) -> datetime:
        """The exchange's clock, by which a candle is over or not."""
        ...

    async def symbols(self) -> SymbolList:
        """Every pair that it lists."""
        ...

    async def candles(self, symbol: str, interval: str, *, start: datetime, end: datetime) -> CandlePage:
        """The candles that open in [start, end), at most `candles_per_answer` buckets. The last may still be open."""
        ...

    async def first_candle_at(self, symbol: str) -> datetime | None:
        """When the first minute of the symbol opened; None when the exchange cannot tell."""
        ...

    async def trades_from(self, symbol: str, trade_id: int) -> TradePage:
        """The trades from that number on (inclusive), as many as one answer holds."""
        ...

    async def newest_trades(self, symbol: str, *, limit: int) -> TradePage:
        """The last trades until now."""
        ...

    def stream(self, symbols: Sequence[str]) -> AbstractAsyncContextManager[Messages]:
        """One connection that tells every trade of the symbols from now on, until it ends or breaks."""
        ...
