"""Binance spot market data, which needs no account: https://developers.binance.com (market-data hosts).

Rows are arrays and prices are text; times are milliseconds. A quiet minute comes as a flat candle at the last price;
during a halt rows can be missing. The last candle of an answer is usually still open. Trades are asked for as
"aggregate trades" (one order at one price, `fills` trades): their numbers have no gaps, and one can ask by number.

What does not belong here: the archive's files (binance_archive.py), what is stored.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from cryptoflow.sources.decode import (
    Rows,
    Wire,
    check_number,
    decode_rows,
    decode_whole,
    instant_from_ms,
)
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
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.providers import BINANCE
from cryptoflow.sources.streams import open_socket

WEIGHT_TIME: Final = 1
WEIGHT_EXCHANGE_INFO: Final = 20
WEIGHT_KLINES: Final = 2
WEIGHT_AGG_TRADES: Final = 4
MOST_ROWS: Final = 1_000
SUBSCRIBED_AT_ONCE: Final = 200
_STATUSES: Final[dict[str, SymbolStatus]] = {"TRADING": "trading", "HALT": "halted"}
_ONE_MS: Final = timedelta(milliseconds=1)

TRAITS: Final = Traits(
    intervals=("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"),
    candles_per_answer=MOST_ROWS,
    trades_per_answer=MOST_ROWS,
    sends_quiet_minutes=True,
    tells_beginnings=True,
    usual_quotes=("USDT",),
)


class _Filter(Wire, frozen=True, kw_only=True):
    kind: str = msgspec.field(name="filterType")
    tick_size: Decimal | None = msgspec.field(name="tickSize", default=None)
    step_size: Decimal | None = msgspec.field(name="stepSize", default=None)
    min_quantity: Decimal | None = msgspec.field(name="minQty", default=None)
    min_notional: Decimal | None = msgspec.field(name="minNotional", default=None)


class _Symbol(Wire, frozen=True, kw_only=True):
    symbol: str
    status: str
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")
    filters: tuple[_Filter, ...] = ()


class _Time(Wire, frozen=True, kw_only=True):
    server_time: int = msgspec.field(name="serverTime")


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """Twelve columns; the last has no meaning and is not read."""

    opens_ms: int
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    close_price: Decimal
    volume: Decimal
    closes_ms: int
    quote_volume: Decimal
    trade_count: int
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal

    def __post_init__(self) -> None:
        instant_from_ms(self.opens_ms)
        instant_from_ms(self.closes_ms)
        for name in _ROW_NUMBERS:
            check_number(getattr(self, name), name)


_ROW_NUMBERS: Final = tuple(
    name for name in _Row.__struct_fields__ if name not in ("opens_ms", "closes_ms", "trade_count")
)


class _AggTrade(Wire, frozen=True, kw_only=True):
    number: int = msgspec.field(name="a")
    price: Decimal = msgspec.field(name="p")
    quantity: Decimal = msgspec.field(name="q")
    first: int = msgspec.field(name="f")
    last: int = msgspec.field(name="l")
    at_ms: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


class _StreamedTrade(_AggTrade, frozen=True, kw_only=True):
    symbol: str = msgspec.field(name="s")


class Binance:
    """Questions to Binance. The client is the caller's to open and close."""

    name: Final = BINANCE
    traits: Final = TRAITS

    def __init__(self, client: ProviderClient) -> None:
        self._client = client

    async def server_time(self) -> datetime:
        """The exchange's clock."""
        answer = await self._client.ask("time", weight=WEIGHT_TIME)
        return instant_from_ms(decode_whole(answer, _Time).server_time)

    async def symbols(self) -> SymbolList:
        """Every pair that may be traded on spot."""
        answer = await self._client.ask("exchangeInfo", weight=WEIGHT_EXCHANGE_INFO)
        rows = decode_rows(answer, _Symbol, path=("symbols",))
        return SymbolList(symbols=tuple(map(_symbol, rows.good)), bad=rows.bad, answer=answer)

    async def candles(self, symbol: str, interval: str, *, start: datetime, end: datetime) -> CandlePage:
        """The candles that open in [start, end), oldest first."""
        answer = await self._client.ask(
            "klines",
            params={
                "symbol": symbol,
                "interval": interval,
                "startTime": ms_of(start),
                "endTime": ms_of(end) - 1,
                "limit": MOST_ROWS,
            },
            weight=WEIGHT_KLINES,
        )
        rows = klines(answer)
        return CandlePage(candles=tuple(map(_candle, rows.good)), bad=rows.bad, answer=answer, start=start, end=end)

    async def first_candle_at(self, symbol: str) -> datetime | None:
        """When the first minute of the symbol opened."""
        params = {"symbol": symbol, "interval": "1m", "startTime": 0, "limit": 1}
        rows = klines(await self._client.ask("klines", params=params, weight=WEIGHT_KLINES))
        return instant_from_ms(rows.good[0].opens_ms) if rows.good else None

    async def trades_from(self, symbol: str, trade_id: int) -> TradePage:
        """The trades from that number on."""
        return await self._trades(symbol, fromId=trade_id, limit=MOST_ROWS)

    async def newest_trades(self, symbol: str, *, limit: int) -> TradePage:
        """The last trades until now."""
        return await self._trades(symbol, limit=limit)

    async def _trades(self, symbol: str, **params: int) -> TradePage:
        answer = await self._client.ask("aggTrades", params={"symbol": symbol, **params}, weight=WEIGHT_AGG_TRADES)
        rows = decode_rows(answer, _AggTrade)
        trades = tuple(_trade(symbol, row) for row in rows.good)
        return TradePage(trades=trades, bad=rows.bad, answer=answer, is_last=len(trades) + len(rows.bad) < MOST_ROWS)

    @asynccontextmanager
    async def stream(self, symbols: Sequence[str]) -> AsyncIterator[Messages]:
        """The trades of the symbols from now on."""
        names = [f"{symbol.lower()}@aggTrade" for symbol in symbols]
        orders = [
            json.dumps({"method": "SUBSCRIBE", "params": names[at : at + SUBSCRIBED_AT_ONCE], "id": number})
            for number, at in enumerate(range(0, len(names), SUBSCRIBED_AT_ONCE), start=1)
        ]
        url = f"{self._client.provider.stream_url}/ws"
        async with open_socket(url, provider=self.name, endpoint="@aggTrade", say=orders) as socket:
            yield _read_all(socket.messages())


async def _read_all(texts: AsyncIterator[str | bytes]) -> Messages:
    async for text in texts:
        yield read_message(text)


def read_message(text: str | bytes) -> StreamMessage:
    """What a message of the stream says."""
    try:
        kind = _KIND.decode(text)
        if kind.event == "aggTrade":
            trade = _TRADE.decode(text)
            return _trade(trade.symbol, trade)
    except (msgspec.DecodeError, RecursionError) as error:
        return StreamRefused(raw=text if isinstance(text, str) else text.decode("utf-8", "replace"), reason=str(error))
    if kind.error is not None:
        raw = text if isinstance(text, str) else text.decode("utf-8", "replace")
        return StreamRefused(raw=raw, reason="the exchange refuses a command")
    return StreamNotice(ends=kind.event == "serverShutdown")


class _Kind(msgspec.Struct, frozen=True):
    event: str | None = msgspec.field(name="e", default=None)
    error: Any = None


_KIND: Final = msgspec.json.Decoder(_Kind)
_TRADE: Final = msgspec.json.Decoder(_StreamedTrade)


def klines(answer: RawAnswer) -> Rows[_Row]:
    """The rows of an answer of /klines."""
    return decode_rows(answer, _Row)


def ms_of(instant: datetime) -> int:
    """Unix milliseconds, exact."""
    return (instant - _EPOCH) // _ONE_MS


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _candle(row: _Row) -> ExchangeCandle:
    return ExchangeCandle(
        opens_at=instant_from_ms(row.opens_ms),
        # The exchange states the last millisecond inside.
        closes_at=instant_from_ms(row.closes_ms) + _ONE_MS,
        open_price=row.open_price,
        high_price=row.high_price,
        low_price=row.low_price,
        close_price=row.close_price,
        volume=row.volume,
        quote_volume=row.quote_volume,
        trade_count=row.trade_count,
        taker_buy_volume=row.taker_buy_volume,
        taker_buy_quote_volume=row.taker_buy_quote_volume,
    )


def _trade(symbol: str, row: _AggTrade) -> ExchangeTrade:
    return ExchangeTrade(
        symbol=symbol,
        trade_id=row.number,
        traded_at=instant_from_ms(row.at_ms),
        price=row.price,
        quantity=row.quantity,
        buyer_is_maker=row.buyer_is_maker,
        # Some old rows carry -1 for both numbers.
        fills=max(1, row.last - row.first + 1),
    )


def _symbol(row: _Symbol) -> ExchangeSymbol:
    filters = {one.kind: one for one in row.filters}
    price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL")
    return ExchangeSymbol(
        symbol=row.symbol,
        base=row.base,
        quote=row.quote,
        # A word that is not known here counts as closed: nothing is asked for it until it is understood.
        status=_STATUSES.get(row.status, "closed"),
        status_text=row.status,
        price_step=price.tick_size if price else None,
        quantity_step=lot.step_size if lot else None,
        min_quantity=lot.min_quantity if lot else None,
        min_notional=notional.min_notional if notional else None,
    )
