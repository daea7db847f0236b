"""The platform under a soak: in a home of its own, on the soak's world, asked by its command line, GraphQL and SQL.

What does not belong here: what is done to it (trial), what must hold of it (checks).
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import redis

from cryptoflow.errors import PermanentError
from cryptoflow.runtime import queues
from cryptoflow_tests.running_platform import RunningPlatform
from soak.world import World

# Large enough that each of the soak's ticks may ask; how quotas are kept, the tests of the quota prove.
_SETTINGS: Final = {
    "CRYPTOFLOW_COINGECKO_CALLS_PER_MINUTE": "600",
    "CRYPTOFLOW_COINMARKETCAP_CALLS_PER_MINUTE": "600",
    "CRYPTOFLOW_COINMARKETCAP_CREDITS_PER_MONTH": "100000000",
    "CRYPTOFLOW_CANDLE_TOP": "4",
    # Two, so that runs overlap.
    "CRYPTOFLOW_WORKERS": "2",
}
_COMMAND_SECONDS: Final = 600.0
TICK_JOB: Final = "market_tick_job"
CANDLE_TICK_JOB: Final = "candle_tick_job"
HISTORY_JOB: Final = "market_history_job"
SLOT_TAG: Final = "cryptoflow/slot"
UNFINISHED: Final = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
_RUNS: Final = """query($statuses: [RunStatus!]!) { runsOrError(filter: {statuses: $statuses}, limit: 200) {
  ... on Runs { results { runId jobName status creationTime } } } }"""
# What asking a platform may meet while its parts are killed under it.
AWAY: Final = (
    httpx.HTTPError,
    AssertionError,
    KeyError,
    TypeError,
    ValueError,
    OSError,
    subprocess.TimeoutExpired,
    psycopg.Error,
    redis.RedisError,
)


@dataclass(frozen=True, slots=True)
class Soaked:
    """A running platform, with what a soak wants of it."""

    platform: RunningPlatform

    @property
    def home(self) -> Path:
        """Its home."""
        return self.platform.home

    def command(self, *words: str) -> None:
        """Run `cryptoflow ...` on its home; raises what it said when it did not go well."""
        done = self.platform.run(*words, check=False, seconds=_COMMAND_SECONDS)
        if done.returncode:
            raise PermanentError(
                f"`cryptoflow {' '.join(words)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}",
                cure=f"The logs are in {self.home / 'logs'}.",
            )

    def launch_tick(self, slot: datetime, *, job: str = TICK_JOB) -> str:
        """Start the tick of a slot as the schedule does, with the slot in its tags; returns the run's id."""
        return self.platform.launch(job, {SLOT_TAG: slot.isoformat()})

    def unfinished_runs(self) -> list[dict[str, Any]]:
        """Every run that waits or is under way."""
        found: list[dict[str, Any]] = self.platform.graphql(_RUNS, statuses=UNFINISHED)["runsOrError"]["results"]
        return found

    def queued_runs(self) -> int:
        """How many runs wait in the broker for a worker."""
        with redis.Redis.from_url(self.platform.endpoints["redis_url"], socket_timeout=5) as client:
            return sum(int(client.llen(queue)) for queue in (queues.RUNS, queues.TICKS))

    def parts(self) -> dict[str, int]:
        """The process of each part."""
        children: dict[str, int] = self.platform.endpoints["children"]
        return children


@contextmanager
def soaked_platform(home: Path, world: World) -> Iterator[Soaked]:
    """Start the platform on the world; stopped at the end, if it was not before."""
    soaked = Soaked(RunningPlatform(home, {**_SETTINGS, "CRYPTOFLOW_SIMULATOR_URL": world.url}))
    try:
        soaked.command("up", "--detach")
        yield soaked
    finally:
        soaked.command("down")


def seconds_into_minute() -> float:
    """How far our minute is."""
    return time.time() % 60
