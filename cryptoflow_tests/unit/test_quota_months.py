"""A monthly quota begins anew with the calendar month."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cryptoflow.collect.planning import start_of_next_month


@pytest.mark.parametrize(("month", "following"), [(1, (2026, 2)), (11, (2026, 12)), (12, (2027, 1))])
def test_the_month_after(month: int, following: tuple[int, int]) -> None:
    after = start_of_next_month(datetime(2026, month, 1, tzinfo=UTC))
    assert (after.year, after.month, after.day) == (*following, 1)
