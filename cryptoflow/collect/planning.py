"""The collection plan in force, and what it means for a slot: which calls of which provider are due, and why not more.

The plan is made anew for every slot from what is true now: what the keys allow (told by the provider, set by a person,
or published), what was used, and what all processes together know of refusals. A plan that differs from the one on
record is recorded with its cause.
What does not belong here: the arithmetic of a plan (refine.quota_plan), asking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptoflow.refine.quota_calls import PlannedCall, due, lay_out
from cryptoflow.refine.quota_changes import cause_of, changes, is_another, mark_of
from cryptoflow.refine.quota_model import Allowance, ProviderPlan, QuotaPlan
from cryptoflow.refine.quota_plan import plan_quota, slowed, spent
from cryptoflow.refine.quota_words import silence_words
from cryptoflow.settings import Settings
from cryptoflow.sources.allowances import Origin, ToldAllowance, quota_origin, tells_allowance, with_told
from cryptoflow.sources.coingecko import MOST_PER_PAGE as COINGECKO_ROWS
from cryptoflow.sources.coinmarketcap import MOST_PER_PAGE as COINMARKETCAP_ROWS
from cryptoflow.sources.coinmarketcap import ROWS_PER_CREDIT
from cryptoflow.sources.http import run_sync
from cryptoflow.sources.ledger import Usage
from cryptoflow.sources.limits import Standing, quota_period, standings
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP, Provider, askable
from cryptoflow.warehouse.allowances import kept_allowances
from cryptoflow.warehouse.collections import CollectionType
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quota_plans import PlanChange, lock_record, newest_marks, record_changes
from cryptoflow.warehouse.slots import SlotState, providers_observed
from cryptoflow.warehouse.usage import PostgresLedger, used_since

DATASET: Final = "raw.market_snapshots"
NOT_ITS_TURN: Final = "The collection plan that fits the quota has no call in this slot."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paging:
    """How many rows one call and one unit of a provider bring."""

    rows_per_call: int
    rows_per_unit: int | None


_PAGING: Final = {
    COINGECKO: _Paging(rows_per_call=COINGECKO_ROWS, rows_per_unit=None),
    COINMARKETCAP: _Paging(rows_per_call=COINMARKETCAP_ROWS, rows_per_unit=ROWS_PER_CREDIT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInForce:
    """The plan that fits what is true now, where each quota comes from, and what could not be known."""

    plan: QuotaPlan
    origins: Mapping[str, Origin]
    notes: Sequence[str]
    troubles: Sequence[str]

    @property
    def words(self) -> tuple[str, ...]:
        """The whole of it in sentences."""
        return (*self.plan.reasons, *self.notes, *self.troubles)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlan:
    """What is due in a slot: by provider its calls and the kind of collection they are, or why there is no call."""

    calls: Mapping[str, tuple[PlannedCall, ...]]
    kinds: Mapping[str, CollectionType]
    idle: Mapping[str, tuple[SlotState, str]]
    in_force: PlanInForce
    changes: Sequence[str]
    """Who became slower or faster with this plan."""


def current_plan(settings: Settings, database_url: str, redis_url: str | None, *, now: datetime) -> PlanInForce:
    """The plan that fits what is left of every askable provider's quota."""
    kept = kept_allowances(database_url)
    told = {name: one.told for name, one in kept.items() if one.told}
    published = [provider for provider in askable(settings) if provider.name in _PAGING]
    providers = [with_told(provider, told.get(provider.name), settings) for provider in published]
    shared = run_sync(standings(redis_url, providers)) if redis_url else {}
    allowances = [
        _allowance(
            provider,
            told.get(provider.name),
            None if shared is None else shared.get(provider.name),
            database_url=database_url,
            now=now,
        )
        for provider in providers
    ]
    with transaction(database_url) as connection:
        marks = newest_marks(connection, [provider.name for provider in providers])
    notes = [note for provider in providers if (note := _origin_note(provider, told.get(provider.name), settings))]
    troubles = [
        f"{one.provider} did not tell what its key allows when it was asked last: {one.error}"
        for one in kept.values()
        if one.error and any(one.account == provider.scope for provider in providers)
    ]
    if shared is None:
        troubles.append("Valkey does not answer, so this plan does not know of refusals that other processes met.")
    return PlanInForce(
        plan=plan_quota(
            allowances,
            universe_size=settings.universe_size,
            now=now,
            standing={name: tuple(tier.minutes for tier in mark.tiers) for name, mark in marks.items()},
        ),
        origins={one.name: quota_origin(one, told.get(one.name), settings) for one in providers},
        notes=notes,
        troubles=troubles,
    )


def calls_due(plan: QuotaPlan, slot: datetime) -> dict[str, tuple[PlannedCall, ...]]:
    """For each provider the calls of the slot; none when it is not its turn."""
    return {one.allowance.provider: due(lay_out(one), slot) for one in plan.providers}


def plan_slot(
    settings: Settings, database_url: str, redis_url: str | None, *, slot: datetime, now: datetime
) -> SlotPlan:
    """What the schedule does in the slot. A provider that never answered is swept whole, once, unless it is silent."""
    in_force = current_plan(settings, database_url, redis_url, now=now)
    told = record_plan(database_url, in_force.plan, now=now)
    plans = {plan.allowance.provider: plan for plan in in_force.plan.providers}
    answered = providers_observed(database_url, dataset=DATASET, providers=list(plans))
    whole = sweep(settings)
    calls: dict[str, tuple[PlannedCall, ...]] = {}
    kinds: dict[str, CollectionType] = {}
    idle: dict[str, tuple[SlotState, str]] = {}
    for name, plan in plans.items():
        layout = lay_out(plan)
        is_first = name not in answered and plan.silence is None
        calls[name] = whole[name] if is_first else due(layout, slot)
        kinds[name] = "complete" if is_first else _kind_of(calls[name], layout)
        if not calls[name]:
            idle[name] = _why_idle(plan)
    return SlotPlan(calls=calls, kinds=kinds, idle=idle, in_force=in_force, changes=told)


def record_plan(database_url: str, plan: QuotaPlan, *, now: datetime) -> tuple[str, ...]:
    """Put on record what differs from the plan on record; returns who became slower or faster."""
    with transaction(database_url) as connection:
        lock_record(connection)
        before = newest_marks(connection, [one.allowance.provider for one in plan.providers])
        sentences = changes(before, plan)
        marks = {one.allowance.provider: mark_of(one) for one in plan.providers}
        record_changes(
            connection,
            [
                PlanChange(
                    mark=marks[name],
                    planned_at=now,
                    cause=cause_of(before.get(name), marks[name]),
                    reasons=one.reasons,
                    changes=[sentence for sentence in sentences if sentence.startswith(f"{name}:")],
                )
                for one in plan.providers
                if is_another(before.get(name := one.allowance.provider), marks[name])
            ],
        )
    return sentences


def sweep(settings: Settings) -> dict[str, tuple[PlannedCall, ...]]:
    """For each provider the calls that bring the whole universe once, whatever the plan: at the start, or by hand."""
    return {
        provider.name: _sweep(provider.name, _PAGING[provider.name], settings.universe_size)
        for provider in askable(settings)
        if provider.name in _PAGING
    }


def _sweep(provider: str, paging: _Paging, universe_size: int) -> tuple[PlannedCall, ...]:
    step = paging.rows_per_call
    return tuple(
        PlannedCall(
            provider=provider,
            place=0,
            first_rank=first,
            row_count=min(step, universe_size - first + 1),
            units=1,
            cadence_minutes=1,
            phase_minutes=0,
        )
        for first in range(1, universe_size + 1, step)
    )


def _kind_of(calls: Sequence[PlannedCall], layout: Sequence[PlannedCall]) -> CollectionType:
    """Only the best tier's calls, when the plan has others too, are a refresh of what matters most."""
    is_best_only = all(call.place == 0 for call in calls) and any(call.place > 0 for call in layout)
    return "priority_refresh" if is_best_only else "continuous"


def _why_idle(plan: ProviderPlan) -> tuple[SlotState, str]:
    return ("not_due", NOT_ITS_TURN) if plan.silence is None else ("throttled", silence_words(plan))


def _allowance(
    provider: Provider, told: ToldAllowance | None, standing: Standing | None, *, database_url: str, now: datetime
) -> Allowance:
    period = quota_period(provider, now.astimezone(UTC))
    counted = PostgresLedger(database_url).used(provider.name, since=period.start)
    used = _used(provider, told, counted=counted, database_url=database_url, since=period.start)
    paging = _PAGING[provider.name]
    allowance = Allowance(
        provider=provider.name,
        calls_per_minute=round(provider.rate_per_window * 60 / provider.window_seconds),
        units_per_period=_units_of_period(provider, told, used=used, left=period.end - now),
        used_units=used,
        from_reserve=counted.from_reserve,
        period_end=period.end,
        rows_per_call=paging.rows_per_call,
        unit=provider.unit,
        rows_per_unit=paging.rows_per_unit,
    )
    if standing is None:
        return allowance
    allowance = slowed(allowance, factor=standing.rate_factor, paused_until=standing.paused_until)
    return spent(allowance, until=standing.spent_until) if standing.spent_until else allowance


def _used(provider: Provider, told: ToldAllowance | None, *, counted: Usage, database_url: str, since: datetime) -> int:
    """What we know to be used; what the provider counted itself when that is more, for others may use the key too."""
    ours = _in_units(provider, counted)
    if told is None or told.account != provider.scope or told.used_units is None or told.told_at < since:
        return ours
    later = _in_units(provider, used_since(database_url, provider.name, since=told.told_at))
    return max(ours, told.used_units + later)


def _in_units(provider: Provider, usage: Usage) -> int:
    return usage.calls if provider.unit == "calls" else usage.credits


def _units_of_period(provider: Provider, told: ToldAllowance | None, *, used: int, left: timedelta) -> int | None:
    """The month's units; fewer when a daily limit does not let all of them be used in the days that are left."""
    if told is None or told.account != provider.scope or told.units_per_day is None:
        return provider.per_month
    by_days = used + told.units_per_day * -(-left // timedelta(days=1))
    return by_days if provider.per_month is None else min(provider.per_month, by_days)


def _origin_note(provider: Provider, told: ToldAllowance | None, settings: Settings) -> str | None:
    """Where the quota of a provider that tells it comes from."""
    if not tells_allowance(provider):
        return None
    origin = quota_origin(provider, told, settings)
    if origin == "setting":
        return f"The quota of {provider.name} is the one in the settings."
    if told and origin == "told":
        return f"{provider.name} itself told its quota at {told.told_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    return f"{provider.name} has not told its quota, so the published one of its plan is used."
