"""What the streams have to say between two simulated instants.

What belongs here: the names of streams and their messages, as a function of time alone. Updates of candles and
tickers are at most one per asking (the newest), so that a fast clock does not multiply them; trades and closed candles
are never left out. What does not: connections, commands, faults (stream.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptoflow.simulator.binance.rows import agg_trade_rows, price_text, quantity_text, quote_text, trade_rows
from cryptoflow.simulator.binance.tickers import day_ticker, stream_payload
from cryptoflow.simulator.binance.venue import Venue
from cryptoflow.simulator.market.candles import INTERVALS, SECOND, Candles, bucket_end, bucket_start
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import MICROS, fill

ALL_TICKERS = "!miniTicker@arr"
_NAME = re.compile(r"(?P<symbol>[a-z0-9\-_.]{1,20})@(?P<kind>trade|aggTrade|miniTicker|kline_(?P<interval>\w+))")
_TICKER_PERIOD_US = MICROS
_CANDLE_PERIOD_US = 2 * MICROS


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream that can be subscribed to. `symbol` is None for all pairs."""

    name: str
    kind: str
    symbol: str | None
    interval: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMessage:
    """One message of a stream."""

    at_us: int
    stream: str
    payload: object


def parse_stream(name: str) -> Stream | None:
    """The stream of that name; None when there is no such kind. Symbols are in lower case."""
    if name == ALL_TICKERS:
        return Stream(name=name, kind="allTickers", symbol=None, interval=None)
    match = _NAME.fullmatch(name)
    if match is None or (match["interval"] is not None and match["interval"] not in INTERVALS):
        return None
    kind = "kline" if match["interval"] else match["kind"]
    return Stream(name=name, kind=kind, symbol=match["symbol"].upper(), interval=match["interval"])


def messages_between(
    venue: Venue, streams: Iterable[Stream], *, after_us: int, until_us: int, unit_us: int
) -> list[StreamMessage]:
    """Every message of (after_us, until_us] in the order of time. A stream without a pair stays silent."""
    found = [
        message
        for stream in streams
        for message in _of_stream(venue, stream, after_us=after_us, until_us=until_us, unit_us=unit_us)
    ]
    return sorted(found, key=lambda message: message.at_us)


def _of_stream(venue: Venue, stream: Stream, *, after_us: int, until_us: int, unit_us: int) -> Iterator[StreamMessage]:
    if stream.symbol is None:
        yield from _all_tickers(venue, stream, after_us, until_us, unit_us)
        return
    pair = venue.tape.pairs.get(stream.symbol)
    if pair is None or not pair.alive(until_us / MICROS):
        return
    if stream.kind == "trade":
        yield from _trades(venue, stream, pair, after_us, until_us, unit_us)
    elif stream.kind == "aggTrade":
        yield from _orders(venue, stream, pair, after_us, until_us, unit_us)
    elif stream.kind == "miniTicker":
        yield from _ticker(venue, stream, pair, after_us, until_us, unit_us)
    else:
        yield from _candles(venue, stream, pair, after_us, until_us, unit_us)


def _trades(
    venue: Venue, stream: Stream, pair: SimPair, after_us: int, until_us: int, unit_us: int
) -> Iterator[StreamMessage]:
    trades = fill(venue.tape.between(pair, after_us + 1, until_us + 1))
    for row, at_us in zip(trade_rows(pair, trades, unit_us=unit_us), trades.time_us.tolist(), strict=True):
        payload = {
            "e": "trade",
            "E": row["time"],
            "s": pair.symbol,
            "t": row["id"],
            "p": row["price"],
            "q": row["qty"],
            "T": row["time"],
            "m": row["isBuyerMaker"],
            "M": True,
        }
        yield StreamMessage(at_us=at_us, stream=stream.name, payload=payload)


def _orders(
    venue: Venue, stream: Stream, pair: SimPair, after_us: int, until_us: int, unit_us: int
) -> Iterator[StreamMessage]:
    orders = venue.tape.between(pair, after_us + 1, until_us + 1)
    for row, at_us in zip(agg_trade_rows(pair, orders, unit_us=unit_us), orders.time_us.tolist(), strict=True):
        payload = {"e": "aggTrade", "E": row["T"], "s": pair.symbol, **row}
        yield StreamMessage(at_us=at_us, stream=stream.name, payload=payload)


def _beat(period_us: int, after_us: int, until_us: int) -> int | None:
    """The newest beat of the period in (after_us, until_us]."""
    beat = until_us // period_us * period_us
    return beat if beat > after_us else None


def _ticker(
    venue: Venue, stream: Stream, pair: SimPair, after_us: int, until_us: int, unit_us: int
) -> Iterator[StreamMessage]:
    beat = _beat(_TICKER_PERIOD_US, after_us, until_us)
    if beat is not None:
        payload = stream_payload(day_ticker(venue, pair, beat), event_us=beat, unit_us=unit_us)
        yield StreamMessage(at_us=beat, stream=stream.name, payload=payload)


def _all_tickers(venue: Venue, stream: Stream, after_us: int, until_us: int, unit_us: int) -> Iterator[StreamMessage]:
    beat = _beat(_TICKER_PERIOD_US, after_us, until_us)
    if beat is None:
        return
    # What changed since the beat before, which an earlier asking has told.
    since_us = after_us // _TICKER_PERIOD_US * _TICKER_PERIOD_US
    changed = [
        pair for pair in venue.tape.alive(beat / MICROS) if len(venue.tape.between(pair, since_us + 1, beat + 1))
    ]
    if changed:
        payload = [stream_payload(day_ticker(venue, pair, beat), event_us=beat, unit_us=unit_us) for pair in changed]
        yield StreamMessage(at_us=beat, stream=stream.name, payload=payload)


def _candles(
    venue: Venue, stream: Stream, pair: SimPair, after_us: int, until_us: int, unit_us: int
) -> Iterator[StreamMessage]:
    interval = stream.interval or SECOND
    end_us = bucket_end(interval, bucket_start(interval, after_us))
    while end_us <= until_us:
        closed = venue.book.at(pair, interval, at_us=end_us - 1)
        yield from _candle(stream, pair, closed, event_us=end_us, unit_us=unit_us, is_closed=True)
        end_us = bucket_end(interval, end_us)
    beat = _beat(MICROS if interval == SECOND else _CANDLE_PERIOD_US, after_us, until_us)
    if beat is not None:
        # A beat on a border tells of the new bucket; it comes after the old one was closed.
        open_candle = venue.book.at(pair, interval, at_us=beat)
        yield from _candle(stream, pair, open_candle, event_us=beat, unit_us=unit_us, is_closed=False)


def _candle(
    stream: Stream, pair: SimPair, candles: Candles, *, event_us: int, unit_us: int, is_closed: bool
) -> Iterator[StreamMessage]:
    if not len(candles):
        return
    first, count = int(candles.first_trade_id[0]), int(candles.trades[0])
    candle = {
        "t": int(candles.start_us[0]) // unit_us,
        "T": int(candles.end_us[0]) // unit_us - 1,
        "s": pair.symbol,
        "i": stream.interval,
        "f": first,
        "L": first + count - 1 if count else -1,
        "o": price_text(pair, int(candles.open[0])),
        "c": price_text(pair, int(candles.close[0])),
        "h": price_text(pair, int(candles.high[0])),
        "l": price_text(pair, int(candles.low[0])),
        "v": quantity_text(pair, int(candles.volume[0])),
        "n": count,
        "x": is_closed,
        "q": quote_text(pair, int(candles.quote_volume[0])),
        "V": quantity_text(pair, int(candles.taker_volume[0])),
        "Q": quote_text(pair, int(candles.taker_quote_volume[0])),
        "B": "0",
    }
    payload = {"e": "kline", "E": event_us // unit_us, "s": pair.symbol, "k": candle}
    yield StreamMessage(at_us=event_us, stream=stream.name, payload=payload)
