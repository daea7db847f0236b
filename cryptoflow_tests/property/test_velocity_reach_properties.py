"""Which hours a change reaches: the same, however it is reckoned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.refine.velocity_reach import HOUR, HOURS_ON, hours_reached

START = datetime(2026, 2, 27, 22, 0, tzinfo=UTC)
minutes = st.integers(min_value=0, max_value=12 * 24 * 60).map(lambda count: START + timedelta(minutes=count))
keys = st.tuples(minutes, st.integers(min_value=1, max_value=4))


@given(changed=st.lists(keys, max_size=30), until=minutes)
def test_each_hour_reaches_a_day_on_and_the_same_hour_of_the_week(
    changed: list[tuple[datetime, int]], until: datetime
) -> None:
    expected = {(bucket_start(at, Grain.HOUR) + on * HOUR, asset) for at, asset in changed for on in HOURS_ON}
    assert hours_reached(changed, until=until) == sorted(key for key in expected if key[0] <= until)


def test_the_reach_is_that_of_the_formulas() -> None:
    """A day of windows, ten minutes that hold over the hour, and one more hour of a trend; then six days of a week."""
    assert HOURS_ON[:26] == tuple(range(26))
    assert HOURS_ON[26:] == (48, 72, 96, 120, 144)
