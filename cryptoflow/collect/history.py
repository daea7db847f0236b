"""History from the providers' charts: what no tick saw, and what was before the first tick.

    what lacks, what was asked before -> requests, most urgent first (refine.history_plan)
    -> asked one by one, in the rate that ticks leave -> points, quarantine, what was asked: a batch, a transaction
    -> missed slots are told what came of them (refine.refills)

A run asks until its time is over, the budget is used or the provider refuses, and says what is left. What was asked is
recorded with the points, so a run that was killed goes on where it was, and nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.asking import Tally
from cryptoflow.collect.charts import DATASET
from cryptoflow.collect.history_run import HistoryRun, ask_requests
from cryptoflow.collect.planning import DATASET as SLOTS_OF
from cryptoflow.collect.planning import current_plan
from cryptoflow.refine.history_plan import (
    FIRST_DAYS,
    SETTLED_AFTER,
    ChartRequest,
    HistoryBudget,
    RankedKey,
    budget_of,
    coarse_from,
    fine_from,
    plan_requests,
)
from cryptoflow.refine.refills import REFILLABLE, MissedSlot, Verdict, nothing_there, verdict
from cryptoflow.settings import Settings
from cryptoflow.sources.http import bounds_from_settings, open_client, run_sync
from cryptoflow.sources.providers import COINGECKO
from cryptoflow.sources.valkey import open_valkey
from cryptoflow.warehouse.collections import CollectionType, Outcome, close_collection, open_collection
from cryptoflow.warehouse.gaps import Gap, find_gaps
from cryptoflow.warehouse.history import (
    FirstHistory,
    earlier_requests,
    first_history,
    missed_slots,
    missing_minutes,
    ranked_keys,
    tell_slots,
)
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.slots import Slot
from cryptoflow.warehouse.usage import PostgresLedger
from cryptoflow.warehouse.world import settle_world

PROVIDER: Final = COINGECKO
"""The only provider that has charts."""
# A chart waits neither for long nor often: the run comes again, and others want the worker.
_PATIENCE_SECONDS: Final = 20.0
_MOST_ATTEMPTS_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPlan:
    """What there is to ask, for which slots, and what it may cost."""

    assets: Sequence[RankedKey]
    gaps: Sequence[Gap]
    requests: Sequence[ChartRequest]
    budget: HistoryBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """What one run brought, and what is left."""

    wanted: int
    answered: int
    without_points: int
    refused_requests: int
    failed: int
    points: int
    stored: int
    quarantined: int
    minutes: int
    calls: int
    points_by_hour: Mapping[datetime, int]
    slots_told: Mapping[str, int]
    first: FirstHistory
    stopped_by: str | None
    goes_on_at: datetime | None
    """When more can be asked; None: nothing is left."""

    @property
    def left(self) -> int:
        """Charts that are still to be asked for."""
        return self.wanted - self.answered - self.without_points - self.refused_requests


def plan_history(
    settings: Settings,
    database_url: str,
    redis_url: str | None,
    *,
    now: datetime,
    depths: Sequence[int] = FIRST_DAYS,
    top: int | None = None,
) -> HistoryPlan:
    """Everything that is to be asked now. `top` asks for the largest assets only; slots are told of all of them."""
    plan = current_plan(settings, database_url, redis_url, now=now).plan
    gaps = _gaps(database_url, now=now)
    with transaction(database_url) as connection:
        assets = ranked_keys(connection, provider=PROVIDER, most=settings.universe_size)
        missing = missing_minutes(
            connection,
            provider=PROVIDER,
            gaps=[gap for gap in gaps if gap.starts >= coarse_from(now)],
            assets=assets,
            fine_from=fine_from(now),
        )
        earlier = earlier_requests(connection, provider=PROVIDER)
    return HistoryPlan(
        assets=assets,
        gaps=gaps,
        requests=plan_requests(assets[:top], missing=missing, earlier=earlier, depths=depths, now=now),
        budget=budget_of(next(one for one in plan.providers if one.allowance.provider == PROVIDER)),
    )


def collect_history(
    settings: Settings,
    *,
    now: datetime,
    database_url: str,
    redis_url: str | None,
    depths: Sequence[int] = FIRST_DAYS,
    top: int | None = None,
    seconds: float | None = None,
    collection_type: CollectionType = "continuous",
    run_id: str | None = None,
    wait_seconds: float = 0.0,
    on_progress: Callable[[HistoryRun], None] | None = None,
) -> HistoryReport:
    """Ask for history for at most so many seconds. Raises when nothing was answered and no waiting would help."""
    settle_world(database_url, "simulated" if settings.simulator_url else "real")
    with dataset_lock(database_url, DATASET, wait_seconds=wait_seconds):
        plan = plan_history(settings, database_url, redis_url, now=now, depths=depths, top=top)
        if not plan.requests:
            told = _tell(database_url, plan, now=now, collection_id=None)
            return _report(settings, database_url, plan, None, told=told)
        run = HistoryRun(
            plan=plan.requests,
            budget=plan.budget,
            provider=PROVIDER,
            database_url=database_url,
            collection=open_collection(
                database_url, collection_type=collection_type, dataset=DATASET, provider=PROVIDER, run_id=run_id
            ),
            tally=Tally(PostgresLedger(database_url)),
            now=now,
            run_id=run_id,
            on_progress=on_progress,
        )
        run_sync(_asked(settings, run, redis_url=redis_url, seconds=seconds))
        told = _tell(database_url, plan, now=now, collection_id=run.collection.collection_id)
        report = _report(settings, database_url, plan, run, told=told)
        with transaction(database_url) as connection:
            close_collection(connection, run.collection, _outcome(run, report))
    if run.error is not None and not run.error.retryable and not run.was_answered:
        raise run.error
    return report


async def _asked(settings: Settings, run: HistoryRun, *, redis_url: str | None, seconds: float | None) -> None:
    bounds = replace(
        bounds_from_settings(settings),
        patience_seconds=_PATIENCE_SECONDS,
        attempts=min(settings.http_attempts, _MOST_ATTEMPTS_AT_ONCE),
    )
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_valkey(redis_url)) if redis_url else None
        client = await stack.enter_async_context(
            open_client(
                settings,
                PROVIDER,
                ledger=run.tally,
                payloads=PostgresPayloads(run.database_url),
                redis=redis,
                bounds=bounds,
                run_id=run.run_id,
            )
        )
        await ask_requests(client, run, seconds=seconds)


def _gaps(database_url: str, *, now: datetime) -> list[Gap]:
    """Missed slots that history may refill; a slot of the last minutes may still be observed."""
    ends = bucket_start(now - SETTLED_AFTER, Grain.MINUTE)
    # Beyond what charts reach back to, slots are only told so: those of one more week, in which a run surely came by.
    starts = bucket_start(coarse_from(now), Grain.MINUTE) - timedelta(days=7)
    found = find_gaps(database_url, dataset=SLOTS_OF, starts=starts, ends=ends)
    return [
        part
        for gap in found
        if gap.provider == PROVIDER and gap.state in REFILLABLE
        for part in _split_at(gap, bucket_start(coarse_from(now), Grain.MINUTE) + timedelta(minutes=1))
    ]


def _split_at(gap: Gap, instant: datetime) -> list[Gap]:
    if gap.starts < instant < gap.ends:
        return [replace(gap, ends=instant), replace(gap, starts=instant)]
    return [gap]


def _tell(database_url: str, plan: HistoryPlan, *, now: datetime, collection_id: int | None) -> dict[str, int]:
    """Tell the missed slots what came of them; returns how many by state."""
    with transaction(database_url) as connection:
        missed = missed_slots(connection, provider=PROVIDER, gaps=plan.gaps, assets=plan.assets)
        told = [(one, said) for one in missed if (said := verdict(one, now=now))]
        if not told:
            return {}
        excepted: dict[str, list[datetime]] = {}
        for one, said in told:
            if said.state == "observed" and one.without_point:
                excepted.setdefault(nothing_there(one.slot, now=now), []).append(one.slot)
        slots = [_slot(one, said, collection_id=collection_id) for one, said in told]
        tell_slots(connection, slots, exceptions=excepted, assets=plan.assets)
    states = [said.state for _, said in told]
    return {state: states.count(state) for state in sorted(set(states))}


def _slot(missed: MissedSlot, said: Verdict, *, collection_id: int | None) -> Slot:
    return Slot(
        dataset=SLOTS_OF,
        provider=PROVIDER,
        slot=missed.slot,
        state=said.state,
        reason=said.reason,
        assets_expected=missed.wanted,
        assets_observed=missed.refilled,
        assets_refused=0,
        collection_id=collection_id,
    )


def _report(
    settings: Settings, database_url: str, plan: HistoryPlan, run: HistoryRun | None, *, told: Mapping[str, int]
) -> HistoryReport:
    with transaction(database_url) as connection:
        first = first_history(connection, provider=PROVIDER, most=settings.universe_size)
    return HistoryReport(
        wanted=len(plan.requests),
        answered=run.answered if run else 0,
        without_points=run.without_points if run else 0,
        refused_requests=run.refused_requests if run else 0,
        failed=run.failed if run else 0,
        points=run.points if run else 0,
        stored=run.stored if run else 0,
        quarantined=run.quarantined if run else 0,
        minutes=run.minutes if run else 0,
        calls=run.tally.calls if run else 0,
        points_by_hour=dict(sorted(run.points_by_hour.items())) if run else {},
        slots_told=told,
        first=first,
        stopped_by=run.stopped_by if run else None,
        goes_on_at=run.goes_on_at if run else None,
    )


def _outcome(run: HistoryRun, report: HistoryReport) -> Outcome:
    """A run that was refused before anything was answered failed; one that has to stop for a while did not."""
    is_failed = run.error is not None and not run.was_answered
    return Outcome(
        status="failed" if is_failed else "completed",
        processed=report.answered,
        failed=report.refused_requests + report.failed,
        calls=report.calls,
        error=str(run.error) if is_failed else None,
        details={
            "wanted": report.wanted,
            "left": report.left,
            "points": report.points,
            "stopped_by": report.stopped_by,
            "goes_on_at": report.goes_on_at.isoformat() if report.goes_on_at else None,
            "slots": dict(report.slots_told),
        },
    )
