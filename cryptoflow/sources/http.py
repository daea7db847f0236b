"""One request to a provider, done properly: leave to ask, attempts, verdict, accounting. The same for all providers.

    ask -> for each attempt:  circuit? -> rate and quota? -> exchange -> verdict -> ledger and payload store
           good answer: return it;  permanent error: raise it;  transient error: pause, again, within bounds

Every attempt that was sent is in the ledger, also one that was cancelled half-way.
What does not belong here: endpoints, records, paging.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
from redis.asyncio import Redis

from cryptoflow import __version__
from cryptoflow.errors import TransientError
from cryptoflow.settings import Settings
from cryptoflow.sources.accounts import Accounts, Attempt, Expected, Question
from cryptoflow.sources.allowances import ToldAllowance, with_told
from cryptoflow.sources.breaker import BreakerPolicy, Circuit, CircuitBreaker
from cryptoflow.sources.decode import json_problem
from cryptoflow.sources.errors import (
    Asked,
    BodyCut,
    CircuitOpen,
    KeyRejected,
    NotJson,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaSpent,
    RateLimited,
)
from cryptoflow.sources.ledger import CallLedger, PayloadStore, RawAnswer
from cryptoflow.sources.limits import Limiter, quota_period
from cryptoflow.sources.providers import Provider, provider_from_settings
from cryptoflow.sources.redaction import GuardedLogs, Redactor
from cryptoflow.sources.retry_after import backoff_seconds
from cryptoflow.sources.transport import ACCEPT_ENCODING, Exchange, WireAnswer
from cryptoflow.sources.verdicts import Answer, Verdict, excerpt, is_markup

_LOGGER = logging.getLogger(__name__)

T = TypeVar("T")

_OK = 200
_PATIENT_SHARE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBounds:
    """How long, how often, how much."""

    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    total_seconds: float = 60.0
    attempts: int = 4
    max_body_bytes: int = 64 * 1024 * 1024
    patience_seconds: float = 120.0
    """Longest time that one request may spend waiting for leave to ask and between attempts."""
    request_seconds: float | None = None
    """Longest time for one request with all its waits and attempts; None: they bound it themselves."""
    backoff_base_seconds: float = 0.5
    backoff_cap_seconds: float = 30.0
    connections: int = 8


def bounds_from_settings(settings: Settings) -> HttpBounds:
    """The bounds as the settings have them."""
    return HttpBounds(
        connect_seconds=settings.http_connect_timeout_seconds,
        read_seconds=settings.http_read_timeout_seconds,
        total_seconds=settings.http_total_timeout_seconds,
        attempts=settings.http_attempts,
        max_body_bytes=settings.http_max_body_mebibytes * 1024 * 1024,
    )


class ProviderClient:
    """Asks one provider. Enter it once per process (or per event loop) and share it."""

    def __init__(
        self,
        provider: Provider,
        *,
        ledger: CallLedger,
        payloads: PayloadStore,
        redis: Redis | None = None,
        bounds: HttpBounds | None = None,
        breaker_policy: BreakerPolicy | None = None,
        contact: str = "",
        run_id: str | None = None,
    ) -> None:
        self.provider = provider
        self._bounds = bounds or HttpBounds()
        self._redactor = Redactor(provider.secrets)
        self._limiter = Limiter(provider, redis, ledger=ledger, patience_seconds=self._bounds.patience_seconds)
        self._breaker = CircuitBreaker(provider, redis, policy=breaker_policy)
        self._accounts = Accounts(
            provider=provider,
            ledger=ledger,
            payloads=payloads,
            limiter=self._limiter,
            breaker=self._breaker,
            redactor=self._redactor,
            run_id=run_id,
        )
        self._random = random.Random()  # noqa: S311 - jitter needs no secrecy
        self._slots = asyncio.Semaphore(self._bounds.connections)
        self._headers = _headers(provider, contact)
        self._stack = AsyncExitStack()
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._stack.enter_context(GuardedLogs(self._redactor))
        self._http = await self._stack.enter_async_context(self._new_http())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        self._http = None

    async def ask(
        self,
        endpoint: str,
        *,
        path: str | None = None,
        params: Mapping[str, object] | None = None,
        method: Literal["GET", "POST"] = "GET",
        json: object = None,
        expect: Expected = "json",
        weight: int = 1,
        units: int = 1,
        etag: str | None = None,
        patience_seconds: float | None = None,
        into: Path | None = None,
    ) -> RawAnswer:
        """The good answer to one request, kept and accounted; or the error that stands at the end of all attempts.

        `endpoint` names what is asked without values, for the accounts; `path` is the real path when it differs, and
        empty when the base address itself is asked.
        `weight` counts against the rate, `units` against the month. With `etag`, the answer may be a 304 without body.
        With `into`, the body goes to that file and not to the payload store; the answer has its hash and no body.
        """
        http = self._entered()
        given = {name: value for name, value in (params or {}).items() if value is not None}
        request = http.build_request(
            method,
            f"{self.provider.base_url}/{(path or endpoint).lstrip('/')}" if path != "" else self.provider.base_url,
            params=given or None,  # type: ignore[arg-type]
            json=json,
            headers=_asked_headers(etag=etag, is_file=into is not None),
        )
        patience = self._bounds.patience_seconds if patience_seconds is None else patience_seconds
        question = Question(
            endpoint=endpoint,
            request=request,
            params=self._redactor.mapping(given),
            expect=expect,
            weight=weight,
            units=units,
            patience_until=time.monotonic() + patience,
            into=into,
        )
        try:
            async with asyncio.timeout(self._bounds.request_seconds) as limit:
                return await self._attempts(http, question)
        except TimeoutError:
            if not limit.expired():
                raise
            raise ProviderTimeout(
                f"no usable answer within {self._bounds.request_seconds:g} s, all attempts together.",
                asked=Asked(provider=self.provider.name, endpoint=endpoint),
            ) from None

    async def _attempts(self, http: httpx.AsyncClient, question: Question) -> RawAnswer:
        last: ProviderError | None = None
        for number in range(1, self._bounds.attempts + 1):
            if last is not None:
                pause = self._pause_seconds(last, number - 1)
                if pause > question.patience_left:
                    break
                await asyncio.sleep(pause)
            refusal = await self._leave(question)
            if refusal is not None:
                # After a failed attempt, that failure says more than why there is no further attempt.
                raise last or refusal
            try:
                return await self._once(http, question, number)
            except ProviderError as error:
                if not isinstance(error, TransientError):
                    raise
                _LOGGER.info("attempt %d of %d: %s", number, self._bounds.attempts, error.what)
                last = error
        assert last is not None
        raise last

    async def _leave(self, question: Question) -> ProviderError | None:
        """None when the next attempt may go out (it is then reserved), else why not."""
        standing = await self._breaker.standing()
        if standing is not None:
            return self._circuit_open(question, standing)
        try:
            await self._limiter.acquire(
                endpoint=question.endpoint,
                weight=question.weight,
                units=question.units,
                patience_seconds=question.patience_left,
            )
        except (RateLimited, QuotaSpent) as error:
            return error
        refusing = await self._breaker.admit()
        if refusing is None:
            return None
        await self._limiter.settle(reserved=question.units, used=0)
        return self._circuit_open(question, refusing)

    async def _once(self, http: httpx.AsyncClient, question: Question, number: int) -> RawAnswer:
        async with self._slots:
            attempt = Attempt(number=number)
            try:
                wire = await self._exchange(http, question)
            except ProviderError as error:
                await self._accounts.failed(question, attempt, error, cost=question.units)
                raise
            except asyncio.CancelledError:
                self._accounts.cancelled(question, attempt)
                raise
        answer, verdict = self._judged(question, wire)
        cost = self._cost(question, verdict)
        if verdict.error is not None:
            await self._accounts.failed(question, attempt, verdict.error, cost=cost)
            raise verdict.error
        return await self._accounts.good(question, attempt, answer, cost=cost, file_sha256=wire.file_sha256)

    async def _exchange(self, http: httpx.AsyncClient, question: Question) -> WireAnswer:
        exchange = Exchange(
            provider=self.provider.name,
            endpoint=question.endpoint,
            total_seconds=self._bounds.total_seconds,
            limit_bytes=self._bounds.max_body_bytes,
            into=question.into,
        )
        return await exchange.run(http, question.request)

    def _judged(self, question: Question, wire: WireAnswer) -> tuple[Answer, Verdict]:
        answer = Answer(
            provider=self.provider.name,
            endpoint=question.endpoint,
            status=wire.status,
            headers={name: self._redactor.text(value) for name, value in wire.headers.items()},
            body=self._redactor.body(wire.body),
            received_at=datetime.now(UTC),
            quota_resets_at=quota_period(self.provider, datetime.now(UTC)).end,
        )
        verdict = self.provider.judge(answer)
        if verdict.error is None and question.expect == "json" and answer.status == _OK:
            verdict = Verdict(error=_json_error(answer), credits=verdict.credits)
        return answer, verdict

    def _cost(self, question: Question, verdict: Verdict) -> int:
        if verdict.credits is not None:
            return verdict.credits
        # A refused call is a call; credits are taken for data only.
        return question.units if verdict.error is None or self.provider.unit == "calls" else 0

    def _pause_seconds(self, error: ProviderError, attempt: int) -> float:
        if isinstance(error, RateLimited):
            # The limiter holds everybody back for as long as the provider wants, this request too.
            return 0.0
        if isinstance(error, ProviderUnavailable) and error.retry_after_seconds is not None:
            return error.retry_after_seconds
        return backoff_seconds(
            attempt=attempt,
            base_seconds=self._bounds.backoff_base_seconds,
            cap_seconds=self._bounds.backoff_cap_seconds,
            random_source=self._random,
        )

    def _circuit_open(self, question: Question, circuit: Circuit) -> CircuitOpen:
        until = datetime.fromtimestamp(circuit.until, UTC)
        what = f"not asked after {circuit.failures} failures in a row; the last: {circuit.last_error}"
        asked = Asked(provider=self.provider.name, endpoint=question.endpoint)
        return CircuitOpen(what, asked=asked, until=until)

    def _entered(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError("enter the client first: `async with client:`")
        return self._http

    def _new_http(self) -> httpx.AsyncClient:
        bounds = self._bounds
        return httpx.AsyncClient(
            headers=self._headers,
            timeout=httpx.Timeout(bounds.read_seconds, connect=bounds.connect_seconds, pool=bounds.connect_seconds),
            limits=httpx.Limits(max_connections=bounds.connections, max_keepalive_connections=bounds.connections),
            # A redirect would carry the key to wherever it points.
            follow_redirects=self.provider.key is None,
            max_redirects=3,
            # A proxy of the machine is for the world, not for a simulator on the machine itself.
            trust_env=not self.provider.is_local,
        )


def open_client(
    settings: Settings,
    name: str,
    *,
    ledger: CallLedger,
    payloads: PayloadStore,
    redis: Redis | None = None,
    bounds: HttpBounds | None = None,
    run_id: str | None = None,
    told: ToldAllowance | None = None,
    request_seconds: float | None = None,
) -> ProviderClient:
    """The client of a provider as the settings have it; use it as `async with open_client(...) as client`.

    `told` is what the provider said of the key; `request_seconds` bounds each request with all its waits and attempts.
    """
    return ProviderClient(
        with_told(provider_from_settings(settings, name), told, settings),
        ledger=ledger,
        payloads=payloads,
        redis=redis,
        bounds=_within(bounds or bounds_from_settings(settings), request_seconds),
        contact=settings.contact,
        run_id=run_id,
    )


def _within(bounds: HttpBounds, request_seconds: float | None) -> HttpBounds:
    """The bounds of requests that end in time. Waiting ends earlier, so that a refusal is told as what it is."""
    if request_seconds is None:
        return bounds
    patience = min(bounds.patience_seconds, request_seconds * _PATIENT_SHARE)
    return replace(bounds, request_seconds=request_seconds, patience_seconds=patience)


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work to its end from ordinary code."""
    return asyncio.run(work)


def _asked_headers(*, etag: str | None, is_file: bool) -> dict[str, str]:
    headers = {"if-none-match": etag} if etag else {}
    # A file is kept as it comes, and its hash is that of the file.
    return headers | ({"accept-encoding": "identity"} if is_file else {})


def _headers(provider: Provider, contact: str) -> dict[str, str]:
    agent = f"cryptoflow/{__version__}" + (f" (+{contact})" if contact else "")
    headers = {
        "user-agent": agent.encode("ascii", "replace").decode(),
        "accept": "application/json, */*;q=0.5",
        "accept-encoding": ACCEPT_ENCODING,
    }
    if provider.key is not None and provider.key_header is not None:
        headers[provider.key_header] = _usable_key(provider)
    return headers


def _usable_key(provider: Provider) -> str:
    key = provider.key.get_secret_value().strip() if provider.key else ""
    if not key or not key.isascii() or not key.isprintable():
        raise KeyRejected(
            "the API key is empty or holds characters that no key has.",
            asked=Asked(provider=provider.name, endpoint="any"),
        )
    return key


def _json_error(answer: Answer) -> NotJson | BodyCut | None:
    if is_markup(answer):
        return NotJson(excerpt(answer), asked=answer.asked)
    problem = json_problem(answer.body)
    if problem is None:
        return None
    if problem == "cut":
        return BodyCut(f"the JSON ends in the middle after {len(answer.body)} bytes.", asked=answer.asked)
    return NotJson(excerpt(answer), asked=answer.asked)
