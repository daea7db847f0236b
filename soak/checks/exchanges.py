"""Trades and minutes of the exchanges against what the simulated market traded, digit by digit, all of them.

A row that differs was either made up here, or told so by an exchange that a fault had made a liar just then: the
journal knows. What does not belong here: larger candles (rebuilt), minutes without a candle (slots).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from cryptoflow.simulator.market.model import Market
from cryptoflow_tests.exchange_truth import true_minutes, true_trades
from soak.checks.verdict import Verdict, verdict
from soak.journal import LIES, Journal

_MINUTE: Final = timedelta(minutes=1)
_PAIRS: Final = """
SELECT DISTINCT symbols.symbol_id, symbols.exchange, symbols.symbol
FROM candles.symbols AS symbols
WHERE EXISTS (SELECT 1 FROM {table} AS facts WHERE facts.symbol_id = symbols.symbol_id)
ORDER BY symbols.symbol_id
"""
_TRADES: Final = """
SELECT trade_id, recorded_at, traded_at, price, quantity, is_buyer_maker, fills
FROM candles.price_ticks WHERE symbol_id = %s
"""
_FEED: Final = "SELECT first_trade_id, next_trade_id FROM candles.trade_feeds WHERE symbol_id = %s"
# A provisional minute in which trades are still to come tells what was traded so far.
_MINUTES: Final = """
SELECT
    minutes.open_time, minutes.fetched_at, minutes.open, minutes.high, minutes.low, minutes.close, minutes.volume,
    minutes.quote_volume, minutes.trade_count, minutes.taker_base_volume, minutes.taker_quote_volume
FROM candles.minute_candles AS minutes
LEFT JOIN candles.trade_feeds AS feeds ON minutes.symbol_id = feeds.symbol_id
WHERE
    minutes.symbol_id = %s
    AND (minutes.is_final OR minutes.open_time + INTERVAL '1 minute' <= feeds.whole_until)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A pair of which something is stored."""

    symbol_id: int
    exchange: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.symbol}"


@dataclass(slots=True)
class Tally:
    """How many rows were looked at, what breaks the invariant, and how many rows are an exchange's lies."""

    journal: Journal
    looked_at: int = 0
    lies: int = 0

    def judge(self, pair: Pair, received_at: datetime, sentence: str) -> Iterator[str]:
        """The sentence, unless the exchange was lying when the row was received."""
        if self.journal.fault_near(pair.exchange, received_at.timestamp(), kinds=LIES):
            self.lies += 1
        else:
            yield sentence

    @property
    def told(self) -> str:
        """The lies, in words."""
        return f"{self.lies} rows say what an exchange said under a fault" if self.lies else ""


Look = Callable[[psycopg.Connection[Any], Pair, Market, Tally], Iterable[str]]


def trades_are_true(database_url: str, market: Market, journal: Journal) -> Verdict:
    """Every stored trade happened, as it is stored."""
    tally = Tally(journal)
    breaks = _of_every_pair(_false_trades, database_url, market, tally, table="candles.price_ticks")
    return verdict("every trade happened", breaks, looked_at=tally.looked_at, unit="trades", told=tally.told)


def _false_trades(connection: psycopg.Connection[Any], pair: Pair, market: Market, tally: Tally) -> Iterator[str]:
    stored = connection.execute(_TRADES, (pair.symbol_id,)).fetchall()
    happened = _around(market, pair, [row[2] for row in stored])
    for trade_id, recorded_at, *figures in stored:
        tally.looked_at += 1
        if happened.get(trade_id) != tuple(figures):
            said = f"candles.price_ticks {pair} {trade_id} says {figures}, but {happened.get(trade_id, 'it never was')}"
            yield from tally.judge(pair, recorded_at, said)


def no_trade_is_missing(database_url: str, market: Market, journal: Journal) -> Verdict:
    """Of each feed's unbroken run every number is there; what an exchange garbled is not asked for again."""
    tally = Tally(journal)
    breaks = _of_every_pair(_missing_trades, database_url, market, tally, table="candles.price_ticks")
    return verdict("no trade is missing", breaks, looked_at=tally.looked_at, unit="numbers", told=tally.told)


def _missing_trades(connection: psycopg.Connection[Any], pair: Pair, market: Market, tally: Tally) -> Iterable[str]:
    feed = connection.execute(_FEED, (pair.symbol_id,)).fetchone()
    if feed is None or feed[0] is None or feed[1] is None:
        yield f"candles.trade_feeds {pair}: no unbroken run, though there are trades"
        return
    stored = connection.execute(_TRADES, (pair.symbol_id,)).fetchall()
    there = {row[0] for row in stored}
    recorded = sorted((row[0], row[1]) for row in stored)
    happened = _around(market, pair, [row[2] for row in stored])
    for number in range(*feed):
        tally.looked_at += 1
        if number in there:
            continue
        # It was asked for, if at all, with those that were stored around it.
        near = min(recorded, key=lambda row, n=number: abs(row[0] - n))[1]  # type: ignore[misc]
        said = f"candles.price_ticks {pair} {number} is missing; it was {happened.get(number, 'never')}"
        yield from tally.judge(pair, near, said)


def minutes_are_true(database_url: str, market: Market, journal: Journal) -> Verdict:
    """Every stored minute that is over is the exchange's own; figures that it does not tell are not compared."""
    tally = Tally(journal)
    breaks = _of_every_pair(_false_minutes, database_url, market, tally, table="candles.minute_candles")
    return verdict("every minute candle is true", breaks, looked_at=tally.looked_at, unit="minutes", told=tally.told)


def _false_minutes(connection: psycopg.Connection[Any], pair: Pair, market: Market, tally: Tally) -> Iterator[str]:
    stored = connection.execute(_MINUTES, (pair.symbol_id,)).fetchall()
    if not stored:
        return
    opens = [row[0] for row in stored]
    happened = true_minutes(market, pair.exchange, pair.symbol, min(opens), max(opens) + _MINUTE)
    for opens_at, fetched_at, *figures in stored:
        tally.looked_at += 1
        truth = happened.get(opens_at)
        if truth is None or not _agree(figures, truth):
            said = f"candles.minute_candles {pair} {opens_at:%Y-%m-%d %H:%M} says {figures}, but {truth or 'nothing'}"
            yield from tally.judge(pair, fetched_at, said)


def _agree(figures: Sequence[object], truth: Sequence[object]) -> bool:
    return all(said is None or said == true for said, true in zip(figures, truth, strict=True))


def _around(market: Market, pair: Pair, instants: Sequence[datetime]) -> dict[int, tuple[Any, ...]]:
    """What was traded in the time of the stored trades. A lie about times must not ask for years."""
    middle = sorted(instants)[len(instants) // 2]
    near = [one for one in instants if abs(one - middle) < timedelta(days=2)]
    return true_trades(market, pair.exchange, pair.symbol, min(near), max(near) + timedelta(seconds=1))


def _of_every_pair(look: Look, database_url: str, market: Market, tally: Tally, *, table: str) -> list[str]:
    """What breaks the rule, of each pair that has rows in the table."""
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        return [said for pair in _pairs(connection, table) for said in look(connection, pair, market, tally)]


def _pairs(connection: psycopg.Connection[Any], table: str) -> list[Pair]:
    rows = connection.execute(_PAIRS.format(table=table).encode()).fetchall()
    return [Pair(symbol_id=symbol_id, exchange=exchange, symbol=symbol) for symbol_id, exchange, symbol in rows]
