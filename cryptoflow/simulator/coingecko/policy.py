"""Who asks CoinGecko: the plan by its key, which key fits which host, and the words of a refusal.

The free host and the paid host share one path prefix here: the header (or query parameter) of the key says which
host is meant. Under the prefix `coingecko_pro` only the paid host answers.
What does not belong here: quotas (limits.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.errors import (
    DEMO_KEY_ON_PRO_HOST,
    MISSING_KEY,
    PLAN_RESTRICTED,
    PRO_KEY_ON_PUBLIC_HOST,
    status_error,
    wrapped_error,
)
from cryptoflow.simulator.keys import address_of, is_usable_key, plan_word
from cryptoflow.simulator.policy import Admission, Policy

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.limits import Spent
    from cryptoflow.simulator.responses import SimResponse
    from cryptoflow.simulator.world import World

PRO_PREFIX = "coingecko_pro"


def _demo_key(request: Request) -> str | None:
    return request.headers.get("x-cg-demo-api-key") or request.query_params.get("x_cg_demo_api_key")


def _pro_key(request: Request) -> str | None:
    return request.headers.get("x-cg-pro-api-key") or request.query_params.get("x_cg_pro_api_key")


def key_of(request: Request) -> str | None:
    """The key of a request, of whichever plan."""
    return _pro_key(request) or _demo_key(request)


def plan_of(request: Request) -> str:
    """The plan under which a request that was admitted is answered."""
    if _pro_key(request) is not None or request.url.path.startswith(f"/{PRO_PREFIX}/"):
        return "pro"
    return "keyless" if _demo_key(request) is None else "demo"


def admit(request: Request, world: World, *, prefix: str) -> Admission:
    """The plan of this request, or the refusal of its key."""
    del prefix
    now = world.clock.now()
    key, plan = key_of(request), plan_of(request)
    refusal = _refusal_of(key, on_pro_host=plan == "pro", demo_header=_pro_key(request) is None, now=now)
    if refusal is None and plan != "pro" and request.url.path.rstrip("/").endswith("/api/v3/key"):
        refusal = _pro_only(key, now=now)
    return Admission(plan=plan, user=key or address_of(request), refusal=refusal)


def _refusal_of(key: str | None, *, on_pro_host: bool, demo_header: bool, now: float) -> SimResponse | None:
    if key is None:
        return status_error(401, MISSING_KEY, "API Key Missing", now=now) if on_pro_host else None
    if on_pro_host and (demo_header or plan_word(key) == "demo" or not is_usable_key(key)):
        return wrapped_error(
            401,
            DEMO_KEY_ON_PRO_HOST,
            "Invalid API key. If the key belongs to the Demo plan, use the root URL api.coingecko.com.",
            now=now,
        )
    if not on_pro_host and (plan_word(key) == "pro" or not is_usable_key(key)):
        return wrapped_error(
            401,
            PRO_KEY_ON_PUBLIC_HOST,
            "Invalid API key. If the key belongs to a Pro plan, use the root URL pro-api.coingecko.com.",
            now=now,
        )
    return None


def _pro_only(key: str | None, *, now: float) -> SimResponse:
    if key is None:
        return status_error(401, MISSING_KEY, "API Key Missing", now=now)
    return status_error(401, PLAN_RESTRICTED, "This request is limited to Pro API subscribers.", now=now)


def refuse(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    """429. CoinGecko documents no Retry-After, and none is sent."""
    del admission
    now = world.clock.now()
    if spent is not None and spent.exceeded is not None and spent.exceeded.window == "month":
        return status_error(429, 429, "The monthly call credits of this plan are spent.", now=now)
    return status_error(429, 429, "The rate limit is exceeded. Wait, or choose a plan with a higher one.", now=now)


POLICY = Policy(admit=admit, refuse=refuse, etag=True, trailing_slash=True)
