"""Which assets CoinMarketCap lists, and its view of one: prices a few basis points from the market's, in any currency.

What does not belong here: envelopes, parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.values import change_percent, fraction, or_null
from cryptoflow.simulator.coingecko.view import Coin, View, older_view, view_of
from cryptoflow.simulator.coinmarketcap.envelope import stamp

if TYPE_CHECKING:
    from cryptoflow.simulator.market.universe import SimAsset
    from cryptoflow.simulator.world import World

UPDATE_SECONDS = 60
USD_ID = 2_781
CURRENCY_IDS: dict[str, int] = {"USD": USD_ID, "EUR": 2_790, "GBP": 2_791, "JPY": 2_797, "BTC": 1, "ETH": 1_027}
CATALOGUED_BELOW = 60
LISTED_SHARE = 0.95
SPREAD = 0.0004


@dataclass(frozen=True, slots=True, kw_only=True)
class Listings:
    """What CoinMarketCap shows in one minute: its coins by rank, with the views that its changes refer to."""

    at: float
    view: View
    coins: tuple[Coin, ...]
    older: Mapping[int, View]
    total_cap: float


def is_listed(asset: SimAsset) -> bool:
    """Whether CoinMarketCap lists the asset: every catalogued one, and most of the others."""
    return asset.index < CATALOGUED_BELOW or fraction("coinmarketcap", asset.coingecko_id) < LISTED_SHARE


def current_listings(world: World) -> Listings:
    """The listings of this minute: two asks in the same minute see the same."""
    at = world.clock.now() // UPDATE_SECONDS * UPDATE_SECONDS
    view = view_of(world.market, at)
    coins = tuple(coin for coin in view.coins if is_listed(coin.asset))
    older = {days: older_view(world.market, at, days=days) for days in (60, 90)}
    return Listings(at=at, view=view, coins=coins, older=older, total_cap=math.fsum(coin.market_cap for coin in coins))


def price_of(coin: Coin, at: float) -> float:
    """The price here: up to four basis points from the market's, another difference each minute."""
    return coin.price * (1.0 + SPREAD * (2.0 * fraction("spread", coin.asset.coingecko_id, at) - 1.0))


def volume_of(coin: Coin) -> float:
    """The volume here: of other exchanges, so some percent from CoinGecko's."""
    return coin.volume * (0.92 + 0.16 * fraction("markets", coin.asset.coingecko_id))


def row_of(coin: Coin, rank: int, listings: Listings, currencies: Sequence[str]) -> dict[str, object]:
    """One row of listings and quotes; the quote is an object by currency."""
    asset = coin.asset
    return {
        "id": asset.cmc_id,
        "name": asset.name,
        "symbol": asset.symbol,
        "slug": asset.slug,
        "num_market_pairs": 3 + int(9_000 / rank),
        "date_added": stamp(asset.listed_at),
        "tags": [tag_slug(category) for category in asset.categories],
        "max_supply": None if asset.max_supply is None else whole(asset.max_supply),
        "circulating_supply": whole(coin.circulating),
        "total_supply": whole(coin.circulating if math.isnan(coin.total_supply) else coin.total_supply),
        "infinite_supply": asset.max_supply is None,
        "platform": platform_of(asset),
        "cmc_rank": rank,
        "self_reported_circulating_supply": None,
        "self_reported_market_cap": None,
        "tvl_ratio": None,
        "last_updated": stamp(listings.at),
        "quote": {currency: quote_of(coin, listings, currency) for currency in currencies},
    }


def quote_of(coin: Coin, listings: Listings, currency: str) -> dict[str, object]:
    """The figures of a coin in one currency."""
    per_usd = listings.view.per_usd(currency.lower()) or 1.0
    price = price_of(coin, listings.at) * per_usd
    cap = price * coin.circulating
    diluted = coin.circulating if coin.asset.max_supply is None else float(coin.asset.max_supply)
    changes = {
        "1h": coin.price_1h_ago,
        "24h": coin.price_24h_ago,
        "7d": coin.price_7d_ago,
        "30d": coin.price_30d_ago,
        **{f"{days}d": _price_in(view, coin) for days, view in listings.older.items()},
    }
    return {
        "price": price,
        "volume_24h": volume_of(coin) * per_usd,
        "volume_change_24h": round(60.0 * fraction("volume change", coin.asset.slug, listings.at) - 30.0, 4),
        **{
            f"percent_change_{name}": or_null(change_percent(coin.price, then), _eight)
            for name, then in changes.items()
        },
        "market_cap": cap,
        "market_cap_dominance": round(coin.market_cap / listings.total_cap * 100.0, 4),
        "fully_diluted_market_cap": round(price * diluted, 2),
        "tvl": None,
        "last_updated": stamp(listings.at),
    }


def platform_of(asset: SimAsset) -> dict[str, object] | None:
    """The chain that a token lives on."""
    if asset.platform_id is None:
        return None
    cmc_id, name, symbol, slug = _PLATFORMS.get(
        asset.platform_id, (0, asset.platform_id, asset.platform_id.upper(), asset.platform_id)
    )
    return {"id": cmc_id, "name": name, "symbol": symbol, "slug": slug, "token_address": asset.contract_address}


_PLATFORMS: dict[str, tuple[int, str, str, str]] = {
    "ethereum": (1_027, "Ethereum", "ETH", "ethereum"),
    "binance-smart-chain": (1_839, "BNB", "BNB", "bnb"),
    "solana": (5_426, "Solana", "SOL", "solana"),
    "base": (27_716, "Base", "BASE", "base"),
    "polygon-pos": (3_890, "Polygon", "MATIC", "polygon"),
    "arbitrum-one": (11_841, "Arbitrum", "ARB", "arbitrum"),
    "optimistic-ethereum": (11_840, "Optimism", "OP", "optimism-ethereum"),
}


def tag_slug(category: str) -> str:
    """`Layer 1 (L1)` -> `layer-1-l1`."""
    return "-".join("".join(char if char.isalnum() else " " for char in category.lower()).split())


def whole(value: float | Decimal) -> int | float | Decimal:
    """A whole number without a fraction; another as it is."""
    return int(value) if value == int(value) else value


def _price_in(view: View, coin: Coin) -> float:
    then = view.by_id.get(coin.asset.coingecko_id)
    return math.nan if then is None else then.price


def _eight(value: float) -> float:
    return round(value, 8)
