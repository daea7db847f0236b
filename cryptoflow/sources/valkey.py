"""The connection to Valkey that limits and circuits are kept through.

What does not belong here: what is kept there (limits.py, breaker.py).
"""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0


def open_valkey(url: str) -> Redis:
    """A client that gives up soon: without Valkey we go on more slowly, but a Valkey that hangs must not hang us."""
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
