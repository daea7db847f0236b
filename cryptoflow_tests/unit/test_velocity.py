"""The formulas of velocity: total, exact, and as the definitions have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cryptoflow.refine.velocity import Reading, velocity, velocity_trend, week_velocity, window_mean

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def reading(minutes: int, value: str | None) -> Reading:
    volume = None if value is None else Decimal(value)
    return Reading(bucket=NOON + minutes * MINUTE, volume_24h_usd=volume, market_cap_usd=Decimal(1))


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("volume", "cap", "expected"),
    [
        ("25", "850", "0.02941176"),
        ("1", "3", "0.33333333"),
        ("0", "5", "0"),
        ("1e15", "1", "100"),
        ("100", "1", "100"),
        ("0.000000005", "1", "0.00000001"),
        ("7", "0", "0"),
        ("7", "-1", "0"),
        ("7", None, "0"),
        (None, None, "0"),
        (None, "5", None),
    ],
)
def test_velocity_is_volume_over_cap_within_its_bounds(
    volume: str | None, cap: str | None, expected: str | None
) -> None:
    found = velocity(volume and Decimal(volume), cap and Decimal(cap))
    assert found == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("current", "hourly", "expected"),
    [
        ("1", [], "insufficient_data"),
        ("1", ["1", "1"], "insufficient_data"),
        (None, ["1", "1", "1"], "insufficient_data"),
        ("0", ["0", "0", "0"], "stable"),
        ("0.00000001", ["0", "0", "0"], "increasing"),
        ("1.05", ["1", "1", "1"], "stable"),
        ("1.05000001", ["1", "1", "1"], "increasing"),
        ("0.95", ["1", "1", "1"], "stable"),
        ("0.94999999", ["1", "1", "1"], "decreasing"),
        # Only the last three count, however many there are.
        ("1", ["9", "9", "1", "1", "1"], "stable"),
        ("1", ["9", "1", "1", "1"], "stable"),
        ("1.2", ["0", "0", "0", "1", "1", "1"], "increasing"),
    ],
)
def test_the_trend_is_total_and_looks_at_the_last_three(current: str | None, hourly: list[str], expected: str) -> None:
    assert velocity_trend(current and Decimal(current), decimals(*hourly)) == expected


def test_a_window_weighs_each_reading_by_how_long_it_holds() -> None:
    readings = [reading(-60, "9"), reading(0, "1"), reading(6, "4"), reading(8, "10")]
    mean, held = window_mean(readings, end=NOON + 10 * MINUTE, length=10 * MINUTE)
    assert (mean, held) == (Decimal("3.4"), 10 * MINUTE)


def test_a_reading_from_before_the_window_counts_as_far_as_it_reaches_in() -> None:
    mean, held = window_mean([reading(-4, "2"), reading(8, "5")], end=NOON + 10 * MINUTE, length=10 * MINUTE)
    assert (mean, held) == (Decimal("2.75"), 8 * MINUTE)


def test_a_gap_is_not_bridged_and_below_half_a_window_nothing_is_said() -> None:
    enough = [reading(0, "1"), reading(20, "2"), reading(40, "3")]
    assert window_mean(enough, end=NOON + HOUR, length=HOUR) == (Decimal(2), 30 * MINUTE)
    assert window_mean(enough[1:], end=NOON + HOUR, length=HOUR) == (None, 20 * MINUTE)
    assert window_mean([], end=NOON, length=HOUR) == (None, timedelta())


def test_a_close_without_velocity_ends_what_held_before() -> None:
    readings = [reading(0, "1"), reading(2, None), reading(6, "3")]
    assert window_mean(readings, end=NOON + 10 * MINUTE, length=10 * MINUTE) == (Decimal("2.33333333"), 6 * MINUTE)


def test_the_week_is_mean_volume_over_mean_cap_of_seven_readings() -> None:
    days = [
        Reading(bucket=NOON, volume_24h_usd=Decimal(number), market_cap_usd=Decimal(10 * number))
        for number in range(1, 8)
    ]
    assert week_velocity(days) == Decimal("0.1")
    assert week_velocity([*days[:6], None]) is None
    assert week_velocity([*days[:6], reading(0, None)]) is None
    assert week_velocity(days[:6]) is None
