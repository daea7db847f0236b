"""May we ask now? The rate and the monthly quota of a provider, shared by all processes through Valkey.

Rate: a call goes out when it keeps its distance from the last one (bursts up to `burst`) and when the sliding window
has room, both measured by Valkey's own clock in one script. A refusal by the provider halves the rate for everybody;
it then recovers evenly over ten minutes. Month: the period of the quota, as the provider told it or else the
calendar's; counted in Valkey, seeded from the ledger, which is the truth; so a lost cache forgets nothing. While Valkey
is lost, each process keeps to a quarter of the rate and asks the ledger.
What does not belong here: retries (http.py), which error a refusal is (verdicts.py).
"""

from __future__ import annotations

import asyncio
import calendar
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from redis.asyncio import Redis

from cryptoflow.sources.errors import Asked, QuotaSpent, RateLimited
from cryptoflow.sources.ledger import CallLedger, Usage
from cryptoflow.sources.limit_script import ACQUIRE, PENALISE, SEED, STANDING
from cryptoflow.sources.providers import Provider
from cryptoflow.sources.valkey import LOST, Reach, open_valkey

SHRINK_FACTOR = 0.5
SMALLEST_FACTOR = 0.1
RECOVERY_SECONDS = 600.0
LOCAL_SHARE = 0.25
"""Part of the rate that one process takes while it cannot see the others."""
_STATE_KEEP_SECONDS = 40 * 86_400


def start_of_month(instant: datetime) -> datetime:
    """The first of the month, 00:00 UTC."""
    return instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What a quota is counted in: [start, end)."""

    start: datetime
    end: datetime


def quota_period(provider: Provider, now: datetime) -> Period:
    """The month of the provider's quota that holds `now`."""
    if provider.period_end is None:
        start = start_of_month(now)
        return Period(start=start, end=_months_after(start, 1))
    told = provider.period_end.astimezone(UTC)
    # Counted from what was told, so that a period that ends on the 31st does so again after a shorter month.
    months = (now.year - told.year) * 12 + now.month - told.month
    months += _months_after(told, months) <= now
    return Period(start=_months_after(told, months - 1), end=_months_after(told, months))


def _months_after(instant: datetime, months: int) -> datetime:
    """The same day and time so many months later, or the last day of a month that is too short for it."""
    years, month = divmod(instant.month - 1 + months, 12)
    year = instant.year + years
    return instant.replace(year=year, month=month + 1, day=min(instant.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How all processes together stand with a provider. Instants are in the future, or None."""

    rate_factor: Decimal
    """What refusals left of the rate, 0 to 1."""
    paused_until: datetime | None
    spent_until: datetime | None


async def standings(redis_url: str, providers: Sequence[Provider]) -> dict[str, Standing] | None:
    """The shared standing with each provider; None when Valkey does not answer. Changes nothing."""
    try:
        async with open_valkey(redis_url) as redis:
            return {provider.name: await _standing(redis, provider) for provider in providers}
    except LOST:
        return None


async def _standing(redis: Redis, provider: Provider) -> Standing:
    factor, paused_us, spent_us = await redis.eval(STANDING, 1, _key(provider, "state"), _micros(RECOVERY_SECONDS))
    return Standing(
        rate_factor=Decimal(factor.decode()), paused_until=_instant(int(paused_us)), spent_until=_instant(int(spent_us))
    )


def _instant(micros: int) -> datetime | None:
    return datetime.fromtimestamp(micros / 1e6, UTC) if micros else None


def _key(provider: Provider, part: str) -> str:
    return f"cryptoflow:source:{{{provider.scope}}}:{part}"


class LocalPace:
    """The rate of one process on its own: even distances, nothing saved up."""

    def __init__(self, *, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._next_at = 0.0
        self.paused_until = 0.0

    def wait_seconds(self, *, now: float, weight: int) -> float:
        """0 when the call may go out (it is then counted), else how long to wait."""
        due = max(self._next_at, self.paused_until)
        if now < due:
            return due - now
        self._next_at = now + weight * self._interval_seconds
        return 0.0


class Limiter:
    """The limits of one provider."""

    def __init__(
        self,
        provider: Provider,
        redis: Redis | None,
        *,
        ledger: CallLedger,
        patience_seconds: float = 120.0,
    ) -> None:
        self._provider = provider
        self._reach = Reach(redis, meanwhile=f"{provider.name} is asked at a quarter of its rate by each process")
        self._ledger = ledger
        self._patience_seconds = patience_seconds
        self._pace = LocalPace(interval_seconds=provider.window_seconds / (provider.rate_per_window * LOCAL_SHARE))
        self._spent_until: datetime | None = None
        self._seeded_month = ""
        self._jitter = random.Random()  # noqa: S311 - jitter needs no secrecy

    async def acquire(
        self, *, endpoint: str, weight: int = 1, units: int = 1, patience_seconds: float | None = None
    ) -> float:
        """Wait for leave to make one call of `weight` that costs `units` of the month. Returns the seconds waited.

        Raises RateLimited when that would take longer than the patience, QuotaSpent when the month has no room.
        """
        patience = self._patience_seconds if patience_seconds is None else patience_seconds
        started = time.monotonic()
        while True:
            wait = await self._try(endpoint=endpoint, weight=weight, units=units)
            waited = time.monotonic() - started
            if wait <= 0:
                return waited
            if waited + wait > patience:
                raise RateLimited(
                    f"the rate of {self._provider.rate_per_window} per {self._provider.window_seconds:g} s leaves "
                    f"no room for {wait:.1f} s.",
                    asked=Asked(provider=self._provider.name, endpoint=endpoint),
                    retry_after_seconds=wait,
                )
            await asyncio.sleep(wait * self._jitter.uniform(1.0, 1.1))

    async def settle(self, *, reserved: int, used: int) -> None:
        """Correct the month by what the call really cost."""
        if reserved == used or self._provider.per_month is None:
            return
        redis = self._reach.redis
        if redis is None:
            return
        try:
            await redis.hincrby(self.month_key(datetime.now(UTC)), "used", used - reserved)
        except LOST as error:
            self._lose(error)

    async def penalise(self, *, pause_seconds: float) -> None:
        """The provider refused: nobody asks for `pause_seconds`, and the rate shrinks for a while."""
        self._pace.paused_until = max(self._pace.paused_until, time.monotonic() + pause_seconds)
        redis = self._reach.redis
        if redis is None:
            return
        try:
            arguments = (round(pause_seconds * 1e6), SHRINK_FACTOR, SMALLEST_FACTOR, _micros(RECOVERY_SECONDS))
            await redis.eval(PENALISE, 1, self._key("state"), *arguments, _STATE_KEEP_SECONDS)
        except LOST as error:
            self._lose(error)

    async def forbid(self, *, until: datetime) -> None:
        """The provider says that the quota is spent: nobody asks before `until`."""
        self._spent_until = until
        redis = self._reach.redis
        if redis is None:
            return
        try:
            key = self._key("state")
            await redis.hset(key, "spent_until_us", str(_micros(until.timestamp())))
            await redis.expire(key, _STATE_KEEP_SECONDS)
        except LOST as error:
            self._lose(error)

    def month_key(self, now: datetime) -> str:
        """Where this month is counted."""
        return self._key(f"month:{quota_period(self._provider, now).start:%Y-%m-%d}")

    def _key(self, part: str) -> str:
        return _key(self._provider, part)

    async def _try(self, *, endpoint: str, weight: int, units: int) -> float:
        now = datetime.now(UTC)
        if self._spent_until is not None and now < self._spent_until:
            raise self._spent(endpoint, self._spent_until)
        redis = self._reach.redis
        if redis is not None:
            try:
                return await self._try_shared(redis, now, endpoint=endpoint, weight=weight, units=units)
            except LOST as error:
                self._lose(error)
        return await self._try_alone(now, endpoint=endpoint, weight=weight, units=units)

    async def _try_shared(self, redis: Redis, now: datetime, *, endpoint: str, weight: int, units: int) -> float:
        if self._seeded_month != self.month_key(now):
            await self._seed(redis, now)
        verdict, figure = await self._run_acquire(redis, now, weight=weight, units=units)
        if verdict == "unseeded":
            # Valkey was emptied since.
            await self._seed(redis, now)
            verdict, figure = await self._run_acquire(redis, now, weight=weight, units=units)
        self._reach.answered()
        if verdict == "month":
            raise self._spent(endpoint, quota_period(self._provider, now).end)
        if verdict == "spent":
            raise self._spent(endpoint, datetime.fromtimestamp(figure / 1e6, UTC))
        return figure / 1e6

    async def _run_acquire(self, redis: Redis, now: datetime, *, weight: int, units: int) -> tuple[str, int]:
        provider = self._provider
        keys = (self._key("state"), self._key("window"), self.month_key(now))
        arguments = (
            weight,
            provider.rate_per_window,
            _micros(provider.window_seconds),
            provider.burst,
            units,
            -1 if provider.per_month is None else provider.per_month,
            _micros(RECOVERY_SECONDS),
            _STATE_KEEP_SECONDS,
        )
        verdict, figure = await redis.eval(ACQUIRE, len(keys), *keys, *arguments)
        return verdict.decode() if isinstance(verdict, bytes) else str(verdict), int(figure)

    async def _try_alone(self, now: datetime, *, endpoint: str, weight: int, units: int) -> float:
        if self._provider.per_month is not None:
            used = await self._used_this_month(now)
            if used + units > self._provider.per_month:
                raise self._spent(endpoint, quota_period(self._provider, now).end)
        return self._pace.wait_seconds(now=time.monotonic(), weight=weight)

    async def _seed(self, redis: Redis, now: datetime) -> None:
        used = await self._used_this_month(now)
        await redis.eval(SEED, 1, self.month_key(now), used, _STATE_KEEP_SECONDS)
        self._seeded_month = self.month_key(now)

    async def _used_this_month(self, now: datetime) -> int:
        if self._provider.per_month is None:
            return 0
        since = quota_period(self._provider, now).start
        usage: Usage = await asyncio.to_thread(self._ledger.used, self._provider.name, since=since)
        return usage.credits if self._provider.unit == "credits" else usage.calls

    def _spent(self, endpoint: str, until: datetime) -> QuotaSpent:
        return QuotaSpent(
            f"the quota of {self._provider.per_month} {self._provider.unit} is spent.",
            asked=Asked(provider=self._provider.name, endpoint=endpoint),
            until=until,
        )

    def _lose(self, error: Exception) -> None:
        # The counter may be gone when Valkey is back: seed it again from the ledger.
        self._seeded_month = ""
        self._reach.lost(error)


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
