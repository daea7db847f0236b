"""The embedded Valkey: durable, private, restarted."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from cryptoflow.runtime.processes import is_alive
from cryptoflow.runtime.valkey import EmbeddedValkey


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose server is stopped at the end, whatever the test did to it."""
    yield tmp_path
    if EmbeddedValkey.runs_in(tmp_path):
        EmbeddedValkey.in_home(tmp_path).stop()


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey.running(home) as running:
        yield running


def test_it_appends_every_write_and_evicts_only_what_expires(server: EmbeddedValkey) -> None:
    with redis.Redis.from_url(server.url(), decode_responses=True) as client:
        shown = client.config_get("append*", "maxmemory-policy", "bind", "save")
    assert shown["appendonly"] == "yes"
    assert shown["appendfsync"] == "everysec"
    assert shown["maxmemory-policy"] == "volatile-ttl"
    assert shown["bind"] == "127.0.0.1"
    assert shown["save"] == ""


def test_nobody_enters_without_the_password(server: EmbeddedValkey) -> None:
    with (
        redis.Redis(host="127.0.0.1", port=server.port) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_the_password_is_private_and_in_no_command_line(server: EmbeddedValkey) -> None:
    for file in (server.password_file, server.config_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert any(str(server.config_file) in line for line in lines)
    assert not [line for line in lines if server.password in line]


def test_what_was_synced_survives_a_kill(home: Path) -> None:
    server = EmbeddedValkey.in_home(home)
    server.start()
    with redis.Redis.from_url(server.url()) as client:
        client.set("kept", "yes")
        assert client.execute_command("WAITAOF", 1, 0, 5000)[0] == 1
    process = server.server_process()
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert server.start() is True
    with redis.Redis.from_url(server.url(), decode_responses=True) as client:
        assert client.get("kept") == "yes"
    server.stop()


def test_an_ordered_stop_loses_nothing(home: Path) -> None:
    with EmbeddedValkey.running(home) as first, redis.Redis.from_url(first.url()) as client:
        client.set("kept", "yes")
    with EmbeddedValkey.running(home) as second, redis.Redis.from_url(second.url()) as client:
        assert client.get("kept") == b"yes"


def test_a_server_that_runs_already_is_used_and_left_running(home: Path, server: EmbeddedValkey) -> None:
    with EmbeddedValkey.running(home, port=server.port + 1) as second:
        assert second.port == server.port
    assert server.is_ready()


def test_a_pid_file_that_names_another_process_is_not_believed(home: Path) -> None:
    server = EmbeddedValkey.in_home(home)
    server.pid_file.parent.mkdir(parents=True)
    server.pid_file.write_text(f"{os.getppid()}\n")
    assert server.server_process() is None


def test_a_port_taken_after_it_was_chosen_moves_on(home: Path) -> None:
    server = EmbeddedValkey.in_home(home)
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", server.port))
        taker.listen()
        taken = server.port
        server.start()
        assert server.port > taken
    process = server.server_process()
    assert process is not None
    server.stop()
    assert not is_alive(process)
