"""`/coins/markets`, `/simple/price` and `/global`: many coins at one instant.

What does not belong here: one coin in depth (coin.py), histories (charts.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.errors import plain_error
from cryptoflow.simulator.coingecko.values import (
    CURRENCIES,
    Rounding,
    amount,
    change_percent,
    fraction,
    image_url,
    iso,
    or_null,
    percent,
    rounding,
)
from cryptoflow.simulator.coingecko.view import (
    Coin,
    View,
    cache_headers,
    current_view,
    extreme_date,
    last_updated,
    older_view,
)
from cryptoflow.simulator.responses import Shape, SimResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.world import World

MAX_PER_PAGE = 250
MARKETS_SHAPE = Shape(
    rows=(),
    id_key="id",
    price_keys=("current_price",),
    time_keys=("last_updated",),
    volume_keys=("total_volume", "market_cap"),
    page_param="page",
)
EXTRA_CHANGES: tuple[str, ...] = ("1h", "24h", "7d", "14d", "30d", "200d", "1y")

_ORDERS: dict[str, tuple[Callable[[Coin], float | str], bool]] = {
    "market_cap_desc": (lambda coin: coin.market_cap, True),
    "market_cap_asc": (lambda coin: coin.market_cap, False),
    "volume_desc": (lambda coin: coin.volume, True),
    "volume_asc": (lambda coin: coin.volume, False),
    "id_asc": (lambda coin: coin.asset.coingecko_id, False),
    "id_desc": (lambda coin: coin.asset.coingecko_id, True),
}


def coins_markets(request: Request, world: World) -> SimResponse:
    """A page of coins, ranked."""
    query = request.query_params
    currency = query.get("vs_currency", "").lower()
    if not currency:
        return plain_error(422, "Missing parameter vs_currency")
    view = current_view(request, world)
    per_usd = view.per_usd(currency)
    if per_usd is None:
        return plain_error(422, "invalid vs_currency")
    coins = _select(request, view)
    if coins is None:
        return plain_error(404, "category not found")
    key, descending = _ORDERS.get(query.get("order", ""), _ORDERS["market_cap_desc"])
    ordered = sorted(coins, key=key, reverse=descending)
    size = min(MAX_PER_PAGE, _positive(query.get("per_page"), 100))
    first = (_positive(query.get("page"), 1) - 1) * size
    write = rounding(query.get("precision"))
    changes = [name for name in EXTRA_CHANGES if name in query.get("price_change_percentage", "").split(",")]
    past = _older_views(world, view, changes)
    rows = []
    for coin in ordered[first : first + size]:
        row = _market_row(coin, view.at, per_usd, write)
        if query.get("sparkline") == "true":
            row["sparkline_in_7d"] = {"price": _sparkline(world, coin, view.at, per_usd)}
        # The real service adds these in alphabetical order.
        for name in sorted(changes):
            row[f"price_change_percentage_{name}_in_currency"] = or_null(_change_since(coin, name, past))
        rows.append(row)
    return SimResponse(body=rows, shape=MARKETS_SHAPE, headers=cache_headers(request, world))


def simple_price(request: Request, world: World) -> SimResponse:
    """Prices by id, name or symbol; unknown ones are left out."""
    query = request.query_params
    currencies = [name for name in query.get("vs_currencies", "").lower().split(",") if name]
    if not currencies:
        return plain_error(422, "Missing parameter vs_currencies")
    if not any(query.get(name) for name in ("ids", "names", "symbols")):
        return plain_error(422, "Missing parameter ids, names or symbols")
    view = current_view(request, world)
    write = rounding(query.get("precision"))
    coins = _select(request, view) or []
    by_symbol = bool(query.get("symbols"))
    body = {
        coin.asset.symbol.lower() if by_symbol else coin.asset.coingecko_id: _simple_row(
            coin, view, currencies, write, flags=_flags(request)
        )
        for coin in coins
    }
    keys = tuple(currencies)
    shape = Shape(
        rows=(),
        price_keys=keys,
        time_keys=("last_updated_at",),
        volume_keys=tuple(f"{name}_24h_vol" for name in keys),
    )
    return SimResponse(body=body, shape=shape, headers=cache_headers(request, world, shared_seconds=30))


def global_data(request: Request, world: World) -> SimResponse:
    """Totals over all coins."""
    view = current_view(request, world)
    cap, volume = (math.fsum(getattr(coin, name) for coin in view.coins) for name in ("market_cap", "volume"))
    before = math.fsum(
        coin.circulating * coin.price_24h_ago for coin in view.coins if math.isfinite(coin.price_24h_ago)
    )
    known = math.fsum(coin.market_cap for coin in view.coins if math.isfinite(coin.price_24h_ago))
    volume_before = math.fsum(coin.volume for coin in older_view(world.market, view.at, days=1).coins)
    rates = {name: view.per_usd(name) or 1.0 for name in CURRENCIES}
    data = {
        "active_cryptocurrencies": len(view.coins),
        "upcoming_icos": 0,
        "ongoing_icos": 49,
        "ended_icos": 3376,
        "markets": 4 * len(view.coins) + 137,
        "total_market_cap": {name: cap * rate for name, rate in rates.items()},
        "total_volume": {name: volume * rate for name, rate in rates.items()},
        "market_cap_percentage": {coin.asset.symbol.lower(): coin.market_cap / cap * 100.0 for coin in view.coins[:10]},
        "market_cap_change_percentage_24h_usd": change_percent(known, before),
        "volume_change_percentage_24h_usd": change_percent(volume, volume_before),
        "updated_at": int(view.at),
    }
    shape = Shape(
        price_keys=("data.total_market_cap.usd",),
        volume_keys=("data.total_volume.usd",),
        time_keys=("data.updated_at",),
    )
    return SimResponse(body={"data": data}, shape=shape, headers=cache_headers(request, world))


def _market_row(coin: Coin, at: float, per_usd: float, write: Rounding) -> dict[str, object]:
    asset = coin.asset
    max_supply = None if asset.max_supply is None else float(asset.max_supply)
    cap_before = coin.circulating * coin.price_24h_ago
    return {
        "id": asset.coingecko_id,
        "symbol": asset.symbol.lower(),
        "name": asset.name,
        "image": image_url(asset.index, asset.coingecko_id),
        "current_price": write(coin.price * per_usd),
        "market_cap": round(coin.market_cap * per_usd),
        "market_cap_rank": coin.rank,
        "market_cap_rank_with_rehypothecated": coin.rank,
        "fully_diluted_valuation": None if max_supply is None else round(coin.price * max_supply * per_usd),
        "total_volume": amount(coin.volume * per_usd),
        "high_24h": _with_day(coin, coin.high_24h * per_usd, write),
        "low_24h": _with_day(coin, coin.low_24h * per_usd, write),
        "price_change_24h": or_null((coin.price - coin.price_24h_ago) * per_usd, write),
        "price_change_percentage_24h": or_null(change_percent(coin.price, coin.price_24h_ago), percent),
        "market_cap_change_24h": or_null((coin.market_cap - cap_before) * per_usd, amount),
        "market_cap_change_percentage_24h": or_null(change_percent(coin.market_cap, cap_before), percent),
        "circulating_supply": coin.circulating,
        "total_supply": or_null(coin.total_supply),
        "max_supply": max_supply,
        "ath": write(coin.ath * per_usd),
        "ath_change_percentage": percent(change_percent(coin.price, coin.ath)),
        "ath_date": iso(extreme_date(coin, coin.ath, at)),
        "atl": write(coin.atl * per_usd),
        "atl_change_percentage": percent(change_percent(coin.price, coin.atl)),
        "atl_date": iso(extreme_date(coin, coin.atl, at)),
        "roi": roi(coin),
        "last_updated": iso(last_updated(coin, at)),
    }


def _with_day(coin: Coin, value: float, write: Rounding) -> float | None:
    """The group of 24-hour figures is null together while a coin is younger than a day."""
    return write(value) if math.isfinite(coin.price_24h_ago) else None


def roi(coin: Coin) -> dict[str, object] | None:
    """The return since the sale of the coin, for the one in five that had one."""
    if fraction("roi", coin.asset.coingecko_id) > 0.2 or coin.asset.index == 0:
        return None
    sold_at = coin.price / (0.2 + 30.0 * fraction("sold", coin.asset.coingecko_id))
    multiple = coin.price / sold_at - 1.0
    return {"times": multiple, "currency": "usd", "percentage": multiple * 100.0}


def _older_views(world: World, view: View, changes: Iterable[str]) -> dict[str, View]:
    days = {"14d": 14, "200d": 200}
    return {name: older_view(world.market, view.at, days=days[name]) for name in changes if name in days}


def _change_since(coin: Coin, name: str, past: dict[str, View]) -> float:
    if name in past:
        then = past[name].by_id.get(coin.asset.coingecko_id)
        return math.nan if then is None else change_percent(coin.price, then.price)
    before = {
        "1h": coin.price_1h_ago,
        "24h": coin.price_24h_ago,
        "7d": coin.price_7d_ago,
        "30d": coin.price_30d_ago,
        "1y": coin.price_1y_ago,
    }
    return change_percent(coin.price, before[name])


def _sparkline(world: World, coin: Coin, at: float, per_usd: float) -> list[float]:
    hours = [(at // 3_600 - back) * 3_600 for back in range(167, -1, -1)]
    prices = world.market.series(coin.asset.index, hours).price_usd
    return [value * per_usd for value in prices.tolist() if math.isfinite(value)]


def _select(request: Request, view: View) -> list[Coin] | None:
    """The coins that the parameters name; None for an unknown category."""
    query = request.query_params
    coins = list(view.coins)
    if query.get("category"):
        coins = [coin for coin in coins if query["category"] in map(category_slug, coin.asset.categories)]
        if not coins:
            return None
    if ids := _words(query.get("ids")):
        return [coin for coin in coins if coin.asset.coingecko_id in ids]
    if names := _words(query.get("names")):
        return [coin for coin in coins if coin.asset.name.lower() in names]
    if symbols := _words(query.get("symbols")):
        named = [coin for coin in coins if coin.asset.symbol.lower() in symbols]
        return named if query.get("include_tokens") == "all" else _top_of_each_symbol(named)
    return coins


def _top_of_each_symbol(coins: list[Coin]) -> list[Coin]:
    top: dict[str, Coin] = {}
    for coin in coins:
        top.setdefault(coin.asset.symbol, coin)
    return list(top.values())


def category_slug(name: str) -> str:
    """`Layer 1 (L1)` -> `layer-1-l1`."""
    return "-".join("".join(char if char.isalnum() else " " for char in name.lower()).split())


def _words(text: str | None) -> set[str]:
    return {word.strip().lower() for word in (text or "").split(",") if word.strip()}


def _positive(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() and int(text) > 0 else default


def _flags(request: Request) -> frozenset[str]:
    names = ("include_market_cap", "include_24hr_vol", "include_24hr_change", "include_last_updated_at")
    return frozenset(name for name in names if request.query_params.get(name) == "true")


def _simple_row(
    coin: Coin, view: View, currencies: list[str], write: Rounding, *, flags: frozenset[str]
) -> dict[str, object]:
    row: dict[str, object] = {}
    for currency in currencies:
        per_usd = view.per_usd(currency)
        if per_usd is None:
            continue
        row[currency] = write(coin.price * per_usd)
        if "include_market_cap" in flags:
            row[f"{currency}_market_cap"] = coin.market_cap * per_usd
        if "include_24hr_vol" in flags:
            row[f"{currency}_24h_vol"] = coin.volume * per_usd
        if "include_24hr_change" in flags:
            row[f"{currency}_24h_change"] = or_null(change_percent(coin.price, coin.price_24h_ago))
    if "include_last_updated_at" in flags:
        row["last_updated_at"] = int(last_updated(coin, view.at))
    return row
