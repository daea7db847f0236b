"""The asset catalog: which assets there are and what each provider calls them, from CoinGecko and CoinMarketCap.

Each provider is asked on its own: one that fails leaves the other's news whole, and its own past untouched. All that
came is planned and written in one transaction, with the records of the collections and the rows that were refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from cryptoflow.collect.catalog_questions import DATASET, Answered, ask_coingecko, ask_coinmarketcap
from cryptoflow.errors import CryptoflowError
from cryptoflow.refine.identity import IdentityPlan, plan_identity
from cryptoflow.settings import Settings
from cryptoflow.sources.http import open_client, run_sync
from cryptoflow.sources.ledger import CallLedger, ProviderCall, Usage
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP, askable
from cryptoflow.sources.valkey import open_valkey
from cryptoflow.warehouse import assets
from cryptoflow.warehouse.collections import Collection, CollectionType, Outcome, close_collection, open_collection
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import quarantine
from cryptoflow.warehouse.usage import PostgresLedger
from cryptoflow.warehouse.world import settle_world

QUESTIONS: Final = {COINGECKO: ask_coingecko, COINMARKETCAP: ask_coinmarketcap}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """How asking one provider went."""

    provider: str
    listed: int
    refused: int
    calls: int
    error: str | None
    payloads: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogReport:
    """What the collection changed."""

    assets: int
    active: int
    created: int
    updated: int
    renamed: int
    gone: int
    warnings: Sequence[str]
    providers: Sequence[ProviderReport]


@dataclass(slots=True)
class _Tally:
    """The warehouse's ledger, seen from one collection: it also counts what this collection asked."""

    ledger: CallLedger
    calls: int = 0
    payloads: list[str] = field(default_factory=list)

    def record_call(self, call: ProviderCall) -> None:
        self.calls += 1
        if call.payload_sha256:
            self.payloads.append(call.payload_sha256.hex())
        self.ledger.record_call(call)

    def used(self, provider: str, *, since: datetime) -> Usage:
        return self.ledger.used(provider, since=since)


@dataclass(slots=True, kw_only=True)
class _Asking:
    """One provider's part of the collection, while it runs."""

    provider: str
    collection: Collection
    tally: _Tally
    answered: Answered | None = None
    error: CryptoflowError | None = None

    def outcome(self) -> Outcome:
        """How it ended, for its record."""
        if self.answered is None:
            return Outcome(status="failed", calls=self.tally.calls, error=str(self.error))
        return Outcome(
            status="completed",
            processed=len(self.answered.listing.listings),
            failed=len(self.answered.refused),
            calls=self.tally.calls,
            details=self.answered.details,
        )

    def report(self) -> ProviderReport:
        """How it ended, for a person."""
        outcome = self.outcome()
        return ProviderReport(
            provider=self.provider,
            listed=outcome.processed,
            refused=outcome.failed,
            calls=outcome.calls,
            error=outcome.error,
            payloads=tuple(self.tally.payloads),
        )


def collect_catalog(
    settings: Settings,
    *,
    database_url: str,
    redis_url: str | None,
    collection_type: CollectionType = "complete",
    run_id: str | None = None,
) -> CatalogReport:
    """Ask the providers and bring the catalog to what they say. Raises when none of them answered."""
    providers = [provider.name for provider in askable(settings) if provider.name in QUESTIONS]
    settle_world(database_url, "simulated" if settings.simulator_url else "real")
    with dataset_lock(database_url, DATASET):
        askings = [
            _Asking(
                provider=provider,
                collection=open_collection(
                    database_url, collection_type=collection_type, dataset=DATASET, provider=provider, run_id=run_id
                ),
                tally=_Tally(PostgresLedger(database_url)),
            )
            for provider in providers
        ]
        run_sync(_ask_all(settings, askings, database_url=database_url, redis_url=redis_url, run_id=run_id))
        report = _write(database_url, askings, run_id=run_id)
    if all(asking.error for asking in askings):
        raise next(asking.error for asking in askings if asking.error)
    return report


async def _ask_all(
    settings: Settings, askings: Sequence[_Asking], *, database_url: str, redis_url: str | None, run_id: str | None
) -> None:
    """Ask every provider at the same time."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_valkey(redis_url)) if redis_url else None
        payloads = PostgresPayloads(database_url)

        async def ask(asking: _Asking) -> None:
            """Ask one provider; what goes wrong with it is told in its own record."""
            try:
                async with open_client(
                    settings, asking.provider, ledger=asking.tally, payloads=payloads, redis=redis, run_id=run_id
                ) as client:
                    asking.answered = await QUESTIONS[asking.provider](client, universe_size=settings.universe_size)
            except CryptoflowError as error:
                asking.error = error

        await asyncio.gather(*(ask(asking) for asking in askings))


def _write(database_url: str, askings: Sequence[_Asking], *, run_id: str | None) -> CatalogReport:
    """Plan and write everything that came, and close the collections, in one transaction."""
    answered = [asking.answered for asking in askings if asking.answered]
    with transaction(database_url) as connection:
        assets.lock_identity(connection)
        plan = plan_identity(
            assets=assets.known_assets(connection),
            aliases=assets.known_aliases(connection),
            answers=[answer.listing for answer in answered],
        )
        assets.carry_out(connection, plan)
        quarantine(connection, [replace(row, run_id=run_id) for answer in answered for row in answer.refused])
        for asking in askings:
            close_collection(connection, asking.collection, asking.outcome())
        total, active = assets.count_assets(connection)
    return _report(plan, askings, total=total, active=active)


def _report(plan: IdentityPlan, askings: Sequence[_Asking], *, total: int, active: int) -> CatalogReport:
    return CatalogReport(
        assets=total,
        active=active,
        created=len(plan.created),
        updated=len(plan.updated),
        renamed=plan.renamed,
        gone=sum(alias.kind == "key" for alias in plan.closed),
        warnings=tuple(plan.refused),
        providers=[asking.report() for asking in askings],
    )
