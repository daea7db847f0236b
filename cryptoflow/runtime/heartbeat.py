"""The heartbeat of warm workers: a key in Valkey that lives a little longer than the time between two beats.

Workers write it, the supervisor and the doctor read it. What does not belong here: what follows from a missing beat.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

HEARTBEAT_PERIOD_SECONDS: Final = 5.0
HEARTBEAT_LIFE_SECONDS: Final = 30
_PREFIX: Final = "cryptoflow:worker:"
_SUFFIX: Final = ":heartbeat"
_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """One worker's heartbeat, by Celery's name for it (`worker-1@host`)."""

    redis_url: str = field(repr=False)
    worker: str

    def beat(self) -> None:
        """Say that the worker lives."""
        with _client(self.redis_url) as client:
            client.set(f"{_PREFIX}{self.worker}{_SUFFIX}", "alive", ex=HEARTBEAT_LIFE_SECONDS)

    def forget(self) -> None:
        """Take the last beat back, before a new process of that name starts."""
        with _client(self.redis_url) as client:
            client.delete(f"{_PREFIX}{self.worker}{_SUFFIX}")

    def is_alive(self, worker: str) -> bool:
        """Did this or another worker beat lately?"""
        with _client(self.redis_url) as client:
            return bool(client.exists(f"{_PREFIX}{worker}{_SUFFIX}"))


def living_workers(redis_url: str) -> list[str]:
    """The names of the workers that beat lately."""
    with _client(redis_url) as client:
        keys = [cast(bytes, key).decode() for key in client.scan_iter(match=f"{_PREFIX}*{_SUFFIX}", count=1000)]
    return sorted(key.removeprefix(_PREFIX).removesuffix(_SUFFIX) for key in keys)


def _client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(
        redis_url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
    )
