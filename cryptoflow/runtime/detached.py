"""The platform in the background: a process in a session of its own, and the wait until it is well.

What does not belong here: what that process does (platform).
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from cryptoflow.errors import CryptoflowError, PermanentError, TransientError
from cryptoflow.runtime.home import Endpoints, Home, lock_owner
from cryptoflow.runtime.logs import open_log, roll, tail
from cryptoflow.runtime.platform import Failure, run_detached
from cryptoflow.runtime.processes import wait_until
from cryptoflow.runtime.status import is_all_well, read_status
from cryptoflow.runtime.supervisor import PartStatus
from cryptoflow.runtime.view import PlainView
from cryptoflow.settings import Settings, load_settings

SUPERVISOR_LOG = "supervisor"
START_TIMEOUT_SECONDS = 600.0
EXIT_ERROR = 2


def start_detached(settings: Settings, *, demo: bool, on_progress: Callable[[list[PartStatus]], None]) -> Endpoints:
    """Start in the background and return when everything is well, or raise what went wrong."""
    home = Home(settings.home_path)
    home.prepare()
    home.failure_file.unlink(missing_ok=True)
    _refuse_second(home)
    process = _spawn(home, demo=demo)
    well = False

    def has_settled() -> bool:
        nonlocal well
        status = read_status(home)
        if status is not None and status.supervisor_pid == process.pid:
            on_progress(status.parts)
            well = is_all_well(status)
        return well or process.poll() is not None

    settled = wait_until(has_settled, timeout_seconds=START_TIMEOUT_SECONDS)
    endpoints = home.read_endpoints()
    if well and endpoints is not None:
        return endpoints
    if not settled:
        process.terminate()
        raise TransientError(
            f"The platform was not well within {START_TIMEOUT_SECONDS:.0f} s and is being stopped.",
            cure=f"Read the logs in {home.logs}, then start again.",
        )
    raise _failure_of(home)


def _refuse_second(home: Home) -> None:
    pid = lock_owner(home.lock_file)
    if pid is not None:
        raise PermanentError(
            f"A platform already runs in {home.path} (process {pid}).",
            cure="`cryptoflow status` shows it, `cryptoflow down` stops it; or choose another folder with --home.",
        )


def _spawn(home: Home, *, demo: bool) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "cryptoflow.runtime.detached", "--home", str(home.path)]
    roll(home.log_file(SUPERVISOR_LOG))
    with open_log(home.log_file(SUPERVISOR_LOG)) as log:
        # The same folder and environment: the same settings are in force, also those of a `.env` file.
        return subprocess.Popen(
            [*argv, "--demo"] if demo else argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _failure_of(home: Home) -> CryptoflowError:
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        failure = msgspec.json.decode(home.failure_file.read_bytes(), type=Failure)
        return PermanentError(failure.what, cure=failure.cure)
    log_file = home.log_file(SUPERVISOR_LOG)
    last = next((line for line in reversed(tail(log_file)) if line.strip()), "nothing")
    return PermanentError(f"The platform ended while starting; it last wrote: {last.strip()}", cure=f"Read {log_file}.")


def main(arguments: list[str]) -> int:
    """The background process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--demo", action="store_true")
    options = parser.parse_args(arguments)
    try:
        run_detached(load_settings(home=options.home), demo=options.demo, view=PlainView(_say))
    except CryptoflowError as error:
        _say(str(error))
        return EXIT_ERROR
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
