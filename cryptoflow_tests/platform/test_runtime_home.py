"""Homes, locks, logs and ports on a real disk and a real loopback."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoflow.errors import PermanentError
from cryptoflow.runtime import disk, unprivileged
from cryptoflow.runtime.home import Endpoints, FileLock, Home, lock_home, lock_owner
from cryptoflow.runtime.logs import KEPT_FILES, open_log, roll, tail
from cryptoflow.runtime.ports import first_free
from cryptoflow.runtime.private_files import read_or_create_password, write_private
from cryptoflow.runtime.processes import wait_until

ENDPOINTS = Endpoints(
    database_url="postgresql://me:hunter2@db/x",
    dagster_database_url="postgresql://me:hunter2@db/y",
    redis_url="redis://:hunter2@cache/0",
    children={"web": 17},
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_home_is_private(home: Home) -> None:
    modes = {stat.S_IMODE(folder.stat().st_mode) for folder in (home.path, home.logs, home.run, home.dagster)}
    assert modes == {0o700}


def test_endpoints_come_back_as_written_and_only_their_owner_reads_them(home: Home) -> None:
    assert home.read_endpoints() is None
    home.write_endpoints(ENDPOINTS)
    assert home.read_endpoints() == ENDPOINTS
    assert stat.S_IMODE(home.endpoints_file.stat().st_mode) == 0o600
    assert "hunter2" not in repr(ENDPOINTS)


def test_unreadable_endpoints_are_reported(home: Home) -> None:
    write_private(home.endpoints_file, "{not json")
    with pytest.raises(PermanentError, match="is not readable as endpoints"):
        home.read_endpoints()


def test_a_full_disk_is_reported_with_its_cure(full_disk: Path) -> None:
    with pytest.raises(PermanentError, match="the disk is full") as refusal:
        Home(full_disk / "home").prepare()
    assert refusal.value.cure == disk.FULL_CURE
    assert [file.name for file in (full_disk / "home").iterdir() if file.name.startswith(".probe")] == []


def test_a_home_that_cannot_be_written_is_reported(home: Home) -> None:
    (home.path / "file").write_text("")
    with pytest.raises(PermanentError, match="a file stands where a folder is needed"):
        Home(home.path / "file" / "home").prepare()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a folder that refuses even root is Linux's")
def test_a_folder_of_the_system_is_refused_in_one_sentence(home: Home) -> None:
    with pytest.raises(PermanentError) as refusal:
        Home(Path("/proc/cryptoflow")).prepare()
    assert str(refusal.value).startswith("The folder /proc/cryptoflow could not be made: ")


def test_the_second_platform_in_a_home_is_refused_and_told_who_runs(home: Home) -> None:
    lock = lock_home(home)
    with pytest.raises(PermanentError, match=rf"already runs in .* \(process {os.getpid()}\)"):
        lock_home(home)
    lock.release()
    lock_home(home).release()


def test_a_lock_ends_with_the_process_that_held_it(home: Home) -> None:
    code = (
        "import sys, signal\nfrom pathlib import Path\nfrom cryptoflow.runtime.home import Home, lock_home\n"
        "lock = lock_home(Home(Path(sys.argv[1])))\nprint('locked', flush=True)\nsignal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(home.path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        said = holder.stdout.readline()
        owner = lock_owner(home.lock_file)
        holder.kill()
    assert (said, owner) == (b"locked\n", holder.pid)
    assert wait_until(lambda: lock_owner(home.lock_file) is None, timeout_seconds=60)
    lock_home(home).release()


def test_shared_locks_admit_each_other_and_nobody_exclusive(home: Home) -> None:
    first, second, exclusive = (FileLock(home.run / "users.lock") for _ in range(3))
    assert first.acquire(shared=True)
    assert second.acquire(shared=True)
    assert not exclusive.acquire()
    first.release()
    assert not exclusive.acquire()
    second.release()
    assert exclusive.acquire()
    exclusive.release()


def test_a_password_is_made_once(home: Home) -> None:
    file = home.path / "password"
    password = read_or_create_password(file)
    assert len(password) >= 32
    assert read_or_create_password(file) == password
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_no_other(home: Home) -> None:
    write_private(home.path / "kept", "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(home.path / "kept", "\udcff")
    assert (home.path / "kept").read_text() == "old"
    assert not list(home.path.glob(".kept.*"))


def test_logs_roll_over_keep_five_and_whoever_writes_goes_on(home: Home) -> None:
    log_file = home.log_file("web")
    with open_log(log_file) as log:
        for number in range(KEPT_FILES + 2):
            log.write(f"{number}".encode() * 100)
            assert roll(log_file, max_bytes=10)
        log.write(b"after")
    assert log_file.read_bytes() == b"after"
    kept = [(log_file.with_name(f"web.log.{number}")).read_bytes()[:1] for number in range(1, KEPT_FILES + 1)]
    assert kept == [b"6", b"5", b"4", b"3", b"2"]
    assert not log_file.with_name(f"web.log.{KEPT_FILES + 1}").exists()


def test_a_small_log_stays(home: Home) -> None:
    write_private(home.log_file("web"), "one\ntwo\nthree\n")
    assert not roll(home.log_file("web"))
    assert tail(home.log_file("web"), lines=2) == ["two", "three"]


def test_a_busy_port_moves_on(home: Home) -> None:
    assert home.path.is_dir()
    free = first_free(23_000)
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", free))
        taker.listen()
        assert first_free(free) > free
    assert first_free(free) == free
    assert first_free(free, taken={free, free + 1}) > free + 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that end with their process")
def test_a_chosen_port_is_not_chosen_by_another_process_before_anybody_listens(home: Home) -> None:
    assert home.path.is_dir()
    mine = first_free(23_100)
    choose = f"from cryptoflow.runtime.ports import first_free; print(first_free({mine}))"
    chosen = [
        int(subprocess.run([sys.executable, "-c", choose], capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    ]
    assert chosen[0] > mine
    assert chosen[1] == chosen[0], "a claim ends with its process"


def test_a_command_of_root_runs_as_nobody_and_still_passes_private_folders(home: Home) -> None:
    (home.path / "seen").write_text("yes")
    command = unprivileged.command_line(
        [sys.executable, "-I", "-c", f"import os; print(os.geteuid(), open({str(home.path / 'seen')!r}).read())"]
    )
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    user = unprivileged.UNPRIVILEGED_ID if os.geteuid() == 0 else os.geteuid()
    assert done.stdout.split() == [str(user), "yes"]


def test_a_command_that_is_not_there_is_one_sentence(home: Home) -> None:
    missing = str(home.path / "missing")
    done = subprocess.run(
        [sys.executable, "-I", unprivileged.__file__, "--", missing], capture_output=True, text=True, check=False
    )
    assert done.returncode == unprivileged.EXIT_NOT_POSSIBLE
    assert done.stderr.startswith(f"{missing} could not be started (")
