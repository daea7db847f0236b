"""Folding: a tick adds to what stands, and whatever else happens to a bucket builds it anew. The rows are the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from cryptoflow.cadence import Grain
from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.minutes import close_minutes
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.rollups import build_marked, lock_closes
from cryptoflow.warehouse.snapshots import Snapshot, store_snapshots
from cryptoflow.warehouse.staging import merge_staged, stage_rows
from cryptoflow_tests.closes_model import expected_closes, rows, sample, store, stored_closes

# Within one hour, day, week and month, which all stand already.
NOON = datetime(2026, 3, 4, 12, 10, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STANDING = [sample(NOON + n * MINUTE, price) for n, price in enumerate(("10", "30", "5", "20"))]
LATER = NOON + timedelta(hours=1)


class ListeningCursor(psycopg.Cursor[TupleRow]):
    """Remembers which grains were built anew."""

    built: list[str] = []  # noqa: RUF012 - one list for the test, emptied by it

    def execute(self, query: Any, *arguments: Any, **options: Any) -> ListeningCursor:
        text = query.as_string(self.connection) if hasattr(query, "as_string") else str(query)
        if "WITH folded AS" in text:
            type(self).built.append(text.partition('INSERT INTO "market"."')[2].partition("_close")[0])
        super().execute(query, *arguments, **options)
        return self


@pytest.fixture
def built() -> Iterator[list[str]]:
    """The grains that the next batch builds anew."""
    ListeningCursor.built = []
    yield ListeningCursor.built
    ListeningCursor.built = []


def store_listening(database_url: str, *batch: Snapshot) -> None:
    with psycopg.connect(database_url, options="-c timezone=UTC", cursor_factory=ListeningCursor) as connection:
        store_snapshots(connection, batch)


ADDED = {
    "the next minute": [sample(NOON + 4 * MINUTE, "40")],
    "several minutes": [sample(NOON + n * MINUTE, f"{n}") for n in (4, 6, 9)],
    "the last minute, corrected": [sample(NOON + 3 * MINUTE, "25", fetched_at=LATER)],
    "the last minute from a second source": [sample(NOON + 3 * MINUTE, "99", provider="coinmarketcap")],
    "the last minute and the next": [
        sample(NOON + 3 * MINUTE, "50", fetched_at=LATER),
        sample(NOON + 4 * MINUTE, "1"),
    ],
}
BUILT = {
    "a minute in the middle": [sample(NOON + MINUTE + timedelta(seconds=5), "31")],
    "a minute before all": [sample(NOON - MINUTE, "7")],
    "the middle and the end": [sample(NOON + MINUTE, "31", fetched_at=LATER), sample(NOON + 5 * MINUTE, "1")],
}


@pytest.mark.parametrize("batch", ADDED.values(), ids=ADDED)
def test_what_comes_at_the_end_is_added(database_url: str, built: list[str], batch: list[Snapshot]) -> None:
    store(database_url, *STANDING)
    store_listening(database_url, *batch)
    assert built == []
    assert stored_closes(database_url) == expected_closes([*STANDING, *batch])


@pytest.mark.parametrize("batch", BUILT.values(), ids=BUILT)
def test_what_comes_before_the_end_builds_the_hour_anew(
    database_url: str, built: list[str], batch: list[Snapshot]
) -> None:
    store(database_url, *STANDING)
    store_listening(database_url, *batch)
    assert built == ["hourly"]
    assert stored_closes(database_url) == expected_closes([*STANDING, *batch])


@pytest.mark.parametrize("price", ["9", "60"])
def test_an_extreme_that_is_taken_back_leaves_it_to_another_minute(
    database_url: str, built: list[str], price: str
) -> None:
    """The last minute was the highest or lowest of all; the next of them is somewhere before."""
    first = [*STANDING, sample(NOON + 4 * MINUTE, "1" if price == "9" else "70")]
    store(database_url, *first)
    correction = sample(NOON + 4 * MINUTE, price, fetched_at=LATER)
    store_listening(database_url, correction)
    assert built[:1] == ["hourly"]
    assert stored_closes(database_url) == expected_closes([*first, correction])


def test_the_only_minute_of_a_bucket_is_open_and_close(database_url: str) -> None:
    only, correction = sample(NOON, "10"), sample(NOON, "12", fetched_at=LATER)
    store(database_url, only)
    store(database_url, correction)
    assert stored_closes(database_url) == expected_closes([only, correction])


def test_a_bucket_of_another_rule_is_built_anew(database_url: str, built: list[str]) -> None:
    store(database_url, *STANDING)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE market.hourly_close SET formula_version = 9, high_usd = 1000")
    added = sample(NOON + 4 * MINUTE, "40")
    store_listening(database_url, added)
    assert built[0] == "hourly"
    assert rows(database_url, "SELECT high_usd, formula_version FROM market.hourly_close") == [(40, 1)]


def test_a_marked_bucket_is_built_anew_and_once(database_url: str, built: list[str]) -> None:
    store(database_url, *STANDING)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE market.hourly_close SET high_usd = 1000, samples = 1")
        connection.execute("INSERT INTO ops.dirty_buckets VALUES ('hour', date_trunc('hour', %s, 'UTC'), 1)", (NOON,))
    added = sample(NOON + 4 * MINUTE, "40")
    store_listening(database_url, added)
    assert built[0] == "hourly"
    assert rows(database_url, "SELECT high_usd, samples FROM market.hourly_close") == [(40, 5)]
    assert rows(database_url, "SELECT count(*) FROM ops.dirty_buckets") == [(0,)]


def test_more_than_a_turn_allows_stays_marked_and_comes_later(database_url: str) -> None:
    batch = [sample(NOON + timedelta(hours=n), "5", asset_id=asset) for n in range(4) for asset in (1, 2)]
    with transaction(database_url) as connection:
        recorded_at = lock_closes(connection)
        _insert(connection, batch)
        keys = [(one.observed_at.replace(second=0), one.asset_id) for one in batch if one.observed_at]
        close_minutes(connection, keys, recorded_at=recorded_at)
        first = {one.grain: one.marked for one in build_marked(connection, recorded_at=recorded_at, most=3)}
        assert first[Grain.HOUR] == 3
    assert rows(database_url, "SELECT count(*) FROM ops.dirty_buckets WHERE grain = 'hour'") == [(5,)]
    for _ in range(len(batch)):
        with transaction(database_url) as connection:
            build_marked(connection, recorded_at=lock_closes(connection), most=3)
    # What is left waits for velocity, which is another's work.
    assert rows(database_url, "SELECT DISTINCT grain FROM ops.dirty_buckets") == [("velocity",)]
    assert stored_closes(database_url) == expected_closes(batch)


def _insert(connection: psycopg.Connection[TupleRow], batch: list[Snapshot]) -> None:
    """The samples alone, without what follows from them."""
    names = written_columns(market_snapshots)
    stage_rows(connection, market_snapshots, ([getattr(one, name) for name in names] for one in batch))
    merge_staged(connection, market_snapshots, recorded_at=datetime.now(UTC), newest="fetched_at DESC")


def test_many_assets_at_once_are_folded_as_few_are(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptoflow.warehouse.planner._MANY", 2)
    first = [sample(NOON, f"{asset}.5", asset_id=asset) for asset in range(1, 9)]
    second = [sample(NOON + MINUTE, f"{asset * 7 % 5 + 1}", asset_id=asset) for asset in range(1, 12)]
    store(database_url, *first)
    store(database_url, *second)
    assert stored_closes(database_url) == expected_closes([*first, *second])
    assert rows(database_url, "SELECT max(high_usd) FROM market.monthly_close") == [(Decimal("8.5"),)]
    assert rows(database_url, "SHOW enable_nestloop") == [("on",)]
