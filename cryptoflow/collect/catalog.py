"""The asset catalog: which assets there are and what each provider calls them, from CoinGecko and CoinMarketCap.

Each provider is asked on its own: one that fails leaves the other's news whole, and its own past untouched. All that
came is planned and written in one transaction, with the records of the collections and the rows that were refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from cryptoflow.collect.asking import Asking, ask_all, begin, raise_if_none_answered
from cryptoflow.collect.catalog_questions import DATASET, CatalogAnswer, ask_coingecko, ask_coinmarketcap
from cryptoflow.refine.identity import IdentityPlan, plan_identity
from cryptoflow.settings import Settings
from cryptoflow.sources.http import run_sync
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP
from cryptoflow.warehouse import assets
from cryptoflow.warehouse.collections import CollectionType, close_collection
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import quarantine
from cryptoflow.warehouse.world import settle_world


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


def collect_catalog(
    settings: Settings,
    *,
    database_url: str,
    redis_url: str | None,
    collection_type: CollectionType = "complete",
    run_id: str | None = None,
) -> CatalogReport:
    """Ask the providers and bring the catalog to what they say. Raises when none of them answered."""
    questions = {
        COINGECKO: partial(ask_coingecko, universe_size=settings.universe_size),
        COINMARKETCAP: partial(ask_coinmarketcap, universe_size=settings.universe_size),
    }
    settle_world(database_url, "simulated" if settings.simulator_url else "real")
    with dataset_lock(database_url, DATASET):
        askings: list[Asking[CatalogAnswer]] = begin(
            settings,
            list(questions),
            dataset=DATASET,
            database_url=database_url,
            collection_type=collection_type,
            run_id=run_id,
        )
        run_sync(ask_all(settings, askings, questions, database_url=database_url, redis_url=redis_url, run_id=run_id))
        report = _write(database_url, askings, run_id=run_id)
    raise_if_none_answered(askings)
    return report


def _write(database_url: str, askings: Sequence[Asking[CatalogAnswer]], *, run_id: str | None) -> CatalogReport:
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


def _report(plan: IdentityPlan, askings: Sequence[Asking[CatalogAnswer]], *, total: int, active: int) -> CatalogReport:
    return CatalogReport(
        assets=total,
        active=active,
        created=len(plan.created),
        updated=len(plan.updated),
        renamed=plan.renamed,
        gone=sum(alias.kind == "key" for alias in plan.closed),
        warnings=tuple(plan.refused),
        providers=[_provider_report(asking) for asking in askings],
    )


def _provider_report(asking: Asking[CatalogAnswer]) -> ProviderReport:
    """How one provider's part ended, for a person."""
    outcome = asking.outcome()
    return ProviderReport(
        provider=asking.provider,
        listed=outcome.processed,
        refused=outcome.failed,
        calls=outcome.calls,
        error=outcome.error,
        payloads=tuple(asking.tally.payloads),
    )
