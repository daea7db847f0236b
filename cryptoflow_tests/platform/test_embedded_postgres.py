"""The embedded PostgreSQL: made, started, stopped, killed, and never without its password."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from cryptoflow.errors import CryptoflowError, PermanentError
from cryptoflow.runtime.postgres import EmbeddedPostgres, read_postmaster, socket_folder
from cryptoflow.runtime.processes import ProcessId, is_alive, wait_until
from cryptoflow.runtime.urls import with_database


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose server is stopped at the end, whatever the test did to it."""
    yield tmp_path
    if (tmp_path / "data" / "postgres").is_dir():
        EmbeddedPostgres.in_home(tmp_path).stop()


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres.running(home) as running:
        yield running


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def pid_of(server: EmbeddedPostgres) -> int:
    found = server.postmaster()
    assert found is not None
    return found.process.pid


def test_it_is_durable_checked_utf8_and_loopback_only(server: EmbeddedPostgres) -> None:
    url = server.url("postgres")
    shown = {
        name: one(url, f"SHOW {name}")
        for name in ("fsync", "data_checksums", "server_encoding", "timezone", "listen_addresses", "jit")
    }
    assert shown == {
        "fsync": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "timezone": "UTC",
        "listen_addresses": "127.0.0.1",
        "jit": "off",
    }
    assert (
        one(url, "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'postgres'")
        == "b C.UTF-8"
    )


def test_nobody_enters_without_the_password(server: EmbeddedPostgres) -> None:
    for host in ("127.0.0.1", str(server.socket_dir)):
        with pytest.raises(psycopg.OperationalError, match=r"no password supplied|authentication failed"):
            psycopg.connect(host=host, port=server.port, user="cryptoflow", dbname="postgres", passfile="/dev/null")


def test_the_password_is_private_and_in_no_command_line(server: EmbeddedPostgres) -> None:
    assert stat.S_IMODE(server.password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert any(str(server.data_dir) in line for line in lines)
    assert not [line for line in lines if server.password in line]


def test_it_does_not_run_as_root(server: EmbeddedPostgres) -> None:
    assert psutil.Process(pid_of(server)).uids().effective != 0


def test_what_was_committed_survives_a_kill(home: Path) -> None:
    server = EmbeddedPostgres.in_home(home)
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    os.kill(pid_of(server), signal.SIGKILL)
    assert server.start() is True
    assert one(server.url("postgres"), "SELECT count(*) FROM kept") == 1000
    server.stop()


def test_backends_orphaned_by_a_kill_do_not_hinder_the_next_start(home: Path) -> None:
    server = EmbeddedPostgres.in_home(home)
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        backend = ProcessId.of(connection.info.backend_pid)
        assert backend is not None
        # A backend that is stopped cannot notice that its postmaster is gone.
        os.kill(backend.pid, signal.SIGSTOP)
        os.kill(pid_of(server), signal.SIGKILL)
        assert server.start() is True
        assert not is_alive(backend)
    server.stop()


def test_a_pid_file_that_names_another_process_is_not_believed(home: Path) -> None:
    with EmbeddedPostgres.running(home) as server:
        text = (server.data_dir / "postmaster.pid").read_text()
    lines = text.splitlines()
    (server.data_dir / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    assert read_postmaster(server.data_dir) is None
    with EmbeddedPostgres.running(home) as again:
        assert pid_of(again) != os.getppid()


def test_a_server_that_runs_already_is_used_and_left_running(home: Path, server: EmbeddedPostgres) -> None:
    pid = pid_of(server)
    with EmbeddedPostgres.running(home, port=server.port + 1) as second:
        assert second.port == server.port
        assert one(second.url("postgres"), "SELECT 1") == 1
    assert pid_of(server) == pid


def test_stopping_ends_every_process_and_can_be_repeated(home: Path) -> None:
    server = EmbeddedPostgres.in_home(home)
    server.start()
    process = ProcessId.of(pid_of(server))
    assert process is not None
    server.stop()
    server.stop()
    assert not is_alive(process)
    assert not server.is_ready()
    assert read_postmaster(server.data_dir) is None


def test_a_port_taken_after_it_was_chosen_moves_on(home: Path) -> None:
    server = EmbeddedPostgres.in_home(home)
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", server.port))
        taker.listen()
        taken = server.port
        server.start()
        assert server.port > taken
    server.stop()


def test_a_home_with_a_long_path_has_its_socket_elsewhere(home: Path) -> None:
    deep = home / ("a" * 60) / ("b" * 60)
    with EmbeddedPostgres.running(deep, profile="test") as server:
        assert not server.socket_dir.is_relative_to(deep)
        assert (
            one(
                f"postgresql://cryptoflow:{server.password}@/postgres?host={server.socket_dir}&port={server.port}",
                "SELECT 1",
            )
            == 1
        )
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert socket_folder(Path("/short/run")) == Path("/short/run/postgres")


def test_an_interrupted_first_start_is_begun_anew(home: Path) -> None:
    fresh = home / "data" / "postgres.new"
    fresh.mkdir(parents=True)
    (fresh / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres.running(home, profile="test") as server:
        assert one(server.url("postgres"), "SELECT 1") == 1
    assert not fresh.exists()


def test_data_of_another_major_version_are_not_touched(home: Path) -> None:
    data = home / "data" / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(PermanentError, match="written by PostgreSQL 17"):
        EmbeddedPostgres.in_home(home).start()
    assert [file.name for file in data.iterdir()] == ["PG_VERSION"]


def test_foreign_files_in_the_data_folder_are_not_touched(home: Path) -> None:
    data = home / "data" / "postgres"
    data.mkdir(parents=True)
    (data / "letter.txt").write_text("dear diary")
    with pytest.raises(PermanentError, match="is not empty"):
        EmbeddedPostgres.in_home(home).start()
    assert (data / "letter.txt").read_text() == "dear diary"


def test_a_setting_that_the_server_refuses_is_reported_with_its_reason(home: Path) -> None:
    server = EmbeddedPostgres.in_home(home, profile="test")
    server.ensure_initialised()
    with (server.data_dir / "postgresql.auto.conf").open("a") as conf:
        conf.write("wal_compression = 'lz4'\n")
    with pytest.raises(CryptoflowError, match="wal_compression"):
        server.start()
    assert server.postmaster() is None


def test_stopping_reaches_a_server_that_another_process_started(home: Path) -> None:
    first = EmbeddedPostgres.in_home(home, profile="test")
    first.start()
    process = ProcessId.of(pid_of(first))
    assert process is not None
    EmbeddedPostgres.in_home(home).stop()
    assert wait_until(lambda: not is_alive(process), timeout_seconds=60)
    first.stop()


def test_urls_name_the_database(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute('CREATE DATABASE "ware house"')
    assert one(server.url("ware house"), "SELECT current_database()") == "ware house"
    assert server.url("ware house") == with_database(server.url("postgres"), "ware house")
