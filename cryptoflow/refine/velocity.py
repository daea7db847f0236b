"""Velocity, its trailing windows and its trend: the formulas, in exact decimals.

A reading is the velocity of one close. It holds from the start of its minute until the next close of the asset, for
HOLD at the most, so that a gap in the readings is a gap in the window and no bridge over it. A close whose velocity is
not known ends what held before it. A window ends where the minute of its row ends.

The warehouse computes the same in sets (warehouse.velocity); `explain` compares the two.
What does not belong here: where closes come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from cryptoflow.refine.exact import ONE, ZERO, product, quotient, total

FORMULA_VERSION: Final = 1
DIGITS: Final = 8
HIGHEST: Final = Decimal(100)
MINUTE: Final = timedelta(minutes=1)
HOLD: Final = timedelta(minutes=10)
"""Twice the pace at which free keys refresh 250 assets, and at which charts give their points."""
WINDOWS: Final = {f"velocity_{hours}h": timedelta(hours=hours) for hours in (1, 4, 12, 24)}
WEEK_READINGS: Final = 7
TREND_HOURS: Final = 3
TREND_REACH: Final = timedelta(hours=24)
"""How far back the hours of a trend may lie."""
THRESHOLD: Final = Decimal("0.05")

Trend = Literal["increasing", "decreasing", "stable", "insufficient_data"]
Reason = Literal["no_market_cap", "no_volume", "below_window", "missing_readings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The figures of one close that velocity is made of."""

    bucket: datetime
    volume_24h_usd: Decimal | None
    market_cap_usd: Decimal | None

    @property
    def reason(self) -> Reason | None:
        """Why its velocity is not known; None when it is."""
        if self.market_cap_usd is None or self.market_cap_usd <= 0:
            return "no_market_cap"
        return "no_volume" if self.volume_24h_usd is None else None

    @property
    def velocity(self) -> Decimal | None:
        """Its velocity; None when it is not known."""
        return None if self.reason else velocity(self.volume_24h_usd, self.market_cap_usd)


def velocity(volume_24h_usd: Decimal | None, market_cap_usd: Decimal | None) -> Decimal | None:
    """Volume / market cap, at most 100. Without a positive cap it is 0; without a volume it is not known."""
    if market_cap_usd is None or market_cap_usd <= 0:
        return ZERO
    if volume_24h_usd is None:
        return None
    found = quotient(volume_24h_usd, market_cap_usd, digits=DIGITS)
    return None if found is None else min(found, HIGHEST)


def window_mean(readings: Sequence[Reading], *, end: datetime, length: timedelta) -> tuple[Decimal | None, timedelta]:
    """The time-weighted mean over [end - length, end), and for how much of it readings hold.

    `readings` are in order; those that end before the window or begin after it do not count. None while readings hold
    for less than half of the window.
    """
    start = end - length
    weights: list[Decimal] = []
    held = timedelta()
    for place, reading in enumerate(readings):
        until = min(reading.bucket + HOLD, end)
        if place + 1 < len(readings):
            until = min(until, readings[place + 1].bucket)
        seconds = until - max(reading.bucket, start)
        found = reading.velocity
        if seconds <= timedelta() or found is None:
            continue
        weights.append(product(found, int(seconds.total_seconds())))
        held += seconds
    if not held or held * 2 < length:
        return None, held
    return quotient(total(weights), Decimal(int(held.total_seconds())), digits=DIGITS), held


def week_velocity(readings: Sequence[Reading | None]) -> Decimal | None:
    """Mean volume / mean cap of seven readings a day apart; None when one of them is missing or not known."""
    known = [one for one in readings if one is not None and one.reason is None]
    if len(readings) != WEEK_READINGS or len(known) != WEEK_READINGS:
        return None
    volumes = total(one.volume_24h_usd for one in known if one.volume_24h_usd is not None)
    caps = total(one.market_cap_usd for one in known if one.market_cap_usd is not None)
    found = quotient(volumes, caps, digits=DIGITS)
    return None if found is None else min(found, HIGHEST)


def velocity_trend(current: Decimal | None, hourly: Sequence[Decimal]) -> Trend:
    """The current velocity against the mean of the last three hourly ones, the newest last. It never raises."""
    if current is None or len(hourly) < TREND_HOURS:
        return "insufficient_data"
    recent = total(hourly[-TREND_HOURS:])
    if recent == 0:
        return "increasing" if current > 0 else "stable"
    # Compared without dividing: nothing is rounded before it is decided on.
    threefold = product(current, TREND_HOURS)
    if threefold > product(recent, ONE + THRESHOLD):
        return "increasing"
    return "decreasing" if threefold < product(recent, ONE - THRESHOLD) else "stable"
