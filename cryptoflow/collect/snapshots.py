"""Market snapshots: every provider's figures of the universe, through closes of every grain, in one transaction.
What is left to build of what late figures touched comes after it.

A run writes into the slot that it was due for, however late it is. An asset that no catalog knows yet gets its identity
here, so that no row waits for tomorrow's catalog.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

from cryptoflow.collect.asking import Asking, ask_all, begin, raise_if_none_answered
from cryptoflow.collect.planning import DATASET, sweep
from cryptoflow.collect.rebuild import Drained, catch_up
from cryptoflow.collect.snapshot_questions import Figures, SnapshotAnswer, ask_coingecko, ask_coinmarketcap
from cryptoflow.collect.snapshot_slots import Came, close_asked, close_idle
from cryptoflow.collect.snapshot_verdicts import Judged, judge_snapshots, with_run
from cryptoflow.refine.batch_samples import BatchFinding
from cryptoflow.refine.identity import ProviderListing, plan_identity
from cryptoflow.refine.quota_calls import PlannedCall
from cryptoflow.settings import Settings
from cryptoflow.sources.http import run_sync
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP
from cryptoflow.warehouse import assets
from cryptoflow.warehouse.collections import CollectionType, Outcome, close_collection
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.minutes import Written
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.quarantine import quarantine, quarantine_answers
from cryptoflow.warehouse.slots import SlotState
from cryptoflow.warehouse.snapshots import Snapshot, store_snapshots
from cryptoflow.warehouse.world import settle_world

QUESTIONS: Final = {COINGECKO: ask_coingecko, COINMARKETCAP: ask_coinmarketcap}
# A tick has a minute, and a provider that hangs must not take the next tick from the others.
TICK_REQUEST_SECONDS: Final = 40.0
_FIGURES: Final = tuple(name for name in Figures.__struct_fields__ if name != "listing")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReport:
    """What one tick changed."""

    slot: datetime
    written: Written
    refused: int
    new_assets: int
    calls: int
    absent: int
    """Assets that were due and did not come."""
    warnings: Sequence[str]
    """What is wrong with answers as a whole."""
    errors: Sequence[str]
    caught_up: Drained = field(default_factory=Drained)
    """What was built after the write, of what this one or others before it had only marked."""


def collect_snapshots(
    settings: Settings,
    *,
    slot: datetime,
    database_url: str,
    redis_url: str | None,
    calls: Mapping[str, Sequence[PlannedCall]] | None = None,
    collection_type: CollectionType | Mapping[str, CollectionType] = "complete",
    idle: Mapping[str, tuple[SlotState, str]] | None = None,
    request_seconds: float | None = None,
    run_id: str | None = None,
) -> SnapshotReport:
    """Make the calls of the slot (default: the whole universe) and write what came. Raises when nobody answered.

    `idle` says why the providers in it are not asked; `request_seconds` bounds each request, all attempts together.
    """
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
        run_sync(
            ask_all(
                settings,
                askings,
                questions,
                database_url=database_url,
                redis_url=redis_url,
                run_id=run_id,
                request_seconds=request_seconds,
            )
        )
        with transaction(database_url) as connection:
            report = write_answers(
                connection, askings, slot=slot, universe_size=settings.universe_size, run_id=run_id, calls=planned
            )
            close_idle(connection, idle or {}, slot=slot)
    raise_if_none_answered(askings)
    return replace(report, caught_up=catch_up(database_url))


def write_answers(
    connection: Connection,
    askings: Sequence[Asking[SnapshotAnswer]],
    *,
    slot: datetime,
    universe_size: int,
    run_id: str | None,
    calls: Mapping[str, Sequence[PlannedCall]] | None = None,
) -> SnapshotReport:
    """Write what the providers answered, and close its slot and collections, in the caller's transaction."""
    answered = [(asking.provider, asking.answered) for asking in askings if asking.answered]
    stored = store_answers(connection, answered, slot=slot, run_id=run_id)
    absent = 0
    for asking in askings:
        came = _came(asking, stored.judged, stored.written, stored.keys)
        gone = close_asked(
            connection,
            asking,
            came,
            slot=slot,
            universe_size=universe_size,
            calls=(calls or {}).get(asking.provider, ()),
        )
        warnings = stored.judged.findings.get(asking.provider, ())
        close_collection(connection, asking.collection, _outcome_of(asking, came, absent=gone, warnings=warnings))
        absent += gone
    findings = stored.judged.findings.items()
    return SnapshotReport(
        slot=slot,
        written=stored.written,
        refused=stored.refused,
        new_assets=stored.new_assets,
        calls=sum(asking.tally.calls for asking in askings),
        absent=absent,
        warnings=[f"{provider}: {one.what}" for provider, found in findings for one in found],
        errors=[str(asking.error) for asking in askings if asking.error],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What answers became: rows, rows refused, assets that nobody knew before, and what was made of the whole."""

    written: Written
    refused: int
    new_assets: int
    judged: Judged
    keys: Mapping[tuple[str, str], int]


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
    judged = judge_snapshots(connection, snapshots, asked={provider: answer.asked for provider, answer in answered})
    written = store_snapshots(connection, judged.stored)
    refused = with_run([row for _, answer in answered for row in answer.refused], run_id)
    quarantine(connection, refused)
    quarantine_answers(connection, judged.refused)
    return Stored(
        written=written,
        refused=len(refused) + judged.refused_rows + written.refused,
        new_assets=new_assets,
        judged=judged,
        keys=keys,
    )


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


def _came(
    asking: Asking[SnapshotAnswer], judged: Judged, written: Written, keys: Mapping[tuple[str, str], int]
) -> Came:
    """What of the provider's answer is stored, and what is not."""
    provider = asking.provider
    broken = [row for row in written.refusals if row.provider == provider]
    changed = judged.refused_assets.get(provider, {})
    unread = asking.answered.refused if asking.answered else ()
    named = asking.answered.refused_keys if asking.answered else {}
    refused_assets = {
        **{keys[provider, key]: rule for key, rule in named.items() if (provider, key) in keys},
        **{int(row.held["asset_id"]): row.rule for row in broken},
        **changed,
    }
    return Came(
        assets={row.asset_id for row in judged.stored if row.provider == provider} - refused_assets.keys(),
        refused_assets=refused_assets,
        refused_rows=Counter([*(row.rule for row in unread), *(row.rule for row in broken), *changed.values()]),
        refused_answers={answer: one.rule for answer, one in judged.refused_answers(provider).items()},
    )


def _outcome_of(
    asking: Asking[SnapshotAnswer], came: Came, *, absent: int, warnings: Sequence[BatchFinding]
) -> Outcome:
    """How asking the provider ended; rows that were refused are not stored."""
    outcome = asking.outcome()
    if asking.answered is None:
        return outcome
    told = {
        "refused": dict(came.refused_rows),
        "waiting": sorted(set(came.refused_answers.values())),
        "absent": absent,
        "warnings": [asdict(one) for one in warnings],
    }
    return replace(outcome, processed=len(came.assets), failed=came.refused, details={**outcome.details, **told})
