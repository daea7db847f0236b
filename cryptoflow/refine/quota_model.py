"""The records of the quota planner: allowances in, tiers and plans out. No arithmetic beyond their own names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Unit = Literal["calls", "credits"]
Silence = Literal["quota_spent", "told_to_wait", "paused", "no_rate"]
PlanCause = Literal["first plan", "refused", "quota spent", "asked again", "allowance", "use"]
Limit = Literal["quota", "rate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a provider's key allows in the period that ends at `period_end`, and what is used of it."""

    provider: str
    calls_per_minute: int
    units_per_period: int | None
    """None: only the rate limits."""
    used_units: int
    period_end: datetime
    rows_per_call: int
    unit: Unit = "calls"
    rows_per_unit: int | None = None
    """How many rows a credit buys; None: one unit a call."""
    rate_factor: Decimal = Decimal(1)
    """What refusals left of the rate, 0 to 1."""
    silent_until: datetime | None = None
    """The provider said that nothing is answered before."""
    from_reserve: int = 0
    """Of the used units, those that the reserve is there for."""
    paused_until: datetime | None = None
    """The provider refused a call as one too many; until then all wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A stretch of the ranking by market cap."""

    place: int
    first_rank: int
    last_rank: int | None
    """None: to the end."""

    def last_in(self, universe_size: int) -> int:
        """Its last rank in a universe of this size."""
        return universe_size if self.last_rank is None else min(self.last_rank, universe_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPlan:
    """One tier at one provider. Blocks are numbered from 0; the tier owns [first_block, end_block)."""

    tier: Tier
    assets: int
    first_block: int
    end_block: int
    own_minutes: int | None
    """Minutes between two refreshes of its own blocks; None: it has none, or they are not asked."""
    cadence_minutes: int | None
    """Minutes between two refreshes of its slowest asset; None: not all are asked, or it is empty."""
    calls_per_refresh: int

    @property
    def units_per_refresh(self) -> int:
        """What one refresh of its own blocks costs."""
        return self.end_block - self.first_block


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """One provider's plan from `starts_at` until its period ends, or until it must be made again."""

    allowance: Allowance
    universe_size: int
    starts_at: datetime
    ends_at: datetime
    rung: int
    tiers: tuple[TierPlan, ...]
    slot_minutes: int
    calls_per_slot: int
    spendable_units: int | None
    """Units that a plan may use until the period ends; None: unlimited."""
    planned_units: int
    """Units that this plan uses at the most."""
    units_per_day: Fraction
    exhausted_at: datetime | None
    """When the whole allowance would be used up at this pace; None: never."""
    exhausted_unplanned_at: datetime | None
    """The same, were every asset asked for every minute."""
    silence: Silence | None
    silent_until: datetime | None
    """When to plan again."""
    limited_by: tuple[Limit, ...]
    """What forbids the next faster rung."""
    reasons: tuple[str, ...]

    @property
    def lasts(self) -> bool:
        """Whether the allowance outlives the period at this pace; every plan does."""
        return self.exhausted_at is None or self.exhausted_at >= self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaPlan:
    """All providers together."""

    providers: tuple[ProviderPlan, ...]
    cadence_minutes: tuple[int | None, ...]
    """By place of the tier: the fastest that any provider gives it."""
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierMark:
    """How often a tier that has assets is refreshed; None: never."""

    first_rank: int
    last_rank: int | None
    minutes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMark:
    """What of a provider's plan is kept on record, so that a change of it can be told."""

    provider: str
    tiers: tuple[TierMark, ...]
    silence: Silence | None
    silent_until: datetime | None
    rate_factor: Decimal
    units_per_period: int | None
    used_units: int
