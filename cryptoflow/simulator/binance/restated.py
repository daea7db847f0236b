"""The second edition of history: on one day of every month of every pair a few quantities were corrected.

What belongs here: which day and which orders, so that a test can say what must have changed. What does not: when the
second edition is served (archive.py). Candles of all intervals and trades of the edition agree with one another.
"""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cryptoflow.simulator.binance.venue import Venue
from cryptoflow.simulator.market.candles import CandleBook
from cryptoflow.simulator.market.noise import stable_key
from cryptoflow.simulator.market.pairs import BINANCE
from cryptoflow.simulator.market.trades import Orders, Tape

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market

CORRECTED_ORDERS = 3


def restated_day(symbol: str, year: int, month: int) -> int:
    """The day of the month that the second edition corrects."""
    return 1 + stable_key("restated", symbol, year, month) % calendar.monthrange(year, month)[1]


class RestatedTape(Tape):
    """The tape with the corrections in it."""

    def _draw_block(self, symbol: str, day: int) -> Orders:
        orders = super()._draw_block(symbol, day)
        when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
        if not len(orders) or when.day != restated_day(symbol, when.year, when.month):
            return orders
        places = [stable_key("corrected", symbol, day, number) % len(orders) for number in range(CORRECTED_ORDERS)]
        quantities = orders.quantity_steps.copy()
        quantities[np.unique(places)] += np.maximum(quantities[np.unique(places)] // 20, 1)
        return replace(orders, quantity_steps=quantities)


@lru_cache(maxsize=2)
def restated_venue_of(market: Market) -> Venue:
    """The exchange of a market with its history corrected."""
    tape = RestatedTape(market, venue=BINANCE)
    return Venue(tape=tape, book=CandleBook(tape))
