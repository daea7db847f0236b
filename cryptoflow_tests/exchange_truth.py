"""What the simulated exchanges traded, computed from the market alone: the truth for stored trades and minutes.

Also how each exchange tells it, and by which pairs it is tried: one entry for each exchange that can be asked.
What does not belong here: what is stored (candle_bench, the soak's checks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from cryptoflow.simulator.binance.venue import venue_of as binance_venue
from cryptoflow.simulator.coinbase.venue import FIRST_TRADE_ID
from cryptoflow.simulator.coinbase.venue import venue_of as coinbase_venue
from cryptoflow.simulator.limits import Window
from cryptoflow.simulator.market.candles import CandleBook, exact_text
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import MICROS, Tape, fill, fills_of
from cryptoflow.sources.exchanges import traits_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An exchange as the tests of all exchanges try it."""

    liquid: str
    thin: str
    young: str
    """A pair that began when trading was under way: its beginning is its first trade."""
    figures: int
    """How many a candle tells of: open, high, low, close, volume, quote volume, trades, the two volumes of takers."""
    numbers: Literal["orders", "fills"]
    """What has a number of its own: what a taker ordered, or each trade that came of it."""
    unit_us: int
    """To how many microseconds it tells the time of a trade."""
    streams_per: Window
    """The window in which connections of the stream are counted."""

    @property
    def pairs(self) -> tuple[str, str]:
        """A liquid pair and a thin one."""
        return self.liquid, self.thin


TRIED = {
    "binance": Tried(
        liquid="BTCUSDT",
        thin="SUSHIBTC",
        young="SOLUSDT",
        figures=9,
        numbers="orders",
        unit_us=1_000,
        streams_per="five_minutes",
    ),
    "coinbase": Tried(
        liquid="BTC-USD",
        thin="SUSHI-USD",
        young="SOL-USD",
        figures=5,
        numbers="fills",
        unit_us=1,
        streams_per="second",
    ),
}
"""Every exchange that can be asked; a test says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happened on a simulated exchange."""

    tape: Tape
    book: CandleBook
    pairs: Mapping[str, SimPair]
    """By the exchange's own name."""


def truth_of(market: Market, exchange: str) -> Truth:
    """The trades, the candles and the pairs of an exchange."""
    if exchange == "coinbase":
        products = coinbase_venue(market)
        return Truth(tape=products.tape, book=products.book, pairs=products.products)
    venue = binance_venue(market)
    return Truth(tape=venue.tape, book=venue.book, pairs=venue.tape.pairs)


def true_trades(
    market: Market, exchange: str, symbol: str, start: datetime, end: datetime
) -> dict[int, tuple[Any, ...]]:
    """Time, price, quantity, whether the buyer waited, and fills by number, of [start, end)."""
    tape, _, pair = venue_of(market, exchange, symbol)
    orders = tape.between(pair, micros(start), micros(end))
    tried = TRIED[exchange]
    unit = tried.unit_us
    trades: Any = orders if tried.numbers == "orders" else fill(orders)
    first = 0 if tried.numbers == "orders" else FIRST_TRADE_ID
    fills = fills_of(orders.ids).tolist() if tried.numbers == "orders" else [1] * len(trades)
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
    if not traits_of(exchange).sends_quiet_minutes:
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
    truth = truth_of(market, exchange)
    return truth.tape, truth.book, truth.pairs[symbol]


def micros(moment: datetime) -> int:
    """Whole microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
