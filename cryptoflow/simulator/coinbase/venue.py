"""The exchange behind Coinbase's REST and feed: its tape, its candles, its products by name, its trades by number.

What belongs here: how products are named, who is shown, how trades are numbered and written. What does not: routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptoflow.simulator.market.candles import CandleBook, exact_text
from cryptoflow.simulator.market.pairs import COINBASE, DAY_SECONDS, SimPair
from cryptoflow.simulator.market.trades import Tape, Trades, fill, order_of_trade

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market

FIRST_TRADE_ID = 1
"""Trades are numbered from here; on the tape from 0."""
SHOWN_AFTER_DELISTING_SECONDS = 30 * DAY_SECONDS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """The exchange."""

    tape: Tape
    book: CandleBook
    products: dict[str, SimPair] = field(default_factory=dict)

    def status(self, pair: SimPair, at: float) -> str | None:
        """`online` or `delisted`; None when the exchange does not show the product."""
        if at < pair.listed_at or at >= pair.ends_at + SHOWN_AFTER_DELISTING_SECONDS:
            return None
        return "online" if at < pair.ends_at else "delisted"

    def find(self, product_id: str, at: float) -> SimPair | None:
        """The pair of that product when the exchange shows it."""
        pair = self.products.get(product_id)
        return pair if pair is not None and self.status(pair, at) is not None else None

    def newest_trades(self, pair: SimPair, *, limit: int, until_us: int) -> Trades:
        """The last trades until then."""
        return fill(self.tape.latest(pair, limit=limit, until_us=until_us)).last(limit)

    def trades_before(self, pair: SimPair, trade_id: int, *, limit: int, until_us: int) -> Trades:
        """The last `limit` trades whose number is lower than `trade_id`, and that have happened by then."""
        newest = self.newest_trades(pair, limit=1, until_us=until_us)
        end = min(trade_id - FIRST_TRADE_ID, newest.first_id + len(newest))
        start = max(0, end - limit)
        orders = self.tape.from_order(pair, order_of_trade(start), limit=limit + 1, until_us=until_us)
        trades = fill(orders)
        skipped = start - trades.first_id
        return trades.part(skipped, skipped + max(0, end - start))


@lru_cache(maxsize=2)
def venue_of(market: Market) -> Venue:
    """The exchange of a market; REST and feed share it, and with it the caches."""
    tape = Tape(market, venue=COINBASE)
    return Venue(tape=tape, book=CandleBook(tape), products={product_id(pair): pair for pair in tape.pairs.values()})


def product_id(pair: SimPair) -> str:
    """The name of a product."""
    return f"{pair.base}-{pair.quote}"


def trade_rows(pair: SimPair, trades: Trades) -> list[dict[str, object]]:
    """One object per trade, newest first. The side is that of the order that was waiting."""
    columns = zip(
        range(trades.first_id + FIRST_TRADE_ID, trades.first_id + FIRST_TRADE_ID + len(trades)),
        trades.buyer_is_maker.tolist(),
        trades.quantity_steps.tolist(),
        trades.price_ticks.tolist(),
        trades.time_us.tolist(),
        strict=True,
    )
    rows: list[dict[str, object]] = [
        {
            "trade_id": number,
            "side": "buy" if buyer_is_maker else "sell",
            "size": exact_text(steps, pair.step_decimals),
            "price": exact_text(ticks, pair.tick_decimals),
            "time": iso(time_us),
        }
        for number, buyer_is_maker, steps, ticks, time_us in columns
    ]
    rows.reverse()
    return rows


def iso(time_us: int) -> str:
    """An instant as Coinbase writes it."""
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
