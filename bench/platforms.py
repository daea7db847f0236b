"""Whole platforms for benches, each in a temporary home: started, watched from outside, stopped.

What does not belong here: what is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import psutil
import psycopg

from bench.contest import Row
from cryptoflow.errors import TransientError
from cryptoflow.runtime.home import Endpoints, Home

T = TypeVar("T")

OURS: Final = (str(Path(sys.executable).with_name("cryptoflow")), "up", "--demo")
ROOT: Final = Path(__file__).parent.parent
_PAUSE_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 90


class Platform:
    """A platform that was started in a home."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes]) -> None:
        self._home = Home(home)
        self._process = process

    def endpoints(self) -> Endpoints | None:
        """Where it can be reached; None until it says so."""
        return self._home.read_endpoints()

    def ask(self, query: str) -> list[Row]:
        """Ask the warehouse; nothing comes while it is not there yet."""
        endpoints = self.endpoints()
        if endpoints is None:
            return []
        try:
            with psycopg.connect(endpoints.database_url, connect_timeout=5) as connection:
                return connection.execute(query.encode()).fetchall()
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
            return []

    def wait_for(self, condition: Callable[[], T | None], *, seconds: float, what: str) -> T:
        """Ask until the condition gives something true."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TransientError(
                    f"The platform in {self._home.path} did not get so far in {seconds:.0f} s: {what}.",
                    cure="Look into its logs/, and measure when nothing else runs.",
                )
            time.sleep(_PAUSE_SECONDS)
        return found

    def cpu_seconds(self) -> float:
        """What its processes have used so far, those that have ended too; without the simulated world."""
        supervisor = psutil.Process(self._process.pid)
        world = _family(self._named("simulator"))
        return sum(_used(one) for one in [supervisor, *_children(supervisor)] if one not in world)

    def _named(self, name: str) -> int:
        endpoints = self.endpoints()
        assert endpoints is not None
        return endpoints.children[name]


@contextmanager
def running_platform(command: Sequence[str], *, home_last: bool = False) -> Iterator[Platform]:
    """Start the command in a home of its own, told by the environment and, if wanted, as its last word."""
    with tempfile.TemporaryDirectory(prefix="cryptoflow-bench-") as home:
        words = [*command, home] if home_last else list(command)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CRYPTOFLOW_")}
        with (Path(home) / "output.log").open("wb") as output:
            process = subprocess.Popen(
                words,
                cwd=ROOT,
                env={**environment, "CRYPTOFLOW_HOME": home},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                yield Platform(Path(home), process)
            finally:
                process.terminate()
                process.wait(_STOP_SECONDS)


def _children(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True)


def _family(pid: int) -> set[psutil.Process]:
    process = psutil.Process(pid)
    return {process, *_children(process)}


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        # It has ended since it was listed: its time is with its parent's.
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
