"""The tape of a venue: every order that was executed and the trades that it was filled with.

An order (what an exchange calls an aggregate trade) has one price, one side, one instant and one to three fills; a
fill is a trade. Both are numbered from 0 without a gap from the first trade of the pair on. Orders are drawn in
blocks of one UTC day per pair; how many a day has is known without drawing it, so numbers are known without history.

What belongs here: drawing the blocks, finding orders by time and by number, the fills. What does not: candles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.noise import FloatArray, IntArray, keys_of, stable_key, uniform, value_noise
from cryptoflow.simulator.market.pairs import (
    BINANCE,
    DAY_SECONDS,
    MIN_QUANTITY_STEPS,
    MINUTES_PER_DAY,
    SimPair,
    make_pairs,
    trading_minutes,
)

MICROS = 1_000_000
MINUTE_US = 60 * MICROS
DAY_US = DAY_SECONDS * MICROS
_BLOCKS_KEPT = 384
_PATHS_KEPT = 128
_COUNT_HORIZON_DAYS = 2_048
_VENUE_WOBBLE = 0.0002
_VENUE_WOBBLE_PERIOD_SECONDS = 1_800.0

# Fills per order repeat after this many orders, so that the number of an order's first trade is a formula.
_FILL_CYCLE = 256
_FILLS: IntArray = 1 + np.searchsorted([0.72, 0.93], uniform(stable_key("fills"), np.arange(_FILL_CYCLE))).astype(
    np.int64
)
_FILLS_BEFORE: IntArray = np.concatenate([[0], np.cumsum(_FILLS)])


def fills_of(order_ids: IntArray) -> IntArray:
    """How many trades each order was filled with."""
    fills: IntArray = _FILLS[order_ids % _FILL_CYCLE]
    return fills


def first_trade_ids(order_ids: IntArray) -> IntArray:
    """The number of each order's first trade."""
    ids: IntArray = order_ids // _FILL_CYCLE * _FILLS_BEFORE[-1] + _FILLS_BEFORE[order_ids % _FILL_CYCLE]
    return ids


def first_trade_id(order_id: int) -> int:
    """The number of one order's first trade."""
    return int(first_trade_ids(np.array([order_id], dtype=np.int64))[0])


def order_of_trade(trade_id: int) -> int:
    """The number of the order that a trade belongs to, by bisection: trades are at most three times as many."""
    low, high = trade_id // 3, trade_id + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if first_trade_id(middle) <= trade_id else (low, middle)
    return low


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Consecutive orders of one pair in time order: arrays of equal length; numbers run from `first_id`."""

    first_id: int
    time_us: IntArray
    price_ticks: IntArray
    quantity_steps: IntArray
    buyer_is_maker: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time_us)

    @property
    def ids(self) -> IntArray:
        """The number of each order."""
        return np.arange(self.first_id, self.first_id + len(self.time_us))

    def part(self, start: int, stop: int) -> Orders:
        """The orders at these positions."""
        return Orders(
            first_id=self.first_id + start,
            time_us=self.time_us[start:stop],
            price_ticks=self.price_ticks[start:stop],
            quantity_steps=self.quantity_steps[start:stop],
            buyer_is_maker=self.buyer_is_maker[start:stop],
        )

    def between(self, start_us: int, end_us: int) -> Orders:
        """The orders of [start_us, end_us)."""
        first, last = np.searchsorted(self.time_us, [start_us, end_us])
        return self.part(int(first), int(last))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """Consecutive trades of one pair: arrays of equal length; numbers run from `first_id`."""

    first_id: int
    time_us: IntArray
    price_ticks: IntArray
    quantity_steps: IntArray
    buyer_is_maker: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time_us)

    def part(self, start: int, stop: int) -> Trades:
        """The trades at these positions."""
        return Trades(
            first_id=self.first_id + start,
            time_us=self.time_us[start:stop],
            price_ticks=self.price_ticks[start:stop],
            quantity_steps=self.quantity_steps[start:stop],
            buyer_is_maker=self.buyer_is_maker[start:stop],
        )

    def last(self, limit: int) -> Trades:
        """The last `limit` of them."""
        return self.part(max(0, len(self) - limit), len(self))


def fill(orders: Orders) -> Trades:
    """The trades of these orders: the quantity in equal parts, what remains in the last one."""
    fills = fills_of(orders.ids)
    part = orders.quantity_steps // fills
    ends = np.cumsum(fills)
    quantities = np.repeat(part, fills)
    if len(ends):
        quantities[ends - 1] = orders.quantity_steps - part * (fills - 1)
    return Trades(
        first_id=first_trade_id(orders.first_id),
        time_us=np.repeat(orders.time_us, fills),
        price_ticks=np.repeat(orders.price_ticks, fills),
        quantity_steps=quantities,
        buyer_is_maker=np.repeat(orders.buyer_is_maker, fills),
    )


def join(parts: list[Orders]) -> Orders:
    """Consecutive runs of orders as one; at least one part."""
    filled = [part for part in parts if len(part)]
    if len(filled) <= 1:
        return filled[0] if filled else parts[0]
    return Orders(
        first_id=filled[0].first_id,
        time_us=np.concatenate([part.time_us for part in filled]),
        price_ticks=np.concatenate([part.price_ticks for part in filled]),
        quantity_steps=np.concatenate([part.quantity_steps for part in filled]),
        buyer_is_maker=np.concatenate([part.buyer_is_maker for part in filled]),
    )


class Tape:
    """All orders of one venue, past and to come."""

    def __init__(self, market: Market, *, venue: str = BINANCE) -> None:
        self.market = market
        self.venue = venue
        self.pairs: dict[str, SimPair] = make_pairs(market, venue=venue)
        self._keys = {symbol: stable_key(market.seed, "orders", venue, symbol) for symbol in self.pairs}
        self._block = lru_cache(maxsize=_BLOCKS_KEPT)(self._draw_block)
        self._path = lru_cache(maxsize=_PATHS_KEPT)(self._minute_prices)
        self._counts = lru_cache(maxsize=1_024)(self._count_orders)

    def alive(self, at: float) -> list[SimPair]:
        """The pairs that the venue lists at that instant, in order of their assets."""
        return [pair for pair in self.pairs.values() if pair.alive(at)]

    # Finding orders ---------------------------------------------------------------------------------------------

    def block(self, pair: SimPair, day: int) -> Orders:
        """All orders of one UTC day (whole days since the epoch)."""
        return self._block(pair.symbol, day)

    def orders_before(self, pair: SimPair, day: int) -> int:
        """How many orders the pair had before that UTC day; the number of the day's first order."""
        first_day = int(pair.listed_at // DAY_SECONDS)
        if day <= first_day:
            return 0
        chunks = (day - first_day) // _COUNT_HORIZON_DAYS + 1
        return int(self._counts(pair.symbol, chunks)[day - first_day])

    def between(self, pair: SimPair, start_us: int, end_us: int) -> Orders:
        """The orders of [start_us, end_us)."""
        first_day = max(start_us // DAY_US, int(pair.listed_at // DAY_SECONDS))
        last_day = min((end_us - 1) // DAY_US, int(min(pair.ends_at, 1e12) // DAY_SECONDS))
        if last_day < first_day:
            return self._nothing(pair, first_day)
        return join([self.block(pair, day).between(start_us, end_us) for day in range(first_day, last_day + 1)])

    def from_order(self, pair: SimPair, order_id: int, *, limit: int, until_us: int) -> Orders:
        """At most `limit` orders from that number on, not later than `until_us` (inclusive)."""
        day = self._day_of_order(pair, order_id)
        last_day = until_us // DAY_US
        parts: list[Orders] = []
        missing = limit
        while missing > 0 and day <= last_day and day * DAY_SECONDS < pair.ends_at:
            block = self.block(pair, day)
            start = max(0, order_id - block.first_id)
            stop = min(start + missing, int(np.searchsorted(block.time_us, until_us, side="right")))
            if stop > start:
                parts.append(block.part(start, stop))
                missing -= stop - start
            day += 1
        return join(parts) if parts else self._nothing(pair, day)

    def next_order_id(self, pair: SimPair, at_us: int) -> int:
        """The number of the first order after `at_us` (so also how many there were until then)."""
        day = at_us // DAY_US
        if at_us < pair.listed_at * MICROS:
            return 0
        if day * DAY_SECONDS >= pair.ends_at:
            return self.orders_before(pair, int(pair.ends_at // DAY_SECONDS) + 1)
        return self.orders_before(pair, day) + int(np.searchsorted(self.block(pair, day).time_us, at_us, side="right"))

    def latest(self, pair: SimPair, *, limit: int, until_us: int) -> Orders:
        """The last `limit` orders not later than `until_us` (inclusive)."""
        end = self.next_order_id(pair, until_us)
        return self.from_order(pair, max(0, end - limit), limit=min(limit, end), until_us=until_us)

    def last_price_ticks(self, pair: SimPair, before_us: int) -> int | None:
        """The price of the last order strictly before that instant; None when there was none."""
        last = self.latest(pair, limit=1, until_us=before_us - 1)
        return int(last.price_ticks[-1]) if len(last) else None

    def _day_of_order(self, pair: SimPair, order_id: int) -> int:
        first_day = int(pair.listed_at // DAY_SECONDS)
        chunks = 1
        while self._counts(pair.symbol, chunks)[-1] <= order_id and chunks < 32:
            chunks += 1
        position = int(np.searchsorted(self._counts(pair.symbol, chunks), order_id, side="right"))
        return first_day + position - 1

    def _nothing(self, pair: SimPair, day: int) -> Orders:
        empty = np.empty(0, dtype=np.int64)
        return Orders(
            first_id=self.orders_before(pair, day),
            time_us=empty,
            price_ticks=empty,
            quantity_steps=empty,
            buyer_is_maker=np.empty(0, dtype=np.bool_),
        )

    # Drawing ----------------------------------------------------------------------------------------------------

    def _count_orders(self, symbol: str, chunks: int) -> IntArray:
        """Orders before each day from the listing day on."""
        pair = self.pairs[symbol]
        first_day = int(pair.listed_at // DAY_SECONDS)
        days = np.arange(first_day, first_day + chunks * _COUNT_HORIZON_DAYS)
        activity = 0.7 + 0.6 * uniform(self._keys[symbol], days)
        counts = np.rint(pair.orders_per_day * activity).astype(np.int64)
        counts[days * DAY_SECONDS >= pair.ends_at] = 0
        for day in _unusual_days(pair):
            if first_day <= day < first_day + len(days):
                open_minutes = int(trading_minutes(pair, day).sum())
                counts[day - first_day] = counts[day - first_day] * open_minutes // MINUTES_PER_DAY
        # The very first order opens the pair, however short its first day is.
        counts[0] = max(counts[0], 1)
        return np.concatenate([[0], np.cumsum(counts)])

    def _draw_block(self, symbol: str, day: int) -> Orders:
        pair = self.pairs[symbol]
        first_id = self.orders_before(pair, day)
        count = self.orders_before(pair, day + 1) - first_id
        open_minutes = np.flatnonzero(trading_minutes(pair, day))
        if count == 0 or len(open_minutes) == 0:
            return self._nothing(pair, day)
        rng = np.random.Generator(np.random.Philox(key=[self._keys[symbol], day]))
        volumes = self.market.hour_volumes_usd(pair.asset_index, np.arange(day * 24, day * 24 + 24))
        offsets_us = _draw_times(rng, count, open_minutes=open_minutes, hourly=volumes, dense=pair.dense)
        quote_usd = self._path(pair.quote_index, day) if pair.quote_index is not None else np.ones(MINUTES_PER_DAY + 1)
        path = self._path(pair.asset_index, day) / quote_usd * self._wobble(symbol, day)
        minutes = offsets_us / MINUTE_US
        taker_buys = rng.random(count) < 0.5
        shift = np.where(taker_buys, 1.0, -1.0) * pair.half_spread * (0.4 + 0.6 * rng.random(count))
        prices = np.interp(minutes, np.arange(MINUTES_PER_DAY + 1), path) * (1.0 + shift)
        ticks = np.maximum(np.rint(prices * 10.0**pair.tick_decimals), 1.0)
        hours = offsets_us // (60 * MINUTE_US)
        weights = rng.lognormal(0.0, 1.1, count)
        open_share = np.bincount(open_minutes // 60, minlength=24) / 60.0
        wanted = volumes * open_share * pair.volume_share / quote_usd[30:MINUTES_PER_DAY:60]
        drawn = np.bincount(hours, weights=weights, minlength=24)
        scale = np.divide(wanted, drawn, out=np.zeros(24), where=drawn > 0)
        quantities = weights * scale[hours] * 10.0 ** (pair.tick_decimals + pair.step_decimals) / ticks
        return Orders(
            first_id=first_id,
            time_us=day * DAY_US + offsets_us,
            price_ticks=ticks.astype(np.int64),
            quantity_steps=np.maximum(np.rint(quantities), MIN_QUANTITY_STEPS).astype(np.int64),
            buyer_is_maker=~taker_buys,
        )

    def _minute_prices(self, index: int, day: int) -> FloatArray:
        return self.market.prices_usd(index, _minute_marks(day))

    def _wobble(self, symbol: str, day: int) -> FloatArray:
        """How this venue's price strays from the market's."""
        curve = value_noise(keys_of(self._keys[symbol], -1), _minute_marks(day) / _VENUE_WOBBLE_PERIOD_SECONDS)
        return 1.0 + _VENUE_WOBBLE * curve


def _minute_marks(day: int) -> FloatArray:
    """The start of every minute of a UTC day, and its end."""
    return np.arange(MINUTES_PER_DAY + 1, dtype=np.float64) * 60.0 + day * DAY_SECONDS


def _unusual_days(pair: SimPair) -> set[int]:
    """The days on which the pair is not open around the clock."""
    days = {int(pair.listed_at // DAY_SECONDS)}
    if pair.delisted_at is not None:
        days.add(int(pair.delisted_at // DAY_SECONDS))
    for halt in pair.halts:
        days.update(range(int(halt.starts_at // DAY_SECONDS), int(halt.ends_at // DAY_SECONDS) + 1))
    return days


def _draw_times(
    rng: np.random.Generator, count: int, *, open_minutes: IntArray, hourly: FloatArray, dense: bool
) -> IntArray:
    """Ordered instants within a day (microseconds), only in open minutes, thicker where more is traded."""
    rhythm = np.sqrt(np.maximum(hourly, 1e-9))[open_minutes // 60]
    edges = np.concatenate([[0.0], np.cumsum(rhythm * (0.05 + rng.standard_gamma(1.5, len(open_minutes))))])
    surely = len(open_minutes) if dense and count >= len(open_minutes) else 0
    drawn = np.interp(rng.random(count - surely) * edges[-1], edges, np.arange(len(edges), dtype=np.float64))
    places = np.concatenate([np.arange(surely) + rng.random(surely), drawn])
    minutes = np.minimum(places.astype(np.int64), len(open_minutes) - 1)
    within = np.minimum(((places - minutes) * MINUTE_US).astype(np.int64), MINUTE_US - 1)
    return np.sort(open_minutes[minutes] * MINUTE_US + within)
