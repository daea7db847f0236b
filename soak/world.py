"""The simulated providers of a soak: a process of their own, and a clock that runs fast from the past into the present.

The platform lives in real time: its schedules tick by our minutes, and it refuses figures from the future. So the world
begins some hours ago, and its time runs faster than ours until it has caught up just when the disturbances end. To the
platform that is a provider whose clock is behind and gains: nothing in it knows that time is simulated.
What does not belong here: which faults are put in force (plan), what is true in the world (checks.truth).
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptoflow.errors import TransientError, UsageError
from cryptoflow.runtime.child import inherited_environment
from cryptoflow.runtime.ports import first_free
from cryptoflow.simulator.client import SimulatorClient
from cryptoflow.simulator.server import DEFAULT_PORT
from cryptoflow_tests.running_platform import PROGRAM
from soak.plan import Disturbance

# Times that lie more than a day behind ours are taken for another unit, and the platform waits for a decision.
MOST_BEHIND_SECONDS: Final = 22 * 3_600.0
# It is still so far behind when it is set to our time: a clock that went into the future would have to be set back.
SPARE_SECONDS: Final = 60.0
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
# Quotas would stop a world whose minutes are seconds; refusals are among the faults.
_LIFTED: Final = (
    ("coingecko", "keyless", "minute"),
    ("coinmarketcap", "basic", "minute"),
    ("coinmarketcap", "basic", "day"),
    ("coinmarketcap", "basic", "month"),
    ("coinbase", "ip", "second"),
    ("coinbase_stream", "ip", "second"),
    ("binance_stream", "ip", "five_minutes"),
)


@dataclass(slots=True)
class World:
    """The simulated world and its clock."""

    control: SimulatorClient
    url: str
    pid: int
    seed: int
    assets: int

    def now(self) -> float:
        """What time it is there, in unix seconds."""
        return self.control.state().clock.now

    def catch_up(self, *, seconds: float) -> float:
        """Let its time nearly reach ours in so many seconds; returns how fast it runs until then."""
        behind = time.time() - self.now()
        speed = 1 + max(behind - SPARE_SECONDS, 0.0) / seconds
        return self.control.set_clock(speed=speed).speed

    def run_as_ours(self) -> None:
        """From now on its time is ours."""
        self.control.set_clock(now=time.time(), speed=1.0)

    def disturb(self, one: Disturbance) -> None:
        """Put a fault in force."""
        self.control.add_fault(one.name, provider=one.provider, rate=one.rate, for_seconds=one.seconds)


def seconds_behind(*, seconds: float, speed: float) -> float:
    """How long ago the world has to begin, to reach us at that speed in that time."""
    behind = seconds * (speed - 1)
    if speed < 1 or behind > MOST_BEHIND_SECONDS:
        fastest = 1 + MOST_BEHIND_SECONDS / seconds
        raise UsageError(
            f"A world cannot run at speed {speed:g} for {seconds / 60:g} minutes.",
            cure=f"Give at least 1 and at most {fastest:.0f}: it begins in the past, and more than a day ago is another"
            " matter to the platform.",
        )
    return behind + SPARE_SECONDS


@contextmanager
def simulated_world(folder: Path, *, seed: int, assets: int, behind: float) -> Iterator[World]:
    """Serve the providers, their time so many seconds behind ours once the platform has started."""
    port = first_free(DEFAULT_PORT)
    words = [PROGRAM, "simulate", "--port", str(port), "--assets", str(assets), "--seed", str(seed)]
    with (folder / "simulator.log").open("wb") as log:
        process = subprocess.Popen(
            words, cwd=folder, env=inherited_environment({}), stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with SimulatorClient(url) as control:
            _wait_until_ready(control, process)
            control.set_clock(now=time.time() - behind)
            for provider, plan, window in _LIFTED:
                control.set_quota(provider=provider, plan=plan, window=window, quota=None)
            yield World(control=control, url=url, pid=process.pid, seed=seed, assets=assets)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)


def _wait_until_ready(control: SimulatorClient, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not control.is_healthy():
        if process.poll() is not None or time.monotonic() > deadline:
            raise TransientError(
                "The simulated world did not start.", cure="`cryptoflow simulate` in the foreground says why."
            )
        time.sleep(0.1)
