"""Rates, quotas and circuits in a real Valkey."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from redis.asyncio import Redis

from cryptoflow.sources.breaker import BreakerPolicy, CircuitBreaker, breaker_key, breaker_state
from cryptoflow.sources.errors import QuotaSpent, RateLimited
from cryptoflow.sources.ledger import MemoryLedger, Outcome, ProviderCall, Usage
from cryptoflow.sources.limits import Limiter, start_of_month
from cryptoflow.sources.providers import Provider

T = TypeVar("T")
FAST = Provider(name="sample", plan="test", base_url="http://127.0.0.1:9", rate_per_window=6_000, burst=1_000)


def with_redis(url: str, work: Callable[[Redis], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Redis.from_url(url) as client:
            return await work(client)

    return asyncio.run(run())


def call(*, at: datetime, credits: int = 1, outcome: Outcome = "ok") -> ProviderCall:
    return ProviderCall(
        provider="sample", endpoint="e", started_at=at, elapsed_ms=1, outcome=outcome, status=200, credits=credits,
        attempt=1,
    )  # fmt: skip


def ledger_with(calls: int, *, credits: int = 1) -> MemoryLedger:
    ledger = MemoryLedger()
    for _ in range(calls):
        ledger.record_call(call(at=datetime.now(UTC), credits=credits))
    return ledger


def limiter(redis: Redis | None, provider: Provider = FAST, ledger: MemoryLedger | None = None, **more: Any) -> Limiter:
    return Limiter(provider, redis, ledger=ledger or MemoryLedger(), **more)


def test_a_burst_goes_at_once_and_the_rest_keeps_its_distance(valkey_url: str) -> None:
    provider = replace(FAST, rate_per_window=10, window_seconds=1.0, burst=3)

    async def work(redis: Redis) -> list[float]:
        limits = limiter(redis, provider)
        return [await limits.acquire(endpoint="e") for _ in range(6)]

    waits = with_redis(valkey_url, work)
    assert max(waits[:3]) < 0.05
    assert all(0.03 < wait < 0.5 for wait in waits[3:])


def test_no_window_holds_more_than_the_rate(valkey_url: str) -> None:
    provider = replace(FAST, rate_per_window=20, window_seconds=1.0, burst=10)
    granted: list[float] = []

    async def work(redis: Redis) -> None:
        async def asker() -> None:
            limits = limiter(redis, provider)
            for _ in range(9):
                await limits.acquire(endpoint="e")
                granted.append(time.monotonic())

        await asyncio.gather(*[asker() for _ in range(5)])

    with_redis(valkey_url, work)
    granted.sort()
    # The clocks of Valkey and of this process differ by the time of a reply: a hundredth of the window is left out.
    most = max(sum(start <= at < start + 0.99 for at in granted) for start in granted)
    assert len(granted) == 45
    assert 12 <= most <= 20


def test_weight_counts(valkey_url: str) -> None:
    provider = replace(FAST, rate_per_window=100, window_seconds=2.0, burst=100)

    async def work(redis: Redis) -> float:
        limits = limiter(redis, provider)
        await limits.acquire(endpoint="e", weight=60)
        with pytest.raises(RateLimited) as caught:
            await limits.acquire(endpoint="e", weight=60, patience_seconds=0.1)
        await limits.acquire(endpoint="e", weight=40, patience_seconds=0.1)
        return caught.value.retry_after_seconds or 0.0

    assert 1.5 < with_redis(valkey_url, work) <= 2.1


def test_more_than_the_rate_at_once_goes_alone(valkey_url: str) -> None:
    provider = replace(FAST, rate_per_window=10, window_seconds=1.0, burst=10)

    async def work(redis: Redis) -> float:
        return await limiter(redis, provider).acquire(endpoint="e", weight=25)

    assert with_redis(valkey_url, work) < 0.1


def test_patience_is_a_bound_not_a_sleep(valkey_url: str) -> None:
    provider = replace(FAST, rate_per_window=1, window_seconds=60.0, burst=1)

    async def work(redis: Redis) -> float:
        limits = limiter(redis, provider)
        await limits.acquire(endpoint="e")
        started = time.monotonic()
        with pytest.raises(RateLimited) as caught:
            await limits.acquire(endpoint="coins/markets", patience_seconds=20.0)
        assert caught.value.endpoint == "coins/markets"
        assert 55 < (caught.value.retry_after_seconds or 0) <= 62
        return time.monotonic() - started

    assert with_redis(valkey_url, work) < 1.0


def test_the_month_is_seeded_from_the_ledger(valkey_url: str) -> None:
    provider = replace(FAST, per_month=10)
    ledger = ledger_with(7)
    ledger.record_call(call(at=start_of_month(datetime.now(UTC)) - timedelta(seconds=1)))

    async def work(redis: Redis) -> None:
        for _ in range(3):
            await limiter(redis, provider, ledger).acquire(endpoint="e")
        with pytest.raises(QuotaSpent) as caught:
            await limiter(redis, provider, ledger).acquire(endpoint="e")
        assert caught.value.until > datetime.now(UTC)
        assert (caught.value.until.day, caught.value.until.hour) == (1, 0)

    with_redis(valkey_url, work)


def test_a_month_is_counted_in_the_unit_of_the_plan(valkey_url: str) -> None:
    provider = replace(FAST, per_month=100, unit="credits")

    async def work(redis: Redis) -> None:
        limits = limiter(redis, provider, ledger_with(3, credits=30))
        await limits.acquire(endpoint="e", units=10)
        with pytest.raises(QuotaSpent):
            await limits.acquire(endpoint="e", units=1)

    with_redis(valkey_url, work)


def test_a_lost_cache_forgets_nothing(valkey_url: str) -> None:
    provider = replace(FAST, per_month=5)
    ledger = ledger_with(3)

    async def work(redis: Redis) -> None:
        limits = limiter(redis, provider, ledger)
        await limits.acquire(endpoint="e")
        ledger.record_call(call(at=datetime.now(UTC)))
        await redis.flushdb()
        await limits.acquire(endpoint="e")
        with pytest.raises(QuotaSpent):
            await limits.acquire(endpoint="e")

    with_redis(valkey_url, work)


def test_what_a_call_really_cost_replaces_the_estimate(valkey_url: str) -> None:
    provider = replace(FAST, per_month=10, unit="credits")

    async def work(redis: Redis) -> None:
        limits = limiter(redis, provider)
        await limits.acquire(endpoint="e", units=8)
        await limits.settle(reserved=8, used=2)
        await limits.acquire(endpoint="e", units=8)
        with pytest.raises(QuotaSpent):
            await limits.acquire(endpoint="e", units=1)

    with_redis(valkey_url, work)


def test_a_spent_quota_is_known_to_everybody(valkey_url: str) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)

    async def work(redis: Redis) -> None:
        await limiter(redis).forbid(until=until)
        with pytest.raises(QuotaSpent) as caught:
            await limiter(redis).acquire(endpoint="e")
        assert caught.value.until == until
        await limiter(redis, replace(FAST, plan="larger")).acquire(endpoint="e")

    with_redis(valkey_url, work)


def test_a_refusal_holds_everybody_back_and_shrinks_the_rate(valkey_url: str) -> None:
    provider = replace(FAST, rate_per_window=100, window_seconds=10.0, burst=1)

    async def work(redis: Redis) -> tuple[float, float, float]:
        asked, other = limiter(redis, provider), limiter(redis, provider)
        await asyncio.gather(*[asked.penalise(pause_seconds=0.4) for _ in range(4)])
        pause = await other.acquire(endpoint="e")
        distance = await other.acquire(endpoint="e")
        factor = await redis.hget(f"cryptoflow:source:{{{provider.scope}}}:state", "factor")
        return pause, distance, float(factor or 0)

    pause, distance, factor = with_redis(valkey_url, work)
    assert 0.35 < pause < 1.0
    assert distance > 0.15
    assert factor == pytest.approx(0.5, abs=0.01)


def test_the_rate_recovers(valkey_url: str) -> None:
    provider = replace(FAST, rate_per_window=100, window_seconds=10.0, burst=1)

    async def work(redis: Redis) -> float:
        limits = limiter(redis, provider)
        await limits.penalise(pause_seconds=0.0)
        ten_minutes_ago = (time.time() - 600) * 1e6
        key = f"cryptoflow:source:{{{provider.scope}}}:state"
        await redis.hset(key, mapping={"factor_at_us": round(ten_minutes_ago), "paused_until_us": 0})
        await limits.acquire(endpoint="e")
        return await limits.acquire(endpoint="e")

    assert with_redis(valkey_url, work) < 0.15


def test_without_valkey_the_pace_is_a_quarter_and_the_quota_still_holds(
    valkey_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = replace(FAST, rate_per_window=40, window_seconds=1.0, burst=40, per_month=4)
    ledger = ledger_with(1)

    async def work(_: Redis) -> list[float]:
        async with Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2) as nowhere:
            limits = limiter(nowhere, provider, ledger)
            waits = []
            for _number in range(3):
                waits.append(await limits.acquire(endpoint="e"))
                ledger.record_call(call(at=datetime.now(UTC)))
            with pytest.raises(QuotaSpent):
                await limits.acquire(endpoint="e")
            return waits

    with caplog.at_level(logging.WARNING):
        waits = with_redis(valkey_url, work)
    assert all(0.05 < wait < 0.5 for wait in waits[1:])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "sample is asked at a quarter of its rate" in caplog.text


def test_a_ledger_that_is_down_is_not_hidden(valkey_url: str) -> None:
    class Down(MemoryLedger):
        def used(self, provider: str, *, since: datetime) -> Usage:
            raise ConnectionError(f"no {provider} since {since}")

    async def work(redis: Redis) -> None:
        with pytest.raises(ConnectionError, match="no sample"):
            await limiter(redis, replace(FAST, per_month=5), Down()).acquire(endpoint="e")

    with_redis(valkey_url, work)


def test_the_circuit_is_shared_and_readable(valkey_url: str) -> None:
    policy = BreakerPolicy(failures_to_open=4, cool_down_seconds=10)
    now = [1_000.0]

    async def work(redis: Redis) -> None:
        one, two = [CircuitBreaker(FAST, redis, policy=policy, clock=lambda: now[0]) for _ in range(2)]
        await asyncio.gather(*[breaker.failed("timeout") for breaker in (one, two, one, two)])
        circuit = await breaker_state(redis, FAST)
        assert (circuit.state, circuit.failures, circuit.until) == ("open", 4, 1_010.0)
        assert await one.admit() == await two.standing() == circuit
        now[0] = 1_010.0
        probes = await asyncio.gather(*[breaker.admit() for breaker in (one, two, one, two)])
        assert sum(probe is None for probe in probes) == 1
        await two.succeeded()
        assert (await breaker_state(redis, FAST)).state == "closed"
        assert await one.admit() is None

    with_redis(valkey_url, work)


def test_a_circuit_that_cannot_be_read_counts_as_closed(valkey_url: str) -> None:
    async def work(redis: Redis) -> None:
        await redis.set(breaker_key(FAST), b"\xff not json")
        assert (await breaker_state(redis, FAST)).state == "closed"
        breaker = CircuitBreaker(FAST, redis)
        assert await breaker.admit() is None
        await breaker.failed("timeout")
        assert (await breaker_state(redis, FAST)).failures == 1

    with_redis(valkey_url, work)


def test_without_valkey_the_circuit_works_in_the_process(valkey_url: str) -> None:
    async def work(_: Redis) -> None:
        async with Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2) as nowhere:
            breaker = CircuitBreaker(FAST, nowhere, policy=BreakerPolicy(failures_to_open=1))
            await breaker.failed("timeout")
            assert await breaker.admit() is not None
            assert await breaker.standing() is not None

    with_redis(valkey_url, work)
