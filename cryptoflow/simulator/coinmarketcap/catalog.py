"""`map`, `info`, `key/info` and the endpoints that no simulated plan has.

What does not belong here: prices (prices.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptoflow.simulator.coinmarketcap.envelope import PLAN_EXCLUDES, bad_request, failure, stamp, success
from cryptoflow.simulator.coinmarketcap.listing import current_listings, is_listed, platform_of, tag_slug
from cryptoflow.simulator.coinmarketcap.params import BadParam, chosen_coins, keyed, number
from cryptoflow.simulator.coinmarketcap.policy import PROVIDER, key_of, plan_of
from cryptoflow.simulator.limits import UNLIMITED, Usage, Window
from cryptoflow.simulator.responses import Shape, SimResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.market.universe import SimAsset
    from cryptoflow.simulator.world import World

MAP_SHAPE = Shape(rows=("data",), id_key="id", page_param="start")
STATUSES = ("active", "inactive", "untracked")


def id_map(request: Request, world: World) -> SimResponse:
    """Every id with its names; costs nothing."""
    now, query = world.clock.now(), request.query_params
    try:
        start = number(query.get("start"), "start", default=1, highest=10**9)
        limit = number(query.get("limit"), "limit", default=5_000, highest=5_000)
        statuses = query.get("listing_status", "active").split(",")
        if not set(statuses) <= set(STATUSES):
            raise BadParam(f'"listing_status" must be of {", ".join(STATUSES)}')
    except BadParam as error:
        return bad_request(str(error), now=now)
    ranks = {coin.asset.index: rank for rank, coin in enumerate(current_listings(world).coins, start=1)}
    symbols = {word.upper() for word in query.get("symbol", "").split(",") if word}
    assets = [
        asset
        for asset in world.market.all_assets(now)
        if is_listed(asset)
        and ("active" if asset.index in ranks else "inactive") in statuses
        and (not symbols or asset.symbol in symbols)
    ]
    if query.get("sort") == "cmc_rank":
        assets.sort(key=lambda asset: ranks.get(asset.index, 10**9))
    else:
        assets.sort(key=lambda asset: asset.cmc_id)
    rows = [_map_row(asset, ranks.get(asset.index), now) for asset in assets]
    return success(rows[start - 1 : start - 1 + limit], now=now, points=0, shape=MAP_SHAPE)


def _map_row(asset: SimAsset, rank: int | None, now: float) -> dict[str, object]:
    last = now // 300 * 300 if rank is not None else asset.delisted_at or now
    return {
        "id": asset.cmc_id,
        "rank": rank,
        "name": asset.name,
        "symbol": asset.symbol,
        "slug": asset.slug,
        "is_active": 0 if rank is None else 1,
        "first_historical_data": stamp(asset.listed_at),
        "last_historical_data": stamp(last),
        "platform": platform_of(asset),
    }


def info(request: Request, world: World) -> SimResponse:
    """What is known of coins apart from their prices."""
    now = world.clock.now()
    try:
        by, chosen = chosen_coins(request, current_listings(world))
    except BadParam as error:
        return bad_request(str(error), now=now)
    data = keyed(by, [(coin, _info_row(coin.asset)) for _, coin in chosen])
    return success(data, now=now, points=max(1, len(chosen)), shape=Shape(rows=("data",), id_key="id"))


def _info_row(asset: SimAsset) -> dict[str, object]:
    return {
        "id": asset.cmc_id,
        "name": asset.name,
        "symbol": asset.symbol,
        "category": asset.kind,
        "description": f"{asset.name} ({asset.symbol}) is an asset of the simulated market.",
        "slug": asset.slug,
        "logo": f"https://s2.coinmarketcap.com/static/img/coins/64x64/{asset.cmc_id}.png",
        "subreddit": asset.reddit or "",
        "notice": "",
        "tags": [tag_slug(category) for category in asset.categories] or None,
        "platform": platform_of(asset),
        "date_added": stamp(asset.listed_at),
        "twitter_username": asset.twitter or "",
        "is_hidden": 0,
        "date_launched": f"{asset.genesis_date}T00:00:00.000Z" if asset.genesis_date else None,
        "contract_address": _contracts(asset),
        "self_reported_circulating_supply": None,
        "self_reported_tags": None,
        "self_reported_market_cap": None,
        "infinite_supply": asset.max_supply is None,
        "urls": {
            "website": [f"https://{asset.slug}.example/"],
            "twitter": [f"https://twitter.com/{asset.twitter}"] if asset.twitter else [],
            "message_board": [],
            "chat": [],
            "facebook": [],
            "explorer": [],
            "reddit": [f"https://reddit.com/r/{asset.reddit}"] if asset.reddit else [],
            "technical_doc": [],
            "source_code": [f"https://github.com/{asset.github}"] if asset.github else [],
            "announcement": [],
        },
    }


def _contracts(asset: SimAsset) -> list[dict[str, object]]:
    platform = platform_of(asset)
    if platform is None:
        return []
    coin = {"id": str(platform["id"]), "name": platform["name"], "symbol": platform["symbol"], "slug": platform["slug"]}
    return [{"contract_address": asset.contract_address, "platform": {"name": platform["name"], "coin": coin}}]


def key_info(request: Request, world: World) -> SimResponse:
    """What the key may use and has used, as the limits count it; costs nothing."""
    now, key = world.clock.now(), key_of(request) or ""
    usages = world.limits.usages(provider=PROVIDER, plan=plan_of(key), user=key, now=now)
    by_window: dict[Window, Usage] = {usage.window: usage for usage in usages}
    minute, day, month = (by_window[window] for window in ("minute", "day", "month"))
    plan: dict[str, object] = {}
    today: dict[str, object] = {"credits_used": day.used}
    if day.quota < UNLIMITED:
        plan |= _limit_of("daily", day, now)
        today["credits_left"] = day.left
    plan |= {**_limit_of("monthly", month, now), "rate_limit_minute": minute.quota}
    usage = {
        "current_minute": {"requests_made": minute.used, "requests_left": minute.left},
        "current_day": today,
        "current_month": {"credits_used": month.used, "credits_left": month.left},
    }
    return success({"plan": plan, "usage": usage}, now=now, points=0)


def _limit_of(name: str, usage: Usage, now: float) -> dict[str, object]:
    return {
        f"credit_limit_{name}": usage.quota,
        f"credit_limit_{name}_reset": _in_words(usage.reset_at - now),
        f"credit_limit_{name}_reset_timestamp": stamp(usage.reset_at),
    }


def _in_words(seconds: float) -> str:
    minutes = int(seconds // 60)
    days, hours = minutes // 1_440, minutes // 60 % 24
    return f"In {days} days, {hours} hours and {minutes % 60} minutes"


def excluded(request: Request, world: World) -> SimResponse:
    """403 with code 1006."""
    del request
    return failure(PLAN_EXCLUDES, now=world.clock.now())
