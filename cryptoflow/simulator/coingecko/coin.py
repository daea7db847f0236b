"""`/coins/{id}` and `/coins/{id}/history`: one coin in depth.

What does not belong here: many coins (markets.py), price histories (charts.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.charts import beyond_history
from cryptoflow.simulator.coingecko.errors import plain_error
from cryptoflow.simulator.coingecko.markets import roi
from cryptoflow.simulator.coingecko.values import (
    CURRENCIES,
    change_percent,
    fraction,
    image_url,
    iso,
    or_null,
    percent,
    price,
)
from cryptoflow.simulator.coingecko.view import (
    Coin,
    View,
    cache_headers,
    current_view,
    extreme_date,
    last_updated,
    view_of,
)
from cryptoflow.simulator.responses import Shape, SimResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.market.universe import SimAsset
    from cryptoflow.simulator.world import World

COIN_SHAPE = Shape(
    id_key="id",
    price_keys=("market_data.current_price.usd",),
    volume_keys=("market_data.total_volume.usd", "market_data.market_cap.usd"),
    time_keys=("last_updated", "market_data.last_updated"),
)
WEEK_SECONDS = 7 * 86_400


def coin_by_id(request: Request, world: World) -> SimResponse:
    """Everything about a coin; a part that a flag turns off is absent."""
    view = current_view(request, world)
    coin = view.by_id.get(request.path_params["id"])
    if coin is None:
        return plain_error(404, "coin not found")
    body = _identity(coin, localization=_wants(request, "localization"))
    if _wants(request, "market_data"):
        body["market_data"] = _market_data(coin, view)
    if _wants(request, "community_data"):
        body["community_data"] = community_data()
    if _wants(request, "developer_data"):
        body["developer_data"] = developer_data(coin.asset, view.at)
    body["status_updates"] = []
    body["last_updated"] = iso(last_updated(coin, view.at))
    if _wants(request, "tickers"):
        body["tickers"] = [_ticker(coin, view)]
    return SimResponse(body=body, shape=COIN_SHAPE, headers=cache_headers(request, world))


def coin_history(request: Request, world: World) -> SimResponse:
    """A coin at 00:00 UTC of one day."""
    at = _day(request.query_params.get("date"))
    if at is None:
        return plain_error(400, "invalid date")
    asset = world.market.asset(request.path_params["id"], world.clock.now())
    if asset is None:
        return plain_error(404, "coin not found")
    refusal = beyond_history(request, world, at)
    if refusal is not None:
        return refusal
    view = view_of(world.market, min(at, world.clock.now() // 86_400 * 86_400))
    coin = view.by_id.get(asset.coingecko_id)
    body: dict[str, object] = {
        "id": asset.coingecko_id,
        "symbol": asset.symbol.lower(),
        "name": asset.name,
    }
    if request.query_params.get("localization") != "false":
        body["localization"] = {"en": asset.name}
    body["image"] = {size: image_url(asset.index, asset.coingecko_id, size) for size in ("thumb", "small")}
    if coin is not None:
        # A day before the listing has the coin's name and nothing else.
        body["market_data"] = {
            "current_price": _in_all(view, coin.price, float),
            "market_cap": _in_all(view, coin.market_cap, float),
            "total_volume": _in_all(view, coin.volume, float),
        }
        body["community_data"] = {**community_data(), "reddit_accounts_active_48h": None}
        body["developer_data"] = developer_data(asset, view.at)
        body["public_interest_stats"] = {"alexa_rank": None, "bing_matches": None}
    return SimResponse(body=body, shape=COIN_SHAPE, headers=cache_headers(request, world, shared_seconds=1800))


def _wants(request: Request, part: str) -> bool:
    return request.query_params.get(part, "true") != "false"


def _day(text: str | None) -> float | None:
    for form in ("%d-%m-%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text or "", form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None


def _identity(coin: Coin, *, localization: bool) -> dict[str, object]:
    asset = coin.asset
    up = round(50.0 + 45.0 * fraction("votes", asset.coingecko_id), 2)
    platforms = {asset.platform_id or "": asset.contract_address or ""}
    body: dict[str, object] = {
        "id": asset.coingecko_id,
        "symbol": asset.symbol.lower(),
        "name": asset.name,
        "web_slug": asset.coingecko_id,
        "asset_platform_id": asset.platform_id,
        "platforms": platforms,
        "detail_platforms": {
            platform: {"decimal_place": 18 if address else None, "contract_address": address}
            for platform, address in platforms.items()
        },
        "block_time_in_minutes": 10 if asset.coingecko_id == "bitcoin" else 0,
        "hashing_algorithm": asset.hashing_algorithm,
        "categories": list(asset.categories),
        "preview_listing": False,
        "public_notice": None,
        "additional_notices": [],
    }
    if localization:
        body["localization"] = {"en": asset.name}
    return body | {
        "description": {"en": f"{asset.name} ({asset.symbol}) is an asset of the simulated market."},
        "links": _links(asset),
        "image": {size: image_url(asset.index, asset.coingecko_id, size) for size in ("thumb", "small", "large")},
        "country_origin": "",
        "genesis_date": asset.genesis_date,
        "sentiment_votes_up_percentage": up,
        "sentiment_votes_down_percentage": round(100.0 - up, 2),
        "watchlist_portfolio_users": int(2_000_000 / coin.rank),
        "market_cap_rank": coin.rank,
        "market_cap_rank_with_rehypothecated": coin.rank,
    }


def _links(asset: SimAsset) -> dict[str, object]:
    return {
        "homepage": [f"https://{asset.slug}.example/", "", ""],
        "whitepaper": "",
        "blockchain_site": ["", "", ""],
        "official_forum_url": ["", "", ""],
        "chat_url": ["", "", ""],
        "announcement_url": ["", ""],
        "twitter_screen_name": asset.twitter or "",
        "facebook_username": "",
        "bitcointalk_thread_identifier": None,
        "telegram_channel_identifier": "",
        "subreddit_url": f"https://www.reddit.com/r/{asset.reddit}/" if asset.reddit else None,
        "repos_url": {"github": [f"https://github.com/{asset.github}"] if asset.github else [], "bitbucket": []},
    }


def _market_data(coin: Coin, view: View) -> dict[str, object]:
    asset = coin.asset
    max_supply = None if asset.max_supply is None else float(asset.max_supply)
    known_day = math.isfinite(coin.price_24h_ago)
    cap_before = coin.circulating * coin.price_24h_ago
    data: dict[str, object] = {
        "current_price": _in_all(view, coin.price, price),
        "total_value_locked": None,
        "mcap_to_tvl_ratio": None,
        "fdv_to_tvl_ratio": None,
        "roi": roi(coin),
    }
    for name, extreme in (("ath", coin.ath), ("atl", coin.atl)):
        change = percent(change_percent(coin.price, extreme))
        date = iso(extreme_date(coin, extreme, view.at))
        data[name] = _in_all(view, extreme, price)
        data[f"{name}_change_percentage"] = dict.fromkeys(CURRENCIES, change)
        data[f"{name}_date"] = dict.fromkeys(CURRENCIES, date)
    data |= {
        "market_cap": _in_all(view, coin.market_cap, round),
        "market_cap_rank": coin.rank,
        "fully_diluted_valuation": {} if max_supply is None else _in_all(view, coin.price * max_supply, round),
        "total_volume": _in_all(view, coin.volume, round),
        "high_24h": _in_all(view, coin.high_24h, price) if known_day else {},
        "low_24h": _in_all(view, coin.low_24h, price) if known_day else {},
        "price_change_24h": or_null(coin.price - coin.price_24h_ago),
        "price_change_percentage_24h": or_null(change_percent(coin.price, coin.price_24h_ago), percent),
        "price_change_percentage_7d": or_null(change_percent(coin.price, coin.price_7d_ago), percent),
        "price_change_percentage_30d": or_null(change_percent(coin.price, coin.price_30d_ago), percent),
        "price_change_percentage_1y": or_null(change_percent(coin.price, coin.price_1y_ago), percent),
        "market_cap_change_24h": or_null(coin.market_cap - cap_before, round),
        "market_cap_change_percentage_24h": or_null(change_percent(coin.market_cap, cap_before), percent),
        "total_supply": or_null(coin.total_supply),
        "max_supply": max_supply,
        "max_supply_infinite": max_supply is None,
        "circulating_supply": coin.circulating,
        "last_updated": iso(last_updated(coin, view.at)),
    }
    return data


def _in_all(view: View, usd: float, write: Callable[[float], float]) -> dict[str, float]:
    return {name: write(usd * (view.per_usd(name) or 1.0)) for name in CURRENCIES}


def community_data() -> dict[str, object]:
    """Since 2025 CoinGecko publishes no community counts: nulls, and zeros that mean nothing."""
    return {
        "facebook_likes": None,
        "reddit_average_posts_48h": 0.0,
        "reddit_average_comments_48h": 0.0,
        "reddit_subscribers": None,
        "reddit_accounts_active_48h": 0,
        "telegram_channel_user_count": None,
    }


def developer_data(asset: SimAsset, at: float) -> dict[str, object]:
    """Counts of the coin's repository; all null where there is none."""
    names = (
        *("forks", "stars", "subscribers", "total_issues", "closed_issues"),
        *("pull_requests_merged", "pull_request_contributors"),
    )
    if asset.github is None:
        return {
            **dict.fromkeys(names),
            "code_additions_deletions_4_weeks": {"additions": None, "deletions": None},
            "commit_count_4_weeks": None,
            "last_4_weeks_commit_activity_series": [],
        }
    days = [int(at // 86_400) - back for back in range(28, 0, -1)]
    commits = [int(12 * fraction("commits", asset.github, day) ** 2) for day in days]
    age_weeks = (at - asset.listed_at) / WEEK_SECONDS
    size = 1.0 + 20.0 * fraction("size", asset.github)
    scales = (9.0, 25.0, 1.2, 4.0, 3.7, 6.0, 0.6)
    counts = {name: int(age_weeks * size * scale / 4) for name, scale in zip(names, scales, strict=True)}
    return {
        **counts,
        "code_additions_deletions_4_weeks": {"additions": 41 * sum(commits), "deletions": -17 * sum(commits)},
        "commit_count_4_weeks": sum(commits),
        "last_4_weeks_commit_activity_series": commits,
    }


def _ticker(coin: Coin, view: View) -> dict[str, object]:
    return {
        "base": coin.asset.symbol,
        "target": "USDT",
        "market": {"name": "Binance", "identifier": "binance", "has_trading_incentive": False},
        "last": coin.price,
        "volume": coin.volume / coin.price / 5,
        "converted_last": {"usd": coin.price},
        "converted_volume": {"usd": coin.volume / 5},
        "trust_score": "green",
        "timestamp": iso(view.at).replace("Z", "+00:00"),
        "is_anomaly": False,
        "is_stale": False,
        "coin_id": coin.asset.coingecko_id,
        "target_coin_id": "tether",
    }
