"""Dagster's storage keeps its connections: for all instances of a process, through the end of one, and a fork."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from cryptoflow.defs.platform.dagster_storage import KEPT, PooledPostgresStorage, pooled_engine

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def url(empty_database_url: str) -> Iterator[str]:
    """A database for Dagster's record, under the driver that Dagster needs."""
    url = empty_database_url.replace("postgresql://", "postgresql+psycopg2://", 1)
    yield url
    pooled_engine(url).dispose()


def ask(storage: PooledPostgresStorage) -> None:
    """A question to each of the three records."""
    assert storage.run_storage.get_runs() == []
    assert storage.event_log_storage.all_asset_keys() == []
    assert storage.schedule_storage.all_instigator_state() == []


def backends(url: str) -> set[int]:
    """The server's processes that somebody else's connections hold."""
    with psycopg.connect(url.replace("+psycopg2", "")) as connection:
        return {pid for (pid,) in connection.execute(f"SELECT pid {OTHERS}")}


def test_every_instance_of_a_process_asks_on_the_same_connections(url: str) -> None:
    ask(PooledPostgresStorage(url))
    kept = backends(url)
    assert 1 <= len(kept) <= KEPT
    for _ in range(3):
        ask(PooledPostgresStorage(url))
    assert backends(url) == kept


def test_a_connection_that_ended_with_its_server_is_noticed_before_it_is_used(url: str) -> None:
    storage = PooledPostgresStorage(url)
    ask(storage)
    before = backends(url)
    with psycopg.connect(url.replace("+psycopg2", "")) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid, 5000) {OTHERS}")
    ask(storage)
    assert backends(url).isdisjoint(before)


def test_a_forked_child_has_connections_of_its_own_and_leaves_its_parents_open(url: str) -> None:
    storage = PooledPostgresStorage(url)
    ask(storage)
    kept = backends(url)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ask(storage)
            code = 0 if len(backends(url)) > len(kept) else 2
            pooled_engine(url).dispose()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    ask(storage)
    assert kept <= backends(url)
