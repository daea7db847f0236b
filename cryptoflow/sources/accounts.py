"""What one attempt leaves behind: its line in the ledger, its answer in the store, its mark on limits and circuit.

What does not belong here: sending (transport.py), the sequence of attempts (http.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import httpx

from cryptoflow.errors import TransientError
from cryptoflow.sources.breaker import CircuitBreaker
from cryptoflow.sources.errors import ProviderError, QuotaSpent, RateLimited
from cryptoflow.sources.ledger import CallLedger, Outcome, PayloadStore, ProviderCall, RawAnswer
from cryptoflow.sources.limits import Limiter
from cryptoflow.sources.providers import Provider
from cryptoflow.sources.redaction import Redactor
from cryptoflow.sources.retry_after import RETRY_AFTER_CAP_SECONDS, backoff_ceiling_seconds
from cryptoflow.sources.verdicts import Answer

Expected = Literal["json", "text", "bytes", "file"]

_KEPT_HEADERS = frozenset({"content-type", "etag", "last-modified", "date", "age", "cache-control"})
_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request, whatever the number of attempts. `params` hold no secrets."""

    endpoint: str
    request: httpx.Request
    params: Mapping[str, object]
    expect: Expected
    weight: int
    units: int
    patience_until: float
    into: Path | None = None
    """Where a file is received into; such an answer is not kept in the payload store, only its hash is known."""

    @property
    def patience_left(self) -> float:
        """Seconds that may still be spent on waiting."""
        return max(0.0, self.patience_until - time.monotonic())


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a question: its number, counted from 1, and when it began."""

    number: int
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_ms(self) -> int:
        """Time since it began."""
        return round((time.monotonic() - self.started) * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The books of one provider's client."""

    provider: Provider
    ledger: CallLedger
    payloads: PayloadStore
    limiter: Limiter
    breaker: CircuitBreaker
    redactor: Redactor
    run_id: str | None

    async def good(
        self,
        question: Question,
        attempt: Attempt,
        answer: Answer,
        *,
        cost: int,
        file_sha256: bytes | None = None,
    ) -> RawAnswer:
        """Keep a good answer and account for it. A file stays where it is; only its hash is told."""
        raw = self._raw_answer(question, attempt, answer, file_sha256)
        has_body = raw.status != _NOT_MODIFIED
        call = self._call(
            question,
            attempt,
            outcome="ok",
            cost=cost,
            status=raw.status,
            payload_sha256=raw.payload_sha256 if has_body else None,
            received_at=raw.fetched_at,
        )
        try:
            if has_body and file_sha256 is None:
                await asyncio.to_thread(self.payloads.keep, raw)
        finally:
            await asyncio.to_thread(self.ledger.record_call, call)
        await self.limiter.settle(reserved=question.units, used=cost)
        await self.breaker.succeeded()
        return raw

    async def failed(self, question: Question, attempt: Attempt, error: ProviderError, *, cost: int) -> None:
        """Account for a failed attempt, and let everybody know what it means for them."""
        refused = isinstance(error, RateLimited | QuotaSpent)
        call = self._call(
            question,
            attempt,
            outcome="limited" if refused else "failed",
            cost=cost,
            status=error.status,
            error=self.redactor.text(error.what),
        )
        await asyncio.to_thread(self.ledger.record_call, call)
        await self.limiter.settle(reserved=question.units, used=cost)
        if isinstance(error, RateLimited):
            error.retry_after_seconds = self._refused_seconds(error, attempt)
            await self.limiter.penalise(pause_seconds=error.retry_after_seconds)
        if isinstance(error, QuotaSpent):
            await self.limiter.forbid(until=error.until)
        if isinstance(error, TransientError) and not refused:
            await self.breaker.failed(self.redactor.text(error.what))
        else:
            await self.breaker.succeeded()

    def cancelled(self, question: Question, attempt: Attempt) -> None:
        """Account for an attempt that was given up half-way: the provider has counted it too."""
        self.ledger.record_call(
            self._call(question, attempt, outcome="failed", cost=question.units, error="given up before its end")
        )

    def _raw_answer(self, question: Question, attempt: Attempt, answer: Answer, file_sha256: bytes | None) -> RawAnswer:
        return RawAnswer(
            provider=self.provider.name,
            endpoint=question.endpoint,
            url_redacted=self.redactor.text(str(question.request.url)),
            params=question.params,
            status=answer.status,
            headers={name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS},
            body=answer.body,
            fetched_at=answer.received_at,
            elapsed_ms=attempt.elapsed_ms,
            attempts=attempt.number,
            payload_sha256=file_sha256 or hashlib.sha256(answer.body).digest(),
        )

    def _call(
        self,
        question: Question,
        attempt: Attempt,
        *,
        outcome: Outcome,
        cost: int,
        status: int | None = None,
        error: str | None = None,
        payload_sha256: bytes | None = None,
        received_at: datetime | None = None,
    ) -> ProviderCall:
        return ProviderCall(
            provider=self.provider.name,
            endpoint=question.endpoint,
            started_at=attempt.started_at,
            elapsed_ms=attempt.elapsed_ms,
            outcome=outcome,
            status=status,
            credits=cost,
            attempt=attempt.number,
            error=error,
            payload_sha256=payload_sha256,
            params=question.params,
            run_id=self.run_id,
            received_at=received_at,
        )

    def _refused_seconds(self, error: RateLimited, attempt: Attempt) -> float:
        if error.retry_after_seconds is not None:
            return error.retry_after_seconds
        return backoff_ceiling_seconds(attempt.number, self.provider.limited_wait_seconds, RETRY_AFTER_CAP_SECONDS)
