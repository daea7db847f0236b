"""`listings/latest`, `quotes/latest` (v2 and v3) and `global-metrics/quotes/latest`.

What does not belong here: coins without their prices (catalog.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.view import Coin
from cryptoflow.simulator.coinmarketcap.envelope import bad_request, stamp, success
from cryptoflow.simulator.coinmarketcap.listing import (
    CURRENCY_IDS,
    Listings,
    current_listings,
    price_of,
    row_of,
    volume_of,
)
from cryptoflow.simulator.coinmarketcap.params import (
    BadParam,
    chosen_coins,
    currencies_of,
    decimal,
    keyed,
    number,
)
from cryptoflow.simulator.responses import Shape, SimResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.world import World

OPTIONAL_FIELDS = (
    *("num_market_pairs", "cmc_rank", "date_added", "tags", "platform", "max_supply", "circulating_supply"),
    *("total_supply", "infinite_supply", "self_reported_circulating_supply", "self_reported_market_cap", "tvl_ratio"),
)
_SORTS: dict[str, Callable[[Coin], float | str]] = {
    "market_cap": lambda coin: coin.market_cap,
    "price": lambda coin: coin.price,
    "volume_24h": volume_of,
    "circulating_supply": lambda coin: coin.circulating,
    "name": lambda coin: coin.asset.name,
    "symbol": lambda coin: coin.asset.symbol,
    "date_added": lambda coin: coin.asset.listed_at,
    "percent_change_24h": lambda coin: coin.price / coin.price_24h_ago if coin.price_24h_ago > 0 else -math.inf,
}


def listings_latest(request: Request, world: World) -> SimResponse:
    """A page of coins, ranked."""
    now, query = world.clock.now(), request.query_params
    listings = current_listings(world)
    try:
        start = number(query.get("start"), "start", default=1, highest=10**9)
        limit = number(query.get("limit"), "limit", default=100, highest=5_000)
        currencies = currencies_of(query, listings)
        ranked = _filtered(request, listings)
        sort = query.get("sort", "market_cap")
        if sort not in _SORTS:
            raise BadParam(f'"sort" must be one of {", ".join(_SORTS)}')
    except BadParam as error:
        return bad_request(str(error), now=now)
    descending = query.get("sort_dir", "asc" if sort in ("name", "symbol") else "desc") == "desc"
    ranked.sort(key=lambda entry: _SORTS[sort](entry[1]), reverse=descending)
    page = ranked[start - 1 : start - 1 + limit]
    rows = [_without(row_of(coin, rank, listings, currencies), query.get("aux")) for rank, coin in page]
    return success(
        rows,
        now=now,
        points=max(1, len(rows)),
        currencies=len(currencies),
        total_count=len(ranked),
        shape=_shape(currencies, page_param="start"),
    )


def quotes_latest(request: Request, world: World) -> SimResponse:
    """Named coins, as an object by id, or by symbol with an array each."""
    now = world.clock.now()
    listings = current_listings(world)
    try:
        currencies = currencies_of(request.query_params, listings)
        by, chosen = chosen_coins(request, listings)
    except BadParam as error:
        return bad_request(str(error), now=now)
    aux = request.query_params.get("aux")
    rows = [(coin, _quoted(coin, rank, listings, currencies, aux)) for rank, coin in chosen]
    return success(
        keyed(by, rows), now=now, points=max(1, len(rows)), currencies=len(currencies), shape=_shape(currencies)
    )


def quotes_latest_v3(request: Request, world: World) -> SimResponse:
    """Named coins as an array, each with its quotes as an array."""
    now = world.clock.now()
    listings = current_listings(world)
    try:
        currencies = currencies_of(request.query_params, listings)
        _, chosen = chosen_coins(request, listings)
    except BadParam as error:
        return bad_request(str(error), now=now)
    rows = []
    for rank, coin in chosen:
        row = _quoted(coin, rank, listings, currencies, request.query_params.get("aux"))
        quotes: dict[str, dict[str, object]] = row["quote"]  # type: ignore[assignment]
        row["quote"] = [{"id": CURRENCY_IDS.get(name), "symbol": name, **figures} for name, figures in quotes.items()]
        rows.append(row)
    shape = Shape(rows=("data",), id_key="id", time_keys=("last_updated",))
    return success(rows, now=now, points=max(1, len(rows)), currencies=len(currencies), shape=shape)


def global_metrics(request: Request, world: World) -> SimResponse:
    """Totals over all listed coins."""
    now = world.clock.now()
    listings = current_listings(world)
    try:
        currencies = currencies_of(request.query_params, listings)
    except BadParam as error:
        return bad_request(str(error), now=now)
    coins = listings.coins
    shares = {coin.asset.symbol: coin.market_cap / listings.total_cap * 100.0 for coin in coins[:10]}
    volume = math.fsum(volume_of(coin) for coin in coins)
    data = {
        "active_cryptocurrencies": len(coins),
        "total_cryptocurrencies": len(world.market.all_assets(now)),
        "active_market_pairs": 9 * len(coins),
        "active_exchanges": 254,
        "total_exchanges": 811,
        "eth_dominance": shares.get("ETH"),
        "btc_dominance": shares.get("BTC"),
        "last_updated": stamp(listings.at),
        "quote": {
            currency: {
                "total_market_cap": listings.total_cap * per_usd,
                "total_volume_24h": volume * per_usd,
                "altcoin_market_cap": (listings.total_cap - coins[0].market_cap) * per_usd,
                "last_updated": stamp(listings.at),
            }
            for currency in currencies
            for per_usd in (listings.view.per_usd(currency.lower()) or 1.0,)
        },
    }
    shape = Shape(rows=None, price_keys=(f"data.quote.{currencies[0]}.total_market_cap",))
    return success(data, now=now, points=1, currencies=len(currencies), shape=shape)


def _filtered(request: Request, listings: Listings) -> list[tuple[int, Coin]]:
    query = request.query_params
    kind = query.get("cryptocurrency_type", "all")
    if kind not in ("all", "coins", "tokens"):
        raise BadParam('"cryptocurrency_type" must be one of all, coins, tokens')
    bounds: list[tuple[Callable[[Coin], float], float | None, float | None]] = [
        (read, decimal(query.get(f"{name}_min"), f"{name}_min"), decimal(query.get(f"{name}_max"), f"{name}_max"))
        for name, read in (
            ("price", lambda coin: price_of(coin, listings.at)),
            ("market_cap", lambda coin: coin.market_cap),
            ("volume_24h", volume_of),
            ("circulating_supply", lambda coin: coin.circulating),
        )
    ]
    return [
        (rank, coin)
        for rank, coin in enumerate(listings.coins, start=1)
        if kind in ("all", f"{coin.asset.kind}s") and all(_within(read(coin), low, high) for read, low, high in bounds)
    ]


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _quoted(coin: Coin, rank: int, listings: Listings, currencies: Sequence[str], aux: str | None) -> dict[str, object]:
    row = row_of(coin, rank, listings, currencies)
    row["is_active"], row["is_fiat"] = 1, 0
    return _without(row, aux)


def _without(row: dict[str, object], aux: str | None) -> dict[str, object]:
    """`aux` names the optional fields that are wanted; not given, all are."""
    if aux is None:
        return row
    wanted = set(aux.split(","))
    return {name: value for name, value in row.items() if name not in OPTIONAL_FIELDS or name in wanted}


def _shape(currencies: Sequence[str], *, page_param: str | None = None) -> Shape:
    return Shape(
        rows=("data",),
        id_key="id",
        price_keys=tuple(f"quote.{currency}.price" for currency in currencies),
        volume_keys=tuple(
            f"quote.{currency}.{name}" for currency in currencies for name in ("volume_24h", "market_cap")
        ),
        time_keys=("last_updated", *(f"quote.{currency}.last_updated" for currency in currencies)),
        page_param=page_param,
    )
