"""The connection to Valkey that limits and circuits are kept through.

What does not belong here: what is kept there (limits.py, breaker.py).
"""

from __future__ import annotations

import logging
import time

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
LEFT_ALONE_SECONDS = 5.0
"""How long a Valkey that did not answer is not asked again."""

LOST = (RedisError, OSError)
"""What it looks like when Valkey is lost."""

_LOGGER = logging.getLogger(__name__)


def open_valkey(url: str) -> Redis:
    """A client that gives up soon: without Valkey we go on more slowly, but a Valkey that hangs must not hang us."""
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


class Reach:
    """Whether Valkey is worth asking now. Says once when it is lost, and once when it is back."""

    def __init__(self, redis: Redis | None, *, meanwhile: str) -> None:
        self._redis = redis
        self._meanwhile = meanwhile
        self._lost_until = 0.0
        self._is_lost = False

    @property
    def redis(self) -> Redis | None:
        """The client, or None while Valkey is left alone or was never given."""
        return None if time.monotonic() < self._lost_until else self._redis

    def lost(self, error: Exception) -> None:
        """Valkey did not answer."""
        self._lost_until = time.monotonic() + LEFT_ALONE_SECONDS
        if not self._is_lost:
            self._is_lost = True
            _LOGGER.warning("Valkey is lost (%s); meanwhile %s.", error, self._meanwhile)

    def answered(self) -> None:
        """Valkey answered."""
        if self._is_lost:
            self._is_lost = False
            _LOGGER.warning("Valkey is back; no longer %s.", self._meanwhile)
