"""Market snapshots: every provider's figures of the universe, through closes of every grain, in one transaction.

A run writes into the slot that it was due for, however late it is. An asset that no catalog knows yet gets its identity
here, so that no row waits for tomorrow's catalog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Final

from cryptoflow.collect.asking import Asking, ask_all, begin, raise_if_none_answered
from cryptoflow.collect.planning import DATASET, sweep
from cryptoflow.collect.snapshot_questions import Figures, SnapshotAnswer, ask_coingecko, ask_coinmarketcap
from cryptoflow.refine.identity import ProviderListing, plan_identity
from cryptoflow.refine.quota_calls import PlannedCall
from cryptoflow.settings import Settings
from cryptoflow.sources.errors import QuotaSpent, RateLimited
from cryptoflow.sources.http import run_sync
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP
from cryptoflow.warehouse import assets
from cryptoflow.warehouse.collections import CollectionType, Outcome, close_collection
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.minutes import Written
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.quarantine import quarantine
from cryptoflow.warehouse.slots import Slot, SlotState, close_slot
from cryptoflow.warehouse.snapshots import Snapshot, store_snapshots
from cryptoflow.warehouse.world import settle_world

QUESTIONS: Final = {COINGECKO: ask_coingecko, COINMARKETCAP: ask_coinmarketcap}
_FIGURES: Final = tuple(field.name for field in fields(Figures) if field.name != "listing")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReport:
    """What one tick changed."""

    slot: datetime
    written: Written
    refused: int
    new_assets: int
    calls: int
    errors: Sequence[str]


def collect_snapshots(
    settings: Settings,
    *,
    slot: datetime,
    database_url: str,
    redis_url: str | None,
    calls: Mapping[str, Sequence[PlannedCall]] | None = None,
    collection_type: CollectionType = "continuous",
    run_id: str | None = None,
) -> SnapshotReport:
    """Make the calls of the slot (default: the whole universe) and write what came. Raises when nobody answered."""
    planned = sweep(settings) if calls is None else calls
    questions = {
        provider: partial(ask, calls=planned[provider]) for provider, ask in QUESTIONS.items() if planned.get(provider)
    }
    settle_world(database_url, "simulated" if settings.simulator_url else "real")
    with dataset_lock(database_url, DATASET):
        askings: list[Asking[SnapshotAnswer]] = begin(
            settings,
            list(questions),
            dataset=DATASET,
            database_url=database_url,
            collection_type=collection_type,
            run_id=run_id,
        )
        run_sync(ask_all(settings, askings, questions, database_url=database_url, redis_url=redis_url, run_id=run_id))
        with transaction(database_url) as connection:
            report = write_answers(connection, askings, slot=slot, universe_size=settings.universe_size, run_id=run_id)
            _close_idle(connection, [provider for provider in planned if provider not in questions], slot=slot)
    raise_if_none_answered(askings)
    return report


def _close_idle(connection: Connection, providers: Sequence[str], *, slot: datetime) -> None:
    """Say of the providers whose turn it was not that nothing was expected of them."""
    for provider in providers:
        close_slot(
            connection,
            Slot(
                dataset=DATASET,
                provider=provider,
                slot=slot,
                state="not_due",
                reason="The collection plan that fits the quota has no call in this slot.",
                assets_expected=0,
                assets_observed=0,
                assets_refused=0,
                collection_id=None,
            ),
        )


def write_answers(
    connection: Connection,
    askings: Sequence[Asking[SnapshotAnswer]],
    *,
    slot: datetime,
    universe_size: int,
    run_id: str | None,
) -> SnapshotReport:
    """Write what the providers answered, and close its slot and collections, in the caller's transaction."""
    answered = [(asking.provider, asking.answered) for asking in askings if asking.answered]
    stored = store_answers(connection, answered, slot=slot, run_id=run_id)
    for asking in askings:
        broken = stored.written.refused_by.get(asking.provider, 0)
        close_slot(connection, _slot_of(asking, slot=slot, universe_size=universe_size, broken=broken))
        close_collection(connection, asking.collection, _outcome_of(asking, broken=broken))
    return SnapshotReport(
        slot=slot,
        written=stored.written,
        refused=stored.refused,
        new_assets=stored.new_assets,
        calls=sum(asking.tally.calls for asking in askings),
        errors=[str(asking.error) for asking in askings if asking.error],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What answers became: rows, rows refused, and assets that nobody knew before."""

    written: Written
    refused: int
    new_assets: int


def store_answers(
    connection: Connection, answered: Sequence[tuple[str, SnapshotAnswer]], *, slot: datetime, run_id: str | None
) -> Stored:
    """Identity, stage, check, merge, roll up, quarantine: all but the accounts of the collection."""
    keys = assets.ids_by_key(connection)
    new_assets = 0
    for provider, answer in answered:
        unknown = [one for one in answer.figures if (provider, one.listing.key) not in keys]
        if unknown:
            new_assets += _introduce(connection, provider, unknown)
            keys = assets.ids_by_key(connection)
    snapshots = [
        _snapshot(figures, provider=provider, asset_id=keys[provider, figures.listing.key], slot=slot, run_id=run_id)
        for provider, answer in answered
        for figures in answer.figures
    ]
    written = store_snapshots(connection, snapshots)
    refused = [replace(row, run_id=run_id) for _, answer in answered for row in answer.refused]
    quarantine(connection, refused)
    return Stored(written=written, refused=len(refused) + written.refused, new_assets=new_assets)


def _introduce(connection: Connection, provider: str, unknown: Sequence[Figures]) -> int:
    """Give assets that no catalog knows yet an identity; returns how many were made for it."""
    assets.lock_identity(connection)
    plan = plan_identity(
        assets=assets.known_assets(connection),
        aliases=assets.known_aliases(connection),
        answers=[
            ProviderListing(
                provider=provider,
                observed_at=max(one.fetched_at for one in unknown),
                listings=[one.listing for one in unknown],
            )
        ],
    )
    assets.carry_out(connection, plan)
    return len(plan.created)


def _snapshot(figures: Figures, *, provider: str, asset_id: int, slot: datetime, run_id: str | None) -> Snapshot:
    said = {name: getattr(figures, name) for name in _FIGURES}
    return Snapshot(provider=provider, asset_id=asset_id, slot=slot, run_id=run_id, **said)


def _outcome_of(asking: Asking[SnapshotAnswer], *, broken: int) -> Outcome:
    """How asking the provider ended; rows that broke a rule of the contract were not stored."""
    outcome = asking.outcome()
    return replace(outcome, processed=outcome.processed - broken, failed=outcome.failed + broken)


def _slot_of(asking: Asking[SnapshotAnswer], *, slot: datetime, universe_size: int, broken: int) -> Slot:
    outcome = _outcome_of(asking, broken=broken)
    state, reason = _state_of(asking, outcome)
    return Slot(
        dataset=DATASET,
        provider=asking.provider,
        slot=slot,
        state=state,
        reason=reason,
        assets_expected=universe_size,
        assets_observed=outcome.processed,
        assets_refused=outcome.failed,
        collection_id=asking.collection.collection_id,
    )


def _state_of(asking: Asking[SnapshotAnswer], outcome: Outcome) -> tuple[SlotState, str | None]:
    if asking.error is None and not outcome.processed:
        return "feed_down", f"No row of the answer could be stored; {outcome.failed} were refused."
    if asking.error is None:
        return "observed", None
    if isinstance(asking.error, QuotaSpent | RateLimited):
        return "throttled", asking.error.what
    return "feed_down", asking.error.what
