"""What history is asked of a provider's charts, in which order, and how much of the quota it may cost.

A chart that reaches back one day has a point every five minutes, one that reaches back 90 days every hour; what is
older is not asked for. So missed minutes of the last day are the most urgent: a day later only hours of them can be
had. Then comes the first history of assets that never had any, the last day before the hours, then the hours of older
gaps; the largest assets first, throughout.

What does not belong here: asking, counting, any clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Final

from cryptoflow.refine.quota_model import ProviderPlan
from cryptoflow.refine.quota_plan import RESERVE_SHARE

FINE_DAYS: Final = 1
COARSE_DAYS: Final = 90
FIRST_DAYS: Final = (FINE_DAYS, COARSE_DAYS)
"""How far back the first history of an asset goes, step by step."""
SETTLED_AFTER: Final = timedelta(minutes=10)
"""So long after an instant its point is in the chart, and the tick that was due then has ended or will never run."""
MOST_ATTEMPTS: Final = 4
RETRY_AFTER: Final = timedelta(minutes=15)
HISTORY_SHARE: Final = Decimal("0.80")
"""History's part of the quota's reserve; the rest is for the catalogue, retries, calls by hand."""
_TICK_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedKey:
    """An asset, and the key by which the provider knows it."""

    asset_id: int
    key: str
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingMinutes:
    """Minutes of an asset that have no close: the first and the last of those of one kind."""

    asset_id: int
    is_fine: bool
    """Whether they are young enough for a chart with a point every five minutes."""
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRequest:
    """What an asset was asked for before. `first_days` None: for missed minutes."""

    asset_id: int
    first_days: int | None
    is_final: bool
    attempts: int
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRequest:
    """One chart to ask for: it is wanted for [starts_at, ends_at)."""

    asset: RankedKey
    starts_at: datetime
    ends_at: datetime
    first_days: int | None
    is_fine: bool
    attempt: int

    @property
    def is_last_attempt(self) -> bool:
        """Whether it is given up when it fails once more."""
        return self.attempt >= MOST_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryBudget:
    """What history may cost. `calls` None: as much as it takes; `until`: when there is more."""

    calls: int | None
    calls_per_minute: int
    until: datetime | None

    def affordable(self, wanted: int) -> int:
        """How many of so many calls can be paid for."""
        return wanted if self.calls is None else min(wanted, self.calls)


def fine_from(now: datetime) -> datetime:
    """The first instant that a chart of one day still shows finely, with time to ask for it."""
    return now - timedelta(days=FINE_DAYS) + SETTLED_AFTER


def coarse_from(now: datetime) -> datetime:
    """What is older is not asked for."""
    return now - timedelta(days=COARSE_DAYS)


def depths_of(days: int) -> tuple[int, ...]:
    """The steps of a first history that goes back so many days: the last one finely, then the rest."""
    return (FINE_DAYS,) if days <= FINE_DAYS else (FINE_DAYS, days)


def plan_requests(
    assets: Sequence[RankedKey],
    *,
    missing: Iterable[MissingMinutes],
    earlier: Iterable[EarlierRequest],
    depths: Sequence[int],
    now: datetime,
) -> tuple[ChartRequest, ...]:
    """Everything to ask for, most urgent first. What failed a short while ago waits for its next attempt."""
    known = _newest(earlier)
    gaps = {(one.asset_id, one.is_fine): one for one in missing}
    wanted = [
        *_of_gaps(assets, gaps, known, is_fine=True),
        *(request for days in depths for request in _first(assets, known, days=days, now=now)),
        *_of_gaps(assets, gaps, known, is_fine=False),
    ]
    return tuple(request for request in wanted if not _waits(known.get(_key(request)), now=now))


def budget_of(plan: ProviderPlan) -> HistoryBudget:
    """What the plan of the ticks leaves: a share of the reserve of the quota, and the rate that no tick takes."""
    allowance = plan.allowance
    ticks = sum(
        (Fraction(tier.calls_per_refresh, tier.own_minutes) for tier in plan.tiers if tier.own_minutes), Fraction()
    )
    rate = allowance.calls_per_minute * Fraction(allowance.rate_factor) * (1 - Fraction(RESERVE_SHARE))
    per_minute = max(floor(rate - ticks), 1)
    if plan.silence == "told_to_wait":
        return HistoryBudget(calls=0, calls_per_minute=per_minute, until=plan.silent_until)
    if allowance.units_per_period is None:
        return HistoryBudget(calls=None, calls_per_minute=per_minute, until=None)
    reserve = ceil(allowance.units_per_period * Fraction(RESERVE_SHARE))
    of_reserve = floor(reserve * Fraction(HISTORY_SHARE)) - allowance.from_reserve
    unplanned = allowance.units_per_period - allowance.used_units - plan.planned_units
    return HistoryBudget(
        calls=max(min(of_reserve, unplanned), 0), calls_per_minute=per_minute, until=allowance.period_end
    )


def pause_seconds(budget: HistoryBudget) -> float:
    """The distance between two calls that leaves the ticks their rate."""
    return _TICK_SECONDS / budget.calls_per_minute


def _first(
    assets: Sequence[RankedKey], known: Mapping[tuple[int, int | None], EarlierRequest], *, days: int, now: datetime
) -> list[ChartRequest]:
    """The first history of the assets that have none so deep. Beyond the first day it brings what lies before that."""
    ends_at = now - (SETTLED_AFTER if days <= FINE_DAYS else timedelta(days=FINE_DAYS))
    had = {asset for (asset, depth), one in known.items() if one.is_final and depth and _is_as_deep(depth, days)}
    return [
        ChartRequest(
            asset=asset,
            starts_at=now - timedelta(days=days),
            ends_at=ends_at,
            first_days=days,
            is_fine=days <= FINE_DAYS,
            attempt=_attempt(known.get((asset.asset_id, days))),
        )
        for asset in assets
        if asset.asset_id not in had
    ]


def _is_as_deep(depth: int, days: int) -> bool:
    """A chart of many days has no fine points, so it does not stand for one of a day."""
    return depth >= days and (depth <= FINE_DAYS) == (days <= FINE_DAYS)


def _of_gaps(
    assets: Sequence[RankedKey],
    gaps: Mapping[tuple[int, bool], MissingMinutes],
    known: Mapping[tuple[int, int | None], EarlierRequest],
    *,
    is_fine: bool,
) -> list[ChartRequest]:
    found = [(asset, gaps[asset.asset_id, is_fine]) for asset in assets if (asset.asset_id, is_fine) in gaps]
    return [
        ChartRequest(
            asset=asset,
            starts_at=gap.first,
            ends_at=gap.last + timedelta(minutes=1),
            first_days=None,
            is_fine=is_fine,
            attempt=_attempt(known.get((asset.asset_id, None))),
        )
        for asset, gap in found
    ]


def _newest(earlier: Iterable[EarlierRequest]) -> dict[tuple[int, int | None], EarlierRequest]:
    """By asset and kind: what is final says more than what failed, then the newest."""
    ordered = sorted(earlier, key=lambda one: (one.is_final, one.attempts, one.asked_at))
    return {(one.asset_id, one.first_days): one for one in ordered}


def _attempt(earlier: EarlierRequest | None) -> int:
    return 1 if earlier is None or earlier.is_final else earlier.attempts + 1


def _waits(earlier: EarlierRequest | None, *, now: datetime) -> bool:
    return earlier is not None and not earlier.is_final and now - earlier.asked_at < RETRY_AFTER


def _key(request: ChartRequest) -> tuple[int, int | None]:
    return request.asset.asset_id, request.first_days
