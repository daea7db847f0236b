"""A database for a single command, and what `up`, `down` and `status` say of homes where nothing or too much runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from cryptoflow.errors import CryptoflowError, PermanentError
from cryptoflow.runtime.child import script
from cryptoflow.runtime.detached import start_detached
from cryptoflow.runtime.home import Home, lock_home
from cryptoflow.runtime.leftovers import stop_servers
from cryptoflow.runtime.platform import run_platform
from cryptoflow.runtime.postgres import read_postmaster
from cryptoflow.runtime.processes import is_alive, wait_until
from cryptoflow.runtime.session import database_for_command
from cryptoflow.runtime.view import PlainView
from cryptoflow.settings import Settings

HOLD = """
import sys
from cryptoflow.runtime.session import database_for_command
from cryptoflow.settings import load_settings
with database_for_command(load_settings(home=sys.argv[1])) as endpoints:
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a home of the test's own; no server is left in it."""
    yield Settings(home=tmp_path / "home")
    stop_servers(Home(tmp_path / "home"))


@pytest.fixture
def holder(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Another command that uses the embedded database until its input ends."""
    argv = [sys.executable, "-c", HOLD, str(settings.home_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def cryptoflow(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """The program as a person calls it."""
    return subprocess.run([script("cryptoflow"), *arguments], capture_output=True, text=True, check=False)


def runs(settings: Settings) -> bool:
    return read_postmaster(Home(settings.home_path).postgres_data) is not None


def test_a_command_finds_a_migrated_database_which_ends_with_it(settings: Settings) -> None:
    with database_for_command(settings) as endpoints:
        with psycopg.connect(endpoints.database_url) as connection:
            row = connection.execute("SELECT count(*) FROM ops.schema_migrations").fetchone()
        assert row is not None
        assert row[0] >= 1
    assert not runs(settings)


def test_without_migration_the_schema_is_left_as_it_is(settings: Settings) -> None:
    with (
        database_for_command(settings, migrate=False) as endpoints,
        psycopg.connect(endpoints.database_url) as connection,
    ):
        assert connection.execute("SELECT to_regclass('ops.schema_migrations')").fetchone() == (None,)


def test_the_last_of_several_commands_stops_the_database(settings: Settings, holder: subprocess.Popen[str]) -> None:
    with database_for_command(settings):
        assert holder.stdin is not None
        holder.stdin.close()
        assert holder.wait(timeout=30) == 0
        assert runs(settings)
    assert not runs(settings)


def test_a_killed_command_leaves_a_database_that_the_next_one_uses_and_stops(
    settings: Settings, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    left = read_postmaster(Home(settings.home_path).postgres_data)
    assert left is not None
    with database_for_command(settings) as endpoints, psycopg.connect(endpoints.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert is_alive(left.process)
    assert not runs(settings)


def test_an_external_database_starts_nothing(settings: Settings, empty_database_url: str) -> None:
    external = settings.model_copy(update={"database_url": SecretStr(empty_database_url)})
    dagster = SecretStr(empty_database_url)
    with database_for_command(external.model_copy(update={"dagster_database_url": dagster})) as endpoints:
        assert endpoints.database_url == empty_database_url
    assert not Home(settings.home_path).postgres_data.exists()


def test_an_error_within_a_command_still_stops_the_database(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), database_for_command(settings):
        raise ZeroDivisionError
    assert not runs(settings)


def test_up_refuses_a_home_in_use_before_it_touches_anything(settings: Settings) -> None:
    home = Home(settings.home_path)
    home.prepare()
    lock = lock_home(home)
    try:
        with pytest.raises(PermanentError, match="already runs in"):
            run_platform(settings, demo=False, view=PlainView(lambda _: None))
        with pytest.raises(PermanentError, match="already runs in"):
            start_detached(settings, demo=False, on_progress=lambda _: None)
        said = cryptoflow(["up", "--home", str(home.path)])
        assert said.returncode == 2
        assert f"already runs in {home.path}" in said.stderr
    finally:
        lock.release()
    assert not home.postgres_data.exists()


def test_a_background_start_that_fails_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/market")
    with pytest.raises(CryptoflowError, match="does not answer") as refusal:
        start_detached(settings, demo=False, on_progress=lambda _: None)
    assert "correct CRYPTOFLOW_DATABASE_URL" in refusal.value.cure
    assert "hunter2" not in str(refusal.value)


def test_status_and_down_of_an_idle_home(settings: Settings) -> None:
    options = ["--home", str(settings.home_path)]
    shown = cryptoflow(["status", *options])
    assert (shown.returncode, shown.stdout) == (3, f"Nothing runs in {settings.home_path}.\n")
    as_json = cryptoflow(["status", "--json", *options])
    assert as_json.returncode == 3
    assert json.loads(as_json.stdout)["running"] is False
    assert cryptoflow(["down", *options]).stdout == f"Nothing runs in {settings.home_path}.\n"


def test_status_of_a_home_that_is_just_starting_is_not_healthy(settings: Settings) -> None:
    home = Home(settings.home_path)
    home.prepare()
    lock = lock_home(home)
    try:
        shown = cryptoflow(["status", "--home", str(home.path)])
    finally:
        lock.release()
    assert shown.returncode == 1
    assert "has not reported yet" in shown.stdout


def test_down_stops_a_database_that_a_killed_command_left(settings: Settings, holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert runs(settings)
    stopped = cryptoflow(["down", "--home", str(settings.home_path)])
    assert stopped.stdout == "Stopped postgres.\n"
    assert wait_until(lambda: not runs(settings), timeout_seconds=60)


def test_down_leaves_the_database_of_a_running_command(settings: Settings, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    cryptoflow(["down", "--home", str(settings.home_path)])
    assert runs(settings)
