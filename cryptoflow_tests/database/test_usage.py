"""What providers were asked: each call kept, and the day's sums right whatever the order and the number of writers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from cryptoflow.sources.ledger import ProviderCall, Usage
from cryptoflow.warehouse.usage import PostgresLedger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def call(at: datetime = NOON, **changes: Any) -> ProviderCall:
    given: dict[str, Any] = {
        "provider": "coingecko", "endpoint": "coins/markets", "started_at": at, "elapsed_ms": 100, "outcome": "ok",
        "status": 200, "credits": 1, "attempt": 1,
    }  # fmt: skip
    return ProviderCall(**given | changes)


def days(database_url: str, provider: str = "coingecko") -> list[dict[str, Any]]:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return connection.execute(
            "SELECT * FROM ops.api_usage_stats WHERE provider = %s ORDER BY date", (provider,)
        ).fetchall()


def test_a_call_is_kept_as_it_was(database_url: str) -> None:
    asked = call(
        params={"page": 2, "ids": "a,b"}, outcome="failed", status=503, attempt=3, error="HTTP 503.", credits=2,
        payload_sha256=b"\xab" * 32, run_id="run-1",
    )  # fmt: skip
    PostgresLedger(database_url).record_call(asked)
    with psycopg.connect(database_url, row_factory=dict_row, options="-c timezone=UTC") as connection:
        row = connection.execute("SELECT * FROM raw.fetches").fetchone()
    assert row is not None
    assert row.pop("fetch_id") == 1
    assert row == {
        "provider": "coingecko", "endpoint": "coins/markets", "params": {"page": 2, "ids": "a,b"}, "started_at": NOON,
        "elapsed_ms": 100, "attempt": 3, "outcome": "failed", "status": 503, "credits": 2, "error": "HTTP 503.",
        "payload_sha256": b"\xab" * 32, "run_id": "run-1", "received_at": None,
    }  # fmt: skip


def test_calls_add_up_by_outcome(database_url: str) -> None:
    ledger = PostgresLedger(database_url)
    outcomes = ("ok", "ok", "ok", "failed", "limited", "limited")
    for elapsed_ms, outcome in enumerate(outcomes, start=1):
        ledger.record_call(call(outcome=outcome, elapsed_ms=elapsed_ms * 100, credits=3))
    (row,) = days(database_url)
    assert (row["total_calls"], row["successful_calls"], row["failed_calls"], row["rate_limited_calls"]) == (6, 3, 1, 2)
    assert (row["credits_used"], row["total_response_ms"], row["average_response_time"]) == (18, 2_100, 350)
    assert row["peak_calls_per_minute"] == 6


def test_days_are_counted_in_utc_and_providers_apart(database_url: str) -> None:
    ledger = PostgresLedger(database_url)
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    ledger.record_call(call(midnight - timedelta(microseconds=1)))
    ledger.record_call(call(midnight))
    ledger.record_call(call(datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=9)))))
    ledger.record_call(call(midnight, provider="coinmarketcap", credits=0))
    assert [(row["date"], row["total_calls"]) for row in days(database_url)] == [
        (date(2026, 3, 1), 2),
        (date(2026, 3, 2), 1),
    ]
    assert [row["credits_used"] for row in days(database_url, "coinmarketcap")] == [0]


@pytest.mark.parametrize(
    ("minutes", "peak"),
    [
        ([0, 0, 0, 1, 1], 3),
        ([0, 1, 1, 1, 2], 3),
        ([1, 1, 0, 1], 3),
        ([5, 0, 5, 0, 5], 3),
        ([0, 0, 1, 0], 3),
        ([2, 1, 1, 1, 1], 4),
    ],
    ids=["falls", "rises", "one late", "alternating", "late one makes the peak", "all late"],
)
def test_the_peak_is_the_busiest_minute_in_whatever_order_calls_end(
    database_url: str, minutes: list[int], peak: int
) -> None:
    ledger = PostgresLedger(database_url)
    for second, minute in enumerate(minutes):
        ledger.record_call(call(NOON + timedelta(minutes=minute, seconds=second)))
    (row,) = days(database_url)
    assert (row["peak_calls_per_minute"], row["total_calls"]) == (peak, len(minutes))


def test_two_writers_at_once_lose_no_call(database_url: str) -> None:
    ledger = PostgresLedger(database_url)
    calls = [call(NOON + timedelta(seconds=number), credits=2) for number in range(40)]
    with ThreadPoolExecutor(max_workers=2) as threads:
        list(threads.map(ledger.record_call, calls))
    (row,) = days(database_url)
    assert (row["total_calls"], row["credits_used"], row["peak_calls_per_minute"]) == (40, 80, 40)
    assert ledger.used("coingecko", since=NOON) == Usage(calls=40, credits=80)


def test_used_sums_whole_utc_days_since_the_day_of_the_instant(database_url: str) -> None:
    ledger = PostgresLedger(database_url)
    for day in range(4):
        ledger.record_call(call(NOON + timedelta(days=day), credits=10))
    since = NOON + timedelta(days=2, hours=11)
    assert ledger.used("coingecko", since=since) == Usage(calls=2, credits=20)
    east = timezone(timedelta(hours=14))
    assert ledger.used("coingecko", since=datetime(2026, 3, 2, 1, tzinfo=east)) == Usage(calls=4, credits=40)
    assert ledger.used("nobody", since=NOON) == Usage(calls=0, credits=0)


def test_a_call_that_cannot_be_counted_is_not_kept_either(database_url: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        PostgresLedger(database_url).record_call(call(attempt=0))
    assert days(database_url) == []


def test_a_complaint_with_nul_is_kept(database_url: str) -> None:
    PostgresLedger(database_url).record_call(call(outcome="failed", error="a\0b", params={"q": "\0"}))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT error, params FROM raw.fetches").fetchone() == ("a\u2400b", {"q": "\u2400"})
