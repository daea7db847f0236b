"""Connections: shared, bounded, replaced when the server dropped them, and clear about what is wrong."""

from __future__ import annotations

from contextlib import ExitStack

import psycopg
import pytest

from cryptoflow.runtime.urls import parse_database_url
from cryptoflow.warehouse import pool
from cryptoflow.warehouse.pool import DatabaseUnreachable, close_pools, pool_for, transaction


def terminate_all(database_url: str) -> int:
    """End every other session of the database, as a restart of the server does. How many there were."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()
    return len(ended)


def backend_of(connection: pool.Connection) -> int:
    return connection.info.backend_pid


def test_connections_are_used_again(database_url: str) -> None:
    with transaction(database_url) as first:
        pid = backend_of(first)
    with transaction(database_url) as second:
        assert backend_of(second) == pid


def test_a_transaction_is_kept_at_the_end_and_undone_when_it_raises(database_url: str) -> None:
    with transaction(database_url) as connection:
        connection.execute("CREATE TABLE ops.sample (x int)")

    def broken() -> None:
        with transaction(database_url) as connection:
            connection.execute("INSERT INTO ops.sample VALUES (1)")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        broken()
    with transaction(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM ops.sample").fetchone() == (0,)


def test_sessions_speak_utc_and_say_who_they_are(database_url: str) -> None:
    with transaction(database_url) as connection:
        row = connection.execute("SELECT current_setting('timezone'), current_setting('application_name')").fetchone()
    assert row == ("UTC", "cryptoflow")


def test_dead_connections_are_replaced_before_they_are_handed_out(database_url: str) -> None:
    with ExitStack() as stack:
        pids = [backend_of(stack.enter_context(transaction(database_url))) for _ in range(3)]
    assert terminate_all(database_url) >= 3
    with ExitStack() as stack:
        fresh = [stack.enter_context(transaction(database_url)) for _ in range(3)]
        assert [connection.execute("SELECT 1").fetchone() for connection in fresh] == [(1,)] * 3
        assert not {backend_of(connection) for connection in fresh} & set(pids)


def test_a_connection_that_dies_within_a_transaction_is_a_transient_error(database_url: str) -> None:
    with transaction(database_url) as connection:
        connection.execute("CREATE TABLE ops.sample (x int)")

    def cut_off() -> None:
        with transaction(database_url) as connection:
            connection.execute("INSERT INTO ops.sample VALUES (1)")
            terminate_all(database_url)
            connection.execute("INSERT INTO ops.sample VALUES (2)")

    with pytest.raises(DatabaseUnreachable, match="broke off: terminating connection") as caught:
        cut_off()
    assert caught.value.retryable
    with transaction(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM ops.sample").fetchone() == (0,)


def test_an_exhausted_pool_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_WAIT_SECONDS", 0.2)
    with (
        transaction(database_url, size=1),
        pytest.raises(DatabaseUnreachable, match="in time") as caught,
        transaction(database_url, size=1),
    ):
        pass
    assert "CRYPTOFLOW_DATABASE_POOL_SIZE" in caught.value.cure


def test_errors_of_a_statement_stay_what_they_are(database_url: str) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), transaction(database_url) as connection:
        connection.execute("SELECT * FROM ops.nothing")


def test_one_pool_for_each_database_until_it_is_closed(database_url: str, postgres_admin_url: str) -> None:
    first = pool_for(database_url)
    assert pool_for(database_url) is first
    assert pool_for(postgres_admin_url) is not first
    close_pools()
    assert first.closed
    with transaction(database_url) as connection:
        assert connection.info.dbname == parse_database_url(database_url).name
