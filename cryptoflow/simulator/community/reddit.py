"""Reddit as it answers: the `about` of a subreddit, on the open host and on the OAuth host.

What belongs here: subreddits, their counts as a function of seed and time, their form. What does not: who is let in
by user agent and token, and the headers of limits (the middleware).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cryptoflow.simulator.market.noise import keys_of, octave_sum, stable_key
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.world import World

REFERENCE_AT: Final = instant("2025-01-01T00:00:00")
_YEAR_SECONDS: Final = 365.25 * 86_400
_HOUR_SECONDS: Final = 3_600.0
# Subreddits about the whole field, with their subscribers at the reference instant.
GENERAL: Final = {
    "CryptoCurrency": 9_400_000.0,
    "CryptoMarkets": 1_700_000.0,
    "BitcoinMarkets": 330_000.0,
    "ethtrader": 2_400_000.0,
    "defi": 170_000.0,
}
_SUBSCRIBERS: Final = {"bitcoin": 7_500_000.0, "ethereum": 3_500_000.0, "dogecoin": 2_450_000.0, "cardano": 700_000.0}
_PRIVATE_SHARE: Final = 0.02
_UNKNOWN_ACTIVE_SHARE: Final = 0.6


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [
        endpoint("/r/{sub}/about.json", _about),
        endpoint("/r/{sub}/about", _about),
        endpoint("/oauth/r/{sub}/about", _about),
        endpoint("/oauth/r/{sub}/about.json", _about),
    ]


def _about(request: Request, world: World) -> SimResponse:
    asked, now = request.path_params["sub"], world.clock.now()
    found = find_subreddit(world.market, asked, now)
    if found is None:
        return SimResponse(body={"message": "Not Found", "error": 404}, status=404)
    name, subscribers = found
    if stable_key("private", name.lower()) % 1000 < 1000 * _PRIVATE_SHARE and name not in GENERAL:
        return SimResponse(body={"reason": "private", "message": "Forbidden", "error": 403}, status=403)
    return SimResponse(
        body={"kind": "t5", "data": about(world.seed, name, subscribers, now)},
        shape=Shape(price_keys=("data.subscribers",), time_keys=("data.created_utc",)),
    )


def find_subreddit(market: Market, asked: str, now: float) -> tuple[str, float] | None:
    """(name as it is written, subscribers at the reference instant); the case of the asked name does not matter."""
    wanted = asked.lower()
    for name, subscribers in GENERAL.items():
        if name.lower() == wanted:
            return name, subscribers
    for asset in market.all_assets(now):
        if asset.reddit is not None and asset.reddit.lower() == wanted:
            usual = 3e6 * (asset.index + 8.0) ** -1.25
            return asset.reddit, _SUBSCRIBERS.get(asset.coingecko_id, usual)
    return None


def about(seed: int, name: str, subscribers_then: float, now: float) -> dict[str, Any]:
    """The counts at an instant; many subreddits no longer say how many accounts are active."""
    key = stable_key(seed, "subreddit", name)
    subscribers = subscriber_count(seed, name, subscribers_then, now)
    active = active_accounts(seed, name, subscribers, now)
    # The provider stopped to publish it during 2025, for some of them.
    silent = key % 1000 < 1000 * _UNKNOWN_ACTIVE_SHARE and now >= instant("2025-09-01T00:00:00")
    created = float(instant("2010-09-09T00:00:00") + key % 300_000_000)
    return {
        "id": f"{key % 36**5:x}",
        "name": f"t5_{key % 36**5:x}",
        "display_name": name,
        "display_name_prefixed": f"r/{name}",
        "url": f"/r/{name}/",
        "title": f"{name}, a community of the simulated market",
        "public_description": f"Everything about {name}.",
        "subscribers": subscribers,
        "accounts_active": None if silent else active,
        "active_user_count": None if silent else active,
        "accounts_active_is_fuzzed": False,
        "created": created,
        "created_utc": created,
        "over18": False,
        "quarantine": False,
        "subreddit_type": "public",
        "lang": "en",
        "icon_img": "",
        "user_is_subscriber": None,
    }


def subscriber_count(seed: int, name: str, subscribers_then: float, now: float) -> int:
    """Grows by some percent a year, with slow waves; it may fall a little."""
    yearly = 0.02 + 0.1 * (stable_key(seed, "growth", name) % 1000) / 1000
    keys = keys_of(stable_key(seed, "subscribers", name), np.arange(1))[:, np.newaxis]
    wave = float(octave_sum(keys, np.array([[0.012]]), (120.0 * 86_400,), np.array([now]))[0])
    return max(1, int(subscribers_then * math.exp(yearly * (now - REFERENCE_AT) / _YEAR_SECONDS + wave)))


def active_accounts(seed: int, name: str, subscribers: int, now: float) -> int:
    """Those that are there now: a small share with a daily rhythm."""
    keys = keys_of(stable_key(seed, "active", name), np.arange(2))[:, np.newaxis]
    periods = (2.0 * _HOUR_SECONDS, 5.0 * 86_400)
    wave = float(octave_sum(keys, np.array([[0.12], [0.35]]), periods, np.array([now]))[0])
    rhythm = 1.0 + 0.3 * math.sin((now / _HOUR_SECONDS % 24.0 - 11.0) * math.pi / 12.0)
    return max(1, int(subscribers**0.85 * 0.004 * rhythm * math.exp(wave)))
