"""The statistics of the last 24 hours of a pair.

What belongs here: the arithmetic over the tape and its three renderings (full, mini, stream). What does not: routes.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptoflow.simulator.binance.rows import price_text, quantity_text, quote_text
from cryptoflow.simulator.binance.venue import Venue
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import DAY_US, first_trade_id


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTicker:
    """The last 24 hours up to `close_us`; prices in ticks, volumes in steps."""

    pair: SimPair
    open_us: int
    close_us: int
    open: int
    high: int
    low: int
    last: int
    before: int
    last_quantity: int
    volume: int
    quote_volume: int
    first_trade: int
    last_trade: int


def day_ticker(venue: Venue, pair: SimPair, at_us: int) -> DayTicker:
    """The rolling day of one pair. Without a trade in it, the last price before stands for all prices."""
    start_us = at_us - DAY_US
    orders = venue.tape.between(pair, start_us + 1, at_us + 1)
    before = venue.tape.last_price_ticks(pair, start_us + 1)
    if not len(orders):
        price = before or 0
        return DayTicker(
            pair=pair, open_us=start_us, close_us=at_us, open=price, high=price, low=price, last=price, before=price,
            last_quantity=0, volume=0, quote_volume=0, first_trade=-1, last_trade=-1,
        )  # fmt: skip
    prices = orders.price_ticks
    return DayTicker(
        pair=pair,
        open_us=start_us,
        close_us=at_us,
        open=int(prices[0]),
        high=int(prices.max()),
        low=int(prices.min()),
        last=int(prices[-1]),
        before=int(prices[0]) if before is None else before,
        last_quantity=int(orders.quantity_steps[-1]),
        volume=int(orders.quantity_steps.sum()),
        quote_volume=int((prices * orders.quantity_steps).sum()),
        first_trade=first_trade_id(orders.first_id),
        last_trade=first_trade_id(orders.first_id + len(orders)) - 1,
    )


def mini_row(ticker: DayTicker, *, unit_us: int) -> dict[str, object]:
    """The short form."""
    pair = ticker.pair
    return {
        "symbol": pair.symbol,
        "openPrice": price_text(pair, ticker.open),
        "highPrice": price_text(pair, ticker.high),
        "lowPrice": price_text(pair, ticker.low),
        "lastPrice": price_text(pair, ticker.last),
        "volume": quantity_text(pair, ticker.volume),
        "quoteVolume": quote_text(pair, ticker.quote_volume),
        "openTime": ticker.open_us // unit_us,
        "closeTime": ticker.close_us // unit_us,
        "firstId": ticker.first_trade,
        "lastId": ticker.last_trade,
        "count": _count(ticker),
    }


def full_row(ticker: DayTicker, *, unit_us: int) -> dict[str, object]:
    """The long form, with the best bid and ask next to the last price."""
    pair = ticker.pair
    change = ticker.last - ticker.open
    hundredths_of_a_thousandth = round(change * 100_000 / ticker.open) if ticker.open else 0
    average = ticker.quote_volume / ticker.volume if ticker.volume else 0
    return {
        **mini_row(ticker, unit_us=unit_us),
        "priceChange": price_text(pair, change),
        "priceChangePercent": f"{hundredths_of_a_thousandth / 1000:.3f}",
        "weightedAvgPrice": price_text(pair, round(average)),
        "prevClosePrice": price_text(pair, ticker.before),
        "lastQty": quantity_text(pair, ticker.last_quantity),
        "bidPrice": price_text(pair, max(ticker.last - 1, 1)),
        "bidQty": quantity_text(pair, ticker.last_quantity),
        "askPrice": price_text(pair, ticker.last + 1),
        "askQty": quantity_text(pair, ticker.last_quantity),
    }


def stream_payload(ticker: DayTicker, *, event_us: int, unit_us: int) -> dict[str, object]:
    """The short form as the stream words it."""
    pair = ticker.pair
    return {
        "e": "24hrMiniTicker",
        "E": event_us // unit_us,
        "s": pair.symbol,
        "c": price_text(pair, ticker.last),
        "o": price_text(pair, ticker.open),
        "h": price_text(pair, ticker.high),
        "l": price_text(pair, ticker.low),
        "v": quantity_text(pair, ticker.volume),
        "q": quote_text(pair, ticker.quote_volume),
    }


def _count(ticker: DayTicker) -> int:
    return ticker.last_trade - ticker.first_trade + 1 if ticker.first_trade >= 0 else 0
