"""beaconcha.in v1 as it answers: the staking yield of a day and the state of an epoch.

What belongs here: the few figures of proof of stake and their form. What does not: prices, limits and their headers.
The answer's `data` is sometimes an object and sometimes a list of one; which, is fixed for each day and epoch.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cryptoflow.simulator.market.noise import keys_of, octave_sum, stable_key, uniform
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

GENESIS_AT: Final = 1_606_824_023
EPOCH_SECONDS: Final = 384
SLOTS_PER_EPOCH: Final = 32
DAY_SECONDS: Final = 86_400
GWEI_PER_COIN: Final = 10**9
WEI_PER_GWEI: Final = 10**9
# (days since the start, million coins staked)
_STAKED_KNOTS: Final = (
    (0, 0.7),
    (200, 5.8),
    (400, 8.7),
    (780, 16.0),
    (1_000, 25.0),
    (1_300, 32.5),
    (2_000, 34.6),
    (4_000, 37.5),
)
_USUAL_SHARE: Final = 0.75
_NULL_SHARE: Final = 0.02
_MAX_DIGITS: Final = 12


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [
        endpoint("/api/v1/ethstore/{day}", _ethstore),
        endpoint("/api/v1/epoch/{epoch}", _epoch),
    ]


def _curve(seed: int, name: str, at: float) -> float:
    keys = np.stack([keys_of(stable_key(seed, name, octave), 0) for octave in range(2)])
    return float(
        octave_sum(keys, np.array([[0.03], [0.05]]), (3.0 * DAY_SECONDS, 40.0 * DAY_SECONDS), np.array([at]))[0]
    )


def staked_coins(seed: int, at: float) -> float:
    """Effective balances of all validators, in coins."""
    days = (at - GENESIS_AT) / DAY_SECONDS
    knots, levels = np.array(_STAKED_KNOTS, dtype=np.float64).T
    return float(np.interp(days, knots, levels)) * 1e6 * (1.0 + 0.1 * _curve(seed, "staked ether", at))


def validator_count(seed: int, at: float) -> int:
    """Validators of 32 coins each; fewer and larger ones since 2025."""
    larger = max(0.0, (at - 1_746_612_000) / DAY_SECONDS) * 0.0011
    return int(staked_coins(seed, at) / (32.0 + larger))


def yields(seed: int, day: int) -> tuple[float, float]:
    """The yearly yield of a day as fractions: of the consensus and of the execution layer."""
    at = GENESIS_AT + day * DAY_SECONDS
    consensus = 0.0262 * (34.6e6 / staked_coins(seed, at)) ** 0.5
    return consensus, 0.0052 * float(np.exp(4.0 * _curve(seed, "execution yield", at)))


# The yield of a day -----------------------------------------------------------------------------------------------


def _ethstore(request: Request, world: World) -> SimResponse:
    newest = int((world.clock.now() - GENESIS_AT) // DAY_SECONDS) - 1
    day = _number(request.path_params["day"], newest)
    if day is None or not 0 <= day <= newest:
        return _error(f"no ethstore data for day {request.path_params['day']}")
    return _wrapped(ethstore_row(world.seed, day), usually_list=True, key=f"ethstore/{day}", time_key="day_start")


def ethstore_row(seed: int, day: int) -> dict[str, Any]:
    """One day; sums are text in wei."""
    start = datetime.fromtimestamp(GENESIS_AT, UTC) + timedelta(days=day)
    consensus, execution = yields(seed, day)
    gwei = round(staked_coins(seed, start.timestamp()) * GWEI_PER_COIN)
    total = consensus + execution
    rewards = gwei * total / 365
    week = [sum(yields(seed, past)) for past in range(max(0, day - 6), day + 1)]
    month = [sum(yields(seed, past)) for past in range(max(0, day - 30), day + 1)]
    missing = float(uniform(stable_key(seed, "ethstore null"), day)[0]) < _NULL_SHARE
    return {
        "day": day,
        "day_start": _stamp(start),
        "day_end": _stamp(start + timedelta(days=1)),
        "apr": total,
        "avgapr7d": sum(week) / len(week),
        "avgapr31d": None if missing else sum(month) / len(month),
        "cl_apr": consensus,
        "el_apr": execution,
        "effective_balances_sum_wei": str(gwei * WEI_PER_GWEI),
        "start_balances_sum_wei": str((gwei + gwei // 4000) * WEI_PER_GWEI),
        "end_balances_sum_wei": str((gwei + gwei // 4000 + round(rewards)) * WEI_PER_GWEI),
        "consensus_rewards_sum_wei": str(round(gwei * consensus / 365) * WEI_PER_GWEI),
        "tx_fees_sum_wei": str(round(gwei * execution / 365) * WEI_PER_GWEI),
        "total_rewards_wei": str(round(rewards) * WEI_PER_GWEI),
        "validators": validator_count(seed, start.timestamp()),
    }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# Epochs -----------------------------------------------------------------------------------------------------------


def _epoch(request: Request, world: World) -> SimResponse:
    now = world.clock.now()
    newest = int((now - GENESIS_AT) // EPOCH_SECONDS)
    text = request.path_params["epoch"]
    epoch = newest - 2 if text == "finalized" else _number(text, newest)
    if epoch is None or not 0 <= epoch <= newest:
        return _error("no epoch found")
    return _wrapped(epoch_row(world.seed, epoch, now), usually_list=False, key=f"epoch/{epoch}", time_key="ts")


def epoch_row(seed: int, epoch: int, now: float) -> dict[str, Any]:
    """One epoch of 32 slots; balances are in gwei."""
    at = GENESIS_AT + epoch * EPOCH_SECONDS
    gwei = round(staked_coins(seed, at) * GWEI_PER_COIN)
    validators = validator_count(seed, at)
    missed = int(3 * float(uniform(stable_key(seed, "missed slots"), epoch)[0]) ** 3)
    done = min(SLOTS_PER_EPOCH, max(1, int((now - at) // 12) + 1))
    rate = 0.995 - 0.01 * float(uniform(stable_key(seed, "votes"), epoch)[0])
    finalized = now - at > 2 * EPOCH_SECONDS
    return {
        "epoch": epoch,
        "ts": _stamp(datetime.fromtimestamp(at, UTC)),
        "validatorscount": validators,
        "averagevalidatorbalance": gwei // max(1, validators),
        "totalvalidatorbalance": gwei + gwei // 4000,
        "eligibleether": gwei,
        "votedether": round(gwei * rate) if finalized else 0,
        "globalparticipationrate": round(rate, 6) if finalized else 0,
        "blockscount": SLOTS_PER_EPOCH,
        "proposedblocks": max(0, done - missed),
        "missedblocks": min(missed, done),
        "scheduledblocks": SLOTS_PER_EPOCH - done,
        "orphanedblocks": 0,
        "attesterslashingscount": 0,
        "proposerslashingscount": 0,
        "depositscount": int(16 * float(uniform(stable_key(seed, "deposits"), epoch)[0])),
        "voluntaryexitscount": int(8 * float(uniform(stable_key(seed, "exits"), epoch)[0])),
        "finalized": finalized,
        "rewards_exported": finalized,
    }


# Form -------------------------------------------------------------------------------------------------------------


def _number(text: str, newest: int) -> int | None:
    if text == "latest":
        return newest
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _wrapped(row: dict[str, Any], *, usually_list: bool, key: str, time_key: str) -> SimResponse:
    usual = float(uniform(stable_key("form", key), 0)[0]) < _USUAL_SHARE
    as_list = usually_list == usual
    shape = Shape(
        rows=("data",) if as_list else None,
        price_keys=("apr", "cl_apr") if as_list else ("data.apr", "data.cl_apr"),
        time_keys=(time_key,) if as_list else (f"data.{time_key}",),
        volume_keys=("validatorscount",) if as_list else ("data.validatorscount",),
    )
    return SimResponse(body={"status": "OK", "data": [row] if as_list else row}, shape=shape)


def _error(message: str) -> SimResponse:
    return SimResponse(body={"status": f"ERROR: {message}", "data": None}, status=400)
