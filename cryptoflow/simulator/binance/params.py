"""Reading Binance's query parameters, and refusing them in its words.

What belongs here: error codes, times, limits, symbols, time zones. What does not: answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptoflow.simulator.binance.venue import Venue
from cryptoflow.simulator.market.candles import INTERVALS
from cryptoflow.simulator.market.pairs import SimPair
from cryptoflow.simulator.market.trades import MINUTE_US
from cryptoflow.simulator.responses import SimResponse

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from cryptoflow.simulator.world import World

MAX_ROWS = 1_000
DEFAULT_ROWS = 500
# From here on a time is in microseconds: the year 5138 in milliseconds.
MICROSECONDS_FROM = 100_000_000_000_000
_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")
_TIME_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?")


class BinanceError(Exception):
    """A request that is refused with a code and a message."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def answer(self) -> SimResponse:
        """The refusal as it is sent."""
        return SimResponse(body={"code": self.code, "msg": self.message}, status=self.status)


Answer = Callable[["Request", "World"], SimResponse]


def refusing(handler: Answer) -> Answer:
    """The handler with its refusals turned into answers."""

    def run(request: Request, world: World) -> SimResponse:
        try:
            return handler(request, world)
        except BinanceError as refusal:
            return refusal.answer()

    run.__name__ = handler.__name__
    return run


def _missing(name: str) -> BinanceError:
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> BinanceError:
    """The refusal of a parameter with characters that it cannot have."""
    return BinanceError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def whole_number(query: QueryParams, name: str) -> int | None:
    """The parameter as a whole number; None when it is not there."""
    text = query.get(name)
    if text is None:
        return None
    if not text:
        raise BinanceError(-1105, f"Parameter '{name}' was empty.")
    if not re.fullmatch(r"\d{1,20}", text):
        raise illegal(name, "^[0-9]{1,20}$")
    return int(text)


def row_limit(query: QueryParams) -> int:
    """How many rows are wanted; more than the most is the most."""
    limit = whole_number(query, "limit")
    if limit == 0:
        raise BinanceError(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(DEFAULT_ROWS if limit is None else limit, MAX_ROWS)


def start_us(query: QueryParams) -> int | None:
    """The start in microseconds, whichever unit was sent."""
    value = whole_number(query, "startTime")
    if value is None:
        return None
    return value if value >= MICROSECONDS_FROM else value * 1000


def end_us(query: QueryParams) -> int | None:
    """The last microsecond that still belongs to the window."""
    value = whole_number(query, "endTime")
    if value is None:
        return None
    return value if value >= MICROSECONDS_FROM else value * 1000 + 999


def symbol_list(query: QueryParams) -> list[str] | None:
    """The parameter `symbols`, a JSON list of names; None when it is not there."""
    text = query.get("symbols")
    if text is None:
        return None
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise illegal("symbols", '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$')
    return names


def symbols_in(query: QueryParams) -> list[str]:
    """Every symbol that a request names, well-formed or not; for counting."""
    if query.get("symbol"):
        return [query["symbol"]]
    try:
        return symbol_list(query) or []
    except BinanceError:
        return []


def known_pair(venue: Venue, symbol: str, at: float, *, name: str = "symbol") -> SimPair:
    """The pair of that symbol, which the exchange must show."""
    if not _SYMBOL.fullmatch(symbol):
        raise illegal(name, "^[A-Z0-9-_.]{1,20}$")
    pair = venue.find(symbol, at)
    if pair is None:
        raise BinanceError(-1121, "Invalid symbol.")
    return pair


def wanted_pair(query: QueryParams, venue: Venue, at: float) -> SimPair:
    """The pair of the parameter `symbol`."""
    symbol = query.get("symbol")
    if not symbol:
        raise _missing("symbol")
    return known_pair(venue, symbol, at)


def wanted_interval(query: QueryParams) -> str:
    """The candle interval; names are case-sensitive."""
    interval = query.get("interval")
    if not interval:
        raise _missing("interval")
    if interval not in INTERVALS:
        raise BinanceError(-1120, "Invalid interval.")
    return interval


def time_zone_offset_us(query: QueryParams) -> int:
    """How far the wanted time zone is ahead of UTC."""
    text = query.get("timeZone", "0")
    match = _TIME_ZONE.fullmatch(text.strip())
    if match is None:
        raise illegal("timeZone", "^[+-]?[0-9]{1,2}(:[0-9]{2})?$")
    minutes = (int(match[2]) * 60 + int(match[3] or 0)) * (-1 if match[1] == "-" else 1)
    if not -12 * 60 <= minutes <= 14 * 60:
        raise BinanceError(-1130, "Data sent for parameter 'timeZone' is not valid.")
    return minutes * MINUTE_US


def unit_us(request: Request) -> int:
    """How many microseconds the unit of answered times has."""
    unit = request.headers.get("x-mbx-time-unit", "MILLISECOND").upper()
    if unit in ("MICROSECOND", "MICROSECONDS"):
        return 1
    if unit in ("MILLISECOND", "MILLISECONDS"):
        return 1000
    raise BinanceError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
