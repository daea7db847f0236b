"""The market as CoinGecko sees it: one cached snapshot with identities, and when a caller gets which.

An answer is a function of the cache window it falls into, so two asks within a window get the same body. Different
questions refresh at different phases of the minute, which is why ranks move between pages.
What does not belong here: JSON.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.values import COIN_CURRENCIES, FIAT_PER_USD, fraction

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.market.universe import SimAsset
    from cryptoflow.simulator.world import World

CACHE_SECONDS = 45
PHASES = 3
"""Few, because each phase costs a snapshot of the whole market per window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """One row of the snapshot with its identity. Unknown numbers are nan."""

    asset: SimAsset
    rank: int
    price: float
    market_cap: float
    volume: float
    circulating: float
    total_supply: float
    high_24h: float
    low_24h: float
    price_1h_ago: float
    price_24h_ago: float
    price_7d_ago: float
    price_30d_ago: float
    price_1y_ago: float
    ath: float
    atl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All coins at one instant, by market cap, and by id."""

    at: float
    coins: tuple[Coin, ...]
    by_id: Mapping[str, Coin]

    def per_usd(self, currency: str) -> float | None:
        """Units of `currency` for one US dollar; None for an unknown currency."""
        coin = self.by_id.get(COIN_CURRENCIES.get(currency, ""))
        return 1.0 / coin.price if coin else FIAT_PER_USD.get(currency)


@lru_cache(maxsize=8)
def view_of(market: Market, at: float) -> View:
    """The market at `at`."""
    return _make_view(market, at)


def _make_view(market: Market, at: float) -> View:
    shot = market.snapshot(at)
    assets = {asset.index: asset for asset in market.assets(at)}
    columns = (
        shot.index,
        shot.price_usd,
        shot.market_cap_usd,
        shot.volume_24h_usd,
        shot.circulating_supply,
        shot.total_supply,
        shot.high_24h_usd,
        shot.low_24h_usd,
        shot.price_1h_ago_usd,
        shot.price_24h_ago_usd,
        shot.price_7d_ago_usd,
        shot.price_30d_ago_usd,
        shot.price_1y_ago_usd,
        shot.ath_usd,
        shot.atl_usd,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    coins = tuple(_coin(assets[row[0]], rank, row) for rank, row in enumerate(rows, start=1))
    return View(at=at, coins=coins, by_id={coin.asset.coingecko_id: coin for coin in coins})


@lru_cache(maxsize=8)
def _view_at_hour(market: Market, hour: int) -> View:
    return _make_view(market, hour * 3_600.0)


def older_view(market: Market, at: float, *, days: int) -> View:
    """The market so many days before `at`, to the hour: such a view serves a whole hour of answers."""
    return _view_at_hour(market, int((at - days * 86_400) // 3_600))


def _coin(asset: SimAsset, rank: int, row: tuple[float, ...]) -> Coin:
    return Coin(
        asset=asset,
        rank=rank,
        price=row[1],
        market_cap=row[2],
        volume=row[3],
        circulating=row[4],
        total_supply=row[5],
        high_24h=row[6],
        low_24h=row[7],
        price_1h_ago=row[8],
        price_24h_ago=row[9],
        price_7d_ago=row[10],
        price_30d_ago=row[11],
        price_1y_ago=row[12],
        ath=row[13],
        atl=row[14],
    )


def current_view(request: Request, world: World) -> View:
    """The view that this question gets now."""
    return view_of(world.market, cached_instant(request, world))


def cached_instant(request: Request, world: World) -> float:
    """When the cached answer to this question was made."""
    question = f"{request.url.path}?{sorted(request.query_params.multi_items())}"
    phase = zlib.crc32(question.encode()) % PHASES * (CACHE_SECONDS / PHASES)
    return (world.clock.now() - phase) // CACHE_SECONDS * CACHE_SECONDS + phase


def cache_headers(request: Request, world: World, *, shared_seconds: int = 60) -> dict[str, str]:
    """The headers of the edge cache: the first ask of a window misses, later ones hit and age."""
    age = int(world.clock.now() - cached_instant(request, world))
    return {
        "cache-control": f"max-age=30, public, must-revalidate, s-maxage={shared_seconds}",
        "cf-cache-status": "HIT" if age else "MISS",
        "age": str(age),
    }


def last_updated(coin: Coin, at: float) -> float:
    """When this coin was last priced: 10 to 60 seconds before the answer was made."""
    return at - 10.0 - 50.0 * fraction("lag", coin.asset.coingecko_id, at)


def extreme_date(coin: Coin, extreme: float, at: float) -> float:
    """A day for an all-time high or low: now for a fresh one, else one that stays as long as the extreme stays."""
    if extreme in (coin.high_24h, coin.low_24h):
        return at - 3_600.0
    span = min(at - coin.asset.listed_at, 2 * 365 * 86_400.0)
    return coin.asset.listed_at + span * fraction("extreme", coin.asset.coingecko_id, f"{extreme:.6g}")
