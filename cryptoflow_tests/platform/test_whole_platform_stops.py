"""Stopping and starting again: nothing keeps running, nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cryptoflow_tests.running_platform import RunningPlatform, started_platform
from cryptoflow_tests.waiting import wait_for


@pytest.fixture
def own_platform(tmp_path: Path, external_servers: dict[str, str]) -> Iterator[RunningPlatform]:
    """A platform that the test may stop."""
    with started_platform(tmp_path / "home with a space", external=external_servers) as running:
        yield running


def test_sigterm_stops_everything_and_a_new_start_finds_every_row(own_platform: RunningPlatform) -> None:
    wait_for(
        lambda: own_platform.rows("SELECT 1 FROM ops.collection_status WHERE status = 'completed'"),
        seconds=120,
        what="the catalog is collected",
    )
    before = own_platform.rows("SELECT slug, symbol, first_seen_at FROM market.assets ORDER BY slug")
    processes = own_platform.processes()
    os.kill(own_platform.endpoints["supervisor_pid"], signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=90)
    assert alive == []
    assert own_platform.run("status", check=False).returncode == 3

    answer = own_platform.run("sql", "SELECT count(*) FROM market.assets", "--format", "csv")
    assert answer.stdout == f"count\n{len(before)}\n"

    own_platform.run("up", "--demo", "--detach")
    assert own_platform.rows("SELECT slug, symbol, first_seen_at FROM market.assets ORDER BY slug") == before
