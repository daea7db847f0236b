"""The Solana JSON-RPC as it answers: POST, single or batch; errors come with HTTP 200.

What belongs here: envelopes, methods, parameters. What does not: the cluster (solana_cluster.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from cryptoflow.simulator.onchain.solana_cluster import SLOTS_PER_EPOCH, SolanaCluster, solana_cluster
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

MAX_SAMPLES: Final = 720
MAX_BATCH: Final = 100
_PARSE_ERROR: Final = -32_700
_INVALID_REQUEST: Final = -32_600
_UNKNOWN_METHOD: Final = -32_601
_BAD_PARAMS: Final = -32_602
_COMMITMENTS: Final = frozenset({"processed", "confirmed", "finalized"})
_SLOTS_BEHIND: Final = {"processed": 0, "confirmed": 2, "finalized": 32}
_SHAPES: Final = {
    "getVoteAccounts": Shape(
        rows=("result", "current"), id_key="votePubkey", price_keys=("activatedStake",), volume_keys=("commission",)
    ),
    "getRecentPerformanceSamples": Shape(
        rows=("result",), id_key="slot", price_keys=("numTransactions",), volume_keys=("numSlots",), series=True
    ),
    "getSupply": Shape(rows=None, price_keys=("result.value.total", "result.value.circulating")),
    "getInflationRate": Shape(rows=None, price_keys=("result.total", "result.validator")),
    "getEpochInfo": Shape(rows=None, price_keys=("result.absoluteSlot", "result.blockHeight")),
}

Params = list[Any]


class _RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [endpoint("/", _rpc, methods=("POST",)), endpoint("/health", _health)]


async def _rpc(request: Request, world: World) -> SimResponse:
    try:
        asked = json.loads(await request.body())
    except (ValueError, UnicodeDecodeError):
        return SimResponse(body=_failure(None, _PARSE_ERROR, "Parse error"))
    now = world.clock.now()
    cluster = solana_cluster(world.market)
    if isinstance(asked, list):
        if not asked or len(asked) > MAX_BATCH:
            return SimResponse(body=_failure(None, _INVALID_REQUEST, "Invalid request"))
        return SimResponse(body=[answer_call(call, cluster, now) for call in asked], shape=Shape(rows=(), id_key="id"))
    method = asked.get("method") if isinstance(asked, dict) else None
    shape = _SHAPES.get(method, Shape()) if isinstance(method, str) else Shape()
    return SimResponse(body=answer_call(asked, cluster, now), shape=shape)


def answer_call(call: object, cluster: SolanaCluster, now: float) -> dict[str, Any]:
    """The answer to one call, an error object included."""
    if not isinstance(call, dict) or call.get("jsonrpc") != "2.0" or not isinstance(call.get("method"), str):
        return _failure(None, _INVALID_REQUEST, "Invalid request")
    identity = call.get("id")
    method = METHODS.get(call["method"])
    if method is None:
        return _failure(identity, _UNKNOWN_METHOD, "Method not found")
    params = call.get("params", [])
    if not isinstance(params, list):
        return _failure(identity, _BAD_PARAMS, "`params` should be an array")
    try:
        return {"jsonrpc": "2.0", "result": method(cluster, now, params), "id": identity}
    except _RpcError as error:
        return _failure(identity, error.code, error.message)


def _failure(identity: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": identity}


def _config(params: Params, *, at: int = 0) -> dict[str, Any]:
    if len(params) > at + 1:
        raise _RpcError(_BAD_PARAMS, f"Invalid parameters: Expected from 0 to {at + 1} parameters.")
    given = params[at] if len(params) > at else None
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise _RpcError(_BAD_PARAMS, "Invalid params: invalid type: expected a configuration object.")
    if given.get("commitment", "finalized") not in _COMMITMENTS:
        raise _RpcError(_BAD_PARAMS, "Invalid params: unknown variant of commitment.")
    return given


def _behind(params: Params) -> int:
    return _SLOTS_BEHIND[_config(params).get("commitment", "finalized")]


def _vote_accounts(cluster: SolanaCluster, now: float, params: Params) -> dict[str, Any]:
    wanted = _config(params).get("votePubkey")
    current, delinquent = cluster.vote_accounts(now)
    return {
        name: [row for row in rows if wanted in (None, row["votePubkey"])]
        for name, rows in (("current", current), ("delinquent", delinquent))
    }


def _supply(cluster: SolanaCluster, now: float, params: Params) -> dict[str, Any]:
    short = bool(_config(params).get("excludeNonCirculatingAccountsList", False))
    supply = cluster.supply(now)
    current, _ = cluster.vote_accounts(now)
    return {
        "context": {"apiVersion": "2.3.13", "slot": cluster.slot(now)},
        "value": {
            "total": supply.total,
            "circulating": supply.circulating,
            "nonCirculating": supply.non_circulating,
            "nonCirculatingAccounts": [] if short else [row["nodePubkey"] for row in current[:200]],
        },
    }


def _samples(cluster: SolanaCluster, now: float, params: Params) -> list[dict[str, Any]]:
    limit = params[0] if params else MAX_SAMPLES
    if limit is None:
        limit = MAX_SAMPLES
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0 or len(params) > 1:
        raise _RpcError(_BAD_PARAMS, "Invalid params: invalid type: expected usize.")
    if limit > MAX_SAMPLES:
        raise _RpcError(_BAD_PARAMS, f"Invalid limit; max {MAX_SAMPLES}")
    return cluster.samples(now, limit)


def _epoch_info(cluster: SolanaCluster, now: float, params: Params) -> dict[str, Any]:
    slot = cluster.slot(now) - _behind(params)
    return {
        "absoluteSlot": slot,
        "blockHeight": cluster.block_height(now),
        "epoch": slot // SLOTS_PER_EPOCH,
        "slotIndex": slot % SLOTS_PER_EPOCH,
        "slotsInEpoch": SLOTS_PER_EPOCH,
        "transactionCount": int(slot * 1_290.0),
    }


METHODS: Final[dict[str, Callable[[SolanaCluster, float, Params], Any]]] = {
    "getVoteAccounts": _vote_accounts,
    "getSupply": _supply,
    "getInflationRate": lambda cluster, now, params: cluster.inflation(now),
    "getRecentPerformanceSamples": _samples,
    "getEpochInfo": _epoch_info,
    "getBlockHeight": lambda cluster, now, params: cluster.block_height(now) - _behind(params),
    "getSlot": lambda cluster, now, params: cluster.slot(now) - _behind(params),
    "getHealth": lambda cluster, now, params: "ok",
}


def _health(request: Request, world: World) -> SimResponse:
    del request, world
    return SimResponse(text="ok", media_type="text/plain")
