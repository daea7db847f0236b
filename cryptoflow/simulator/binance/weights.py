"""What each REST route costs in request weight.

What belongs here: the price list. What does not: counting and refusing (the provider middleware).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptoflow.simulator.binance.params import symbols_in

if TYPE_CHECKING:
    from starlette.requests import Request

_FLAT_WEIGHTS = {
    "ping": 1,
    "time": 1,
    "exchangeInfo": 20,
    "klines": 2,
    "aggTrades": 4,
    "trades": 25,
    "historicalTrades": 25,
}
_UNKNOWN_ROUTE_WEIGHT = 1


def request_weight(request: Request) -> int:
    """The weight of one request, known from its path and parameters alone."""
    route = request.url.path.rstrip("/").rpartition("/")[2]
    if request.url.path.rstrip("/").endswith("ticker/24hr"):
        return _day_ticker_weight(len(symbols_in(request.query_params)))
    if request.url.path.rstrip("/").endswith("ticker/price"):
        return 2 if request.query_params.get("symbol") else 4
    return _FLAT_WEIGHTS.get(route, _UNKNOWN_ROUTE_WEIGHT)


def _day_ticker_weight(symbol_count: int) -> int:
    if 1 <= symbol_count <= 20:
        return 2
    return 40 if 21 <= symbol_count <= 100 else 80
