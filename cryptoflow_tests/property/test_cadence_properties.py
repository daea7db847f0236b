"""Buckets of any instant: they hold it, tile time, nest, and their finer buckets add up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cryptoflow.cadence import CADENCES, Grain, bucket_end, bucket_start, expected_samples

INSTANTS = st.datetimes(
    min_value=datetime(1950, 1, 1), max_value=datetime(2150, 1, 1), timezones=st.timezones() | st.just(UTC)
)
# The first look at a time zone reads its file; how long that takes says nothing.
UNHURRIED = settings(deadline=None)
GRAINS = st.sampled_from(Grain)
NESTED = st.sampled_from(
    [(Grain.MINUTE, Grain.HOUR), (Grain.HOUR, Grain.DAY), (Grain.DAY, Grain.WEEK), (Grain.DAY, Grain.MONTH)]
)


@UNHURRIED
@given(INSTANTS, GRAINS)
def test_a_bucket_holds_its_instant(instant: datetime, grain: Grain) -> None:
    assert bucket_start(instant, grain) <= instant < bucket_end(instant, grain)


@UNHURRIED
@given(INSTANTS, GRAINS)
def test_a_start_and_the_last_instant_are_of_the_same_bucket(instant: datetime, grain: Grain) -> None:
    start, end = bucket_start(instant, grain), bucket_end(instant, grain)
    assert bucket_start(start, grain) == start
    assert bucket_start(end - timedelta(microseconds=1), grain) == start


@UNHURRIED
@given(INSTANTS, GRAINS)
def test_buckets_leave_no_gap(instant: datetime, grain: Grain) -> None:
    end = bucket_end(instant, grain)
    assert bucket_start(end, grain) == end


@UNHURRIED
@given(INSTANTS, INSTANTS, GRAINS)
def test_time_and_buckets_are_in_the_same_order(one: datetime, other: datetime, grain: Grain) -> None:
    earlier, later = sorted((one, other))
    assert bucket_start(earlier, grain) <= bucket_start(later, grain)


@UNHURRIED
@given(INSTANTS, NESTED)
def test_a_finer_bucket_lies_within_one_coarser(instant: datetime, pair: tuple[Grain, Grain]) -> None:
    finer, coarser = pair
    assert bucket_start(bucket_start(instant, finer), coarser) == bucket_start(instant, coarser)
    assert bucket_end(instant, finer) <= bucket_end(instant, coarser)


@UNHURRIED
@given(INSTANTS, NESTED)
def test_expected_samples_are_the_finer_buckets_counted_one_by_one(
    instant: datetime, pair: tuple[Grain, Grain]
) -> None:
    finer, coarser = pair
    assert CADENCES[coarser].built_from is finer
    at, end, count = bucket_start(instant, coarser), bucket_end(instant, coarser), 0
    while at < end:
        count, at = count + 1, bucket_end(at, finer)
    assert at == end
    assert expected_samples(instant, coarser) == count


@UNHURRIED
@given(INSTANTS)
def test_the_days_of_the_months_of_a_year_add_up(instant: datetime) -> None:
    year = instant.astimezone(UTC).year
    months = [datetime(year, month, 1, tzinfo=UTC) for month in range(1, 13)]
    days = (datetime(year + 1, 1, 1, tzinfo=UTC) - months[0]).days
    assert sum(expected_samples(month, Grain.MONTH) for month in months) == days
