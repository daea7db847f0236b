"""The simulated Bitcoin chain: block times, difficulty epochs, subsidy, hashes, reorganisations; one for all sources.

    hash rate (smooth curve) -> how long an epoch of 2,016 blocks lasts -> the next difficulty -> ...
    within an epoch the gaps between blocks are exponential, scaled to the epoch's length

What belongs here: the chain as a pure function of seed and time. What does not: what the blocks contain
(bitcoin_activity.py), how a provider words any of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from cryptoflow.simulator.market.noise import FloatArray, keys_of, octave_sum, stable_key, uniform
from cryptoflow.simulator.market.universe import instant

EPOCH_BLOCKS: Final = 2_016
HALVING_BLOCKS: Final = 210_000
TARGET_SPACING_SECONDS: Final = 600.0
HASHES_PER_DIFFICULTY: Final = 2.0**32
FIRST_SUBSIDY_SATOSHI: Final = 50 * 10**8
GENESIS_AT: Final = instant("2009-01-03T18:15:05")
LAST_AT: Final = instant("2031-06-01T00:00:00")
DAY_SECONDS: Final = 86_400

# Base-10 logarithm of the hash rate in H/s at the start of a year or half-year.
_HASH_RATE_KNOTS: Final = (
    ("2009-01-01T00:00:00", 6.54),
    ("2010-01-01T00:00:00", 6.65),
    ("2010-07-01T00:00:00", 8.6),
    ("2011-07-01T00:00:00", 13.0),
    ("2012-07-01T00:00:00", 13.1),
    ("2013-07-01T00:00:00", 14.25),
    ("2014-07-01T00:00:00", 17.05),
    ("2016-07-01T00:00:00", 18.17),
    ("2018-07-01T00:00:00", 19.56),
    ("2020-07-01T00:00:00", 20.08),
    ("2022-07-01T00:00:00", 20.31),
    ("2024-01-01T00:00:00", 20.71),
    ("2025-01-01T00:00:00", 20.86),
    ("2027-01-01T00:00:00", 20.96),
    ("2032-01-01T00:00:00", 21.10),
)
_WOBBLE_PERIODS_SECONDS: Final = (18.0 * DAY_SECONDS, 110.0 * DAY_SECONDS)
_WOBBLE: Final = (0.035, 0.05)
_STALE_SHARE: Final = 1 / 250
_TWO_STALE_SHARE: Final = 1 / 4
_STALE_GAP_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """The newest block that a node shows. `stale` blocks (0, 1 or 2) at the top are abandoned soon after."""

    height: int
    block_hash: str
    stale: int = 0


class BitcoinChain:
    """The chain of one seed, from genesis to 2031."""

    def __init__(self, *, seed: int) -> None:
        self.seed = seed
        self._wobble_keys = np.stack([keys_of(stable_key(seed, "hash rate", octave), 0) for octave in range(2)])
        starts, lengths, difficulties = self._walk_epochs()
        self._difficulties = np.array(difficulties)
        self._epoch_starts = np.array(starts)
        self.block_times: FloatArray = self._spread_blocks(np.array(starts), np.array(lengths))
        """Unix seconds of every block by height; the last ones are those that LAST_AT cuts off."""

    # Time and height --------------------------------------------------------------------------------------------

    def height(self, at: float) -> int:
        """The newest block of the main chain at or before `at`; it never falls."""
        return max(0, int(np.searchsorted(self.block_times, at, side="right")) - 1)

    def block_at(self, height: int) -> int:
        """The time that a block states, in whole unix seconds."""
        return int(self.block_times[height])

    def heights_between(self, start: float, end: float) -> range:
        """The blocks with `start <= time < end`."""
        first, last = np.searchsorted(self.block_times, (start, end), side="left").tolist()
        return range(first, last)

    def tip(self, at: float) -> Tip:
        """What a node shows: now and then one or two blocks that are abandoned before the main chain goes on."""
        height = self.height(at)
        depth = self._stale_depth(height + 1)
        if depth and height + 1 < len(self.block_times):
            gap = float(self.block_times[height + 1] - self.block_times[height])
            share = (at - float(self.block_times[height])) / gap
            seen = 0 if gap < _STALE_GAP_SECONDS or not 0.4 <= share < 0.7 else min(depth, 1 + int(share >= 0.55))
            if seen:
                return Tip(height=height + seen, block_hash=self.hash_of(height + seen, stale=True), stale=seen)
        return Tip(height=height, block_hash=self.hash_of(height))

    def _stale_depth(self, height: int) -> int:
        draw = float(uniform(stable_key(self.seed, "stale"), height)[0])
        return 0 if draw >= _STALE_SHARE else 1 + int(draw < _STALE_SHARE * _TWO_STALE_SHARE)

    # Difficulty and hash rate -----------------------------------------------------------------------------------

    def difficulty(self, height: int) -> float:
        """The difficulty at which the block was mined."""
        return float(self._difficulties[height // EPOCH_BLOCKS])

    def difficulties(self, heights: range) -> FloatArray:
        """The difficulty of each block."""
        return self._difficulties[np.arange(heights.start, heights.stop) // EPOCH_BLOCKS]

    def mined_hash_rate(self, start: float, end: float) -> float:
        """Hashes per second as everyone estimates them: the work of the blocks mined in the window over its length."""
        work = float(self.difficulties(self.heights_between(start, end)).sum()) * HASHES_PER_DIFFICULTY
        return work / (end - start)

    def _hash_rate(self, at: float) -> float:
        knots = np.array([instant(day) for day, _ in _HASH_RATE_KNOTS])
        trend = np.interp(at, knots, [level for _, level in _HASH_RATE_KNOTS]) * np.log(10.0)
        amplitudes = np.asarray(_WOBBLE)[:, np.newaxis]
        wobble = octave_sum(self._wobble_keys, amplitudes, _WOBBLE_PERIODS_SECONDS, np.array([at]))[0]
        return float(np.exp(trend + wobble))

    def _walk_epochs(self) -> tuple[list[float], list[float], list[float]]:
        starts, lengths, difficulties = [GENESIS_AT], [], [1.0]
        while True:
            work = difficulties[-1] * HASHES_PER_DIFFICULTY * EPOCH_BLOCKS
            length = EPOCH_BLOCKS * TARGET_SPACING_SECONDS
            for _ in range(3):
                length = work / self._hash_rate(starts[-1] + length / 2)
            lengths.append(length)
            if starts[-1] + length >= LAST_AT:
                return starts, lengths, difficulties
            change = min(4.0, max(0.25, EPOCH_BLOCKS * TARGET_SPACING_SECONDS / length))
            starts.append(starts[-1] + length)
            difficulties.append(max(1.0, difficulties[-1] * change))

    def _spread_blocks(self, starts: FloatArray, lengths: FloatArray) -> FloatArray:
        draws = uniform(stable_key(self.seed, "block gap"), np.arange(len(starts) * EPOCH_BLOCKS))
        # The shortest gaps are lifted, so that no two blocks state the same second more than rarely.
        gaps = (-np.log1p(-draws) + 0.004).reshape(len(starts), EPOCH_BLOCKS)
        offsets = np.cumsum(gaps, axis=1) / gaps.sum(axis=1, keepdims=True)
        # The first block of an epoch stands at its start, the last one gap before the next epoch.
        before = np.concatenate([np.zeros((len(starts), 1)), offsets[:, :-1]], axis=1)
        times: FloatArray = (starts[:, np.newaxis] + before * lengths[:, np.newaxis]).ravel()
        return times[times < LAST_AT]

    # Issuance and hashes ----------------------------------------------------------------------------------------

    def hash_of(self, height: int, *, stale: bool = False) -> str:
        """The hash of the block at that height, with as many leading zeros as its difficulty asks for."""
        digest = hashlib.sha256(f"{self.seed}/{height}/{stale}".encode()).hexdigest()
        zeros = 8 + int(np.log2(self.difficulty(height)) // 4)
        return "0" * zeros + digest[zeros:]


def subsidy_satoshi(height: int) -> int:
    """What a block of that height issues."""
    return FIRST_SUBSIDY_SATOSHI >> (height // HALVING_BLOCKS)


def issued_satoshi(height: int) -> int:
    """Everything issued up to and including that block."""
    eras, rest = divmod(height + 1, HALVING_BLOCKS)
    return sum(HALVING_BLOCKS * (FIRST_SUBSIDY_SATOSHI >> era) for era in range(eras)) + rest * subsidy_satoshi(height)


@lru_cache(maxsize=2)
def bitcoin_chain(seed: int) -> BitcoinChain:
    """The chain of a seed; every source shares it."""
    return BitcoinChain(seed=seed)
