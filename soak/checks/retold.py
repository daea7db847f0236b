"""The world asked once more: does a simulated provider, at the instant that an answer names, say just that?

An answer of CoinGecko is made for a window of 45 seconds that begins on a grid of 15, and each coin in it was priced 10
to 60 seconds before: so the answer itself leaves few instants. CoinMarketCap stamps its answers, a chart ends with now.
What does not belong here: which answers are looked at, what a difference means (answers).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.requests import Request

from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.coingecko.charts import market_chart, market_chart_range
from cryptoflow.simulator.coingecko.markets import coins_markets
from cryptoflow.simulator.coingecko.view import CACHE_SECONDS, PHASES
from cryptoflow.simulator.coinmarketcap.prices import listings_latest
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.responses import Handler, SimResponse, content_of
from cryptoflow.simulator.world import World

if TYPE_CHECKING:
    from soak.checks.answers import Answer

_GRID_SECONDS: Final = CACHE_SECONDS // PHASES
_PRICED_BEFORE: Final = (10.0, 60.0)
_COINGECKO: Final = "/coingecko/api/v3/"
_COINMARKETCAP: Final = "/coinmarketcap/"
_CLOCK_RUNS_ON_SECONDS: Final = 0.0005
_TWO_DAYS_SECONDS: Final = 172_800.0


def read_json(body: bytes) -> Any:
    """JSON with exact numbers. An answer that is kept may hold NaN in some rows: the others were good."""
    return json.loads(body, parse_float=Decimal, parse_int=Decimal)


def pages_retold(market: Market, answer: Answer, _: str | None) -> bool:
    """A page of /coins/markets, byte by byte."""
    path = _COINGECKO + answer.endpoint
    return any(
        _ask(market, coins_markets, path, answer.params, at=at) == answer.body for at in _windows_of_a_page(answer)
    )


def listings_retold(market: Market, answer: Answer, _: str | None) -> bool:
    """A page of listings/latest; the envelope tells how long it took, so the rows are compared."""
    body = answer.read
    try:
        at = datetime.fromisoformat(body["status"]["timestamp"]).timestamp() + _CLOCK_RUNS_ON_SECONDS
    except (KeyError, TypeError, ValueError):
        return False
    told = read_json(_ask(market, listings_latest, _COINMARKETCAP + answer.endpoint, answer.params, at=at))
    return bool(told["data"] == body["data"])


def charts_retold(market: Market, answer: Answer, key: str | None) -> bool:
    """A chart of one coin; without a point that was stored nobody knows whose, and nothing follows from it."""
    if key is None:
        return True
    is_range = answer.endpoint.endswith("range")
    path = _COINGECKO + answer.endpoint.replace("{id}", key)
    handler = market_chart_range if is_range else market_chart
    return any(
        _ask(market, handler, path, answer.params, at=at, path_params={"id": key}) == answer.body
        for at in _ends_of_a_chart(answer)
    )


def _windows_of_a_page(answer: Answer) -> Iterator[float]:
    body = answer.read
    rows = [row for row in body if isinstance(row, dict)] if isinstance(body, list) else []
    try:
        priced = datetime.fromisoformat(rows[0]["last_updated"]).timestamp()
    except (IndexError, KeyError, TypeError, ValueError):
        return
    nearest, farthest = _PRICED_BEFORE
    first = math.ceil((priced + nearest) / _GRID_SECONDS)
    last = math.floor((priced + farthest) / _GRID_SECONDS) + 1
    yield from (number * float(_GRID_SECONDS) for number in range(first, last + 1))


def _ends_of_a_chart(answer: Answer) -> Iterable[float]:
    """A chart that reaches now ends with the window it was made for; one that does not is told likewise ever after, but
    for its grain: that of the day which reaches to now is finer."""
    body = answer.read
    stamps = [int(point[0]) for point in body.get("prices", ()) if point] if isinstance(body, dict) else []
    last = max(stamps, default=0) / 1000
    until = answer.params.get("to")
    return (last,) if until is None else (last, float(until) + CACHE_SECONDS, float(until) + _TWO_DAYS_SECONDS)


def _ask(
    market: Market,
    handler: Handler,
    path: str,
    params: Mapping[str, Any],
    *,
    at: float,
    path_params: Mapping[str, str] | None = None,
) -> bytes:
    clock = SimClock(now=at)
    clock.set(freeze=True)
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "path_params": dict(path_params or {}),
        "query_string": urlencode({name: _as_sent(value) for name, value in params.items()}).encode(),
        "headers": [],
        "scheme": "http",
        "server": ("simulator", 80),
    }
    said = handler(Request(scope), World(market=market, clock=clock))
    assert isinstance(said, SimResponse)
    return content_of(said)


def _as_sent(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
