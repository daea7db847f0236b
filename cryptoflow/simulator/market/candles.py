"""Candles of a venue, folded from its orders, exact to the last digit.

    minute without a trade        a flat row at the close before it, volume 0
    minute inside a halt's gap    no row at all; a larger candle exists when one of its minutes does
    larger candles                from the trades of the whole bucket, so flat minutes do not touch open, high, low
    the first row of a pair       the bucket of its first trade

Sums are whole numbers (ticks x steps); text is made of them without a float. Intervals of a day and more are
combined from day candles. What belongs here: intervals, folding, the text of exact numbers. What does not: an
exchange's row format.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cryptoflow.simulator.market.noise import IntArray
from cryptoflow.simulator.market.pairs import MINUTES_PER_DAY, SimPair, published_minutes
from cryptoflow.simulator.market.trades import DAY_US, MICROS, MINUTE_US, Orders, Tape, first_trade_ids

SECOND = "1s"
WEEK = "1w"
MONTH = "1M"
_UNITS_US = {"s": MICROS, "m": MINUTE_US, "h": 60 * MINUTE_US, "d": DAY_US}
_FIXED = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d")
WIDTHS_US: dict[str, int] = {name: int(name[:-1]) * _UNITS_US[name[-1]] for name in _FIXED} | {WEEK: 7 * DAY_US}
INTERVALS: tuple[str, ...] = (*WIDTHS_US, MONTH)
# The epoch fell on a Thursday; weeks start on Mondays.
_FIRST_MONDAY_US = 4 * DAY_US
_FOLDED_DAYS_KEPT = 1_024
_DAY_CANDLES_KEPT = 16_384
_CACHED_WIDTH_FROM_US = 5 * MINUTE_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Rows in time order. Prices in ticks, volumes in steps, quote volumes in ticks x steps; end is exclusive."""

    start_us: IntArray
    end_us: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    quote_volume: IntArray
    taker_volume: IntArray
    taker_quote_volume: IntArray
    trades: IntArray
    first_trade_id: IntArray

    def __len__(self) -> int:
        return len(self.start_us)

    def rows(self, keep: slice | NDArray[np.bool_]) -> Candles:
        """The rows at these positions."""
        return Candles(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})


def _no_candles() -> Candles:
    return Candles(**{field.name: np.empty(0, dtype=np.int64) for field in fields(Candles)})


def join_candles(parts: list[Candles]) -> Candles:
    """Consecutive runs of rows as one."""
    filled = [part for part in parts if len(part)]
    if len(filled) <= 1:
        return filled[0] if filled else _no_candles()
    names = [field.name for field in fields(Candles)]
    return Candles(**{name: np.concatenate([getattr(part, name) for part in filled]) for name in names})


def bucket_start(interval: str, at_us: int, *, offset_us: int = 0) -> int:
    """The start of the bucket that holds the instant. `offset_us` is the time zone's lead over UTC."""
    local = at_us + offset_us
    if interval == MONTH:
        return _month_start_us(local, 0) - offset_us
    anchor = _FIRST_MONDAY_US if interval == WEEK else 0
    width = WIDTHS_US[interval]
    return (local - anchor) // width * width + anchor - offset_us


def bucket_end(interval: str, start_us: int, *, offset_us: int = 0) -> int:
    """The exclusive end of the bucket that starts there."""
    if interval == MONTH:
        return _month_start_us(start_us + offset_us, 1) - offset_us
    return start_us + WIDTHS_US[interval]


def _month_start_us(local_us: int, months_ahead: int) -> int:
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=local_us // DAY_US)
    months = day.year * 12 + day.month - 1 + months_ahead
    return int(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC).timestamp()) * MICROS


def exact_text(value: int, decimals: int, *, places: int = 8) -> str:
    """A whole number of 10^-decimals as text with that many places; `decimals` <= `places`."""
    scaled = value * 10 ** (places - decimals)
    whole, rest = divmod(abs(scaled), 10**places)
    return f"{'-' if scaled < 0 else ''}{whole}.{rest:0{places}d}"


class CandleBook:
    """The candles of every pair of one tape."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._folded_day = lru_cache(maxsize=_FOLDED_DAYS_KEPT)(self._fold_whole_day)
        self._day_candle = lru_cache(maxsize=_DAY_CANDLES_KEPT)(self._fold_whole_day)

    def candles(
        self, pair: SimPair, interval: str, *, start_us: int, end_us: int, now_us: int, offset_us: int = 0
    ) -> Candles:
        """The rows whose bucket starts in [start_us, end_us), as known at `now_us`: the last may still be open."""
        end_us = min(end_us, now_us + 1)
        if start_us >= end_us or now_us < pair.listed_at * MICROS:
            return _no_candles()
        if interval == MONTH or WIDTHS_US[interval] > DAY_US:
            return self._long(pair, interval, start_us=start_us, end_us=end_us, now_us=now_us, offset_us=offset_us)
        return self._short(pair, interval, start_us=start_us, end_us=end_us, now_us=now_us, offset_us=offset_us)

    def latest(
        self, pair: SimPair, interval: str, *, limit: int, end_us: int, now_us: int, offset_us: int = 0
    ) -> Candles:
        """The last `limit` rows whose bucket starts before `end_us`."""
        newest = min(end_us - 1, now_us, int(min(pair.ends_at, 1e10)) * MICROS)
        width = 31 * DAY_US if interval == MONTH else WIDTHS_US[interval]
        oldest = int(pair.listed_at) * MICROS - width
        span = limit + 1
        while True:
            start_us = max(oldest, newest - span * width)
            found = self.candles(
                pair, interval, start_us=start_us, end_us=newest + 1, now_us=now_us, offset_us=offset_us
            )
            if len(found) >= limit or start_us == oldest:
                return found.rows(slice(max(0, len(found) - limit), None))
            span *= 2

    def earliest(
        self, pair: SimPair, interval: str, *, limit: int, start_us: int, end_us: int, now_us: int, offset_us: int = 0
    ) -> Candles:
        """The first `limit` rows whose bucket starts in [start_us, end_us)."""
        width = 31 * DAY_US if interval == MONTH else WIDTHS_US[interval]
        from_us = max(start_us, int(pair.listed_at) * MICROS - width)
        last_us = min(end_us, now_us + 1, int(min(pair.ends_at, 1e10)) * MICROS)
        parts: list[Candles] = []
        count = 0
        while from_us < last_us and count < limit:
            to_us = min(last_us, from_us + (limit - count) * width)
            part = self.candles(pair, interval, start_us=from_us, end_us=to_us, now_us=now_us, offset_us=offset_us)
            parts.append(part)
            count += len(part)
            from_us = to_us
        return join_candles(parts).rows(slice(0, limit))

    def at(self, pair: SimPair, interval: str, *, at_us: int) -> Candles:
        """The row of the bucket that holds the instant, as known then; no row where there is none."""
        start_us = bucket_start(interval, at_us)
        if interval == MONTH or WIDTHS_US[interval] > DAY_US:
            return self.candles(pair, interval, start_us=start_us, end_us=start_us + 1, now_us=at_us)
        if not pair.alive(at_us / MICROS):
            return _no_candles()
        orders = self.tape.between(pair, start_us, at_us + 1)
        before = None if len(orders) else self.tape.last_price_ticks(pair, start_us)
        day, first_minute = divmod(start_us // MINUTE_US, MINUTES_PER_DAY)
        last_minute = at_us // MINUTE_US - day * MINUTES_PER_DAY
        published = bool(published_minutes(pair, day)[first_minute : last_minute + 1].any())
        return fold(orders, np.array([start_us]), WIDTHS_US[interval], before=before, published=np.array([published]))

    # Up to a day ------------------------------------------------------------------------------------------------

    def _short(
        self, pair: SimPair, interval: str, *, start_us: int, end_us: int, now_us: int, offset_us: int
    ) -> Candles:
        width_us = WIDTHS_US[interval]
        first_us = max(start_us, int(pair.listed_at) * MICROS - DAY_US)
        last_us = min(end_us, int(min(pair.ends_at, 1e10)) * MICROS)
        day_us = (first_us + offset_us) // DAY_US * DAY_US - offset_us
        parts: list[Candles] = []
        while day_us < last_us:
            parts.append(self._day(pair, width_us, day_us=day_us, now_us=now_us))
            day_us += DAY_US
        found = join_candles(parts)
        first, last = np.searchsorted(found.start_us, [start_us, end_us])
        return found.rows(slice(int(first), int(last)))

    def _day(self, pair: SimPair, width_us: int, *, day_us: int, now_us: int) -> Candles:
        """The rows of one day (of whatever time zone) that begins at `day_us`."""
        if day_us + DAY_US <= now_us:
            if width_us == DAY_US:
                return self._day_candle(pair.symbol, width_us, day_us)
            if width_us >= _CACHED_WIDTH_FROM_US:
                return self._folded_day(pair.symbol, width_us, day_us)
            return self._fold_whole_day(pair.symbol, width_us, day_us)
        return self._fold_day(pair, width_us, day_us=day_us, until_us=now_us + 1)

    def _fold_whole_day(self, symbol: str, width_us: int, day_us: int) -> Candles:
        return self._fold_day(self.tape.pairs[symbol], width_us, day_us=day_us, until_us=day_us + DAY_US)

    def _fold_day(self, pair: SimPair, width_us: int, *, day_us: int, until_us: int) -> Candles:
        orders = self.tape.between(pair, day_us, until_us)
        starts = day_us + width_us * np.arange(DAY_US // width_us)
        published = self._published(pair, day_us, width_us, until_us=until_us)
        before = self.tape.last_price_ticks(pair, day_us)
        return fold(orders, starts, width_us, before=before, published=published)

    @staticmethod
    def _published(pair: SimPair, day_us: int, width_us: int, *, until_us: int) -> NDArray[np.bool_]:
        """Which buckets have a published minute that began before `until_us`."""
        first_minute = day_us // MINUTE_US
        day, minute = divmod(first_minute, MINUTES_PER_DAY)
        minutes = published_minutes(pair, day)
        if minute:
            minutes = np.concatenate([minutes, published_minutes(pair, day + 1)])[minute : minute + MINUTES_PER_DAY]
        if width_us < MINUTE_US:
            seconds = np.repeat(minutes, MINUTE_US // width_us)
            return np.logical_and(seconds, np.arange(len(seconds)) * width_us + day_us < until_us)
        begun = np.logical_and(minutes, np.arange(MINUTES_PER_DAY) * MINUTE_US + day_us < until_us)
        any_begun: NDArray[np.bool_] = np.logical_or.reduce(begun.reshape(-1, width_us // MINUTE_US), axis=1)
        return any_begun

    # More than a day --------------------------------------------------------------------------------------------

    def _long(
        self, pair: SimPair, interval: str, *, start_us: int, end_us: int, now_us: int, offset_us: int
    ) -> Candles:
        listed_us = int(pair.listed_at) * MICROS
        bucket = bucket_start(interval, max(start_us, listed_us), offset_us=offset_us)
        last_us = min(end_us, int(min(pair.ends_at, 1e10)) * MICROS)
        parts: list[Candles] = []
        while bucket < last_us:
            end = bucket_end(interval, bucket, offset_us=offset_us)
            if bucket >= start_us:
                days = self._short(
                    pair, "1d", start_us=bucket, end_us=min(end, now_us + 1), now_us=now_us, offset_us=offset_us
                )
                parts.append(combine(days, start_us=bucket, end_us=end))
            bucket = end
        return join_candles(parts)


def fold(
    orders: Orders, starts: IntArray, width_us: int, *, before: int | None, published: NDArray[np.bool_]
) -> Candles:
    """The candles of equal buckets over their orders. `before` is the price before the first bucket, if any."""
    count = len(starts)
    buckets = (orders.time_us - starts[0]) // width_us
    traded, firsts = np.unique(buckets, return_index=True)
    closes = np.full(count, -1, dtype=np.int64)
    quote = orders.price_ticks * orders.quantity_steps
    taker = ~orders.buyer_is_maker
    lasts = np.append(firsts[1:], len(orders)) - 1
    closes[traded] = orders.price_ticks[lasts] if len(traded) else 0
    # Flat buckets take the close of the last traded one; those before any trade are not published.
    source = np.maximum.accumulate(np.where(closes >= 0, np.arange(count), -1))
    closes = np.where(source >= 0, closes[np.maximum(source, 0)], -1 if before is None else before)
    keep = published & (closes >= 0)

    def sums(values: IntArray) -> IntArray:
        return _scatter(count, traded, np.add.reduceat(values, firsts) if len(traded) else values)

    def flat_or(values: IntArray) -> IntArray:
        result = closes.copy()
        result[traded] = values
        return result

    ids = first_trade_ids(np.append(orders.ids, orders.first_id + len(orders)))
    trades = ids[lasts + 1] - ids[firsts] if len(traded) else firsts
    first_ids = np.full(count, -1, dtype=np.int64)
    first_ids[traded] = ids[firsts]
    prices = orders.price_ticks
    return Candles(
        start_us=starts,
        end_us=starts + width_us,
        open=flat_or(prices[firsts]),
        high=flat_or(np.maximum.reduceat(prices, firsts) if len(traded) else prices),
        low=flat_or(np.minimum.reduceat(prices, firsts) if len(traded) else prices),
        close=closes,
        volume=sums(orders.quantity_steps),
        quote_volume=sums(quote),
        taker_volume=sums(orders.quantity_steps * taker),
        taker_quote_volume=sums(quote * taker),
        trades=_scatter(count, traded, trades),
        first_trade_id=first_ids,
    ).rows(keep)


def _scatter(count: int, places: IntArray, values: IntArray) -> IntArray:
    result = np.zeros(count, dtype=np.int64)
    result[places] = values
    return result


def combine(parts: Candles, *, start_us: int, end_us: int) -> Candles:
    """One candle out of finer ones; none out of none. Rows without a trade count for the close alone."""
    if not len(parts):
        return parts
    traded = parts.trades > 0
    used = parts.rows(traded) if traded.any() else parts.rows(slice(-1, None))

    def one(value: int) -> IntArray:
        return np.array([value], dtype=np.int64)

    return Candles(
        start_us=one(start_us),
        end_us=one(end_us),
        open=one(int(used.open[0])),
        high=one(int(used.high.max())),
        low=one(int(used.low.min())),
        close=one(int(parts.close[-1])),
        volume=one(int(parts.volume.sum())),
        quote_volume=one(int(parts.quote_volume.sum())),
        taker_volume=one(int(parts.taker_volume.sum())),
        taker_quote_volume=one(int(parts.taker_quote_volume.sum())),
        trades=one(int(parts.trades.sum())),
        first_trade_id=one(int(used.first_trade_id[0])),
    )
