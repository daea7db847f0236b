"""DeFiLlama as it answers: protocols, chains, and their histories whose last day is still open.

What belongs here: paths, fields, nulls, mixed types. What does not: what is locked (defi.py), prices of tokens
(llama_coins.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
import numpy as np

from cryptoflow.simulator.market.noise import stable_key, uniform
from cryptoflow.simulator.onchain.defi import DAY_SECONDS, DeFi, Protocol, defi_of
from cryptoflow.simulator.onchain.defi_names import CHAINS
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.market.noise import FloatArray
    from cryptoflow.simulator.world import World

_NULL_SHARES: Final = {
    "symbol": 0.003,
    "address": 0.083,
    "cmcId": 0.404,
    "change_1h": 0.09,
    "change_1d": 0.11,
    "change_7d": 0.15,
    "twitter": 0.018,
    "audits": 0.01,
    "description": 0.002,
}
_UNKNOWN_TODAY_SHARE: Final = 0.002
_HISTORY_SHAPE: Final = Shape(rows=(), id_key="date", price_keys=("tvl",), time_keys=("date",), series=True)
_LEGACY_SHAPE: Final = Shape(
    rows=(), id_key="date", price_keys=("totalLiquidityUSD",), time_keys=("date",), series=True
)


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [
        endpoint("/protocols", _protocols),
        endpoint("/protocol/{slug}", _protocol),
        endpoint("/tvl/{slug}", _protocol_value),
        endpoint("/v2/chains", _chains),
        endpoint("/v2/historicalChainTvl", _history),
        endpoint("/v2/historicalChainTvl/{chain}", _history),
        endpoint("/charts", _legacy_history),
        endpoint("/charts/{chain}", _legacy_history),
    ]


# Protocols --------------------------------------------------------------------------------------------------------


async def _protocols(request: Request, world: World) -> SimResponse:
    del request
    body = await anyio.to_thread.run_sync(protocol_rows, world.market, world.clock.now())
    return SimResponse(body=body, shape=Shape(rows=(), id_key="id", price_keys=("tvl",), time_keys=("listedAt",)))


def protocol_rows(market: Market, now: float) -> list[dict[str, Any]]:
    """Every protocol that has started, the largest first."""
    defi = defi_of(market)
    values = {seconds: defi.locked_usd(now - seconds) for seconds in (0, 3_600, DAY_SECONDS, 7 * DAY_SECONDS)}
    order = [protocol for protocol in defi.protocols if protocol.started_at <= now]
    order.sort(key=lambda protocol: -float(values[0][protocol.number]))
    return [_row(protocol, values, market, now) for protocol in order]


def _row(protocol: Protocol, values: dict[int, FloatArray], market: Market, now: float) -> dict[str, Any]:
    number = protocol.number
    locked = float(values[0][number])
    row = _identity(protocol, market, now)
    row |= {
        "tvl": _as_published(locked, f"{number}/{int(now // DAY_SECONDS)}"),
        "chainTvls": chain_values(protocol, locked),
        "change_1h": _change(protocol, values, 3_600, "change_1h"),
        "change_1d": _change(protocol, values, DAY_SECONDS, "change_1d"),
        "change_7d": _change(protocol, values, 7 * DAY_SECONDS, "change_7d"),
    }
    if protocol.staking_share:
        row["staking"] = locked * protocol.staking_share
    if protocol.pool2_share:
        row["pool2"] = locked * protocol.pool2_share
    token = None if protocol.token is None else market.asset(protocol.token, now)
    if token is not None and (token.delisted_at is None or token.delisted_at > now):
        price_usd = market.price_usd(token.index, now)
        row["mcap"] = round(price_usd * float(market.circulating_supply(token.index, np.array([now]))[0]))
        if token.max_supply is not None:
            row["fdv"] = round(price_usd * float(token.max_supply))
    elif number % 5 == 0:
        row["mcap"] = None
    return row


def chain_values(protocol: Protocol, locked_usd: float) -> dict[str, float | int]:
    """By chain, mixed with the pseudo-chains that must not be added up."""
    values: dict[str, float | int] = {
        chain: locked_usd * share for chain, share in zip(protocol.chains, protocol.shares, strict=True)
    }
    for kind, share in (
        ("borrowed", protocol.borrowed_share),
        ("staking", protocol.staking_share),
        ("pool2", protocol.pool2_share),
    ):
        if share:
            values[f"{protocol.chains[0]}-{kind}"] = locked_usd * share
            values[kind] = locked_usd * share
    return values


def _identity(protocol: Protocol, market: Market, now: float) -> dict[str, Any]:
    token = None if protocol.token is None else market.asset(protocol.token, now)
    flat = protocol.slug.replace("-", "")
    row: dict[str, Any] = {
        "id": protocol.protocol_id,
        "name": protocol.name,
        "address": token.contract_address if token else f"0x{stable_key('protocol', protocol.slug):016x}{'0' * 24}",
        "symbol": token.symbol if token else "-",
        "url": f"https://{flat}.example",
        "description": f"{protocol.name} is a {protocol.category or 'new kind of'} protocol of the simulated market.",
        "chain": protocol.chains[0] if len(protocol.chains) == 1 else "Multi-Chain",
        "logo": f"https://icons.example/{protocol.slug}.png",
        "audits": "2" if protocol.number % 3 else "0",
        "audit_note": None,
        "gecko_id": token.coingecko_id if token else None,
        "cmcId": str(token.cmc_id) if token else None,
        "category": protocol.category,
        "chains": list(protocol.chains),
        "module": f"{protocol.slug}/index.js",
        "twitter": flat,
        "listedAt": int(protocol.started_at),
        "slug": protocol.slug,
    }
    if protocol.forked_from:
        row["forkedFrom"] = [protocol.forked_from]
    if protocol.parent:
        row["parentProtocol"] = protocol.parent
    if protocol.number % 6 == 0:
        row["oracles"] = ["Chainlink"]
    for field in ("symbol", "address", "cmcId", "twitter", "audits", "description"):
        if _is_null(field, protocol.number):
            row[field] = None
    if protocol.number % 2:
        del row["listedAt"]
    return row


def _is_null(field: str, number: int) -> bool:
    return float(uniform(stable_key("null", field), number)[0]) < _NULL_SHARES[field]


def _as_published(value: float, key: str) -> float | int | None:
    """Now and then a value is unknown for a day; an exact zero is a whole number."""
    if float(uniform(stable_key("unknown today", key), 0)[0]) < _UNKNOWN_TODAY_SHARE:
        return None
    return 0 if value == 0 else value


def _change(protocol: Protocol, values: dict[int, FloatArray], seconds: int, field: str) -> float | None:
    before = float(values[seconds][protocol.number])
    if before <= 0 or _is_null(field, protocol.number):
        return None
    return (float(values[0][protocol.number]) / before - 1) * 100


def _find(request: Request, world: World) -> Protocol | None:
    protocol = defi_of(world.market).by_slug.get(request.path_params["slug"])
    return protocol if protocol and protocol.started_at <= world.clock.now() else None


async def _protocol(request: Request, world: World) -> SimResponse:
    protocol = _find(request, world)
    if protocol is None:
        return SimResponse(body={"message": "Protocol not found"}, status=400)
    body = await anyio.to_thread.run_sync(_protocol_body, protocol, world.market, world.clock.now())
    return SimResponse(
        body=body,
        shape=Shape(rows=("tvl",), id_key="date", price_keys=("totalLiquidityUSD",), time_keys=("date",), series=True),
    )


def _protocol_body(protocol: Protocol, market: Market, now: float) -> dict[str, Any]:
    defi = defi_of(market)
    today = int(now // DAY_SECONDS)
    locked = float(defi.locked_usd(now)[protocol.number])
    history = [*defi.protocol_history(protocol, last_day=today - 1), (today, locked)]

    def points(share: float) -> list[dict[str, float]]:
        return [{"date": day * DAY_SECONDS, "totalLiquidityUSD": value * share} for day, value in history]

    chains = zip(protocol.chains, protocol.shares, strict=True)
    return _identity(protocol, market, now) | {
        "currentChainTvls": chain_values(protocol, locked),
        "chainTvls": {chain: {"tvl": points(share), "tokensInUsd": None, "tokens": None} for chain, share in chains},
        "tvl": points(1.0),
        "isParentProtocol": False,
        "raises": [],
        "hallmarks": [],
    }


def _protocol_value(request: Request, world: World) -> SimResponse:
    protocol = _find(request, world)
    if protocol is None:
        return SimResponse(body={"message": "Protocol not found"}, status=400)
    value = float(defi_of(world.market).locked_usd(world.clock.now())[protocol.number])
    return SimResponse(text=repr(value), media_type="application/json")


# Chains -----------------------------------------------------------------------------------------------------------


def _chains(request: Request, world: World) -> SimResponse:
    del request
    defi = defi_of(world.market)
    counted = defi.locked_usd(world.clock.now()) * defi.counts_once
    rows = [
        {
            "gecko_id": chain.gecko_id,
            "tvl": math.fsum((counted * defi.share_of(name)).tolist()),
            "tokenSymbol": chain.symbol,
            "cmcId": chain.cmc_id,
            "name": name,
            "chainId": chain.chain_id,
        }
        for name, chain in CHAINS.items()
    ]
    return SimResponse(body=rows, shape=Shape(rows=(), id_key="name", price_keys=("tvl",)))


def chain_value(defi: DeFi, chain: str | None, now: float, *, twice_counted: bool) -> float:
    """What is locked on one chain or on all at an instant."""
    counted = defi.locked_usd(now) * (defi.is_defi if twice_counted else defi.counts_once)
    return math.fsum((counted if chain is None else counted * defi.share_of(chain)).tolist())


async def _history(request: Request, world: World) -> SimResponse:
    chain = request.path_params.get("chain")
    if chain is not None and chain not in CHAINS:
        return _no_chain()
    points = await anyio.to_thread.run_sync(_points, world, chain, False)
    return SimResponse(
        body=[{"date": day * DAY_SECONDS, "tvl": round(value)} for day, value in points], shape=_HISTORY_SHAPE
    )


async def _legacy_history(request: Request, world: World) -> SimResponse:
    chain = request.path_params.get("chain")
    if chain is not None and chain not in CHAINS:
        return _no_chain()
    points = await anyio.to_thread.run_sync(_points, world, chain, True)
    return SimResponse(
        body=[{"date": str(day * DAY_SECONDS), "totalLiquidityUSD": value} for day, value in points],
        shape=_LEGACY_SHAPE,
    )


def _points(world: World, chain: str | None, twice_counted: bool) -> list[tuple[int, float]]:
    """Whole days and, last, today so far."""
    defi, now = defi_of(world.market), world.clock.now()
    today = int(now // DAY_SECONDS)
    past = defi.chain_history(chain, last_day=today - 1, twice_counted=twice_counted)
    return [*past, (today, chain_value(defi, chain, now, twice_counted=twice_counted))]


def _no_chain() -> SimResponse:
    return SimResponse(body={"message": "Chain not found"}, status=404)
