"""Candles, orders and trades in Binance's row formats, shared by REST, streams and archive.

What belongs here: the order, names and text of fields; numbers are exact. What does not: which rows are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptoflow.simulator.market.candles import Candles, exact_text
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import Orders, Trades, fills_of, first_trade_ids

PLACES = 8


def price_text(pair: SimPair, ticks: int) -> str:
    """A price with eight decimals."""
    return exact_text(ticks, pair.tick_decimals, places=PLACES)


def quantity_text(pair: SimPair, steps: int) -> str:
    """A quantity with eight decimals."""
    return exact_text(steps, pair.step_decimals, places=PLACES)


def quote_text(pair: SimPair, product: int) -> str:
    """An amount of the quote currency (ticks x steps) with eight decimals."""
    return exact_text(product, pair.tick_decimals + pair.step_decimals, places=PLACES)


def _texts(values: Sequence[int], decimals: int) -> list[str]:
    return [exact_text(value, decimals, places=PLACES) for value in values]


def kline_rows(pair: SimPair, candles: Candles, *, unit_us: int) -> list[list[object]]:
    """Twelve columns per candle; the close time is the last instant inside."""
    prices, steps = pair.tick_decimals, pair.step_decimals
    columns: tuple[Sequence[object], ...] = (
        (candles.start_us // unit_us).tolist(),
        _texts(candles.open.tolist(), prices),
        _texts(candles.high.tolist(), prices),
        _texts(candles.low.tolist(), prices),
        _texts(candles.close.tolist(), prices),
        _texts(candles.volume.tolist(), steps),
        (candles.end_us // unit_us - 1).tolist(),
        _texts(candles.quote_volume.tolist(), prices + steps),
        candles.trades.tolist(),
        _texts(candles.taker_volume.tolist(), steps),
        _texts(candles.taker_quote_volume.tolist(), prices + steps),
        ["0"] * len(candles),
    )
    return [list(row) for row in zip(*columns, strict=True)]


def agg_trade_rows(pair: SimPair, orders: Orders, *, unit_us: int) -> list[dict[str, object]]:
    """One object per order."""
    firsts = first_trade_ids(orders.ids)
    columns = zip(
        orders.ids.tolist(),
        _texts(orders.price_ticks.tolist(), pair.tick_decimals),
        _texts(orders.quantity_steps.tolist(), pair.step_decimals),
        firsts.tolist(),
        (firsts + fills_of(orders.ids) - 1).tolist(),
        (orders.time_us // unit_us).tolist(),
        orders.buyer_is_maker.tolist(),
        strict=True,
    )
    return [
        {"a": number, "p": price, "q": quantity, "f": first, "l": last, "T": time, "m": maker, "M": True}
        for number, price, quantity, first, last, time, maker in columns
    ]


def trade_rows(pair: SimPair, trades: Trades, *, unit_us: int) -> list[dict[str, object]]:
    """One object per trade."""
    columns = zip(
        range(trades.first_id, trades.first_id + len(trades)),
        _texts(trades.price_ticks.tolist(), pair.tick_decimals),
        _texts(trades.quantity_steps.tolist(), pair.step_decimals),
        _texts((trades.price_ticks * trades.quantity_steps).tolist(), pair.tick_decimals + pair.step_decimals),
        (trades.time_us // unit_us).tolist(),
        trades.buyer_is_maker.tolist(),
        strict=True,
    )
    return [
        {
            "id": number,
            "price": price,
            "qty": quantity,
            "quoteQty": quote,
            "time": time,
            "isBuyerMaker": maker,
            "isBestMatch": True,
        }
        for number, price, quantity, quote, time, maker in columns
    ]
