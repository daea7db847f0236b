"""A batch of snapshots is stored whole or not at all: broken off after any statement, or by two writers at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from cryptoflow.contracts.closes import hourly_close, market_snapshots, minute_close, weekly_close
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.slots import AskedRanks, Slot, close_slot, record_absent
from cryptoflow.warehouse.snapshots import Snapshot, store_snapshots
from cryptoflow_tests.closes_model import empty, held, rows, sample, store, stored_closes

NOON = datetime(2026, 3, 4, 12, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PATIENCE_SECONDS = 60.0

BEFORE = [sample(NOON, "10"), sample(NOON + MINUTE, "11")]
BATCH = [
    sample(NOON, "12", fetched_at=NOON + 2 * MINUTE),
    sample(NOON, "13", provider="coinmarketcap"),
    sample(NOON, "0", asset_id=2),
    sample(NOON - timedelta(days=40), "7"),
    sample(NOON + timedelta(days=300), "8", asset_id=2),
]


class BreakingCursor(psycopg.Cursor[TupleRow]):
    """Ends its own server process after a given number of statements, as a crash would."""

    left = 0
    done = 0
    admin_url = ""

    def execute(self, *arguments: Any, **options: Any) -> BreakingCursor:
        super().execute(*arguments, **options)
        self._count()
        return self

    @contextmanager
    def copy(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Copy]:
        with super().copy(*arguments, **options) as stream:
            yield stream
        self._count()

    def _count(self) -> None:
        kind = type(self)
        kind.done += 1
        kind.left -= 1
        if kind.left == 0:
            pid = self.connection.info.backend_pid
            with psycopg.connect(self.admin_url, autocommit=True) as admin:
                ended = admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,)).fetchone()
            assert ended == (True,)


def write(connection: Connection, batch: list[Snapshot]) -> None:
    """All that a tick writes in its transaction."""
    written = store_snapshots(connection, batch)
    record_absent(
        connection,
        dataset="raw.market_snapshots",
        provider="coingecko",
        slot=NOON,
        asked=[AskedRanks(first_rank=1, last_rank=9, state="throttled", reason="its turn comes later")],
        refused={9: "Its row was refused: price_usd."},
        came=[1],
    )
    close_slot(
        connection,
        Slot(
            dataset="raw.market_snapshots", provider="coingecko", slot=NOON, state="observed", reason=None,
            assets_expected=3, assets_observed=written.stored, assets_refused=written.refused, collection_id=None,
        ),
    )  # fmt: skip


def write_breaking(database_url: str, batch: list[Snapshot], *, after: int) -> int:
    """Write and crash after so many statements (0: not at all); returns how many were done."""
    BreakingCursor.left, BreakingCursor.done, BreakingCursor.admin_url = after, 0, database_url
    with psycopg.connect(database_url, options="-c timezone=UTC", cursor_factory=BreakingCursor) as connection:
        write(connection, batch)
    return BreakingCursor.done


def partitions(database_url: str) -> list[tuple[Any, ...]]:
    return rows(
        database_url,
        "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid"
        " WHERE relkind = 'r' ORDER BY 1",
    )


def test_a_crash_after_any_statement_leaves_nothing_and_the_next_try_all(database_url: str) -> None:
    store(database_url, *BEFORE)
    untouched = held(database_url)
    tables = partitions(database_url)
    statements = 0
    for after in range(1, 200):
        try:
            statements = write_breaking(database_url, BATCH, after=after)
            break
        except psycopg.OperationalError:
            assert held(database_url) == untouched, f"something stayed after statement {after}"
            assert partitions(database_url) == tables
    assert statements == after - 1 > 20, "every statement was the last one once"
    recovered = held(database_url)
    assert recovered != untouched
    empty(database_url)
    store(database_url, *BEFORE)
    with transaction(database_url) as connection:
        write(connection, BATCH)
    assert held(database_url) == recovered


def test_a_crash_within_the_copy_leaves_nothing(database_url: str) -> None:
    store(database_url, *BEFORE)
    untouched = held(database_url)

    def breaking() -> Iterator[Snapshot]:
        yield BATCH[0]
        raise ConnectionAbortedError("the worker dies")

    with pytest.raises(ConnectionAbortedError), transaction(database_url) as connection:
        store_snapshots(connection, breaking())
    assert held(database_url) == untouched
    assert store(database_url, *BATCH).stored == 4


def test_who_crashed_after_the_commit_and_writes_again_changes_nothing(database_url: str) -> None:
    with transaction(database_url) as connection:
        write(connection, BATCH)
    before = held(database_url, *(name for name in held(database_url) if name not in ("ops.quarantine", "ops.slots")))
    with transaction(database_url) as connection:
        write(connection, BATCH)
    assert {name: held(database_url, name)[name] for name in before} == before
    assert rows(database_url, "SELECT state, assets_observed FROM ops.slots") == [("observed", 4)]


def at_once(database_url: str, *batches: list[Snapshot]) -> None:
    """Each batch by a writer of its own, all beginning at the same time."""
    start = threading.Barrier(len(batches))

    def run(batch: list[Snapshot]) -> None:
        start.wait(PATIENCE_SECONDS)
        store(database_url, *batch)

    with ThreadPoolExecutor(max_workers=len(batches)) as threads:
        for running in [threads.submit(run, batch) for batch in batches]:
            running.result(timeout=PATIENCE_SECONDS)


def one_after_the_other(database_url: str, *batches: list[Snapshot]) -> dict[str, list[str]]:
    for batch in batches:
        store(database_url, *batch)
    result = held(database_url)
    empty(database_url)
    return result


def test_two_writers_at_once_leave_what_they_leave_one_after_the_other(database_url: str) -> None:
    span = range(0, 90, 7)
    first = [sample(NOON + n * MINUTE, f"{n + 1}", asset_id=asset) for n in span for asset in (1, 2, 3)]
    second = [
        sample(NOON + n * MINUTE, f"{n + 2}", asset_id=asset, provider=provider)
        for n in reversed(span)
        for asset in (3, 2, 4)
        for provider in ("coinmarketcap", "coingecko")
        if provider == "coinmarketcap" or asset == 4
    ]
    possible = [one_after_the_other(database_url, first, second), one_after_the_other(database_url, second, first)]
    for _ in range(5):
        at_once(database_url, first, second)
        assert held(database_url) in possible
        empty(database_url)


def test_the_same_batch_by_two_writers_at_once_is_stored_once(database_url: str) -> None:
    batch = [sample(NOON + n * MINUTE, f"{n + 1}") for n in range(20)]
    once = one_after_the_other(database_url, batch)
    at_once(database_url, batch, batch, batch)
    assert held(database_url) == once


def test_partitions_are_made_for_any_day_and_several_at_once(database_url: str) -> None:
    days = [datetime(2013, 4, 28, tzinfo=UTC), datetime(2020, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), NOON]
    store(database_url, *(sample(day, "3") for day in days))
    assert sorted(stored for (stored,) in rows(database_url, "SELECT observed_at FROM raw.market_snapshots")) == days
    names = {name for (name,) in partitions(database_url)}
    for day in days:
        assert f"raw.market_snapshots_y{day:%Ym%md%d}" in names
        assert f"market.minute_close_y{day:%Ym%md%d}" in names
        assert f"market.hourly_close_y{day:%Ym%m}" in names
        assert f"market.daily_close_y{day:%Y}" in names
    assert len(stored_closes(database_url)) == 5


def test_partitions_that_are_there_are_not_made_again(database_url: str) -> None:
    border = {datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)}
    with transaction(database_url) as connection:
        assert ensure_partitions(connection, hourly_close, border) == ["hourly_close_y2026m12", "hourly_close_y2027m01"]
        assert ensure_partitions(connection, hourly_close, border) == []
        assert ensure_partitions(connection, weekly_close, border) == []
        assert ensure_partitions(connection, minute_close, set()) == []


def test_a_second_writer_of_the_same_partitions_waits_and_goes_on(database_url: str) -> None:
    days = {NOON + timedelta(days=n) for n in range(4)}
    waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
    )

    def second() -> None:
        with transaction(database_url) as connection:
            ensure_partitions(connection, market_snapshots, days)

    with ThreadPoolExecutor(max_workers=1) as threads:
        with transaction(database_url) as connection:
            assert len(ensure_partitions(connection, market_snapshots, days)) == 4
            running = threads.submit(second)
            pause = threading.Event()
            deadline = datetime.now(UTC) + timedelta(seconds=PATIENCE_SECONDS)
            while rows(database_url, waiting) == [(0,)]:
                assert datetime.now(UTC) < deadline, "the second writer never waited"
                pause.wait(0.02)
        running.result(timeout=PATIENCE_SECONDS)
    assert len([name for (name,) in partitions(database_url) if name.startswith("raw.market_snapshots_y")]) == 4
