"""The grains of time: minute, hour, day, week, month; and the intervals of candles, which are finer steps of the same.

One row per grain or interval; everything about it is in its row. Bucket arithmetic, cron expressions and expected
sample counts live here and nowhere else. All instants are aware and in UTC; a bucket is named by its start; weeks start
on Monday. No clock is read in this module.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleInterval:
    """One interval of candles: how long it lasts, and which finer one its candles are built from (None: the finest)."""

    name: str
    length: timedelta
    built_from: str | None

    @property
    def minutes(self) -> int:
        """How many minutes it has."""
        return self.length // timedelta(minutes=1)

    def start(self, instant: datetime) -> datetime:
        """The start of the bucket that holds the instant."""
        moment = _in_utc(instant)
        return moment - (moment - _origin(self.length)) % self.length


CANDLE_INTERVALS: Final[dict[str, CandleInterval]] = {
    row.name: row
    for row in (
        CandleInterval(name="1m", length=timedelta(minutes=1), built_from=None),
        CandleInterval(name="5m", length=timedelta(minutes=5), built_from="1m"),
        CandleInterval(name="15m", length=timedelta(minutes=15), built_from="5m"),
        CandleInterval(name="30m", length=timedelta(minutes=30), built_from="15m"),
        CandleInterval(name="1h", length=timedelta(hours=1), built_from="30m"),
        CandleInterval(name="4h", length=timedelta(hours=4), built_from="1h"),
        CandleInterval(name="1d", length=timedelta(days=1), built_from="4h"),
        CandleInterval(name="1w", length=timedelta(weeks=1), built_from="1d"),
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
    return moment - (moment - _origin(length)) % length


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


def _origin(length: timedelta) -> datetime:
    """An instant at which a bucket of that length begins."""
    return _FIRST_MONDAY if length == timedelta(weeks=1) else _EPOCH


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant!r} has no time zone; every instant here is aware")
    return instant.astimezone(UTC)
