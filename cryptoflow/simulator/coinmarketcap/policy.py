"""Who asks CoinMarketCap: the plan by its key, credits by the answer, and the words of a refusal.

What does not belong here: quotas (limits.py).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from cryptoflow.simulator.coinmarketcap import envelope
from cryptoflow.simulator.coinmarketcap.envelope import CmcError, failure
from cryptoflow.simulator.keys import is_usable_key, plan_word
from cryptoflow.simulator.policy import Admission, Policy

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.limits import Spent, Usage, Window
    from cryptoflow.simulator.responses import SimResponse
    from cryptoflow.simulator.world import World

PROVIDER = "coinmarketcap"
QUIET_WORD = "quiet"
"""The word of a key whose refusals come as HTTP 200 with the error inside."""
FREE_PATHS = ("/v1/key/info", "/v1/cryptocurrency/map")
CREDIT_WINDOWS: tuple[Window, ...] = ("day", "month")

_BY_WORD: dict[str, CmcError] = {
    "unpaid": envelope.NOT_ACTIVATED,
    "expired": envelope.EXPIRED,
    "disabled": envelope.DISABLED,
}
_BY_WINDOW: dict[Window, CmcError] = {"day": envelope.DAY_SPENT, "month": envelope.MONTH_SPENT}


def key_of(request: Request) -> str | None:
    """The key of a request, from the header or the query."""
    return request.headers.get("x-cmc_pro_api_key") or request.query_params.get("CMC_PRO_API_KEY")


def plan_of(key: str) -> str:
    """The plan of a usable key: what its word says, else the free one."""
    return "startup" if plan_word(key) == "startup" else "basic"


def admit(request: Request, world: World, *, prefix: str) -> Admission:
    """The plan of this request, or the refusal of its key. A call that is not free costs at least one credit."""
    del prefix
    now = world.clock.now()
    key = key_of(request)
    if key is None:
        return Admission(plan="basic", user="", refusal=failure(envelope.MISSING_KEY, now=now))
    error = None if is_usable_key(key) else envelope.INVALID_KEY
    error = error or _BY_WORD.get(plan_word(key) or "")
    refusal = None if error is None else failure(error, now=now)
    is_free = request.url.path.rstrip("/").endswith(FREE_PATHS)
    costs: dict[Window, int] = {"minute": 1} if is_free else {"minute": 1, "day": 1, "month": 1}
    return Admission(plan=plan_of(key), user=key, refusal=refusal, costs=costs)


def refuse(world: World, admission: Admission, spent: Spent | None) -> SimResponse:
    """429, or 200 for a quiet key, with the code of the window that is spent."""
    exceeded: Usage | None = None if spent is None else spent.exceeded
    error = envelope.MINUTE_SPENT if exceeded is None else _BY_WINDOW.get(exceeded.window, envelope.MINUTE_SPENT)
    answer = failure(error, now=world.clock.now())
    is_quiet = plan_word(admission.user) == QUIET_WORD
    return dataclasses.replace(answer, status=200) if is_quiet else answer


def settle(world: World, admission: Admission, answer: SimResponse) -> SimResponse:
    """Charge the credits beyond the one that was taken on admission; an error gives that one back."""
    headers = dict(answer.headers)
    credits = int(headers.pop(envelope.CREDITS_HEADER, "0"))
    taken = (admission.costs or {}).get("month", 0)
    if credits != taken:
        for window in CREDIT_WINDOWS:
            world.limits.charge(
                provider=PROVIDER,
                plan=admission.plan,
                user=admission.user,
                window=window,
                now=world.clock.now(),
                amount=credits - taken,
            )
    return dataclasses.replace(answer, headers=headers)


POLICY = Policy(admit=admit, refuse=refuse, settle=settle)
