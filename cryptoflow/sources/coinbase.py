"""Coinbase Exchange market data, which needs no account: https://docs.cdp.coinbase.com/exchange.

Candles are [time, low, high, open, close, volume], newest first, at most 300, times in seconds and numbers as JSON
numbers; some may lie before the start that was asked for. A minute in which nothing traded is left out. Neither quote
volume nor trade count nor taker volume is told. Trades are numbered without gaps per product and paged by number,
newest first; `side` is that of the maker.

What does not belong here: what is stored.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from cryptoflow.sources.decode import Instant, Wire, check_number, decode_rows, decode_whole, instant_from_ms
from cryptoflow.sources.exchange import (
    CandlePage,
    ExchangeCandle,
    ExchangeSymbol,
    ExchangeTrade,
    Messages,
    StreamMessage,
    StreamNotice,
    StreamRefused,
    SymbolList,
    SymbolStatus,
    TradePage,
    Traits,
)
from cryptoflow.sources.http import ProviderClient
from cryptoflow.sources.providers import COINBASE
from cryptoflow.sources.streams import open_socket

MOST_CANDLES: Final = 300
MOST_TRADES: Final = 1_000
_DAY: Final = timedelta(days=1)
OPENED_AT: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""The exchange has no candle before this day."""
SECONDS_OF: Final = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "1d": 86_400}

TRAITS: Final = Traits(
    intervals=tuple(SECONDS_OF),
    candles_per_answer=MOST_CANDLES,
    trades_per_answer=MOST_TRADES,
    sends_quiet_minutes=False,
    tells_beginnings=False,
    usual_quotes=("USD", "USDC"),
)


class _Time(Wire, frozen=True, kw_only=True):
    iso: Instant


class _Product(Wire, frozen=True, kw_only=True):
    symbol: str = msgspec.field(name="id")
    base: str = msgspec.field(name="base_currency")
    quote: str = msgspec.field(name="quote_currency")
    status: str
    trading_disabled: bool = False
    cancel_only: bool = False
    price_step: Decimal | None = msgspec.field(name="quote_increment", default=None)
    quantity_step: Decimal | None = msgspec.field(name="base_increment", default=None)
    min_quantity: Decimal | None = msgspec.field(name="base_min_size", default=None)
    min_notional: Decimal | None = msgspec.field(name="min_market_funds", default=None)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    opens_s: int
    low_price: Decimal
    high_price: Decimal
    open_price: Decimal
    close_price: Decimal
    volume: Decimal

    def __post_init__(self) -> None:
        instant_from_ms(self.opens_s * 1000)
        for name in ("low_price", "high_price", "open_price", "close_price", "volume"):
            check_number(getattr(self, name), name)


class _Trade(Wire, frozen=True, kw_only=True):
    trade_id: int
    time: Instant
    price: Decimal
    size: Decimal
    side: Literal["buy", "sell"]


class _Match(_Trade, frozen=True, kw_only=True):
    product_id: str


class Coinbase:
    """Questions to Coinbase Exchange. The client is the caller's to open and close."""

    name: Final = COINBASE
    traits: Final = TRAITS

    def __init__(self, client: ProviderClient) -> None:
        self._client = client

    async def server_time(self) -> datetime:
        """The exchange's clock."""
        return decode_whole(await self._client.ask("time"), _Time).iso.astimezone(UTC)

    async def symbols(self) -> SymbolList:
        """Every product."""
        answer = await self._client.ask("products")
        rows = decode_rows(answer, _Product)
        return SymbolList(symbols=tuple(map(_symbol, rows.good)), bad=rows.bad, answer=answer)

    async def candles(self, symbol: str, interval: str, *, start: datetime, end: datetime) -> CandlePage:
        """The candles that open in [start, end), oldest first; minutes without a trade are not among them."""
        width = timedelta(seconds=SECONDS_OF[interval])
        answer = await self._client.ask(
            "products/{id}/candles",
            path=f"products/{quote(symbol, safe='')}/candles",
            # Both ends count with the buckets that open there.
            params={
                "granularity": SECONDS_OF[interval],
                "start": _iso(start),
                "end": _iso(end - timedelta(seconds=1)),
            },
        )
        rows = decode_rows(answer, _Row)
        candles = sorted((_candle(row, width) for row in rows.good), key=lambda candle: candle.opens_at)
        inside = tuple(candle for candle in candles if start <= candle.opens_at < end)
        return CandlePage(candles=inside, bad=rows.bad, answer=answer, start=start, end=end)

    async def first_candle_at(self, symbol: str) -> datetime | None:
        """When the first minute with a trade opened: first the day is searched for, then the minute within it."""
        first_day = await self._first_day(symbol)
        if first_day is None:
            return None
        start = first_day
        while start < first_day + _DAY:
            end = start + MOST_CANDLES * timedelta(minutes=1)
            page = await self.candles(symbol, "1m", start=start, end=end)
            if page.candles:
                return page.candles[0].opens_at
            start = end
        return first_day

    async def _first_day(self, symbol: str) -> datetime | None:
        """By halving: an answer holds 300 days, and from the first day on none of them is without a trade."""
        length = MOST_CANDLES * _DAY
        low, high = 0, (await self.server_time() - OPENED_AT) // length
        first: datetime | None = None
        while low <= high:
            middle = (low + high) // 2
            start = OPENED_AT + middle * length
            page = await self.candles(symbol, "1d", start=start, end=start + length)
            if page.candles:
                first, high = page.candles[0].opens_at, middle - 1
            else:
                low = middle + 1
        return first

    async def trades_from(self, symbol: str, trade_id: int) -> TradePage:
        """The trades from that number on. `after` means "older than", so the page is asked for by its far end."""
        page = await self._trades(symbol, after=trade_id + MOST_TRADES, limit=MOST_TRADES)
        wanted = tuple(trade for trade in page.trades if trade.trade_id >= trade_id)
        # Numbers run on, so a page that does not reach its far end holds the newest trade.
        is_last = not wanted or wanted[-1].trade_id < trade_id + MOST_TRADES - 1
        return TradePage(trades=wanted, bad=page.bad, answer=page.answer, is_last=is_last)

    async def newest_trades(self, symbol: str, *, limit: int) -> TradePage:
        """The last trades until now."""
        return await self._trades(symbol, limit=limit)

    async def _trades(self, symbol: str, **params: int) -> TradePage:
        path = f"products/{quote(symbol, safe='')}/trades"
        answer = await self._client.ask("products/{id}/trades", path=path, params=params)
        rows = decode_rows(answer, _Trade)
        trades = sorted((_trade(symbol, row) for row in rows.good), key=lambda trade: trade.trade_id)
        return TradePage(trades=tuple(trades), bad=rows.bad, answer=answer, is_last=True)

    @asynccontextmanager
    async def stream(self, symbols: Sequence[str]) -> AsyncIterator[Messages]:
        """The trades of the products from now on."""
        order = {"type": "subscribe", "product_ids": list(symbols), "channels": ["matches", "heartbeat"]}
        url = str(self._client.provider.stream_url)
        async with open_socket(url, provider=self.name, endpoint="matches", say=[json.dumps(order)]) as socket:
            yield _read_all(socket.messages())


async def _read_all(texts: AsyncIterator[str | bytes]) -> Messages:
    async for text in texts:
        yield read_message(text)


def read_message(text: str | bytes) -> StreamMessage:
    """What a message of the feed says. Kinds that are not known are alive signs, as the exchange asks for."""
    try:
        kind = _KIND.decode(text)
        if kind.type in ("match", "last_match"):
            match = _MATCH.decode(text)
            return _trade(match.product_id, match)
    except (msgspec.DecodeError, RecursionError) as error:
        return StreamRefused(raw=_as_text(text), reason=str(error))
    if kind.type == "error":
        return StreamRefused(raw=_as_text(text), reason="the exchange refuses a command")
    return StreamNotice()


class _Kind(msgspec.Struct, frozen=True):
    type: str | None = None


_KIND: Final = msgspec.json.Decoder(_Kind)
_MATCH: Final = msgspec.json.Decoder(_Match)


def _as_text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _candle(row: _Row, width: timedelta) -> ExchangeCandle:
    opens_at = instant_from_ms(row.opens_s * 1000)
    return ExchangeCandle(
        opens_at=opens_at,
        closes_at=opens_at + width,
        open_price=row.open_price,
        high_price=row.high_price,
        low_price=row.low_price,
        close_price=row.close_price,
        volume=row.volume,
    )


def _trade(symbol: str, row: _Trade) -> ExchangeTrade:
    return ExchangeTrade(
        symbol=symbol,
        trade_id=row.trade_id,
        traded_at=row.time.astimezone(UTC),
        price=row.price,
        quantity=row.size,
        buyer_is_maker=row.side == "buy",
    )


def _symbol(row: _Product) -> ExchangeSymbol:
    status: SymbolStatus = "closed"
    if row.status == "online":
        status = "halted" if row.trading_disabled or row.cancel_only else "trading"
    return ExchangeSymbol(
        symbol=row.symbol,
        base=row.base,
        quote=row.quote,
        status=status,
        status_text=row.status,
        price_step=row.price_step,
        quantity_step=row.quantity_step,
        min_quantity=row.min_quantity,
        min_notional=row.min_notional,
    )
