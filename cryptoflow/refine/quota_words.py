"""A quota plan in sentences: what is allowed, who is asked how often, who gets slower, and why.

What does not belong here: deciding anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil

from cryptoflow.refine.quota_model import PlanMark, ProviderPlan, Tier, TierPlan

_DAY_MINUTES = 1_440


def plan_words(plan: ProviderPlan) -> tuple[str, ...]:
    """The plan of one provider."""
    return (*_allowance_words(plan), *_silence_words(plan), *_tier_words(plan), *_outlook_words(plan))


def change_words(before: PlanMark, after: ProviderPlan) -> tuple[str, ...]:
    """Which tiers of one provider became slower or faster."""
    earlier = {tier.first_rank: tier.minutes for tier in before.tiers}
    return tuple(
        f"{after.allowance.provider}: {_ranks(tier.tier)} {_change(old, tier.cadence_minutes)}"
        f"{_why_changed(old, tier.cadence_minutes, after)}."
        for tier in after.tiers
        if tier.assets
        and tier.tier.first_rank in earlier
        and (old := earlier[tier.tier.first_rank]) != tier.cadence_minutes
    )


def _change(old: int | None, new: int | None) -> str:
    if new is None:
        return f"are no longer asked, before {_every(old)}"
    if old is None:
        return f"are asked again, {_every(new)}"
    return f"get {'slower' if _is_slower(old, new) else 'faster'}, from {_every(old)} to {_every(new)}"


def _why_changed(old: int | None, new: int | None, after: ProviderPlan) -> str:
    return f", because {_cause(after)}" if _is_slower(old, new) else ""


def _is_slower(old: int | None, new: int | None) -> bool:
    if new is None or old is None:
        return new is None
    return new > old


def _allowance_words(plan: ProviderPlan) -> Iterator[str]:
    given = plan.allowance
    rate = f"{given.provider} allows {_counted(given.calls_per_minute, 'calls')} a minute"
    if given.units_per_period is None:
        yield f"{rate} and sets no quota."
    else:
        yield (
            f"{rate} and {_counted(given.units_per_period, given.unit)} until {_instant(plan.ends_at)}; "
            f"{given.used_units:,} are used, and {plan.spendable_units or 0:,} may be planned with "
            "when the reserve is kept."
        )
    if given.rate_factor < 1:
        yield (
            f"{given.provider} refused calls, so its rate is cut to "
            f"{_counted(plan.calls_per_slot, 'calls')} in {_span(plan.slot_minutes)}."
        )


def _silence_words(plan: ProviderPlan) -> Iterator[str]:
    if plan.silence is None:
        return
    until = f" until {_instant(plan.silent_until)}" if plan.silent_until else ""
    yield f"{plan.allowance.provider} is not asked{until}: {_cause(plan)}."


def silence_words(plan: ProviderPlan) -> str:
    """Why a provider that is silent is not asked; the same words for as long as the silence lasts."""
    return " ".join(_silence_words(plan))


def _tier_words(plan: ProviderPlan) -> Iterator[str]:
    """Each tier: how often, at what cost, and why not every minute."""
    if plan.silence is not None:
        return
    for place, tier in enumerate(plan.tiers):
        if not tier.assets:
            continue
        head = f"{plan.allowance.provider}: {_ranks(tier.tier)} are "
        if tier.own_minutes is None and tier.cadence_minutes is not None:
            host = next(other for other in reversed(plan.tiers[:place]) if other.units_per_refresh)
            yield (
                f"{head}asked {_every(tier.cadence_minutes)} at no cost of their own, "
                f"in the answers for {_ranks(host.tier)}."
            )
        else:
            yield f"{head}{_asked(plan, tier)}{_why_slow(plan, tier)}."


def _asked(plan: ProviderPlan, tier: TierPlan) -> str:
    if tier.cadence_minutes is None:
        return "not asked"
    cost = _counted(tier.units_per_refresh, plan.allowance.unit)
    return f"asked {_every(tier.cadence_minutes)}, for {cost} each time"


def _why_slow(plan: ProviderPlan, tier: TierPlan) -> str:
    return f", because {_cause(plan)}" if plan.limited_by and tier.cadence_minutes != 1 else ""


def _outlook_words(plan: ProviderPlan) -> Iterator[str]:
    given = plan.allowance
    if plan.exhausted_at is not None:
        yield (
            f"At {_counted(ceil(plan.units_per_day), given.unit)} a day the allowance of {given.provider} lasts: "
            f"it would be used up on {_instant(plan.exhausted_at)}, after its reset."
        )
    if plan.exhausted_unplanned_at is not None and plan.exhausted_unplanned_at < plan.ends_at:
        yield (
            f"Asked every minute for all of {plan.universe_size:,} assets, {given.provider} would fall silent on "
            f"{_instant(plan.exhausted_unplanned_at)}."
        )


def _cause(plan: ProviderPlan) -> str:
    given = plan.allowance
    if plan.silence == "told_to_wait":
        return "it said that it answers nothing before"
    if plan.silence == "paused":
        return "it refused a call as one too many"
    if plan.silence == "no_rate":
        return "its rate leaves room for no call"
    if plan.silence == "quota_spent":
        return f"all of its {given.unit} but the reserve are used"
    causes = []
    if "quota" in plan.limited_by:
        causes.append(f"the {plan.spendable_units or 0:,} {given.unit} left must last until {_instant(plan.ends_at)}")
    if "rate" in plan.limited_by:
        causes.append(f"the rate has room for {_counted(plan.calls_per_slot, 'calls')} in {_span(plan.slot_minutes)}")
    return " and ".join(causes) or "the plan changed"


def _ranks(tier: Tier) -> str:
    return f"ranks from {tier.first_rank}" if tier.last_rank is None else f"ranks {tier.first_rank}-{tier.last_rank}"


def _every(minutes: int | None) -> str:
    return "never" if minutes is None else f"every {_span(minutes).removeprefix('1 ')}"


def _span(minutes: int) -> str:
    for size, name in ((_DAY_MINUTES, "day"), (60, "hour")):
        if minutes % size == 0:
            return _counted(minutes // size, f"{name}s")
    return _counted(minutes, "minutes")


def _counted(number: int, unit: str) -> str:
    return f"{number:,} {unit[:-1] if number == 1 else unit}"


def _instant(instant: datetime | None) -> str:
    return "an unknown time" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
