"""What keys allow, asked of the providers that tell it: once a day, at the first tick, and when a month has ended.

It costs nothing, and a failure stops nobody: what was told before, or the configured figure, is used, and it is said.
What does not belong here: what follows for the plan (planning).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptoflow.errors import CryptoflowError
from cryptoflow.settings import Settings
from cryptoflow.sources.allowances import ToldAllowance, tells_allowance
from cryptoflow.sources.coingecko import CoinGecko
from cryptoflow.sources.coinmarketcap import CoinMarketCap
from cryptoflow.sources.http import ProviderClient, open_client, run_sync
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP, Provider, askable
from cryptoflow.sources.valkey import open_valkey
from cryptoflow.warehouse.allowances import KeptAllowance, keep_failure, keep_told, kept_allowances
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.usage import PostgresLedger

ASKED_EVERY: Final = timedelta(days=1)
# After a failure, and when the month that was told has ended.
ASKED_AGAIN_AFTER: Final = timedelta(hours=1)
REQUEST_SECONDS: Final = 10.0


async def _coinmarketcap(client: ProviderClient) -> ToldAllowance:
    info, answer = await CoinMarketCap(client).key_info()
    used = info.usage.current_month.credits_used if info.usage and info.usage.current_month else None
    return ToldAllowance(
        provider=COINMARKETCAP,
        account=client.provider.scope,
        calls_per_minute=info.plan.rate_limit_minute,
        units_per_period=info.plan.credit_limit_monthly,
        units_per_day=info.plan.credit_limit_daily,
        used_units=used,
        resets_at=info.plan.credit_limit_monthly_reset_timestamp,
        told_at=answer.fetched_at,
        payload_sha256=answer.payload_sha256,
    )


async def _coingecko(client: ProviderClient) -> ToldAllowance:
    usage, answer = await CoinGecko(client).key_usage()
    return ToldAllowance(
        provider=COINGECKO,
        account=client.provider.scope,
        calls_per_minute=usage.rate_limit_request_per_minute,
        units_per_period=usage.monthly_call_credit,
        units_per_day=None,
        used_units=usage.current_total_monthly_calls,
        resets_at=None,
        told_at=answer.fetched_at,
        payload_sha256=answer.payload_sha256,
    )


_QUESTIONS: Final[Mapping[str, Callable[[ProviderClient], Awaitable[ToldAllowance]]]] = {
    COINGECKO: _coingecko,
    COINMARKETCAP: _coinmarketcap,
}


def refresh_allowances(
    settings: Settings,
    *,
    database_url: str,
    redis_url: str | None,
    now: datetime,
    run_id: str | None = None,
    every: timedelta = ASKED_EVERY,
) -> list[str]:
    """Ask the providers whose figures are older than `every`, or out of date; returns what went wrong, in words."""
    kept = kept_allowances(database_url)
    due = [
        provider
        for provider in askable(settings)
        if tells_allowance(provider) and _is_due(kept.get(provider.name), provider, now=now, every=every)
    ]
    if not due:
        return []
    return run_sync(_ask_all(settings, due, database_url=database_url, redis_url=redis_url, run_id=run_id))


def _is_due(kept: KeptAllowance | None, provider: Provider, *, now: datetime, every: timedelta) -> bool:
    if kept is None or kept.account != provider.scope:
        return True
    is_over = (
        kept.told is not None and kept.told.resets_at is not None and kept.told.told_at < kept.told.resets_at <= now
    )
    pause = min(every, ASKED_AGAIN_AFTER) if kept.error or is_over else every
    return now - kept.attempted_at >= pause


async def _ask_all(
    settings: Settings, providers: Sequence[Provider], *, database_url: str, redis_url: str | None, run_id: str | None
) -> list[str]:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_valkey(redis_url)) if redis_url else None
        ledger, payloads = PostgresLedger(database_url), PostgresPayloads(database_url)

        async def ask(provider: Provider) -> str | None:
            try:
                client = open_client(
                    settings,
                    provider.name,
                    ledger=ledger,
                    payloads=payloads,
                    redis=redis,
                    run_id=run_id,
                    request_seconds=REQUEST_SECONDS,
                )
                async with client:
                    told = await _QUESTIONS[provider.name](client)
            except CryptoflowError as error:
                keep_failure(
                    database_url,
                    provider=provider.name,
                    account=provider.scope,
                    attempted_at=datetime.now(UTC),
                    error=error.what,
                )
                return f"{provider.name} did not tell what its key allows: {error.what}"
            keep_told(database_url, told)
            return None

        return [trouble for trouble in await asyncio.gather(*map(ask, providers)) if trouble]
