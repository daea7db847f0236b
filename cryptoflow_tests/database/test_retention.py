"""Retention: a day goes whole, past its time, and never before the hours are proven to hold it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from cryptoflow.warehouse.retention import Day, expired_days
from cryptoflow.warehouse.retention import retain as let_go
from cryptoflow_tests.closes_model import sample, store

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD = datetime(2026, 11, 10, 8, 30, tzinfo=UTC)
YOUNG = NOW - timedelta(days=6)
Retain = Callable[[datetime], list[Day]]


@pytest.fixture
def filled(database_url: str) -> str:
    """Two old days and a young one."""
    for at in (OLD, OLD + timedelta(minutes=1), OLD + timedelta(days=1), YOUNG, NOW):
        store(database_url, sample(at, "100"))
    return database_url


@pytest.fixture
def retain(filled: str, tmp_path: Path) -> Retain:
    """Let go of what may go; returns what went."""
    return lambda now: [day for day in let_go(filled, now=now, folder=tmp_path) if not day.kept_because]


def days_with_minutes(database_url: str) -> list[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT to_char(bucket AT TIME ZONE 'UTC', 'MM-DD') FROM market.minute_close ORDER BY 1"
        )
        return [day for (day,) in rows]


def change(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement.encode())


def test_only_whole_days_past_their_time_are_named_and_nothing_is_touched(filled: str) -> None:
    found = expired_days(filled, now=NOW)
    assert [day.starts for day in found] == [
        datetime(2026, 11, 10, tzinfo=UTC),
        datetime(2026, 11, 11, tzinfo=UTC),
    ]
    tables = ("market.close_quality", "market.minute_close", "market.velocity", "raw.market_snapshots")
    assert found[0].partitions == [f"{table}_y2026m11d10" for table in tables]
    assert [day.kept_because for day in found] == [None, None]
    assert days_with_minutes(filled) == ["11-10", "11-11", "11-14", "11-20"]


def test_what_goes_is_what_was_named_and_the_hours_stay(filled: str, retain: Retain) -> None:
    named = [day.starts for day in expired_days(filled, now=NOW)]
    assert [day.starts for day in retain(NOW)] == named
    assert days_with_minutes(filled) == ["11-14", "11-20"]
    assert expired_days(filled, now=NOW) == []
    with psycopg.connect(filled) as connection:
        assert connection.execute("SELECT count(*) FROM market.hourly_close").fetchone() == (4,)


def test_the_day_of_today_and_a_day_within_its_time_never_go(filled: str, retain: Retain) -> None:
    assert retain(YOUNG) == []
    assert days_with_minutes(filled) == ["11-10", "11-11", "11-14", "11-20"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("DELETE FROM market.hourly_close WHERE bucket < '2026-11-11'", "1 hours do not hold their minutes"),
        (
            "UPDATE market.hourly_close SET samples = samples - 1 WHERE bucket < '2026-11-11'",
            "1 hours do not hold their minutes",
        ),
        (
            "UPDATE market.hourly_close SET high_usd = 99, low_usd = 99 WHERE bucket < '2026-11-11'",
            "1 hours do not hold their minutes",
        ),
        ("DELETE FROM market.minute_close WHERE bucket < '2026-11-10 08:31'", "1 samples are in no minute's close"),
        ("INSERT INTO ops.dirty_buckets VALUES ('hour', '2026-11-10 08:00Z', 1)", "1 hours wait to be built"),
    ],
)
def test_a_day_that_is_not_proven_stays_and_says_why(filled: str, retain: Retain, damage: str, reason: str) -> None:
    change(filled, damage)
    gone = retain(NOW)
    assert [day.starts.day for day in gone] == [11]
    assert [(day.starts.day, day.kept_because) for day in expired_days(filled, now=NOW)] == [(10, reason)]


def test_a_late_sample_of_a_day_that_is_gone_leaves_its_hour_as_it_was(filled: str, retain: Retain) -> None:
    retain(NOW)
    hour = "SELECT samples, high_usd, price_usd, last_at FROM market.hourly_close WHERE bucket < '2026-11-11'"
    with psycopg.connect(filled) as connection:
        before = connection.execute(hour.encode()).fetchall()
    store(filled, sample(OLD + timedelta(seconds=30), "5"))
    with psycopg.connect(filled) as connection:
        assert connection.execute(hour.encode()).fetchall() == before
