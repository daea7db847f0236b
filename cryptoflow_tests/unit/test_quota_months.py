"""The period of a monthly quota: the calendar's month, or the one that the provider told, wherever in it one is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cryptoflow.sources.limits import quota_period
from cryptoflow.sources.providers import Provider

CALENDAR = Provider(name="sample", plan="test", base_url="http://127.0.0.1:9", rate_per_window=1)


@pytest.mark.parametrize(("month", "following"), [(1, (2026, 2)), (11, (2026, 12)), (12, (2027, 1))])
def test_a_calendar_month_ends_where_the_next_begins(month: int, following: tuple[int, int]) -> None:
    period = quota_period(CALENDAR, datetime(2026, month, 17, 5, 30, tzinfo=UTC))
    assert period.start == datetime(2026, month, 1, tzinfo=UTC)
    assert period.end == datetime(*following, 1, tzinfo=UTC)


def told(resets_at: str) -> Provider:
    return replace(CALENDAR, period_end=datetime.fromisoformat(resets_at))


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-12-01T00:00Z", "2026-11-14T09:30Z", "2026-12-14T09:30Z"),
        ("2026-12-14T09:29Z", "2026-11-14T09:30Z", "2026-12-14T09:30Z"),
        ("2026-12-14T09:30Z", "2026-12-14T09:30Z", "2027-01-14T09:30Z"),
        ("2026-11-14T09:29Z", "2026-10-14T09:30Z", "2026-11-14T09:30Z"),
        ("2027-03-01T00:00Z", "2027-02-14T09:30Z", "2027-03-14T09:30Z"),
    ],
)
def test_a_month_that_was_told_goes_on_after_its_end(now: str, start: str, end: str) -> None:
    period = quota_period(told("2026-12-14T09:30+00:00"), datetime.fromisoformat(now))
    assert (period.start, period.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


def test_periods_tile_time_even_when_a_month_is_too_short() -> None:
    provider, now = told("2026-12-31T10:00+00:00"), datetime(2026, 12, 1, tzinfo=UTC)
    ends = []
    for _ in range(14):
        period = quota_period(provider, now)
        assert period.start <= now < period.end
        ends.append(period.end)
        now = period.end
        assert quota_period(provider, now - timedelta(seconds=1)) == period
    assert [end.day for end in ends[:4]] == [31, 31, 28, 31]
