"""The exchange behind all three faces of Binance: one tape and one book of candles per market.

What belongs here: who is listed under which status. What does not: trades and candles (simulator/market), formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptoflow.simulator.market.candles import CandleBook
from cryptoflow.simulator.market.pairs import BINANCE, DAY_SECONDS, SimPair
from cryptoflow.simulator.market.trades import MICROS, Tape

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.world import World

# A pair that has left is still shown for a while, without trading.
SHOWN_AFTER_DELISTING_SECONDS = 90 * DAY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """The exchange: its tape and its candles."""

    tape: Tape
    book: CandleBook

    def status(self, pair: SimPair, at: float) -> str | None:
        """TRADING, HALT or BREAK; None when the exchange does not show the pair."""
        if at < pair.listed_at or at >= pair.ends_at + SHOWN_AFTER_DELISTING_SECONDS:
            return None
        if at >= pair.ends_at:
            return "BREAK"
        return "HALT" if pair.halted(at) else "TRADING"

    def shown(self, at: float) -> list[SimPair]:
        """Every pair that the exchange shows, in order of their assets."""
        return [pair for pair in self.tape.pairs.values() if self.status(pair, at) is not None]

    def find(self, symbol: str, at: float) -> SimPair | None:
        """The pair of that symbol when the exchange shows it."""
        pair = self.tape.pairs.get(symbol)
        return pair if pair is not None and self.status(pair, at) is not None else None


@lru_cache(maxsize=2)
def venue_of(market: Market) -> Venue:
    """The exchange of a market; all faces share it, and with it the caches."""
    tape = Tape(market, venue=BINANCE)
    return Venue(tape=tape, book=CandleBook(tape))


def now_us(world: World) -> int:
    """Simulated time in whole microseconds."""
    return int(world.clock.now() * MICROS)
