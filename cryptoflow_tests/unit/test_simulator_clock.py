"""The simulated clock: a line over real time that can be set, sped up and frozen."""

from __future__ import annotations

import math

import pytest

from cryptoflow.errors import UsageError
from cryptoflow.simulator.clock import SimClock

NOON = 1_767_268_800.0


class HandClock:
    """A monotonic clock that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_time_follows_real_time_at_the_speed() -> None:
    hand = HandClock()
    clock = SimClock(now=NOON, speed=60.0, monotonic=hand)
    hand.seconds += 2.0
    assert clock.now() == NOON + 120.0
    assert clock.real_seconds(120.0) == 2.0


def test_a_change_of_speed_does_not_jump() -> None:
    hand = HandClock()
    clock = SimClock(now=NOON, monotonic=hand)
    hand.seconds += 10.0
    assert clock.set(speed=100.0).now == NOON + 10.0
    hand.seconds += 1.0
    assert clock.now() == NOON + 110.0


def test_frozen_time_stands_and_goes_on_from_there() -> None:
    hand = HandClock()
    clock = SimClock(now=NOON, monotonic=hand)
    clock.set(freeze=True)
    hand.seconds += 50.0
    assert clock.now() == NOON
    assert clock.real_seconds(1.0) == math.inf
    clock.set(freeze=False)
    hand.seconds += 3.0
    assert clock.now() == NOON + 3.0


def test_a_frozen_clock_can_be_set() -> None:
    clock = SimClock(now=NOON, monotonic=HandClock())
    clock.set(freeze=True)
    state = clock.set(now=NOON + 86_400.0)
    assert (state.now, state.frozen) == (NOON + 86_400.0, True)


def test_without_an_instant_it_starts_at_the_wall_clock() -> None:
    assert SimClock(monotonic=HandClock(), wall=lambda: NOON).now() == NOON


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, math.inf, 1e9])
def test_an_impossible_speed_is_refused_and_changes_nothing(speed: float) -> None:
    clock = SimClock(now=NOON, monotonic=HandClock())
    with pytest.raises(UsageError, match="cannot run at speed"):
        clock.set(now=NOON + 5.0, speed=speed)
    assert clock.now() == NOON


@pytest.mark.parametrize("now", [0.0, NOON * 1000.0, math.nan])
def test_an_instant_outside_the_market_is_refused(now: float) -> None:
    with pytest.raises(UsageError, match="not milliseconds"):
        SimClock(now=now)
