"""The velocity that must follow from closes, row by row, by the plain formulas; and what a warehouse holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.refine.velocity import (
    MINUTE,
    TREND_REACH,
    WEEK_READINGS,
    WINDOWS,
    Reading,
    Trend,
    velocity,
    velocity_trend,
    week_velocity,
    window_mean,
)
from cryptoflow_tests.closes_model import Close, Key, rows

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Velocity:
    """One row of velocity."""

    velocity: Decimal | None
    velocity_1h: Decimal | None
    velocity_4h: Decimal | None
    velocity_12h: Decimal | None
    velocity_24h: Decimal | None
    velocity_7d: Decimal | None
    trend: Trend
    unavailable: dict[str, str]
    integral: Decimal
    held_seconds: int
    held_24h_seconds: int


def expected_velocity(closes: dict[Grain, dict[Key, Close]]) -> dict[Key, Velocity]:
    """The rows, from the minute and hour closes alone."""
    of_asset: dict[int, list[Reading]] = defaultdict(list)
    for (bucket, asset), close in sorted(closes[Grain.MINUTE].items()):
        of_asset[asset].append(_reading(bucket, close))
    hours = {key: _reading(key[0], close) for key, close in closes[Grain.HOUR].items()}
    return {
        (reading.bucket, asset): _row(readings, place, hours, asset)
        for asset, readings in of_asset.items()
        for place, reading in enumerate(readings)
    }


def _reading(bucket: datetime, close: Close) -> Reading:
    return Reading(bucket=bucket, volume_24h_usd=close.volume, market_cap_usd=close.cap)


def _row(readings: Sequence[Reading], place: int, hours: dict[Key, Reading], asset: int) -> Velocity:
    current = readings[place]
    end = current.bucket + MINUTE
    known = readings[: place + 1]
    means = {name: window_mean(known, end=end, length=length) for name, length in WINDOWS.items()}
    hour, midnight = bucket_start(current.bucket, Grain.HOUR), bucket_start(current.bucket, Grain.DAY)
    week = week_velocity([current, *(hours.get((hour - back * DAY, asset)) for back in range(1, WEEK_READINGS))])
    integral, held = _held(known, midnight, end)
    reasons = {"velocity": current.reason} | {
        name: None if mean is not None else "below_window" for name, (mean, _) in means.items()
    }
    reasons["velocity_7d"] = None if week is not None else "missing_readings"
    return Velocity(
        velocity=velocity(current.volume_24h_usd, current.market_cap_usd),
        velocity_7d=week,
        trend=velocity_trend(current.velocity, _hourly(hours, hour, asset)),
        unavailable={name: reason for name, reason in reasons.items() if reason},
        integral=integral,
        held_seconds=held,
        held_24h_seconds=int(means["velocity_24h"][1].total_seconds()),
        **{name: mean for name, (mean, _) in means.items()},
    )


def _hourly(hours: dict[Key, Reading], hour: datetime, asset: int) -> list[Decimal]:
    """The known velocities of the hours before, within reach, in order."""
    reached = sorted(bucket for bucket, of in hours if of == asset and hour - TREND_REACH <= bucket < hour)
    found = [hours[bucket, asset].velocity for bucket in reached]
    return [value for value in found if value is not None]


def _held(readings: Sequence[Reading], start: datetime, end: datetime) -> tuple[Decimal, int]:
    """Sum of velocity x seconds within [start, end), second by second of what holds; and those seconds."""
    integral, held = Decimal(0), 0
    for place, reading in enumerate(readings):
        after = readings[place + 1].bucket if place + 1 < len(readings) else end
        until = min(reading.bucket + 10 * MINUTE, after, end)
        seconds = int((until - max(reading.bucket, start)).total_seconds())
        if seconds > 0 and reading.velocity is not None:
            integral += reading.velocity * seconds
            held += seconds
    return integral, held


def stored_velocity(database_url: str) -> dict[Key, Velocity]:
    """The rows that a warehouse holds."""
    names = tuple(Velocity.__dataclass_fields__)
    found = rows(database_url, f"SELECT bucket, asset_id, {', '.join(names)} FROM market.velocity")
    return {(bucket, asset): Velocity(**dict(zip(names, figures, strict=True))) for bucket, asset, *figures in found}


def differences(database_url: str, expected: dict[Key, Velocity]) -> dict[Key, tuple[Velocity | None, Velocity | None]]:
    """(stored, expected) of each row that is not as it must be; decimals compare by value."""
    stored = stored_velocity(database_url)
    return {
        key: (stored.get(key), expected.get(key))
        for key in stored.keys() | expected.keys()
        if _same(stored.get(key)) != _same(expected.get(key))
    }


def _same(row: Velocity | None) -> Velocity | None:
    return row and replace(row, integral=row.integral.normalize())
