"""What the simulator was asked: counts per provider and route, and the last requests, for tests and for curiosity.

What does not belong here: whether a request was allowed (limits.py) or damaged (faults.py).
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

KEPT_REQUESTS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request as it was answered. `status` 0: the connection ended without a complete answer."""

    serial: int
    at: float
    provider: str
    method: str
    route: str
    path: str
    query: str
    status: int
    plan: str
    faults: tuple[str, ...]
    headers: Mapping[str, str]


class Traffic:
    """The record of requests. Safe to use from several threads."""

    def __init__(self, *, kept: int = KEPT_REQUESTS) -> None:
        self._lock = threading.Lock()
        self._serial = 0
        self._last: deque[SeenRequest] = deque(maxlen=kept)
        self._by_route: dict[str, Counter[str]] = {}
        self._by_status: dict[str, Counter[str]] = {}

    def record(
        self,
        *,
        at: float,
        provider: str,
        method: str,
        route: str,
        path: str,
        query: str,
        status: int,
        plan: str = "",
        faults: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> SeenRequest:
        """Remember one answered request."""
        with self._lock:
            self._serial += 1
            seen = SeenRequest(
                serial=self._serial,
                at=at,
                provider=provider,
                method=method,
                route=route,
                path=path,
                query=query,
                status=status,
                plan=plan,
                faults=faults,
                headers=dict(headers or {}),
            )
            self._last.append(seen)
            self._by_route.setdefault(provider, Counter())[route] += 1
            self._by_status.setdefault(provider, Counter())[str(status)] += 1
            return seen

    def last(self, *, limit: int = 100, provider: str | None = None) -> list[SeenRequest]:
        """The most recent requests, oldest first."""
        with self._lock:
            wanted = [seen for seen in self._last if provider in (None, seen.provider)]
        return wanted[-limit:] if limit > 0 else []

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Requests per provider: by route and by status."""
        with self._lock:
            return {
                provider: {"routes": dict(routes), "statuses": dict(self._by_status[provider])}
                for provider, routes in sorted(self._by_route.items())
            }

    def clear(self) -> None:
        """Forget everything but the serial number."""
        with self._lock:
            self._last.clear()
            self._by_route.clear()
            self._by_status.clear()
