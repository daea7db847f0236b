"""How far a change reaches: which hours have velocity that follows from minutes of other hours.

A row looks back a day and a little more, for its windows, its trend and what holds over the hour; its week asks for the
same hour of the six days before.
What does not belong here: the formulas (velocity), which of the hours have closes (the warehouse).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import reduce
from typing import Final

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.refine.velocity import WEEK_READINGS

Key = tuple[datetime, int]
HOUR: Final = timedelta(hours=1)
HOURS_ON: Final = (*range(26), *(24 * days for days in range(2, WEEK_READINGS)))
"""Which hours after it an hour reaches, itself among them."""


def hours_reached(changed: Collection[Key], *, until: datetime) -> list[Key]:
    """The hours that the hours of these instants reach, none after `until`, of each asset once, in order."""
    first = bucket_start(min((at for at, _ in changed), default=until), Grain.HOUR)
    most = (until - first) // HOUR
    # A set of hours is a number with a bit for each: a shift moves all of them at once.
    hours_of_assets: dict[int, int] = defaultdict(int)
    for at, asset in changed:
        hours_of_assets[asset] |= 1 << (at - first) // HOUR
    reached = [
        (hour, asset)
        for asset, hours in hours_of_assets.items()
        for hour, is_reached in enumerate(reversed(f"{_reached_by(hours):b}"))
        if is_reached == "1" and hour <= most
    ]
    return [(first + hour * HOUR, asset) for hour, asset in sorted(reached)]


def _reached_by(hours: int) -> int:
    return reduce(lambda reached, on: reached | hours << on, HOURS_ON, 0)
