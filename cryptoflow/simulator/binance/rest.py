"""Binance's REST market data under `/api/v3`.

What belongs here: the routes and what they answer. What does not: weights (weights.py), refusals of parameters
(params.py), row formats (rows.py, tickers.py), limits and faults (the provider middleware).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from cryptoflow.simulator.binance.params import (
    Answer,
    BinanceError,
    end_us,
    known_pair,
    refusing,
    row_limit,
    start_us,
    symbol_list,
    time_zone_offset_us,
    unit_us,
    wanted_interval,
    wanted_pair,
    whole_number,
)
from cryptoflow.simulator.binance.rows import agg_trade_rows, kline_rows, price_text, trade_rows
from cryptoflow.simulator.binance.symbols import RATE_LIMITS, describe_pair
from cryptoflow.simulator.binance.tickers import day_ticker, full_row, mini_row
from cryptoflow.simulator.binance.venue import Venue, now_us, venue_of
from cryptoflow.simulator.market.trades import MICROS, Orders, fill, order_of_trade
from cryptoflow.simulator.responses import Handler, Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.market.pairs import SimPair
    from cryptoflow.simulator.world import World

KLINES_SHAPE = Shape(rows=(), id_key=0, price_keys=(1, 2, 3, 4), time_keys=(0, 6), volume_keys=(5, 7))
AGG_TRADES_SHAPE = Shape(rows=(), id_key="a", price_keys=("p",), time_keys=("T",), volume_keys=("q",))
TRADES_SHAPE = Shape(rows=(), id_key="id", price_keys=("price",), time_keys=("time",), volume_keys=("qty", "quoteQty"))
_TICKER_PRICES = ("lastPrice", "openPrice", "highPrice", "lowPrice")
_STATUSES = ("TRADING", "HALT", "BREAK")


def ping(request: Request, world: World) -> SimResponse:
    """Nothing but an answer."""
    del request, world
    return SimResponse(body={})


def server_time(request: Request, world: World) -> SimResponse:
    """The exchange's clock."""
    return SimResponse(body={"serverTime": now_us(world) // unit_us(request)}, shape=Shape(time_keys=("serverTime",)))


def exchange_info(request: Request, world: World) -> SimResponse:
    """The pairs and their rules."""
    query, venue, at = request.query_params, venue_of(world.market), world.clock.now()
    if query.get("symbol"):
        pairs = [known_pair(venue, query["symbol"], at)]
    elif (names := symbol_list(query)) is not None:
        pairs = [known_pair(venue, name, at, name="symbols") for name in names]
    else:
        pairs = venue.shown(at)
    if query.get("permissions") and "SPOT" not in query["permissions"]:
        pairs = []
    wanted_status = query.get("symbolStatus")
    if wanted_status is not None and wanted_status not in _STATUSES:
        raise BinanceError(-1130, "Data sent for parameter 'symbolStatus' is not valid.")
    described = [
        describe_pair(pair, status)
        for pair in pairs
        if (status := venue.status(pair, at)) is not None and wanted_status in (None, status)
    ]
    return SimResponse(
        body={
            "timezone": "UTC",
            "serverTime": now_us(world) // unit_us(request),
            "rateLimits": [dict(limit) for limit in RATE_LIMITS],
            "exchangeFilters": [],
            "symbols": described,
        },
        shape=Shape(rows=("symbols",), id_key="symbol"),
    )


def klines(request: Request, world: World) -> SimResponse:
    """Candles: oldest first from a start, else the most recent; the last may still be open."""
    query, venue, now = request.query_params, venue_of(world.market), now_us(world)
    pair = wanted_pair(query, venue, now / MICROS)
    interval, offset, limit, unit = (
        wanted_interval(query),
        time_zone_offset_us(query),
        row_limit(query),
        unit_us(request),
    )
    start, end = start_us(query), end_us(query)
    until = now + 1 if end is None else min(end, now) + 1
    if start is None:
        found = venue.book.latest(pair, interval, limit=limit, end_us=until, now_us=now, offset_us=offset)
    else:
        found = venue.book.earliest(
            pair, interval, limit=limit, start_us=start, end_us=until, now_us=now, offset_us=offset
        )
    return SimResponse(body=kline_rows(pair, found, unit_us=unit), shape=KLINES_SHAPE)


def agg_trades(request: Request, world: World) -> SimResponse:
    """Orders by number or by time, oldest first; without either, the most recent."""
    query, venue, now = request.query_params, venue_of(world.market), now_us(world)
    pair = wanted_pair(query, venue, now / MICROS)
    from_id, start, end = whole_number(query, "fromId"), start_us(query), end_us(query)
    if from_id is not None and (start is not None or end is not None):
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    until = now if end is None else min(end, now)
    limit, unit = row_limit(query), unit_us(request)
    orders = _orders(venue, pair, from_id=from_id, start=start, until=until, limit=limit)
    return SimResponse(body=agg_trade_rows(pair, orders, unit_us=unit), shape=AGG_TRADES_SHAPE)


def _orders(venue: Venue, pair: SimPair, *, from_id: int | None, start: int | None, until: int, limit: int) -> Orders:
    if start is not None:
        from_id = venue.tape.next_order_id(pair, start - 1)
    if from_id is None:
        return venue.tape.latest(pair, limit=limit, until_us=until)
    return venue.tape.from_order(pair, from_id, limit=limit, until_us=until)


def recent_trades(request: Request, world: World) -> SimResponse:
    """The most recent trades, oldest first."""
    query, venue, now = request.query_params, venue_of(world.market), now_us(world)
    pair = wanted_pair(query, venue, now / MICROS)
    limit, unit = row_limit(query), unit_us(request)
    trades = fill(venue.tape.latest(pair, limit=limit, until_us=now))
    return SimResponse(body=trade_rows(pair, trades.last(limit), unit_us=unit), shape=TRADES_SHAPE)


def historical_trades(request: Request, world: World) -> SimResponse:
    """Trades from a number on; without one, the most recent."""
    query, venue, now = request.query_params, venue_of(world.market), now_us(world)
    pair = wanted_pair(query, venue, now / MICROS)
    from_id, limit, unit = whole_number(query, "fromId"), row_limit(query), unit_us(request)
    if from_id is None:
        return recent_trades(request, world)
    order_id = order_of_trade(from_id)
    trades = fill(venue.tape.from_order(pair, order_id, limit=limit + 1, until_us=now))
    skipped = max(0, from_id - trades.first_id)
    return SimResponse(body=trade_rows(pair, trades.part(skipped, skipped + limit), unit_us=unit), shape=TRADES_SHAPE)


def ticker_day(request: Request, world: World) -> SimResponse:
    """The last 24 hours, for one pair or many."""
    query, venue, now, unit = request.query_params, venue_of(world.market), now_us(world), unit_us(request)
    kind = query.get("type", "FULL")
    if kind not in ("FULL", "MINI"):
        raise BinanceError(-1130, "Data sent for parameter 'type' is not valid.")
    render = full_row if kind == "FULL" else mini_row
    rows = [render(day_ticker(venue, pair, now), unit_us=unit) for pair in _wanted_pairs(request, venue, now / MICROS)]
    single = bool(query.get("symbol"))
    return SimResponse(
        body=rows[0] if single else rows,
        shape=Shape(
            rows=None if single else (),
            id_key="symbol",
            price_keys=_TICKER_PRICES,
            time_keys=("openTime", "closeTime"),
            volume_keys=("volume", "quoteVolume"),
        ),
    )


def ticker_price(request: Request, world: World) -> SimResponse:
    """The last price, for one pair or many."""
    venue, now = venue_of(world.market), now_us(world)
    rows = [
        {"symbol": pair.symbol, "price": price_text(pair, venue.tape.last_price_ticks(pair, now + 1) or 0)}
        for pair in _wanted_pairs(request, venue, now / MICROS)
    ]
    single = bool(request.query_params.get("symbol"))
    return SimResponse(
        body=rows[0] if single else rows,
        shape=Shape(rows=None if single else (), id_key="symbol", price_keys=("price",)),
    )


def _wanted_pairs(request: Request, venue: Venue, at: float) -> list[SimPair]:
    query = request.query_params
    if query.get("symbol") and query.get("symbols"):
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    if query.get("symbol"):
        return [known_pair(venue, query["symbol"], at)]
    names = symbol_list(query)
    if names is None:
        return [pair for pair in venue.shown(at) if pair.alive(at)]
    return [known_pair(venue, name, at, name="symbols") for name in names]


def _in_thread(handler: Answer) -> Handler:
    """Drawing a day of trades takes milliseconds, a request may need many: not on the event loop."""

    async def run(request: Request, world: World) -> SimResponse:
        return await run_in_threadpool(refusing(handler), request, world)

    run.__name__ = handler.__name__
    return run


def routes(world: World) -> list[BaseRoute]:
    """Every REST route of the exchange."""
    del world
    return [
        endpoint("/api/v3/ping", ping),
        endpoint("/api/v3/time", refusing(server_time)),
        endpoint("/api/v3/exchangeInfo", refusing(exchange_info)),
        endpoint("/api/v3/klines", _in_thread(klines)),
        endpoint("/api/v3/aggTrades", _in_thread(agg_trades)),
        endpoint("/api/v3/trades", _in_thread(recent_trades)),
        endpoint("/api/v3/historicalTrades", _in_thread(historical_trades)),
        endpoint("/api/v3/ticker/24hr", _in_thread(ticker_day)),
        endpoint("/api/v3/ticker/price", _in_thread(ticker_price)),
    ]
