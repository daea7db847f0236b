"""An exchange opened for asking on the account of the warehouse: its calls, answers and limits are kept there.

What does not belong here: what is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from cryptoflow.settings import Settings
from cryptoflow.sources.exchange import Exchange
from cryptoflow.sources.exchanges import exchange_of
from cryptoflow.sources.http import ProviderClient, open_client
from cryptoflow.sources.ledger import CallLedger
from cryptoflow.sources.valkey import open_valkey
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.usage import PostgresLedger


@asynccontextmanager
async def open_provider(
    settings: Settings,
    name: str,
    database_url: str,
    redis_url: str | None,
    *,
    ledger: CallLedger | None = None,
    run_id: str | None = None,
) -> AsyncIterator[ProviderClient]:
    """The client of a provider with the books of the warehouse; `ledger` counts in its place and hands on."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_valkey(redis_url)) if redis_url else None
        yield await stack.enter_async_context(
            open_client(
                settings,
                name,
                ledger=ledger or PostgresLedger(database_url),
                payloads=PostgresPayloads(database_url),
                redis=redis,
                run_id=run_id,
            )
        )


@asynccontextmanager
async def open_exchange(
    settings: Settings,
    name: str,
    database_url: str,
    redis_url: str | None,
    *,
    ledger: CallLedger | None = None,
    run_id: str | None = None,
) -> AsyncIterator[Exchange]:
    """The exchange of that name, ready to be asked."""
    async with open_provider(settings, name, database_url, redis_url, ledger=ledger, run_id=run_id) as client:
        yield exchange_of(client)
