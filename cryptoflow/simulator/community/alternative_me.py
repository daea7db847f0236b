"""alternative.me as it answers: the fear and greed index, every value as text, the newest first.

What belongs here: parameters and form. What does not: the index (fear_greed.py).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cryptoflow.simulator.community.fear_greed import DAY_SECONDS, FIRST_DAY, classify, index_by_day, published_days
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.world import World

_MAX_DIGITS: Final = 9
_DATE_FORMATS: Final = {"us": "%m-%d-%Y", "cn": "%Y-%m-%d", "kr": "%Y-%m-%d", "world": "%d-%m-%Y"}


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [endpoint("/fng/", _index), endpoint("/fng", _index)]


def _index(request: Request, world: World) -> SimResponse:
    text = request.query_params.get("limit", "1")
    if not text.isdecimal() or len(text) > _MAX_DIGITS:
        return SimResponse(body=_envelope([], error="Invalid value for limit."), status=400)
    date_format = _DATE_FORMATS.get(request.query_params.get("date_format", ""))
    rows = index_rows(world.market, world.clock.now(), limit=int(text), date_format=date_format)
    if request.query_params.get("format", "json") == "csv":
        return _csv(rows)
    return SimResponse(
        body=_envelope(rows),
        shape=Shape(rows=("data",), id_key="timestamp", price_keys=("value",), time_keys=("timestamp",), series=True),
    )


def _envelope(rows: list[dict[str, Any]], *, error: str | None = None) -> dict[str, Any]:
    return {"name": "Fear and Greed Index", "data": rows, "metadata": {"error": error}}


def index_rows(market: Market, now: float, *, limit: int, date_format: str | None = None) -> list[dict[str, Any]]:
    """The newest `limit` days, all of them for 0."""
    days = published_days(now)
    values = index_by_day(market)
    rows: list[dict[str, Any]] = []
    for day in days[: limit or None]:
        value = int(values[day - FIRST_DAY])
        at = day * DAY_SECONDS
        stamp = str(at) if date_format is None else datetime.fromtimestamp(at, UTC).strftime(date_format)
        rows.append({"value": str(value), "value_classification": classify(value), "timestamp": stamp})
    if rows:
        rows[0]["time_until_update"] = str(DAY_SECONDS - int(now % DAY_SECONDS))
    return rows


def _csv(rows: list[dict[str, Any]]) -> SimResponse:
    lines = [f"{row['timestamp']},{row['value']},{row['value_classification']}\n" for row in rows]
    return SimResponse(text="date,fng_value,fng_classification\n" + "".join(lines), media_type="text/plain")
