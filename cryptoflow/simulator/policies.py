"""How each provider deals with askers: plan and user, cost, words of a refusal, limit headers.

What belongs here: the providers without API keys of their own kind.
What does not: quotas (limits.py), CoinGecko and CoinMarketCap (their packages).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko import policy as coingecko
from cryptoflow.simulator.coinmarketcap import policy as coinmarketcap
from cryptoflow.simulator.keys import address_of
from cryptoflow.simulator.policy import Admission, Policy
from cryptoflow.simulator.responses import SimResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.limits import Spent
    from cryptoflow.simulator.world import World

BINANCE_BAN_AFTER_REFUSALS = 5
BINANCE_BAN_SECONDS = 120
GENERIC_AGENTS = ("python-requests", "python-httpx", "python-urllib", "aiohttp", "curl", "wget", "go-http-client")


def _wait_seconds(world: World, spent: Spent | None) -> int:
    if spent is None or spent.exceeded is None:
        return 60
    return max(1, math.ceil(spent.exceeded.reset_at - world.clock.now()))


def _refuse_plainly(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    del world, admission, spent
    return SimResponse(text="Too Many Requests", media_type="text/plain", status=429)


def _refuse_with_retry_after(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    del admission
    wait = _wait_seconds(world, spent)
    return SimResponse(
        text="Too Many Requests", media_type="text/plain", status=429, headers={"retry-after": str(wait)}
    )


def _admit_binance(request: Request, world: World, *, prefix: str) -> Admission:
    from cryptoflow.simulator.binance.weights import request_weight

    del prefix
    now, user = world.clock.now(), address_of(request)
    until = world.limits.banned_until(provider="binance", user=user, now=now)
    refusal = None if until is None else _binance_refusal(418, wait=math.ceil(until - now))
    return Admission(plan="ip", user=user, refusal=refusal, costs={"minute": request_weight(request)})


def _refuse_binance(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    if spent is not None and spent.refused > BINANCE_BAN_AFTER_REFUSALS:
        until = world.clock.now() + BINANCE_BAN_SECONDS
        world.limits.ban(provider="binance", user=admission.user, until=until)
        return _binance_refusal(418, wait=BINANCE_BAN_SECONDS)
    return _binance_refusal(429, wait=_wait_seconds(world, spent))


def _binance_refusal(status: int, *, wait: int) -> SimResponse:
    banned = status == 418
    message = "Way too much request weight used; IP banned." if banned else "Too much request weight used."
    return SimResponse(
        body={"code": -1003, "msg": f"{message} Try again in {wait} seconds."},
        status=status,
        headers={"retry-after": str(wait)},
    )


def _binance_headers(world: World, spent: Spent) -> dict[str, str]:
    del world
    minute = spent.of("minute")
    used = str(minute.used if minute else 0)
    return {"x-mbx-used-weight": used, "x-mbx-used-weight-1m": used}


def _refuse_coinbase(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    del world, admission, spent
    return SimResponse(body={"message": "Public rate limit exceeded"}, status=429)


def _admit_blockchain_info(request: Request, world: World, *, prefix: str) -> Admission:
    del world
    plan = "query" if f"/{prefix}/q/" in request.url.path else "ip"
    return Admission(plan=plan, user=address_of(request))


def _blockchain_info_headers(world: World, spent: Spent) -> dict[str, str]:
    """From half of the quota on, a 200 already carries Retry-After: the edge only rehearses its limit."""
    minute = spent.of("minute")
    if spent.exceeded is not None or minute is None or minute.used * 2 <= minute.quota:
        return {}
    del world
    return {"retry-after": "60", "cf-rate-limit-action": "simulate"}


def _refuse_beaconchain(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    del admission
    return SimResponse(
        body={"status": "ERROR: API rate limit exceeded", "data": None},
        status=429,
        headers={"ratelimit-reset": str(_wait_seconds(world, spent))},
    )


def _beaconchain_headers(world: World, spent: Spent) -> dict[str, str]:
    now = world.clock.now()
    headers = {"ratelimit-validapikey": "false", "ratelimit-bucket": "default"}
    if spent.usages:
        tightest = min(spent.usages, key=lambda usage: usage.left)
        headers |= {
            "ratelimit-limit": str(tightest.quota),
            "ratelimit-remaining": str(tightest.left),
            "ratelimit-reset": str(max(0, math.ceil(tightest.reset_at - now))),
            "ratelimit-window": tightest.window,
        }
    for usage in spent.usages:
        headers[f"x-ratelimit-limit-{usage.window}"] = str(usage.quota)
        headers[f"x-ratelimit-remaining-{usage.window}"] = str(usage.left)
    return headers


def _admit_reddit(request: Request, world: World, *, prefix: str) -> Admission:
    del world, prefix
    has_token = request.headers.get("authorization", "").lower().startswith("bearer ")
    agent = request.headers.get("user-agent", "").lower()
    blocked = not agent or agent.startswith(GENERIC_AGENTS)
    return Admission(
        plan="oauth" if has_token else "ip",
        user=address_of(request),
        refusal=_reddit_page(403, "Blocked", "Use a User-Agent that names your application.") if blocked else None,
    )


def _refuse_reddit(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    del world, admission, spent
    return _reddit_page(429, "Too Many Requests", "Slow down and try again later.")


def _reddit_page(status: int, title: str, text: str) -> SimResponse:
    page = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    return SimResponse(text=page, media_type="text/html", status=status)


def _reddit_headers(world: World, spent: Spent) -> dict[str, str]:
    if not spent.usages:
        return {}
    usage = spent.usages[0]
    return {
        "x-ratelimit-used": str(usage.used),
        "x-ratelimit-remaining": f"{usage.left:.1f}",
        "x-ratelimit-reset": str(max(0, math.ceil(usage.reset_at - world.clock.now()))),
    }


def _admit_github(request: Request, world: World, *, prefix: str) -> Admission:
    del world, prefix
    token = request.headers.get("authorization")
    refusal = None
    if not request.headers.get("user-agent"):
        refusal = SimResponse(
            text="Request forbidden by administrative rules. A User-Agent header is required.\n",
            media_type="text/html",
            status=403,
        )
    # Asking for one's limit is free.
    is_free = request.url.path.rstrip("/").endswith("/rate_limit")
    return Admission(
        plan="token" if token else "anonymous",
        user=token or address_of(request),
        refusal=refusal,
        costs={} if is_free else None,
    )


def _refuse_github(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    del world, admission
    if spent is None:
        return SimResponse(
            body={"message": "You have exceeded a secondary rate limit.", "documentation_url": _GITHUB_DOCS},
            status=429,
            headers={"retry-after": "60"},
        )
    return SimResponse(
        body={"message": "API rate limit exceeded for this address.", "documentation_url": _GITHUB_DOCS}, status=403
    )


_GITHUB_DOCS = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"


def _github_headers(world: World, spent: Spent) -> dict[str, str]:
    del world
    hour = spent.of("hour")
    if hour is None:
        return {}
    return {
        "x-ratelimit-limit": str(hour.quota),
        "x-ratelimit-remaining": str(hour.left),
        "x-ratelimit-used": str(hour.used),
        "x-ratelimit-reset": str(int(hour.reset_at)),
        "x-ratelimit-resource": "core",
    }


DEFAULT_POLICY = Policy(refuse=_refuse_plainly)

POLICIES: dict[str, Policy] = {
    "coingecko": coingecko.POLICY,
    "coinmarketcap": coinmarketcap.POLICY,
    "binance": Policy(admit=_admit_binance, refuse=_refuse_binance, headers=_binance_headers),
    "coinbase": Policy(refuse=_refuse_coinbase),
    "blockchain_info": Policy(
        admit=_admit_blockchain_info, refuse=_refuse_with_retry_after, headers=_blockchain_info_headers
    ),
    "beaconchain": Policy(refuse=_refuse_beaconchain, headers=_beaconchain_headers),
    "solana": Policy(refuse=_refuse_with_retry_after),
    "reddit": Policy(admit=_admit_reddit, refuse=_refuse_reddit, headers=_reddit_headers),
    "github": Policy(admit=_admit_github, refuse=_refuse_github, headers=_github_headers, etag=True),
}
"""Provider name -> its policy; who is not listed has the default one."""


def policy_of(provider: str) -> Policy:
    """The policy of a provider."""
    return POLICIES.get(provider, DEFAULT_POLICY)
