"""What several files of this tier need: a home of their own, servers that commands find, a port on which nobody is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from socket import socket

import pytest

from cryptoflow.runtime.heartbeat import Heartbeat
from cryptoflow.warehouse.ahead import make_partitions_ahead
from cryptoflow.warehouse.collections import Outcome
from cryptoflow_tests.database.examined import collect


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home and a working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture
def servers(own_home: None, monkeypatch: pytest.MonkeyPatch, database_url: str, valkey_url: str) -> str:
    """Both servers, set as external ones, with workers that beat and a collection that went well."""
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", valkey_url)
    for worker in ("worker-ticks@here", "worker-1@here"):
        Heartbeat(redis_url=valkey_url, worker=worker).beat()
    collect(database_url, Outcome(status="completed", processed=5))
    make_partitions_ahead(database_url, now=datetime.now(UTC))
    return database_url


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that is taken by nobody who listens."""
    with closing(socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
