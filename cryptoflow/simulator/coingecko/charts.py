"""`market_chart`, `market_chart/range` and `ohlc`: the history of one coin.

What does not belong here: a coin at one instant (coin.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.errors import BEYOND_HISTORY, PLAN_RESTRICTED, plain_error, wrapped_error
from cryptoflow.simulator.coingecko.policy import plan_of
from cryptoflow.simulator.coingecko.values import fraction, price
from cryptoflow.simulator.coingecko.view import View, cache_headers, cached_instant, view_of
from cryptoflow.simulator.responses import Shape, SimResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.market.universe import SimAsset
    from cryptoflow.simulator.world import World

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
HISTORY_DAYS = 365
DAY_READY_AFTER_SECONDS = 35 * MINUTE
JITTER_SECONDS = 20.0
CLOCK_GRACE_SECONDS = 60.0
CHART_SHAPE = Shape(rows=("prices",), id_key=0, time_keys=(0,), price_keys=(1,), series=True)
OHLC_SHAPE = Shape(rows=(), id_key=0, time_keys=(0,), price_keys=(4, 1, 2, 3), series=True)
OHLC_DAYS = (1, 7, 14, 30, 90, 180, 365)
OHLC_SAMPLES = 12


def market_chart(request: Request, world: World) -> SimResponse:
    """The last `days` days; the last point is now."""
    days_text = request.query_params.get("days", "")
    now = cached_instant(request, world)
    if days_text != "max" and not _is_positive(days_text):
        return plain_error(422, "Missing or invalid parameter days")
    days = math.inf if days_text == "max" else float(days_text)
    if days > HISTORY_DAYS and (refusal := beyond_history(request, world, now - days * DAY)):
        return refusal
    return _chart(request, world, since=now - days * DAY, until=now, days=days)


def market_chart_range(request: Request, world: World) -> SimResponse:
    """From `from` to `to`, unix seconds."""
    now = cached_instant(request, world)
    bounds = [request.query_params.get(name, "") for name in ("from", "to")]
    if not all(_is_positive(text) for text in bounds) or float(bounds[0]) >= float(bounds[1]):
        return plain_error(422, "Missing or invalid parameter from or to")
    since, until = float(bounds[0]), min(float(bounds[1]), now)
    if refusal := beyond_history(request, world, since):
        return refusal
    # Five-minute points are for the day that reaches to now; any other day has hours, like a range of 2 to 90 days.
    is_recent = since >= now - DAY - CLOCK_GRACE_SECONDS
    days = (float(bounds[1]) - since) / DAY
    return _chart(request, world, since=since, until=until, days=days if is_recent else max(days, 2.0))


def ohlc(request: Request, world: World) -> SimResponse:
    """Candles, stamped with their close."""
    query = request.query_params
    found = _asset_and_currency(request, world)
    if isinstance(found, SimResponse):
        return found
    asset, view, per_usd = found
    is_pro = plan_of(request) == "pro"
    if query.get("interval") and not is_pro:
        return _pro_only(world, "The parameter interval")
    if query.get("days") == "max" and is_pro:
        days = int((view.at - asset.listed_at) // DAY)
    elif query.get("days", "").isdigit() and int(query["days"]) in OHLC_DAYS:
        days = int(query["days"])
    else:
        return plain_error(422, f"Invalid days: allowed are {', '.join(map(str, OHLC_DAYS))}")
    length = {"hourly": HOUR, "daily": DAY}.get(query.get("interval", "")) or _candle_seconds(days)
    body = _candles(world, asset, until=view.at, days=days, length=length, per_usd=per_usd)
    return SimResponse(body=body, shape=OHLC_SHAPE, headers=cache_headers(request, world, shared_seconds=1800))


def beyond_history(request: Request, world: World, since: float) -> SimResponse | None:
    """The refusal of free plans to look back more than a year; None when it is allowed."""
    now = world.clock.now()
    # A day of grace: a range that starts at midnight a year ago is within the year.
    if plan_of(request) == "pro" or since >= now - (HISTORY_DAYS + 1) * DAY:
        return None
    return wrapped_error(
        401,
        BEYOND_HISTORY,
        f"The request exceeds the allowed time range: this plan may ask for the past {HISTORY_DAYS} days.",
        now=now,
    )


def _chart(request: Request, world: World, *, since: float, until: float, days: float) -> SimResponse:
    found = _asset_and_currency(request, world)
    if isinstance(found, SimResponse):
        return found
    asset, view, per_usd = found
    interval = request.query_params.get("interval", "")
    if interval == "hourly" and plan_of(request) != "pro":
        return _pro_only(world, "The interval hourly")
    step = {"daily": DAY, "hourly": HOUR}.get(interval) or _step_seconds(days)
    instants = _instants(asset, max(since, asset.listed_at), until, step, now=view.at)
    series = world.market.series(asset.index, instants)
    stamps = [int(at * 1000) for at in instants]
    columns = {
        "prices": series.price_usd.tolist(),
        "market_caps": series.market_cap_usd.tolist(),
        "total_volumes": series.volume_24h_usd.tolist(),
    }
    body = {
        name: [[stamp, value * per_usd] for stamp, value in zip(stamps, values, strict=True) if math.isfinite(value)]
        for name, values in columns.items()
    }
    return SimResponse(body=body, shape=CHART_SHAPE, headers=cache_headers(request, world))


def _asset_and_currency(request: Request, world: World) -> tuple[SimAsset, View, float] | SimResponse:
    now = cached_instant(request, world)
    asset = world.market.asset(request.path_params["id"], now)
    if asset is None:
        return plain_error(404, "coin not found")
    currency = request.query_params.get("vs_currency", "").lower()
    if not currency:
        return plain_error(422, "Missing parameter vs_currency")
    # Other currencies are converted at the rate of now: the simulated market has no history of exchange rates.
    view = view_of(world.market, now)
    per_usd = view.per_usd(currency)
    return plain_error(422, "invalid vs_currency") if per_usd is None else (asset, view, per_usd)


def _instants(asset: SimAsset, since: float, until: float, step: float, *, now: float) -> list[float]:
    """The grid between the bounds, then `until` itself when that is now."""
    first = math.ceil(since / step)
    last = math.floor(until / step)
    grid = [number * step for number in range(first, last + 1)]
    if step == DAY:
        grid = [at for at in grid if at + DAY_READY_AFTER_SECONDS <= now]
    else:
        # Points of less than a day are not on the grid, but some seconds after it.
        grid = [at + JITTER_SECONDS * fraction("jitter", asset.coingecko_id, at) for at in grid]
    points = [at for at in grid if at < until]
    return [*points, until] if until >= now else points


def _step_seconds(days: float) -> float:
    if days <= 1:
        return 5 * MINUTE
    return HOUR if days <= 90 else DAY


def _candle_seconds(days: int) -> float:
    if days <= 2:
        return 30 * MINUTE
    return 4 * HOUR if days <= 30 else 4 * DAY


def _candles(
    world: World, asset: SimAsset, *, until: float, days: int, length: float, per_usd: float
) -> list[list[int | float]]:
    last = math.floor(until / length)
    first = math.ceil(max(until - days * DAY, asset.listed_at) / length)
    closes = [number * length for number in range(first + 1, last + 1)]
    parts = [close - length + length * part / OHLC_SAMPLES for close in closes for part in range(OHLC_SAMPLES + 1)]
    prices = world.market.series(asset.index, parts).price_usd.tolist()
    size = OHLC_SAMPLES + 1
    return [
        _candle(close, prices[at * size : (at + 1) * size], per_usd)
        for at, close in enumerate(closes)
        if all(map(math.isfinite, prices[at * size : (at + 1) * size]))
    ]


def _candle(close: float, prices: Sequence[float], per_usd: float) -> list[int | float]:
    marks = (prices[0], max(prices), min(prices), prices[-1])
    return [int(close * 1000), *(price(mark * per_usd) for mark in marks)]


def _pro_only(world: World, what: str) -> SimResponse:
    return wrapped_error(401, PLAN_RESTRICTED, f"{what} is exclusive to paid plans.", now=world.clock.now())


def _is_positive(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and float(text) > 0
    except ValueError:
        return False
