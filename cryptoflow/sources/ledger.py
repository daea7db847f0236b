"""What the HTTP layer tells the warehouse: every call with its cost, and every good answer.

`CallLedger` and `PayloadStore` are the two doors; the warehouse implements them on PostgreSQL, this module in memory
for a process that has no warehouse. If a door fails, its error is raised as it is: nothing is lost silently.
What does not belong here: SQL, limits.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Outcome = Literal["ok", "failed", "limited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCall:
    """One attempt of one request, as it ended."""

    provider: str
    endpoint: str
    started_at: datetime
    elapsed_ms: int
    outcome: Outcome
    status: int | None
    credits: int
    attempt: int
    error: str | None = None
    payload_sha256: bytes | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    run_id: str | None = None
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was used of a provider since an instant."""

    calls: int
    credits: int
    from_reserve: int = 0
    """Calls that no plan of ticks made: they are taken from the reserve of the quota."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """A good answer: what was asked (secrets removed), and exactly what came back."""

    provider: str
    endpoint: str
    url_redacted: str
    params: Mapping[str, object]
    status: int
    headers: Mapping[str, str]
    body: bytes
    fetched_at: datetime
    elapsed_ms: int
    attempts: int
    payload_sha256: bytes


class CallLedger(Protocol):
    """Where every attempt is accounted. The truth about quotas."""

    def record_call(self, call: ProviderCall) -> None: ...

    def used(self, provider: str, *, since: datetime) -> Usage: ...


class PayloadStore(Protocol):
    """Where every good answer is kept, once by the hash of its body."""

    def keep(self, answer: RawAnswer) -> None: ...


class MemoryLedger:
    """A ledger and payload store that lasts as long as the process."""

    def __init__(self) -> None:
        self.calls: list[ProviderCall] = []
        self.answers: dict[bytes, RawAnswer] = {}
        self._lock = threading.Lock()

    def record_call(self, call: ProviderCall) -> None:
        """Remember the call."""
        with self._lock:
            self.calls.append(call)

    def used(self, provider: str, *, since: datetime) -> Usage:
        """What the remembered calls add up to."""
        with self._lock:
            mine = [call for call in self.calls if call.provider == provider and call.started_at >= since]
        return Usage(calls=len(mine), credits=sum(call.credits for call in mine))

    def keep(self, answer: RawAnswer) -> None:
        """Remember the answer under its hash; the same body again changes nothing."""
        with self._lock:
            self.answers.setdefault(answer.payload_sha256, answer)
