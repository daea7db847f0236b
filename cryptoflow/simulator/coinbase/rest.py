"""Coinbase Exchange's public REST: time, products, candles, trades.

What belongs here: routes, parameters and refusals in Coinbase's words. What does not: trades and names (venue.py),
limits and faults (the provider middleware).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from cryptoflow.simulator.coinbase.venue import FIRST_TRADE_ID, Venue, iso, product_id, trade_rows, venue_of
from cryptoflow.simulator.market.candles import exact_text
from cryptoflow.simulator.market.trades import MICROS
from cryptoflow.simulator.responses import Handler, Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.market.pairs import SimPair
    from cryptoflow.simulator.world import World

MOST_CANDLES = 300
MOST_TRADES = 1_000
INTERVAL_OF = {60: "1m", 300: "5m", 900: "15m", 3_600: "1h", 21_600: "6h", 86_400: "1d"}
CANDLES_SHAPE = Shape(rows=(), id_key=0, price_keys=(1, 2, 3, 4), time_keys=(0,), volume_keys=(5,))
TRADES_SHAPE = Shape(rows=(), id_key="trade_id", price_keys=("price",), time_keys=("time",), volume_keys=("size",))


class Refusal(Exception):
    """A request that is refused with a message."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def server_time(request: Request, world: World) -> SimResponse:
    """The exchange's clock."""
    del request
    now = world.clock.now()
    stated = iso(int(now * MICROS))
    return SimResponse(body={"iso": stated, "epoch": round(now, 3)}, shape=Shape(time_keys=("iso",)))


def products(request: Request, world: World) -> SimResponse:
    """Every product with its rules."""
    del request
    venue, at = venue_of(world.market), world.clock.now()
    rows = [
        _product(pair, status, halted=pair.halted(at))
        for pair in venue.products.values()
        if (status := venue.status(pair, at)) is not None
    ]
    return SimResponse(body=rows, shape=Shape(rows=(), id_key="id"))


def _product(pair: SimPair, status: str, *, halted: bool) -> dict[str, object]:
    return {
        "id": product_id(pair),
        "base_currency": pair.base,
        "quote_currency": pair.quote,
        "quote_increment": _plain(pair.tick_size),
        "base_increment": _plain(pair.step_size),
        "display_name": f"{pair.base}-{pair.quote}",
        "min_market_funds": _plain(pair.min_notional),
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": status,
        "status_message": "Trading is paused." if halted else "",
        "trading_disabled": halted or status != "online",
        "fx_stablecoin": False,
        "auction_mode": False,
    }


def candles(request: Request, world: World) -> SimResponse:
    """Buckets with trades, newest first; both ends count with the buckets that open there."""
    venue, now_us = venue_of(world.market), int(world.clock.now() * MICROS)
    pair = _wanted(request, venue, world)
    width = _granularity(request)
    start, end = _instant(request, "start"), _instant(request, "end")
    if start is None or end is None:
        end = now_us // MICROS
        start = end - (MOST_CANDLES - 1) * width
    if (end - start) // width > MOST_CANDLES:
        raise Refusal("granularity too small for the requested time range. Count of aggregations requested exceeds 300")
    found = venue.book.candles(
        pair,
        INTERVAL_OF[width],
        start_us=-(-start // width) * width * MICROS,
        end_us=end * MICROS + 1,
        now_us=now_us,
    )
    traded = found.rows(found.trades > 0)
    columns = (traded.low, traded.high, traded.open, traded.close)
    rows: list[list[object]] = [
        [
            start_us // MICROS,
            *(Decimal(exact_text(price, pair.tick_decimals).rstrip("0") + "0") for price in prices),
            Decimal(exact_text(volume, pair.step_decimals).rstrip("0") + "0"),
        ]
        for start_us, volume, *prices in zip(
            traded.start_us.tolist(), traded.volume.tolist(), *(column.tolist() for column in columns), strict=True
        )
    ]
    rows.reverse()
    return SimResponse(body=rows[:MOST_CANDLES], shape=CANDLES_SHAPE)


def trades(request: Request, world: World) -> SimResponse:
    """Trades, newest first: the last ones, or those older than `after`, or the newest that are newer than `before`."""
    venue, now_us = venue_of(world.market), int(world.clock.now() * MICROS)
    pair = _wanted(request, venue, world)
    limit = min(MOST_TRADES, _whole(request, "limit") or MOST_TRADES)
    after, before = _whole(request, "after"), _whole(request, "before")
    if after is not None:
        found = venue.trades_before(pair, max(after, FIRST_TRADE_ID), limit=limit, until_us=now_us)
    else:
        found = venue.newest_trades(pair, limit=limit, until_us=now_us)
    rows = [row for row in trade_rows(pair, found) if before is None or int(str(row["trade_id"])) > before]
    cursors = {"cb-before": str(rows[0]["trade_id"]), "cb-after": str(rows[-1]["trade_id"])} if rows else {}
    return SimResponse(body=rows, shape=TRADES_SHAPE, headers=cursors)


def _wanted(request: Request, venue: Venue, world: World) -> SimPair:
    pair = venue.find(request.path_params["product"], world.clock.now())
    if pair is None:
        raise Refusal("NotFound", status=404)
    return pair


def _granularity(request: Request) -> int:
    width = _whole(request, "granularity")
    if width is None or width not in INTERVAL_OF:
        raise Refusal("Unsupported granularity")
    return width


def _whole(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise Refusal(f"Invalid {name}")
    return int(text)


def _instant(request: Request, name: str) -> int | None:
    """Unix seconds, from seconds or ISO text."""
    text = request.query_params.get(name)
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(f"invalid {name} time") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _plain(value: Decimal) -> str:
    return f"{value:f}"


Answer = Callable[["Request", "World"], SimResponse]


def _refusing(handler: Answer) -> Handler:
    """The handler in a thread (drawing trades takes milliseconds), with its refusals turned into answers."""

    async def run(request: Request, world: World) -> SimResponse:
        try:
            return await run_in_threadpool(handler, request, world)
        except Refusal as refusal:
            return SimResponse(body={"message": str(refusal)}, status=refusal.status)

    run.__name__ = handler.__name__
    return run


def routes(world: World) -> list[BaseRoute]:
    """Every REST route of the exchange."""
    del world
    return [
        endpoint("/time", _refusing(server_time)),
        endpoint("/products", _refusing(products)),
        endpoint("/products/{product}/candles", _refusing(candles)),
        endpoint("/products/{product}/trades", _refusing(trades)),
    ]
