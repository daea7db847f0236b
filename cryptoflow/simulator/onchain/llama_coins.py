"""coins.llama.fi as it answers: prices by `chain:address` or `coingecko:id`; what it does not know is missing.

What belongs here: keys and fields. What does not: prices (the market).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from cryptoflow.simulator.market.noise import stable_key
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.market.universe import SimAsset
    from cryptoflow.simulator.world import World

MAX_KEYS: Final = 500
_UPDATED_EVERY_SECONDS: Final = 120
# What this provider calls the platforms of the market.
_CHAIN_OF_PLATFORM: Final = {
    "ethereum": "ethereum",
    "binance-smart-chain": "bsc",
    "solana": "solana",
    "base": "base",
    "polygon-pos": "polygon",
    "arbitrum-one": "arbitrum",
    "optimistic-ethereum": "optimism",
}
_SHAPE: Final = Shape(rows=("coins",), price_keys=("price",), time_keys=("timestamp",))


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [
        endpoint("/prices/current/{keys:path}", _current),
        endpoint("/prices/historical/{timestamp}/{keys:path}", _historical),
    ]


def _current(request: Request, world: World) -> SimResponse:
    now = world.clock.now()
    return _answer(
        request.path_params["keys"], world, math.floor(now / _UPDATED_EVERY_SECONDS) * _UPDATED_EVERY_SECONDS
    )


def _historical(request: Request, world: World) -> SimResponse:
    try:
        at = int(float(request.path_params["timestamp"]))
    except (ValueError, OverflowError):
        return SimResponse(body={"message": "Timestamp must be unix seconds"}, status=400)
    if at > world.clock.now() + 3_600:
        return SimResponse(body={"coins": {}}, shape=_SHAPE)
    return _answer(request.path_params["keys"], world, at)


def _answer(text: str, world: World, at: int) -> SimResponse:
    keys = [key for key in text.split(",") if key]
    if len(keys) > MAX_KEYS:
        return SimResponse(body={"message": f"Too many coins, at most {MAX_KEYS}"}, status=413)
    needs_addresses = any(not key.startswith("coingecko:") for key in keys)
    by_address = _by_address(world, at) if needs_addresses else {}
    coins = {key: _coin(asset, world, at) for key in keys if (asset := _find(key, world, at, by_address)) is not None}
    return SimResponse(body={"coins": coins}, shape=_SHAPE)


def _by_address(world: World, at: float) -> dict[str, SimAsset]:
    return {
        f"{_CHAIN_OF_PLATFORM.get(asset.platform_id, asset.platform_id)}:{asset.contract_address.lower()}": asset
        for asset in world.market.assets(at)
        if asset.platform_id is not None and asset.contract_address is not None
    }


def _find(key: str, world: World, at: float, by_address: dict[str, SimAsset]) -> SimAsset | None:
    chain, _, name = key.partition(":")
    if chain != "coingecko":
        return by_address.get(f"{chain.lower()}:{name.lower()}")
    asset = world.market.asset(name, at)
    return asset if asset and (asset.delisted_at is None or asset.delisted_at > at) else None


def _coin(asset: SimAsset, world: World, at: int) -> dict[str, Any]:
    key = stable_key("llama coin", asset.coingecko_id)
    coin: dict[str, Any] = {"price": world.market.price_usd(asset.index, at), "symbol": asset.symbol, "timestamp": at}
    if asset.contract_address is not None:
        coin["decimals"] = (6, 8, 9, 18, 18, 18)[key % 6]
    if key % 10:
        coin["confidence"] = (0.99, 0.99, 0.98, 0.9)[key // 10 % 4]
    return coin
