"""The grains of time: minute, hour, day, week, month. One row per grain; everything about a grain is in its row.

Bucket arithmetic, cron expressions and expected sample counts live here and nowhere else. All instants are aware
and in UTC; a bucket is named by its start; weeks start on Monday. No clock is read in this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final


class Grain(StrEnum):
    """The size of a bucket."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """One grain: its schedule, what it is built from, and how long it lasts (None: it varies)."""

    grain: Grain
    cron: str
    built_from: Grain | None
    length: timedelta | None


CADENCES: Final[dict[Grain, Cadence]] = {
    row.grain: row
    for row in (
        Cadence(grain=Grain.MINUTE, cron="* * * * *", built_from=None, length=timedelta(minutes=1)),
        Cadence(grain=Grain.HOUR, cron="0 * * * *", built_from=Grain.MINUTE, length=timedelta(hours=1)),
        Cadence(grain=Grain.DAY, cron="0 0 * * *", built_from=Grain.HOUR, length=timedelta(days=1)),
        Cadence(grain=Grain.WEEK, cron="0 0 * * 1", built_from=Grain.DAY, length=timedelta(weeks=1)),
        Cadence(grain=Grain.MONTH, cron="0 0 1 * *", built_from=Grain.DAY, length=None),
    )
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC)


def bucket_start(instant: datetime, grain: Grain) -> datetime:
    """The start of the bucket that holds the instant."""
    moment = _in_utc(instant)
    if grain is Grain.MONTH:
        return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    length = CADENCES[grain].length
    assert length is not None
    origin = _FIRST_MONDAY if grain is Grain.WEEK else _EPOCH
    return moment - (moment - origin) % length


def bucket_end(instant: datetime, grain: Grain) -> datetime:
    """The first instant after the bucket that holds the instant."""
    start = bucket_start(instant, grain)
    if grain is Grain.MONTH:
        return (start + timedelta(days=31)).replace(day=1)
    length = CADENCES[grain].length
    assert length is not None
    return start + length


def expected_samples(bucket: datetime, grain: Grain) -> int:
    """How many finer buckets the bucket has when nothing is missing; 1 for the finest grain."""
    finer = CADENCES[grain].built_from
    if finer is None:
        return 1
    length = CADENCES[finer].length
    assert length is not None
    return int((bucket_end(bucket, grain) - bucket_start(bucket, grain)) / length)


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant!r} has no time zone; every instant here is aware")
    return instant.astimezone(UTC)
