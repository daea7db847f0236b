"""What the simulated exchanges traded, computed from the market alone: the truth for stored trades and minutes.

What does not belong here: what is stored (candle_bench, the soak's checks).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptoflow.simulator.binance.venue import venue_of as binance_venue
from cryptoflow.simulator.coinbase.venue import FIRST_TRADE_ID
from cryptoflow.simulator.coinbase.venue import venue_of as coinbase_venue
from cryptoflow.simulator.market.candles import CandleBook, exact_text
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import MICROS, Tape, fill, fills_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def true_trades(
    market: Market, exchange: str, symbol: str, start: datetime, end: datetime
) -> dict[int, tuple[Any, ...]]:
    """Time, price, quantity, whether the buyer waited, and fills by number, of [start, end)."""
    tape, _, pair = venue_of(market, exchange, symbol)
    orders = tape.between(pair, micros(start), micros(end))
    trades: Any = orders if exchange == "binance" else fill(orders)
    # Binance tells milliseconds, Coinbase microseconds.
    unit, first = (1_000, 0) if exchange == "binance" else (1, FIRST_TRADE_ID)
    fills = fills_of(orders.ids).tolist() if exchange == "binance" else [1] * len(trades)
    return {
        trades.first_id + first + place: (
            _EPOCH + timedelta(microseconds=time_us // unit * unit),
            Decimal(exact_text(ticks, pair.tick_decimals)),
            Decimal(exact_text(steps, pair.step_decimals)),
            waited,
            count,
        )
        for place, (time_us, ticks, steps, waited, count) in enumerate(
            zip(
                trades.time_us.tolist(),
                trades.price_ticks.tolist(),
                trades.quantity_steps.tolist(),
                trades.buyer_is_maker.tolist(),
                fills,
                strict=True,
            )
        )
    }


def true_minutes(
    market: Market, exchange: str, symbol: str, start: datetime, end: datetime, *, interval: str = "1m"
) -> dict[datetime, tuple[Any, ...]]:
    """Open, high, low, close, volume, quote volume, trades, taker volumes by start, as the exchange has them."""
    _, book, pair = venue_of(market, exchange, symbol)
    found = book.candles(
        pair, interval, start_us=micros(start), end_us=micros(end), now_us=micros(end) + 40 * 86_400 * MICROS
    )
    if exchange == "coinbase":
        found = found.rows(found.trades > 0)

    def number(value: Any, decimals: int) -> Decimal:
        return Decimal(exact_text(int(value), decimals))

    price, base = pair.tick_decimals, pair.step_decimals
    return {
        datetime.fromtimestamp(int(found.start_us[i]) // MICROS, UTC): (
            number(found.open[i], price),
            number(found.high[i], price),
            number(found.low[i], price),
            number(found.close[i], price),
            number(found.volume[i], base),
            number(found.quote_volume[i], price + base),
            int(found.trades[i]),
            number(found.taker_volume[i], base),
            number(found.taker_quote_volume[i], price + base),
        )
        for i in range(len(found))
    }


def venue_of(market: Market, exchange: str, symbol: str) -> tuple[Tape, CandleBook, SimPair]:
    """The tape and candles of an exchange, and the pair on it."""
    if exchange == "binance":
        venue = binance_venue(market)
        return venue.tape, venue.book, venue.tape.pairs[symbol]
    other = coinbase_venue(market)
    return other.tape, other.book, other.products[symbol]


def micros(moment: datetime) -> int:
    """Whole microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
