"""The grains of time: where buckets begin and end, and how many finer ones they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from cryptoflow.cadence import CADENCES, CANDLE_INTERVALS, Grain, bucket_end, bucket_start, expected_samples

INSTANT = datetime(2026, 2, 27, 23, 59, 59, 999_999, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("grain", "start", "end"),
    [
        (Grain.MINUTE, "2026-02-27T23:59", "2026-02-28T00:00"),
        (Grain.HOUR, "2026-02-27T23:00", "2026-02-28T00:00"),
        (Grain.DAY, "2026-02-27T00:00", "2026-02-28T00:00"),
        (Grain.WEEK, "2026-02-23T00:00", "2026-03-02T00:00"),
        (Grain.MONTH, "2026-02-01T00:00", "2026-03-01T00:00"),
    ],
)
def test_borders(grain: Grain, start: str, end: str) -> None:
    assert bucket_start(INSTANT, grain) == utc(start)
    assert bucket_end(INSTANT, grain) == utc(end)


@pytest.mark.parametrize("grain", list(Grain))
def test_a_start_belongs_to_its_own_bucket_and_an_end_to_the_next(grain: Grain) -> None:
    start, end = bucket_start(INSTANT, grain), bucket_end(INSTANT, grain)
    assert bucket_start(start, grain) == start
    assert bucket_start(end, grain) == end
    assert bucket_start(end - timedelta(microseconds=1), grain) == start


def test_weeks_start_on_monday_also_before_1970() -> None:
    assert bucket_start(utc("1969-12-31T12:00"), Grain.WEEK) == utc("1969-12-29T00:00")
    assert bucket_start(utc("2026-01-04T23:59"), Grain.WEEK) == utc("2025-12-29T00:00")


def test_other_time_zones_are_counted_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    start = bucket_start(datetime(2026, 3, 1, 8, 30, tzinfo=tokyo), Grain.MONTH)
    assert start == utc("2026-02-01T00:00")
    assert start.utcoffset() == timedelta(0)


def test_a_month_ends_where_the_next_begins_whatever_its_length() -> None:
    assert bucket_end(utc("2028-02-29T10:00"), Grain.MONTH) == utc("2028-03-01T00:00")
    assert bucket_end(utc("2026-12-31T23:00"), Grain.MONTH) == utc("2027-01-01T00:00")


@pytest.mark.parametrize(
    ("bucket", "grain", "samples"),
    [
        ("2026-02-01T00:00", Grain.MINUTE, 1),
        ("2026-02-01T00:00", Grain.HOUR, 60),
        ("2026-02-01T00:00", Grain.DAY, 24),
        ("2026-02-02T00:00", Grain.WEEK, 7),
        ("2026-02-01T00:00", Grain.MONTH, 28),
        ("2028-02-01T00:00", Grain.MONTH, 29),
        ("2026-01-01T00:00", Grain.MONTH, 31),
    ],
)
def test_expected_samples(bucket: str, grain: Grain, samples: int) -> None:
    assert expected_samples(utc(bucket), grain) == samples


def test_an_instant_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        bucket_start(datetime(2026, 1, 1), Grain.HOUR)


def test_every_grain_has_its_row_and_is_built_from_a_finer_one() -> None:
    assert list(CADENCES) == list(Grain)
    assert [CADENCES[grain].cron for grain in Grain] == [
        "* * * * *",
        "0 * * * *",
        "0 0 * * *",
        "0 0 * * 1",
        "0 0 1 * *",
    ]
    order = list(Grain)
    built_from = {grain: CADENCES[grain].built_from for grain in order[1:]}
    assert all(finer is not None and order.index(finer) < order.index(grain) for grain, finer in built_from.items())
    assert built_from[Grain.WEEK] is built_from[Grain.MONTH] is Grain.DAY


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_candle_intervals_are_built_from_one_another_and_tile_their_coarser_ones() -> None:
    names = list(CANDLE_INTERVALS)
    assert [row.built_from for row in CANDLE_INTERVALS.values()] == [None, *names[:-1]]
    for finer, coarser in pairwise(CANDLE_INTERVALS.values()):
        assert coarser.minutes % finer.minutes == 0


@pytest.mark.parametrize(
    ("interval", "start"),
    [
        ("1m", "2026-03-04T13:47"),
        ("5m", "2026-03-04T13:45"),
        ("4h", "2026-03-04T12:00"),
        ("1d", "2026-03-04T00:00"),
        ("1w", "2026-03-02T00:00"),
    ],
)
def test_a_candle_opens_at_the_start_of_its_bucket(interval: str, start: str) -> None:
    moment = datetime(2026, 3, 4, 14, 47, 31, tzinfo=timezone(timedelta(hours=1)))
    assert CANDLE_INTERVALS[interval].start(moment) == datetime.fromisoformat(f"{start}:00+00:00")
