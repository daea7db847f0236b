"""`/ping`, `/coins/list` and `/key`.

What does not belong here: anything with a price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.errors import plain_error
from cryptoflow.simulator.coingecko.policy import key_of
from cryptoflow.simulator.coingecko.view import cache_headers, cached_instant
from cryptoflow.simulator.responses import Shape, SimResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.world import World


def ping(request: Request, world: World) -> SimResponse:
    """The greeting."""
    return SimResponse(body={"gecko_says": "(V3) To the Moon!"}, headers=cache_headers(request, world))


def coins_list(request: Request, world: World) -> SimResponse:
    """Every coin: the active ones, or those that were delisted."""
    at = cached_instant(request, world)
    status = request.query_params.get("status", "active")
    if status not in ("active", "inactive"):
        return plain_error(422, "invalid status")
    active = world.market.assets(at)
    chosen = active
    if status == "inactive":
        alive = {asset.index for asset in active}
        chosen = [asset for asset in world.market.all_assets(at) if asset.index not in alive]
    with_platforms = request.query_params.get("include_platform") == "true"
    rows = []
    for asset in sorted(chosen, key=lambda asset: asset.coingecko_id):
        row: dict[str, object] = {"id": asset.coingecko_id, "symbol": asset.symbol.lower(), "name": asset.name}
        if with_platforms:
            row["platforms"] = {asset.platform_id: asset.contract_address} if asset.platform_id else {}
        rows.append(row)
    headers = cache_headers(request, world, shared_seconds=1800)
    return SimResponse(body=rows, shape=Shape(rows=(), id_key="id"), headers=headers)


def key_usage(request: Request, world: World) -> SimResponse:
    """What a paid key has used; consistent with what the limits count."""
    user = key_of(request) or ""
    usages = world.limits.usages(provider="coingecko", plan="pro", user=user, now=world.clock.now())
    minute = next((usage for usage in usages if usage.window == "minute"), None)
    month = next((usage for usage in usages if usage.window == "month"), None)
    return SimResponse(
        body={
            "plan": "Analyst",
            "rate_limit_request_per_minute": minute.quota if minute else None,
            "monthly_call_credit": month.quota if month else None,
            "current_total_monthly_calls": month.used if month else 0,
            "current_remaining_monthly_calls": month.left if month else None,
        }
    )
