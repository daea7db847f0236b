"""The heartbeat of workers and the collector: a key in Valkey that lives a little longer than the time between beats.

They write it, the supervisor and the doctor read it. What does not belong here: what follows from a missing beat.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Final, Literal, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

HEARTBEAT_PERIOD_SECONDS: Final = 5.0
HEARTBEAT_LIFE_SECONDS: Final = 30
_SUFFIX: Final = ":heartbeat"
_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """One process's heartbeat; a worker goes by Celery's name for it (`worker-1@host`)."""

    redis_url: str = field(repr=False)
    worker: str
    kind: Literal["worker", "collector"] = "worker"

    def beat(self) -> None:
        """Say that it lives."""
        with _client(self.redis_url) as client:
            client.set(_key(self.kind, self.worker), "alive", ex=HEARTBEAT_LIFE_SECONDS)

    def forget(self) -> None:
        """Take the last beat back, before a new process of that name starts."""
        with _client(self.redis_url) as client:
            client.delete(_key(self.kind, self.worker))

    def is_alive(self, worker: str) -> bool:
        """Did this or another of its kind beat lately?"""
        with _client(self.redis_url) as client:
            return bool(client.exists(_key(self.kind, worker)))


def collector_heartbeat(redis_url: str) -> Heartbeat:
    """The heartbeat of this host's collector."""
    return Heartbeat(redis_url=redis_url, worker=f"collector@{socket.gethostname()}", kind="collector")


def living_workers(redis_url: str) -> list[str]:
    """The names of the workers that beat lately."""
    with _client(redis_url) as client:
        keys = [cast(bytes, key).decode() for key in client.scan_iter(match=_key("worker", "*"), count=1000)]
    return sorted(key.removeprefix(_key("worker", "").removesuffix(_SUFFIX)).removesuffix(_SUFFIX) for key in keys)


def _key(kind: str, name: str) -> str:
    return f"cryptoflow:{kind}:{name}{_SUFFIX}"


def _client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(
        redis_url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
    )
