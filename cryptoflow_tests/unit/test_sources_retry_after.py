"""How long to wait: the header in all its forms, and the growing pause."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from cryptoflow.sources.retry_after import backoff_ceiling_seconds, backoff_seconds, retry_after_seconds

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("2.5", 2.5),
        ("0", 1.0),
        ("86400", 300.0),
        ("999999999", 300.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 1.0),
        ("Mon, 02 Mar 2026 12:00:00 GMT", 300.0),
    ],
)
def test_readable_headers_are_clamped(header: str, seconds: float) -> None:
    assert retry_after_seconds(header, status=429, now=NOW) == seconds


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "nan", "inf", "1e3", "٣", "Sun, 99 Mar 2026 12:00:30 GMT"])
def test_unreadable_headers_say_nothing(header: str | None) -> None:
    assert retry_after_seconds(header, status=429, now=NOW) is None


@pytest.mark.parametrize(("status", "counts"), [(429, True), (503, True), (200, False), (500, False), (403, False)])
def test_the_header_counts_only_where_it_has_a_meaning(status: int, counts: bool) -> None:
    assert (retry_after_seconds("60", status=status, now=NOW) == 60.0) is counts


def test_backoff_doubles_up_to_its_cap() -> None:
    ceilings = [backoff_ceiling_seconds(attempt, 0.5, 30.0) for attempt in range(1, 9)]
    assert ceilings == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert backoff_ceiling_seconds(10_000, 0.5, 30.0) == 30.0


def test_backoff_uses_the_full_span() -> None:
    source = random.Random(1)
    pauses = [
        backoff_seconds(attempt=4, base_seconds=0.5, cap_seconds=30.0, random_source=source) for _ in range(2_000)
    ]
    assert min(pauses) < 0.1
    assert max(pauses) > 3.9
    assert all(0.0 <= pause <= 4.0 for pause in pauses)
