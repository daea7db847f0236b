"""The collection plan in force: which calls of which provider are due in a slot, from the quotas as they stand now.

What does not belong here: the arithmetic of a plan (refine.quota_plan), asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptoflow.refine.quota_calls import PlannedCall, due, lay_out
from cryptoflow.refine.quota_model import Allowance, QuotaPlan
from cryptoflow.refine.quota_plan import plan_quota
from cryptoflow.settings import Settings
from cryptoflow.sources.coingecko import MOST_PER_PAGE as COINGECKO_ROWS
from cryptoflow.sources.coinmarketcap import MOST_PER_PAGE as COINMARKETCAP_ROWS
from cryptoflow.sources.coinmarketcap import ROWS_PER_CREDIT
from cryptoflow.sources.ledger import CallLedger
from cryptoflow.sources.limits import start_of_month
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP, Provider, askable
from cryptoflow.warehouse.slots import providers_observed
from cryptoflow.warehouse.usage import PostgresLedger

DATASET: Final = "raw.market_snapshots"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paging:
    """How many rows one call and one unit of a provider bring."""

    rows_per_call: int
    rows_per_unit: int | None


_PAGING: Final = {
    COINGECKO: _Paging(rows_per_call=COINGECKO_ROWS, rows_per_unit=None),
    COINMARKETCAP: _Paging(rows_per_call=COINMARKETCAP_ROWS, rows_per_unit=ROWS_PER_CREDIT),
}


def current_plan(settings: Settings, ledger: CallLedger, *, now: datetime) -> QuotaPlan:
    """The plan that fits what is left of every askable provider's quota."""
    allowances = [_allowance(provider, ledger, now=now) for provider in askable(settings) if provider.name in _PAGING]
    return plan_quota(allowances, universe_size=settings.universe_size, now=now)


def calls_due(plan: QuotaPlan, slot: datetime) -> dict[str, tuple[PlannedCall, ...]]:
    """For each provider the calls of the slot; none when it is not its turn."""
    return {one.allowance.provider: due(lay_out(one), slot) for one in plan.providers}


def calls_of_slot(
    settings: Settings, database_url: str, *, slot: datetime, now: datetime
) -> dict[str, tuple[PlannedCall, ...]]:
    """The calls that the schedule makes in the slot. A provider that never answered is swept whole, once."""
    planned = calls_due(current_plan(settings, PostgresLedger(database_url), now=now), slot)
    answered = providers_observed(database_url, dataset=DATASET, providers=list(planned))
    return planned | {name: calls for name, calls in sweep(settings).items() if name not in answered}


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


def _allowance(provider: Provider, ledger: CallLedger, *, now: datetime) -> Allowance:
    month = start_of_month(now.astimezone(UTC))
    used = ledger.used(provider.name, since=month)
    paging = _PAGING[provider.name]
    return Allowance(
        provider=provider.name,
        calls_per_minute=round(provider.rate_per_window * 60 / provider.window_seconds),
        units_per_period=provider.per_month,
        used_units=used.calls if provider.unit == "calls" else used.credits,
        from_reserve=used.from_reserve,
        period_end=start_of_next_month(month),
        rows_per_call=paging.rows_per_call,
        unit=provider.unit,
        rows_per_unit=paging.rows_per_unit,
    )


def start_of_next_month(month: datetime) -> datetime:
    """The instant at which a monthly quota begins anew."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
