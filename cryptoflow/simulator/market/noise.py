"""Hashed value noise: smooth random curves that can be read at any instant without walking there.

What belongs here: 64-bit hashing, lattice values, interpolation, sums of octaves. All of it is vectorised and
depends on its arguments alone. What does not: prices, assets, calendars.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
KeyArray = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_MANTISSA_SHIFT = np.uint64(11)
_UNIT = 2.0**-53
# From so many instants on, hashing shared knots once is quicker than hashing two per instant.
_DENSE_FROM = 48


def stable_key(*parts: str | int) -> int:
    """A 64-bit key of names and numbers, the same in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def mix(values: KeyArray) -> KeyArray:
    """Scatter 64-bit integers so that neighbours become independent."""
    mixed = (values ^ (values >> _SHIFTS[0])) * _MULTIPLIER_1
    mixed = (mixed ^ (mixed >> _SHIFTS[1])) * _MULTIPLIER_2
    return mixed ^ (mixed >> _SHIFTS[2])


def keys_of(base_key: int, positions: ArrayLike) -> KeyArray:
    """One independent key per position (asset index, day, hour) under a base key."""
    offsets = np.atleast_1d(np.asarray(positions, dtype=np.int64)).astype(np.uint64)
    return mix(np.uint64(base_key) + offsets * _GOLDEN)


def uniform(base_key: int, positions: ArrayLike) -> FloatArray:
    """One number in [0, 1) per position under a base key."""
    return (keys_of(base_key, positions) >> _MANTISSA_SHIFT).astype(np.float64) * _UNIT


def lattice(keys: KeyArray, knots: FloatArray) -> FloatArray:
    """The value in [-1, 1) that each key has at each whole-numbered knot; arguments broadcast."""
    offsets = knots.astype(np.int64).astype(np.uint64) * _GOLDEN
    return (mix(keys + offsets) >> _MANTISSA_SHIFT).astype(np.float64) * (2.0 * _UNIT) - 1.0


def value_noise(keys: KeyArray, positions: FloatArray) -> FloatArray:
    """A smooth curve through the lattice values, in [-1, 1); arguments broadcast."""
    knots = np.floor(positions)
    fraction = positions - knots
    left = lattice(keys, knots)
    right = lattice(keys, knots + 1.0)
    return left + (right - left) * (fraction * fraction * (3.0 - 2.0 * fraction))


def octave_sum(
    keys: KeyArray, amplitudes: FloatArray, periods_seconds: Sequence[float], instants: FloatArray
) -> FloatArray:
    """The sum of one curve per octave. `keys` and `amplitudes` have one row per octave; rows broadcast with `instants`.

    The rows are added one by one, in order: an array reduction would group them by shape, and one asset asked
    alone would differ in the last bit from the same asset asked among thousands.
    """
    if keys.shape[1] == 1 and len(instants) >= _DENSE_FROM:
        return _one_curve(keys[:, 0], amplitudes[:, 0], periods_seconds, instants)
    periods = np.asarray(periods_seconds, dtype=np.float64)[:, np.newaxis]
    curves = value_noise(keys, instants[np.newaxis, :] / periods) * amplitudes
    total: FloatArray = curves[0].copy()
    for curve in curves[1:]:
        total += curve
    return total


def _one_curve(
    keys: KeyArray, amplitudes: FloatArray, periods_seconds: Sequence[float], instants: FloatArray
) -> FloatArray:
    """The same sum for one key per octave and many instants, which share most of their knots: each is hashed once."""
    total = np.zeros(len(instants))
    for key, amplitude, period in zip(keys, amplitudes.tolist(), periods_seconds, strict=True):
        if amplitude == 0.0:
            continue
        positions = instants / period
        knots = np.floor(positions)
        first, last = float(knots.min()), float(knots.max())
        if last - first > len(instants):
            total += value_noise(np.array([key]), positions) * amplitude
            continue
        values = lattice(np.array([key]), np.arange(first, last + 2.0))
        places = (knots - first).astype(np.int64)
        fraction = positions - knots
        left = values[places]
        total += (left + (values[places + 1] - left) * (fraction * fraction * (3.0 - 2.0 * fraction))) * amplitude
    return total
