"""The simulated Solana cluster: slots, epochs, validators and their stake, supply, inflation.

What belongs here: the cluster as a pure function of seed and time. What does not: JSON-RPC (solana.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cryptoflow.simulator.market.noise import FloatArray, IntArray, keys_of, octave_sum, stable_key, uniform

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market

GENESIS_AT: Final = 1_584_368_940.0
SLOTS_PER_EPOCH: Final = 432_000
LAMPORTS_PER_COIN: Final = 10**9
VALIDATOR_COUNT: Final = 360
SAMPLE_SECONDS: Final = 60
_YEAR_SECONDS: Final = 365.25 * 86_400
_INFLATION_AT: Final = 1_612_915_200.0
_MEAN_SLOT_SECONDS: Final = 0.41
_SKIPPED_SHARE: Final = 0.043
_DELINQUENT_SHARE: Final = 0.03
_FALLBACK_SUPPLY: Final = 480_000_000.0
_SLOT_PERIODS_SECONDS: Final = (4.0 * 3_600.0, 9.0 * 86_400.0)
_LOAD_PERIODS_SECONDS: Final = (3_600.0, 4.0 * 86_400.0)
_USEFUL_PER_SECOND: Final = 1_150.0
_VOTES_PER_SECOND: Final = 2_650.0
_VOTES_UNKNOWN_SHARE: Final = 0.01
_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """In lamports; the parts add up."""

    total: int
    circulating: int
    non_circulating: int


class SolanaCluster:
    """The cluster of one market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._seed = market.seed
        self._slot_keys = np.stack([keys_of(stable_key(market.seed, "slot", octave), 0) for octave in range(2)])
        self._load_keys = np.stack([keys_of(stable_key(market.seed, "solana load", octave), 0) for octave in range(2)])
        numbers = np.arange(VALIDATOR_COUNT)
        weights = (numbers + 6.0) ** -0.85 * (0.6 + 0.8 * uniform(stable_key(market.seed, "stake"), numbers))
        self._weights = weights / weights.sum()

    def slot(self, at: float) -> int:
        """The newest slot."""
        return int(self._slots(np.array([at]))[0])

    def _slots(self, instants: FloatArray) -> IntArray:
        """Slots last 0.41 s on the whole, a little more or less from week to week."""
        # The drift is far smaller than the slots of its period, so that the number only grows.
        drift = octave_sum(self._slot_keys, np.array([[700.0], [18_000.0]]), _SLOT_PERIODS_SECONDS, instants)
        slots: IntArray = np.maximum(0.0, (instants - GENESIS_AT) / _MEAN_SLOT_SECONDS + drift).astype(np.int64)
        return slots

    def block_height(self, at: float) -> int:
        """Blocks there are: slots without the skipped ones."""
        return int(self.slot(at) * (1.0 - _SKIPPED_SHARE))

    def samples(self, at: float, limit: int) -> list[dict[str, Any]]:
        """The newest whole minutes, newest first; a few nodes did not count the votes apart."""
        last = int(at // SAMPLE_SECONDS) * SAMPLE_SECONDS
        ends = last - np.arange(limit + 1) * SAMPLE_SECONDS
        instants = ends.astype(np.float64)
        slots = self._slots(instants).tolist()
        curve = octave_sum(self._load_keys, np.array([[0.15], [0.3]]), _LOAD_PERIODS_SECONDS, instants)
        useful = (_USEFUL_PER_SECOND * np.exp(curve)).tolist()
        apart = (uniform(stable_key(self._seed, "votes apart"), ends) > _VOTES_UNKNOWN_SHARE).tolist()
        return [
            {
                "slot": slots[place],
                "numTransactions": int((useful[place] + _VOTES_PER_SECOND) * SAMPLE_SECONDS),
                "numNonVoteTransactions": int(useful[place] * SAMPLE_SECONDS) if apart[place] else None,
                "numSlots": slots[place] - slots[place + 1],
                "samplePeriodSecs": SAMPLE_SECONDS,
            }
            for place in range(limit)
        ]

    def supply(self, at: float) -> Supply:
        """What circulates is what the market says; about a ninth more is locked."""
        asset = self._market.asset("solana", at)
        coins = _FALLBACK_SUPPLY
        if asset is not None:
            coins = float(self._market.circulating_supply(asset.index, np.array([at]))[0])
        circulating = int(coins) * LAMPORTS_PER_COIN
        locked = circulating // 9 // LAMPORTS_PER_COIN * LAMPORTS_PER_COIN
        return Supply(total=circulating + locked, circulating=circulating, non_circulating=locked)

    def inflation(self, at: float) -> dict[str, float | int]:
        """Eight percent at first, 15 percent less every year, never under 1.5 percent."""
        years = max(0.0, (at - _INFLATION_AT) / _YEAR_SECONDS)
        total = max(0.015, 0.08 * 0.85**years)
        return {"total": total, "validator": total, "foundation": 0.0, "epoch": self.slot(at) // SLOTS_PER_EPOCH}

    def vote_accounts(self, at: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """(current, delinquent) validators; who is delinquent changes from day to day."""
        slot = self.slot(at)
        epoch = slot // SLOTS_PER_EPOCH
        staked = self.supply(at).total * 0.66
        current: list[dict[str, Any]] = []
        delinquent: list[dict[str, Any]] = []
        day_key = stable_key(self._seed, "delinquent", int(at // 86_400))
        draws = uniform(day_key, np.arange(VALIDATOR_COUNT)).tolist()
        wobble = uniform(stable_key(self._seed, "stake of epoch", epoch), np.arange(VALIDATOR_COUNT)).tolist()
        for number in range(VALIDATOR_COUNT):
            # Large validators do not fail: the cluster would stop.
            is_late = number >= 40 and draws[number] < _DELINQUENT_SHARE
            key = stable_key(self._seed, "validator", number)
            stake = int(staked * float(self._weights[number]) * (0.995 + 0.01 * wobble[number]))
            row = {
                "votePubkey": _address(f"{self._seed}/vote/{number}"),
                "nodePubkey": _address(f"{self._seed}/node/{number}"),
                "activatedStake": stake // 50 if is_late else stake,
                "commission": (0, 0, 5, 5, 7, 8, 10, 100)[key % 8],
                "lastVote": slot - (2_000 + key % 90_000 if is_late else key % 4),
                "rootSlot": slot - (2_100 + key % 90_000 if is_late else 32 + key % 4),
                "epochVoteAccount": True,
                "epochCredits": [
                    [past, (past + 1) * 6_900_000 - key % 5_000, past * 6_900_000 - key % 5_000]
                    for past in range(max(0, epoch - 4), epoch + 1)
                ],
            }
            (delinquent if is_late else current).append(row)
        return current, delinquent


def _address(text: str) -> str:
    number = int.from_bytes(b"".join(stable_key(text, part).to_bytes(8, "big") for part in range(4)), "big")
    digits = []
    for _ in range(44):
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    return "".join(digits)


@lru_cache(maxsize=2)
def solana_cluster(market: Market) -> SolanaCluster:
    """The cluster of a market; every call shares it."""
    return SolanaCluster(market)
