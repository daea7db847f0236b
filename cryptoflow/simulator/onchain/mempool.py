"""mempool.space as it answers: tip, blocks, hash rate in H/s, difficulty adjustment, fees, the queue.

What belongs here: paths and formats. What does not: the values (bitcoin_chain.py, bitcoin_activity.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
import numpy as np

from cryptoflow.simulator.market.noise import stable_key
from cryptoflow.simulator.onchain.bitcoin_activity import FIRST_DAY, BitcoinActivity, bitcoin_activity
from cryptoflow.simulator.onchain.bitcoin_chain import (
    DAY_SECONDS,
    EPOCH_BLOCKS,
    HASHES_PER_DIFFICULTY,
    TARGET_SPACING_SECONDS,
    BitcoinChain,
    Tip,
    subsidy_satoshi,
)
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

BLOCKS_PER_PAGE: Final = 15
_PERIOD_DAYS: Final = {
    "24h": 1,
    "3d": 3,
    "1w": 7,
    "1m": 30,
    "3m": 90,
    "6m": 180,
    "1y": 365,
    "2y": 730,
    "3y": 1_095,
    "all": 100_000,
}
_MINERS: Final = ("Northpool", "Kilnworks", "Deep Seam", "Gridstone", "Aurora Pool", "Unknown")


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [
        endpoint("/api/blocks/tip/height", _tip_height),
        endpoint("/api/blocks/tip/hash", _tip_hash),
        endpoint("/api/block-height/{height:int}", _hash_at_height),
        endpoint("/api/v1/blocks", _blocks),
        endpoint("/api/v1/blocks/{height:int}", _blocks),
        endpoint("/api/v1/mining/hashrate/{period}", _hash_rates),
        endpoint("/api/v1/mining/hashrate", _hash_rates),
        endpoint("/api/v1/difficulty-adjustment", _adjustment),
        endpoint("/api/v1/fees/recommended", _fees),
        endpoint("/api/mempool", _queue),
    ]


def _chain(world: World) -> BitcoinChain:
    return bitcoin_activity(world.seed).chain


def _plain(text: str) -> SimResponse:
    return SimResponse(text=text, media_type="text/plain")


def _tip_height(request: Request, world: World) -> SimResponse:
    del request
    return _plain(str(_chain(world).tip(world.clock.now()).height))


def _tip_hash(request: Request, world: World) -> SimResponse:
    del request
    return _plain(_chain(world).tip(world.clock.now()).block_hash)


def _hash_at_height(request: Request, world: World) -> SimResponse:
    tip = _chain(world).tip(world.clock.now())
    height = request.path_params["height"]
    if height > tip.height:
        return SimResponse(text="Block not found", media_type="text/plain", status=404)
    return _plain(_hash_in_view(_chain(world), tip, height))


def _hash_in_view(chain: BitcoinChain, tip: Tip, height: int) -> str:
    return chain.hash_of(height, stale=height > tip.height - tip.stale)


# Blocks -----------------------------------------------------------------------------------------------------------


def _blocks(request: Request, world: World) -> SimResponse:
    activity, now = bitcoin_activity(world.seed), world.clock.now()
    tip = activity.chain.tip(now)
    newest = min(tip.height, request.path_params.get("height", tip.height))
    heights = range(newest, max(-1, newest - BLOCKS_PER_PAGE), -1)
    return SimResponse(
        body=[_block(activity, tip, height) for height in heights],
        shape=Shape(rows=(), id_key="height", time_keys=("timestamp",), series=True),
    )


def _block(activity: BitcoinActivity, tip: Tip, height: int) -> dict[str, Any]:
    chain = activity.chain
    stale_depth = max(0, height - (tip.height - tip.stale))
    stated_at = chain.block_at(height - stale_depth) + 20 * stale_depth
    one = range(height, height + 1)
    fees = int(activity.fees_satoshi(one)[0])
    size = int(activity.sizes_bytes(one)[0])
    rate = float(activity.fee_rates(np.array([float(stated_at)]))[0])
    block_hash = _hash_in_view(chain, tip, height)
    key = stable_key(activity.chain.seed, "block", block_hash)
    miner = _MINERS[key % len(_MINERS)]
    return {
        "id": block_hash,
        "height": height,
        "version": 0x20000000 + (key >> 8) % 0x10000,
        "timestamp": stated_at,
        "tx_count": int(activity.transactions(one)[0]),
        "size": size,
        "weight": min(3_999_999, int(size * 2.45)),
        "merkle_root": f"{key:016x}" * 4,
        "previousblockhash": None if height == 0 else _hash_in_view(chain, tip, height - 1),
        "mediantime": chain.block_at(max(0, height - 5)),
        "nonce": key % 2**32,
        "bits": compact_target(chain.difficulty(height)),
        "difficulty": chain.difficulty(height),
        "extras": {
            "reward": subsidy_satoshi(height) + fees,
            "totalFees": fees,
            "medianFee": round(rate, 2),
            "feeRange": [round(rate * factor, 2) for factor in (0.6, 0.8, 0.95, 1.0, 1.2, 2.0, 9.0)],
            "pool": {"id": key % len(_MINERS) + 1, "name": miner, "slug": miner.lower().replace(" ", "")},
        },
    }


def compact_target(difficulty: float) -> int:
    """The target of a difficulty in the four-byte form that blocks carry."""
    target = int((0xFFFF << 208) / difficulty)
    size = (target.bit_length() + 7) // 8
    mantissa = target >> (8 * (size - 3))
    if mantissa & 0x800000:
        mantissa, size = mantissa >> 8, size + 1
    return size << 24 | mantissa


# Hash rate and difficulty -----------------------------------------------------------------------------------------


async def _hash_rates(request: Request, world: World) -> SimResponse:
    period = request.path_params.get("period", "all")
    if period not in _PERIOD_DAYS:
        period = "all"
    body = await anyio.to_thread.run_sync(hash_rates, bitcoin_activity(world.seed), world.clock.now(), period)
    return SimResponse(
        body=body,
        shape=Shape(
            rows=("hashrates",), id_key="timestamp", price_keys=("avgHashrate",), time_keys=("timestamp",), series=True
        ),
    )


def hash_rates(activity: BitcoinActivity, now: float, period: str) -> dict[str, Any]:
    """Daily means in H/s of whole days, the difficulty changes in the period, and the present."""
    last_day = min(int(now // DAY_SECONDS) - 1, FIRST_DAY + len(activity.daily.blocks) - 1)
    first_day = max(FIRST_DAY, last_day - _PERIOD_DAYS[period] + 1)
    sums = activity.daily.difficulty_sum[first_day - FIRST_DAY : last_day + 1 - FIRST_DAY]
    rates = (sums * (HASHES_PER_DIFFICULTY / DAY_SECONDS)).tolist()
    height = activity.chain.height(now)
    return {
        "hashrates": [
            {"timestamp": day * DAY_SECONDS, "avgHashrate": rate}
            for day, rate in zip(range(first_day, last_day + 1), rates, strict=True)
        ],
        "difficulty": _difficulty_changes(activity.chain, since=first_day * DAY_SECONDS, height=height),
        "currentHashrate": activity.chain.mined_hash_rate(now - DAY_SECONDS, now),
        "currentDifficulty": activity.chain.difficulty(height),
    }


def _difficulty_changes(chain: BitcoinChain, *, since: float, height: int) -> list[dict[str, Any]]:
    first = chain.height(since) // EPOCH_BLOCKS + 1
    return [
        {
            "time": chain.block_at(start),
            "height": start,
            "difficulty": chain.difficulty(start),
            "adjustment": round(chain.difficulty(start) / chain.difficulty(start - 1), 6),
        }
        for start in range(first * EPOCH_BLOCKS, height + 1, EPOCH_BLOCKS)
    ]


def _adjustment(request: Request, world: World) -> SimResponse:
    del request
    return SimResponse(
        body=adjustment(_chain(world), world.clock.now()),
        shape=Shape(price_keys=("difficultyChange",), time_keys=("estimatedRetargetDate",)),
    )


def adjustment(chain: BitcoinChain, now: float) -> dict[str, Any]:
    """How far the epoch is and what its end may bring; times are in milliseconds."""
    height = chain.height(now)
    start = height // EPOCH_BLOCKS * EPOCH_BLOCKS
    done = height - start + 1
    elapsed = max(1.0, now - chain.block_at(start))
    expected = elapsed / TARGET_SPACING_SECONDS
    spacing_seconds = elapsed / done
    change = min(300.0, max(-75.0, (expected and done / expected - 1) * 100))
    remaining = EPOCH_BLOCKS - done
    remaining_ms = int(remaining * spacing_seconds * 1000)
    previous = chain.difficulty(start) / chain.difficulty(max(0, start - 1)) - 1
    return {
        "progressPercent": done / EPOCH_BLOCKS * 100,
        "difficultyChange": change,
        "estimatedRetargetDate": int(now * 1000) + remaining_ms,
        "remainingBlocks": remaining,
        "remainingTime": remaining_ms,
        "previousRetarget": previous * 100,
        "previousTime": chain.block_at(start),
        "nextRetargetHeight": start + EPOCH_BLOCKS,
        "timeAvg": int(spacing_seconds * 1000),
        "adjustedTimeAvg": int(spacing_seconds * 1000),
        "timeOffset": 0,
        "expectedBlocks": expected,
    }


# Fees and the queue -----------------------------------------------------------------------------------------------


def _fees(request: Request, world: World) -> SimResponse:
    del request
    rate = bitcoin_activity(world.seed).queue(world.clock.now()).satoshi_per_vbyte
    fastest = max(1, math.ceil(rate * 1.25))
    body = {
        "fastestFee": fastest,
        "halfHourFee": max(1, math.ceil(rate)),
        "hourFee": max(1, math.ceil(rate * 0.85)),
        "economyFee": max(1, min(fastest, math.ceil(rate * 0.5))),
        "minimumFee": 1,
    }
    return SimResponse(body=body, shape=Shape(price_keys=("fastestFee", "halfHourFee", "hourFee")))


def _queue(request: Request, world: World) -> SimResponse:
    del request
    queue = bitcoin_activity(world.seed).queue(world.clock.now())
    shares = (0.08, 0.17, 0.3, 0.45)
    histogram = [
        [round(queue.satoshi_per_vbyte * factor, 2), int(queue.vbytes * share)]
        for factor, share in zip((2.5, 1.4, 0.9, 0.4), shares, strict=True)
    ]
    body = {
        "count": queue.count,
        "vsize": queue.vbytes,
        "total_fee": queue.fees_satoshi,
        "fee_histogram": histogram,
    }
    return SimResponse(body=body, shape=Shape(price_keys=("total_fee",), volume_keys=("count", "vsize")))
