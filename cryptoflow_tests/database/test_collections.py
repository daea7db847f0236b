"""The record of collections: it outlives a process that dies, and closes with the write it tells of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from cryptoflow.warehouse.collections import Collection, Outcome, close_collection, open_collection
from cryptoflow.warehouse.pool import transaction


def begin(database_url: str, *, provider: str = "coingecko", **changes: Any) -> Collection:
    given = {"collection_type": "complete", "dataset": "market.assets", "provider": provider}
    return open_collection(database_url, **given | changes)


def end(database_url: str, collection: Collection, outcome: Outcome) -> None:
    with transaction(database_url) as connection:
        close_collection(connection, collection, outcome)


def records(database_url: str) -> list[dict[str, Any]]:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return connection.execute("SELECT * FROM ops.collection_status ORDER BY id").fetchall()


def test_it_is_running_before_the_first_call(database_url: str) -> None:
    before = datetime.now(UTC)
    begin(database_url, run_id="run-1")
    (row,) = records(database_url)
    assert (row["status"], row["end_time"], row["run_id"]) == ("running", None, "run-1")
    assert (row["collection_type"], row["dataset"], row["provider"]) == ("complete", "market.assets", "coingecko")
    assert before <= row["start_time"] <= datetime.now(UTC)


def test_it_ends_with_what_came_of_it(database_url: str) -> None:
    collection = begin(database_url)
    details: dict[str, object] = {"pages": 2, "duplicate_ids": ["x\0y"]}
    end(database_url, collection, Outcome(status="completed", processed=240, failed=3, calls=5, details=details))
    (row,) = records(database_url)
    assert (row["status"], row["coins_processed"], row["coins_failed"], row["api_calls_made"]) == (
        "completed",
        240,
        3,
        5,
    )
    assert row["batch_details"] == {"pages": 2, "duplicate_ids": ["x\u2400y"]}
    assert row["error_message"] is None
    assert row["end_time"] >= row["start_time"]


def test_a_failure_says_what_and_what_to_do(database_url: str) -> None:
    end(database_url, begin(database_url), Outcome(status="failed", calls=1, error="It broke. Mend it."))
    (row,) = records(database_url)
    assert (row["status"], row["error_message"], row["api_calls_made"]) == ("failed", "It broke. Mend it.", 1)


def test_a_closed_collection_is_not_closed_again(database_url: str) -> None:
    collection = begin(database_url)
    end(database_url, collection, Outcome(status="completed", processed=1))
    end(database_url, collection, Outcome(status="failed", error="too late"))
    assert [(row["status"], row["coins_processed"]) for row in records(database_url)] == [("completed", 1)]


def test_the_end_is_undone_with_the_write_it_belongs_to(database_url: str) -> None:
    collection = begin(database_url)

    def broken_write() -> None:
        with transaction(database_url) as connection:
            close_collection(connection, collection, Outcome(status="completed"))
            raise RuntimeError("the write failed")

    with pytest.raises(RuntimeError, match="the write failed"):
        broken_write()
    assert [row["status"] for row in records(database_url)] == ["running"]


def test_the_next_collection_closes_one_whose_process_died(database_url: str) -> None:
    begin(database_url)
    begin(database_url, provider="coinmarketcap")
    begin(database_url, dataset="market.prices")
    begin(database_url)
    rows = [(row["dataset"], row["provider"], row["status"]) for row in records(database_url)]
    assert rows == [
        ("market.assets", "coingecko", "cancelled"),
        ("market.assets", "coinmarketcap", "running"),
        ("market.prices", "coingecko", "running"),
        ("market.assets", "coingecko", "running"),
    ]
    dead = records(database_url)[0]
    assert dead["end_time"] is not None
    assert "the next one took over" in dead["error_message"]
