"""Asking several providers for one dataset at the same time: each on its own account, none able to stop another.

What does not belong here: what is asked, and what is done with the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from cryptoflow.errors import CryptoflowError
from cryptoflow.settings import Settings
from cryptoflow.sources.http import ProviderClient, open_client
from cryptoflow.sources.ledger import CallLedger, ProviderCall, Usage
from cryptoflow.sources.providers import askable
from cryptoflow.sources.valkey import open_valkey
from cryptoflow.warehouse.allowances import kept_allowances
from cryptoflow.warehouse.collections import Collection, CollectionType, Outcome, open_collection
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.quarantine import RefusedRow
from cryptoflow.warehouse.usage import PostgresLedger


class Answer(Protocol):
    """What a question brings back, as far as its accounts go."""

    @property
    def listed(self) -> int:
        """Rows that can be used."""
        ...

    @property
    def refused(self) -> Sequence[RefusedRow]:
        """Rows that cannot."""
        ...

    @property
    def details(self) -> dict[str, object]:
        """What the walk over the pages saw."""
        ...


A = TypeVar("A", bound=Answer)
Question = Callable[[ProviderClient], Awaitable[A]]


@dataclass(slots=True)
class Tally:
    """The warehouse's ledger, seen from one collection: it also counts what this collection asked."""

    ledger: CallLedger
    calls: int = 0
    payloads: list[str] = field(default_factory=list)

    def record_call(self, call: ProviderCall) -> None:
        """Count the call, and hand it on."""
        self.calls += 1
        if call.payload_sha256:
            self.payloads.append(call.payload_sha256.hex())
        self.ledger.record_call(call)

    def used(self, provider: str, *, since: datetime) -> Usage:
        """What the ledger says."""
        return self.ledger.used(provider, since=since)


@dataclass(slots=True, kw_only=True)
class Asking(Generic[A]):
    """One provider's part of a collection, while it runs."""

    provider: str
    collection: Collection
    tally: Tally
    answered: A | None = None
    error: CryptoflowError | None = None

    def outcome(self) -> Outcome:
        """How it ended, for its record."""
        if self.answered is None:
            return Outcome(status="failed", calls=self.tally.calls, error=str(self.error))
        return Outcome(
            status="completed",
            processed=self.answered.listed,
            failed=len(self.answered.refused),
            calls=self.tally.calls,
            details=self.answered.details,
        )


def begin(
    settings: Settings,
    providers: Sequence[str],
    *,
    dataset: str,
    database_url: str,
    collection_type: CollectionType | Mapping[str, CollectionType],
    run_id: str | None,
) -> list[Asking[A]]:
    """Open a collection for each of the providers that can be asked with the keys at hand.

    `collection_type` is one for all, or by provider.
    """

    def kind_of(provider: str) -> CollectionType:
        return collection_type if isinstance(collection_type, str) else collection_type[provider]

    return [
        Asking(
            provider=provider.name,
            collection=open_collection(
                database_url,
                collection_type=kind_of(provider.name),
                dataset=dataset,
                provider=provider.name,
                run_id=run_id,
            ),
            tally=Tally(PostgresLedger(database_url)),
        )
        for provider in askable(settings)
        if provider.name in providers
    ]


async def ask_all(
    settings: Settings,
    askings: Sequence[Asking[A]],
    questions: Mapping[str, Question[A]],
    *,
    database_url: str,
    redis_url: str | None,
    run_id: str | None,
    request_seconds: float | None = None,
) -> None:
    """Ask every provider; what goes wrong with one is told in its own record.

    `request_seconds` bounds each request with all its waits and attempts.
    """
    told = {name: kept.told for name, kept in kept_allowances(database_url).items()}
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_valkey(redis_url)) if redis_url else None
        payloads = PostgresPayloads(database_url)

        async def ask(asking: Asking[A]) -> None:
            try:
                client = open_client(
                    settings,
                    asking.provider,
                    ledger=asking.tally,
                    payloads=payloads,
                    redis=redis,
                    run_id=run_id,
                    told=told.get(asking.provider),
                    request_seconds=request_seconds,
                )
                async with client:
                    asking.answered = await questions[asking.provider](client)
            except CryptoflowError as error:
                asking.error = error

        await asyncio.gather(*(ask(asking) for asking in askings))


def raise_if_none_answered(askings: Sequence[Asking[A]]) -> None:
    """A collection of which nothing came failed as a whole: raise the first provider's error."""
    errors = [asking.error for asking in askings if asking.error]
    if errors and len(errors) == len(askings):
        raise errors[0]
