"""From one collection plan to the next: whether it is another plan, what made it so, and who got slower or faster.

What does not belong here: making plans (quota_plan.py), keeping them.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptoflow.refine.quota_model import PlanCause, PlanMark, ProviderPlan, QuotaPlan, TierMark
from cryptoflow.refine.quota_words import change_words


def mark_of(plan: ProviderPlan) -> PlanMark:
    """What of the plan is kept on record."""
    return PlanMark(
        provider=plan.allowance.provider,
        tiers=tuple(
            TierMark(first_rank=tier.tier.first_rank, last_rank=tier.tier.last_rank, minutes=tier.cadence_minutes)
            for tier in plan.tiers
            if tier.assets
        ),
        silence=plan.silence,
        silent_until=plan.silent_until,
        rate_factor=plan.allowance.rate_factor,
        units_per_period=plan.allowance.units_per_period,
        used_units=plan.allowance.used_units,
    )


def is_another(before: PlanMark | None, after: PlanMark) -> bool:
    """Whether anybody is asked at another pace, or may be used another amount. Use alone makes no other plan."""
    return before is None or _told(before) != _told(after)


def cause_of(before: PlanMark | None, after: PlanMark) -> PlanCause:
    """What made the plan another one."""
    if before is None:
        return "first plan"
    if after.silence in ("quota_spent", "told_to_wait"):
        return "quota spent"
    if after.silence == "paused" or after.rate_factor < before.rate_factor:
        return "refused"
    if before.silence or after.rate_factor > before.rate_factor:
        return "asked again"
    return "allowance" if after.units_per_period != before.units_per_period else "use"


def changes(before: Mapping[str, PlanMark], after: QuotaPlan) -> tuple[str, ...]:
    """Who became slower or faster from one plan to the next, a sentence each."""
    pairs = [(before[plan.allowance.provider], plan) for plan in after.providers if plan.allowance.provider in before]
    return tuple(sentence for old, new in pairs for sentence in change_words(old, new))


def _told(mark: PlanMark) -> tuple[object, ...]:
    return mark.tiers, mark.silence, mark.silent_until, mark.units_per_period
