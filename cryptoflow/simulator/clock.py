"""The simulated time: a straight line over the monotonic clock that can be set, sped up and frozen.

What belongs here: what time it is in the simulated world. What does not: how long a fault lasts (real time, faults.py).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptoflow.errors import UsageError

MAX_SPEED = 100_000.0
EARLIEST = 1_388_534_400.0  # 2014-01-01: a year after the market begins, so that yearly changes exist
LATEST = 1_924_992_000.0  # 2031-01-01: where the market ends


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """What the clock shows, for the control plane."""

    now: float
    speed: float
    frozen: bool


class SimClock:
    """Simulated unix seconds. By default real time at speed 1. Safe to use from several threads."""

    def __init__(
        self,
        *,
        now: float | None = None,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._anchor_real = monotonic()
        self._anchor_sim = _checked_instant(wall() if now is None else now)
        self._speed = _checked_speed(speed)
        self._frozen = False

    def now(self) -> float:
        """Unix seconds of simulated time."""
        with self._lock:
            return self._now()

    def set(self, *, now: float | None = None, speed: float | None = None, freeze: bool | None = None) -> ClockState:
        """Change what is given; what is not given stays. Time never jumps unless `now` is given."""
        instant = None if now is None else _checked_instant(now)
        factor = None if speed is None else _checked_speed(speed)
        with self._lock:
            self._anchor_sim = self._now() if instant is None else instant
            self._anchor_real = self._monotonic()
            self._speed = self._speed if factor is None else factor
            self._frozen = self._frozen if freeze is None else freeze
            return self._state()

    def state(self) -> ClockState:
        """What the clock shows now."""
        with self._lock:
            return self._state()

    def real_seconds(self, simulated_seconds: float) -> float:
        """How long `simulated_seconds` last in real time; infinite while the clock stands."""
        with self._lock:
            return math.inf if self._frozen else simulated_seconds / self._speed

    def _now(self) -> float:
        if self._frozen:
            return self._anchor_sim
        return self._anchor_sim + (self._monotonic() - self._anchor_real) * self._speed

    def _state(self) -> ClockState:
        return ClockState(now=self._now(), speed=self._speed, frozen=self._frozen)


def _checked_instant(now: float) -> float:
    if not (math.isfinite(now) and EARLIEST <= now <= LATEST):
        raise UsageError(
            f"The simulated clock cannot be set to {now!r}.",
            cure="Give unix seconds (not milliseconds) between 2014-01-01 and 2031-01-01.",
        )
    return float(now)


def _checked_speed(speed: float) -> float:
    if not (math.isfinite(speed) and 0 < speed <= MAX_SPEED):
        raise UsageError(
            f"The simulated clock cannot run at speed {speed!r}.",
            cure=f"Give a factor above 0 and at most {MAX_SPEED:.0f}; to stop the clock, freeze it.",
        )
    return float(speed)
