"""The quota planner: how often each tier of the ranking is asked of each provider, so that the quota lasts.

A provider sells its ranking in blocks: the rows that one unit (a call or a credit) buys. A tier owns the blocks that
hold its ranks and that no tier above it owns; ranks that share a block with a better tier are refreshed with it, at no
cost. Cadences come from one ladder of rungs. Every rung is at most as fast as the one above it for every tier, so a
smaller allowance or a larger universe never makes anything faster; within a rung each cadence divides the next, so the
calls can always be laid out without exceeding the rate (quota_calls.py does it).

The first rung is taken that costs no more than is left of the period, and whose calls fit the rate, both less the
reserve. The reserve is for everything else: catalogue, history, retries, calls made by hand. A plan that stands is left
for a faster one only when that leaves something over, so that plans do not change with every call.

What does not belong here: asking, counting what was used, the state of a limiter, any clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final

from cryptoflow.refine.exact import ZERO, clamped, finite, rounded
from cryptoflow.refine.quota_model import Allowance, Limit, ProviderPlan, QuotaPlan, Silence, Tier, TierPlan
from cryptoflow.refine.quota_words import plan_words

QUOTA_PLAN_VERSION: Final = "quota_plan/1"

RESERVE_SHARE: Final = Decimal("0.10")
# What a faster plan than the standing one must leave of the budget.
EASE_SHARE: Final = Decimal("0.05")
LONGEST_PERIOD: Final = timedelta(days=31)

_BORDERS: Final = (100, 250, 1_000)
MOST_TIERS: Final = len(_BORDERS) + 1

Cadences = tuple[int | None, ...]

_DAY: Final = 1_440
_WEEK: Final = 7 * _DAY
# Minutes between two refreshes of ranks 1-100, 101-250, 251-1000 and the rest; None: not asked.
LADDER: Final[tuple[tuple[int | None, int | None, int | None, int | None], ...]] = (
    (1, 1, 1, 1),
    (1, 1, 1, 2),
    (1, 1, 1, 5),
    (1, 1, 5, 5),
    (1, 1, 5, 10),
    (1, 1, 5, 30),
    (1, 1, 10, 30),
    (1, 1, 10, 60),
    (1, 2, 10, 60),
    (2, 2, 10, 60),
    (2, 2, 20, 60),
    (2, 2, 20, 120),
    (2, 4, 20, 120),
    (4, 4, 20, 120),
    (5, 5, 20, 120),
    (5, 5, 30, 120),
    (5, 5, 30, 240),
    (5, 5, 30, 360),
    (5, 5, 60, 360),
    (5, 5, 60, 720),
    (5, 10, 60, 720),
    (6, 12, 60, 720),
    (10, 20, 60, 720),
    (10, 20, 60, _DAY),
    (15, 30, 60, _DAY),
    (20, 60, 60, _DAY),
    (20, 60, 120, _DAY),
    (30, 60, 120, _DAY),
    (30, 60, 240, _DAY),
    (60, 60, 240, _DAY),
    (60, 120, 480, _DAY),
    (120, 240, 480, _DAY),
    (240, 240, 480, _DAY),
    (240, 480, _DAY, _DAY),
    (480, 480, _DAY, _DAY),
    (720, 720, _DAY, _DAY),
    (_DAY, _DAY, _DAY, _DAY),
    (_DAY, _DAY, _DAY, _WEEK),
    (_DAY, _DAY, _WEEK, _WEEK),
    (_DAY, _DAY, _WEEK, None),
    (_DAY, _DAY, None, None),
    (_DAY, None, None, None),
    (_WEEK, None, None, None),
    (None, None, None, None),
)
# When less than one call a minute is allowed, calls are counted in longer slots. Each length divides the next.
_SLOT_MINUTES: Final = (1, 2, 10, 20, 60, _DAY)


def plan_quota(
    allowances: Iterable[Allowance],
    *,
    universe_size: int,
    now: datetime,
    tier_count: int = MOST_TIERS,
    reserve_share: Decimal = RESERVE_SHARE,
    standing: Mapping[str, Cadences] | None = None,
) -> QuotaPlan:
    """The plan for every provider, in the order given. `standing` has the cadences of the plans that stand."""
    tiers = tiers_of(tier_count)
    plans = tuple(
        plan_provider(
            allowance,
            universe_size=universe_size,
            now=now,
            tiers=tiers,
            reserve_share=reserve_share,
            standing=(standing or {}).get(allowance.provider),
        )
        for allowance in allowances
    )
    fastest = [
        min((minutes for plan in plans if (minutes := plan.tiers[place].cadence_minutes) is not None), default=None)
        for place in range(len(tiers))
    ]
    return QuotaPlan(
        providers=plans,
        cadence_minutes=tuple(fastest),
        reasons=tuple(sentence for plan in plans for sentence in plan.reasons),
    )


def plan_provider(
    allowance: Allowance,
    *,
    universe_size: int,
    now: datetime,
    tiers: Sequence[Tier],
    reserve_share: Decimal = RESERVE_SHARE,
    standing: Cadences | None = None,
) -> ProviderPlan:
    """The plan for one provider: the fastest rung that fits; with ease, when it is faster than the plan that stands."""
    given = _in_force(allowance, now=now)
    share = 1 - _share(reserve_share)
    slot_minutes, calls_per_slot = _rate_slots(given, share=share)
    spendable = _spendable(given, share=share)
    silence, silent_until = _silence(given, now=now, calls_per_slot=calls_per_slot, spendable=spendable)
    minutes_left = -((now - given.period_end) // timedelta(minutes=1))
    rungs = [_laid(given, rung=rung, tiers=tiers, universe_size=universe_size) for rung in range(len(LADDER))]

    def limits(laid: Sequence[TierPlan], *, ease: Decimal = ZERO) -> tuple[Limit, ...]:
        """What forbids the rung."""
        is_dear = spendable is not None and _most_units(laid, minutes_left) > spendable * Fraction(1 - ease)
        is_quick = not _fits_rate(laid, slot_minutes=slot_minutes, calls_per_slot=calls_per_slot)
        found: list[tuple[bool, Limit]] = [(is_dear, "quota"), (is_quick, "rate")]
        return tuple(name for holds, name in found if holds)

    def first_that_fits(ease: Decimal = ZERO) -> int:
        """The last rung asks nothing, so it always fits."""
        return next(place for place, laid in enumerate(rungs) if not limits(laid, ease=ease))

    rung = len(rungs) - 1 if silence else first_that_fits()
    if standing is not None and not silence:
        rung = max(rung, min(first_that_fits(EASE_SHARE), _rung_of(standing, rungs)))
    plan = ProviderPlan(
        allowance=given,
        universe_size=max(universe_size, 0),
        starts_at=now,
        ends_at=given.period_end,
        rung=rung,
        tiers=rungs[rung],
        slot_minutes=slot_minutes,
        calls_per_slot=calls_per_slot,
        spendable_units=spendable,
        planned_units=_most_units(rungs[rung], minutes_left),
        units_per_day=_units_per_day(rungs[rung]),
        exhausted_at=_exhausted_at(given, units_per_day=_units_per_day(rungs[rung]), now=now),
        exhausted_unplanned_at=_exhausted_at(given, units_per_day=_units_per_day(rungs[0]), now=now),
        silence=silence,
        silent_until=silent_until,
        limited_by=limits(rungs[rung - 1]) if rung and not silence else (),
        reasons=(),
    )
    return replace(plan, reasons=plan_words(plan))


def cadences_of(laid: Sequence[TierPlan]) -> Cadences:
    """How often each tier that has assets is refreshed."""
    return tuple(plan.cadence_minutes for plan in laid if plan.assets)


def _rung_of(standing: Cadences, rungs: Sequence[Sequence[TierPlan]]) -> int:
    """The fastest rung with these cadences; the first one, as if nothing stood, when no rung has them."""
    return next((place for place, laid in enumerate(rungs) if cadences_of(laid) == standing), 0)


def slowed(allowance: Allowance, *, factor: Decimal, paused_until: datetime | None = None) -> Allowance:
    """The allowance after refusals for asking too fast: what they left of the rate, and until when all wait."""
    return replace(allowance, rate_factor=factor, paused_until=paused_until)


def spent(allowance: Allowance, *, until: datetime | None = None) -> Allowance:
    """The allowance after the provider said that the quota is spent: silent until then, or until the period ends."""
    return replace(allowance, silent_until=until or allowance.period_end)


def tiers_of(count: int) -> tuple[Tier, ...]:
    """The ranking cut into 1 to 4 tiers."""
    borders = _BORDERS[: min(max(count, 1), MOST_TIERS) - 1]
    firsts, lasts = (1, *(border + 1 for border in borders)), (*borders, None)
    ends = zip(firsts, lasts, strict=True)
    return tuple(Tier(place=place, first_rank=first, last_rank=last) for place, (first, last) in enumerate(ends))


def _rate_slots(allowance: Allowance, *, share: Decimal) -> tuple[int, int]:
    """How many calls may go out in every slot of how many minutes; (a day, 0) when hardly any may."""
    rate = allowance.calls_per_minute * Fraction(allowance.rate_factor) * Fraction(share)
    slot = next((minutes for minutes in _SLOT_MINUTES if rate * minutes >= 1), _DAY)
    return slot, floor(rate * slot)


def rows_per_block(allowance: Allowance) -> int:
    """How many rows one unit buys."""
    rows = allowance.rows_per_call
    return rows if allowance.rows_per_unit is None else min(allowance.rows_per_unit, rows)


def blocks_per_call(allowance: Allowance) -> int:
    """How many blocks one call can fetch."""
    return allowance.rows_per_call // rows_per_block(allowance)


def _in_force(allowance: Allowance, *, now: datetime) -> Allowance:
    """The allowance as it stands at `now`, its numbers within their bounds.

    A period that is over has begun anew. Until its next end is told, it is taken for the longest month.
    """
    is_over = allowance.period_end <= now
    return replace(
        allowance,
        calls_per_minute=max(allowance.calls_per_minute, 0),
        units_per_period=None if allowance.units_per_period is None else max(allowance.units_per_period, 0),
        used_units=0 if is_over else max(allowance.used_units, 0),
        from_reserve=0 if is_over else max(allowance.from_reserve, 0),
        period_end=now + LONGEST_PERIOD if is_over else allowance.period_end,
        rows_per_call=max(allowance.rows_per_call, 1),
        rows_per_unit=None if allowance.rows_per_unit is None else max(allowance.rows_per_unit, 1),
        rate_factor=_share(allowance.rate_factor),
    )


def _spendable(allowance: Allowance, *, share: Decimal) -> int | None:
    if allowance.units_per_period is None:
        return None
    plannable = floor(allowance.units_per_period * Fraction(share))
    # What the reserve paid for does not slow the plan down, as far as the reserve goes.
    paid_by_reserve = min(allowance.from_reserve, allowance.used_units, allowance.units_per_period - plannable)
    return max(plannable - allowance.used_units + paid_by_reserve, 0)


def _silence(
    allowance: Allowance, *, now: datetime, calls_per_slot: int, spendable: int | None
) -> tuple[Silence | None, datetime | None]:
    if allowance.silent_until is not None and allowance.silent_until > now:
        return "told_to_wait", allowance.silent_until
    if allowance.paused_until is not None and allowance.paused_until > now:
        return "paused", allowance.paused_until
    if calls_per_slot == 0:
        return "no_rate", None
    return ("quota_spent", allowance.period_end) if spendable == 0 else (None, None)


def _laid(allowance: Allowance, *, rung: int, tiers: Sequence[Tier], universe_size: int) -> tuple[TierPlan, ...]:
    """The tiers on a rung of the ladder. The last tier takes the last column, however many there are."""
    columns = [*range(len(tiers) - 1), MOST_TIERS - 1] if len(tiers) > 1 else [0]
    rows, per_call, laid, taken = rows_per_block(allowance), blocks_per_call(allowance), list[TierPlan](), 0
    for tier, column in zip(tiers, columns, strict=True):
        last_rank = tier.last_in(universe_size)
        end = max(-(-last_rank // rows), taken)
        own = LADDER[rung][column] if end > taken else None
        cadence = own if end > taken else _minutes_of_block(laid, end - 1)
        assets = max(last_rank - tier.first_rank + 1, 0)
        laid.append(
            TierPlan(
                tier=tier,
                assets=assets,
                first_block=taken,
                end_block=end,
                own_minutes=own,
                cadence_minutes=cadence if assets else None,
                calls_per_refresh=-(-(end - taken) // per_call),
            )
        )
        taken = end
    return tuple(laid)


def _minutes_of_block(laid: Sequence[TierPlan], block: int) -> int | None:
    return next((plan.own_minutes for plan in laid if plan.first_block <= block < plan.end_block), None)


def _most_units(laid: Sequence[TierPlan], minutes: int) -> int:
    """Units that the tiers can cost in so many minutes, wherever in their cadences these begin."""
    return sum(-(-minutes // plan.own_minutes) * plan.units_per_refresh for plan in laid if plan.own_minutes)


def _units_per_day(laid: Sequence[TierPlan]) -> Fraction:
    costs = (Fraction(_DAY * plan.units_per_refresh, plan.own_minutes) for plan in laid if plan.own_minutes)
    return sum(costs, Fraction())


def _fits_rate(laid: Sequence[TierPlan], *, slot_minutes: int, calls_per_slot: int) -> bool:
    asked = [(plan.calls_per_refresh, plan.own_minutes) for plan in laid if plan.own_minutes]
    if any(minutes % slot_minutes for _, minutes in asked):
        return False
    return sum((Fraction(calls * slot_minutes, minutes) for calls, minutes in asked), Fraction()) <= calls_per_slot


def _exhausted_at(allowance: Allowance, *, units_per_day: Fraction, now: datetime) -> datetime | None:
    if allowance.units_per_period is None or units_per_day == 0:
        return None
    left = max(allowance.units_per_period - allowance.used_units, 0)
    try:
        return now + timedelta(seconds=floor(left / units_per_day * 86_400))
    except OverflowError:
        return None


def _share(value: Decimal) -> Decimal:
    """A share of 0 to 1; what is no number is 0."""
    return rounded(clamped(finite(value) or ZERO), digits=6)
