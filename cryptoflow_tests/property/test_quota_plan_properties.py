"""Quota plans for any allowance: within the budgets, never faster for less, and never an error."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cryptoflow.refine.quota_calls import PlannedCall, due, lay_out
from cryptoflow.refine.quota_changes import changes, mark_of
from cryptoflow.refine.quota_model import Allowance, ProviderPlan, Unit
from cryptoflow.refine.quota_plan import LADDER, cadences_of, plan_quota, slowed, spent

START = datetime(2026, 11, 1, tzinfo=UTC)
FACTORS = st.decimals(min_value=Decimal("0.1"), max_value=1, places=2)
PERIODS = st.integers(min_value=1, max_value=45_000).map(lambda minutes: START + timedelta(minutes=minutes))
UNIVERSES = st.integers(min_value=0, max_value=30_000)
TIER_COUNTS = st.integers(min_value=1, max_value=4)
RESERVES = st.decimals(min_value=0, max_value=Decimal("0.9"), places=2)
UNHURRIED = settings(deadline=None, max_examples=60)


@st.composite
def allowances(draw: st.DrawFn) -> Allowance:
    """Any key that may exist: by call or by credit, poor or rich, new or nearly spent."""
    unit: Unit = draw(st.sampled_from(["calls", "credits"]))
    quota = draw(st.none() | st.integers(min_value=0, max_value=1_000_000))
    return Allowance(
        provider=draw(st.sampled_from(["one", "other"])),
        calls_per_minute=draw(st.integers(min_value=0, max_value=600)),
        units_per_period=quota,
        used_units=draw(st.integers(min_value=0, max_value=quota or 100)),
        period_end=draw(PERIODS),
        rows_per_call=draw(st.sampled_from([100, 250, 5_000])),
        unit=unit,
        rows_per_unit=200 if unit == "credits" else None,
        rate_factor=draw(FACTORS),
    )


def planned(allowance: Allowance, *, universe_size: int = 10_000, tier_count: int = 4) -> ProviderPlan:
    return plan_quota([allowance], universe_size=universe_size, now=START, tier_count=tier_count).providers[0]


def paces(plan: ProviderPlan, *, of: ProviderPlan) -> list[float]:
    """The cadences of the tiers that both plans have assets for; never is infinitely slow."""
    both = zip(plan.tiers, of.tiers, strict=True)
    return [tier.cadence_minutes or inf for tier, other in both if tier.assets and other.assets]


def times_due(call: PlannedCall, *, minutes: int) -> int:
    """How often the call is due from START on."""
    return (
        sum(call.is_due(START + timedelta(minutes=n)) for n in range(min(minutes, call.cadence_minutes)))
        + (minutes - min(minutes, call.cadence_minutes)) // call.cadence_minutes
    )


@UNHURRIED
@given(allowances(), UNIVERSES, TIER_COUNTS, RESERVES)
def test_a_plan_stays_within_the_quota_and_its_reserve(
    allowance: Allowance, universe_size: int, tier_count: int, reserve: Decimal
) -> None:
    plan = plan_quota(
        [allowance], universe_size=universe_size, now=START, tier_count=tier_count, reserve_share=reserve
    ).providers[0]
    assert plan.lasts
    if allowance.units_per_period is not None:
        assert plan.spendable_units is not None
        assert plan.spendable_units <= max(allowance.units_per_period * (1 - reserve) - allowance.used_units, 0)
        assert plan.planned_units <= plan.spendable_units


@UNHURRIED
@given(allowances(), st.integers(min_value=0, max_value=3_000))
def test_the_calls_cost_no_more_than_planned(allowance: Allowance, universe_size: int) -> None:
    plan = planned(allowance, universe_size=universe_size)
    minutes = (plan.ends_at - START) // timedelta(minutes=1)
    cost = sum(call.units * times_due(call, minutes=minutes) for call in lay_out(plan))
    assert cost <= plan.planned_units


@UNHURRIED
@given(allowances(), UNIVERSES, TIER_COUNTS)
def test_no_minute_holds_more_calls_than_the_rate_less_the_reserve(
    allowance: Allowance, universe_size: int, tier_count: int
) -> None:
    plan = planned(allowance, universe_size=universe_size, tier_count=tier_count)
    calls = lay_out(plan)
    slowest = max((call.cadence_minutes for call in calls), default=1)
    per_minute: Counter[int] = Counter()
    for call in calls:
        per_minute.update(range(call.phase_minutes, slowest, call.cadence_minutes))
    per_slot: Counter[int] = Counter()
    for minute, count in per_minute.items():
        per_slot[minute // plan.slot_minutes] += count
    rate = allowance.calls_per_minute * allowance.rate_factor * Decimal("0.9")
    assert max(per_minute.values(), default=0) <= max(rate, 1)
    assert max(per_slot.values(), default=0) <= rate * plan.slot_minutes


@UNHURRIED
@given(allowances(), UNIVERSES, TIER_COUNTS)
def test_the_calls_cover_every_asked_rank_once(allowance: Allowance, universe_size: int, tier_count: int) -> None:
    plan = planned(allowance, universe_size=universe_size, tier_count=tier_count)
    calls, reached = lay_out(plan), 0
    for call in calls:
        assert call.first_rank == reached + 1
        assert 0 < call.row_count <= allowance.rows_per_call
        assert 0 <= call.phase_minutes < call.cadence_minutes
        reached += call.row_count
    if all(tier.cadence_minutes for tier in plan.tiers if tier.assets):
        assert reached >= universe_size
    for tier in plan.tiers:
        last_rank = tier.tier.last_in(universe_size)
        if tier.cadence_minutes and tier.assets:
            inside = [
                c for c in calls if c.first_rank <= last_rank and c.first_rank + c.row_count > tier.tier.first_rank
            ]
            assert max(call.cadence_minutes for call in inside) == tier.cadence_minutes


@UNHURRIED
@given(allowances(), UNIVERSES, UNIVERSES, TIER_COUNTS)
def test_a_larger_universe_makes_no_tier_faster(allowance: Allowance, one: int, other: int, tier_count: int) -> None:
    small, large = (planned(allowance, universe_size=n, tier_count=tier_count) for n in sorted((one, other)))
    pairs = zip(paces(small, of=large), paces(large, of=small), strict=True)
    assert all(before <= after for before, after in pairs)


@UNHURRIED
@given(
    allowances(),
    UNIVERSES,
    st.integers(min_value=0, max_value=100_000),
    st.integers(min_value=0, max_value=100),
    st.integers(min_value=0, max_value=1_000),
)
def test_a_larger_allowance_makes_no_tier_slower(
    allowance: Allowance, universe_size: int, units: int, rate: int, less_used: int
) -> None:
    quota = allowance.units_per_period
    richer = replace(
        allowance,
        units_per_period=None if quota is None else quota + units,
        calls_per_minute=allowance.calls_per_minute + rate,
        used_units=max(allowance.used_units - less_used, 0),
    )
    poor, rich = (planned(given, universe_size=universe_size) for given in (allowance, richer))
    assert all(r <= p for r, p in zip(paces(rich, of=poor), paces(poor, of=rich), strict=True))


@UNHURRIED
@given(allowances(), UNIVERSES)
def test_better_ranks_are_never_asked_less_often(allowance: Allowance, universe_size: int) -> None:
    plan = planned(allowance, universe_size=universe_size)
    assert paces(plan, of=plan) == sorted(paces(plan, of=plan))


@UNHURRIED
@given(allowances(), UNIVERSES)
def test_a_refusal_makes_nothing_faster_and_a_spent_quota_silences(allowance: Allowance, universe_size: int) -> None:
    before, after = (
        planned(given, universe_size=universe_size)
        for given in (allowance, slowed(allowance, factor=allowance.rate_factor * Decimal("0.5")))
    )
    assert all(old <= new for old, new in zip(paces(before, of=after), paces(after, of=before), strict=True))
    silent = planned(spent(allowance), universe_size=universe_size)
    assert (lay_out(silent), silent.planned_units, silent.silent_until) == ((), 0, allowance.period_end)


@UNHURRIED
@given(allowances(), UNIVERSES)
def test_every_tier_is_accounted_for_in_words(allowance: Allowance, universe_size: int) -> None:
    plan = planned(allowance, universe_size=universe_size)
    assume(plan.silence is None)
    for tier in plan.tiers:
        name = f"ranks from {tier.tier.first_rank} "
        if tier.tier.last_rank is not None:
            name = f"ranks {tier.tier.first_rank}-{tier.tier.last_rank} "
        assert any(sentence.startswith(f"{allowance.provider}: {name}") for sentence in plan.reasons) == bool(
            tier.assets
        )
        if tier.assets and tier.cadence_minutes != 1:
            assert plan.limited_by


HUGE = st.integers(min_value=-(10**30), max_value=10**30)


@UNHURRIED
@given(HUGE, st.none() | HUGE, HUGE, HUGE, st.none() | HUGE, HUGE, st.decimals(), st.decimals(), HUGE, PERIODS)
def test_no_numbers_are_too_odd_for_a_plan(
    rate: int,
    quota: int | None,
    used: int,
    rows: int,
    rows_per_unit: int | None,
    universe_size: int,
    factor: Decimal,
    reserve: Decimal,
    tier_count: int,
    period_end: datetime,
) -> None:
    allowance = Allowance(
        provider="odd",
        calls_per_minute=rate,
        units_per_period=quota,
        used_units=used,
        period_end=period_end,
        rows_per_call=rows,
        rows_per_unit=rows_per_unit,
        rate_factor=factor,
    )
    for now in (START, period_end, period_end + timedelta(days=400)):
        plan = plan_quota(
            [
                allowance,
                replace(slowed(allowance, factor=Decimal("0.1")), provider="refused"),
                replace(spent(allowance), provider="spent"),
            ],
            universe_size=universe_size,
            now=now,
            tier_count=tier_count,
            reserve_share=reserve,
        )
        assert len(plan.providers) == 3
        assert changes({one.allowance.provider: mark_of(one) for one in plan.providers}, plan) == ()
        assert all(reason.endswith(".") for reason in plan.reasons)


@given(st.integers(min_value=0, max_value=10**6))
def test_due_calls_are_those_of_the_minute(offset: int) -> None:
    allowance = Allowance(
        provider="one",
        calls_per_minute=5,
        units_per_period=10_000,
        used_units=0,
        period_end=START + timedelta(days=30),
        rows_per_call=250,
    )
    calls, minute = lay_out(planned(allowance)), START + timedelta(minutes=offset)
    now = due(calls, minute)
    assert now == tuple(call for call in calls if call in now)
    for call in now:
        assert call in due(calls, minute + timedelta(minutes=call.cadence_minutes, seconds=59))
        assert call not in due(calls, minute + timedelta(minutes=1))


@UNHURRIED
@given(allowances(), UNIVERSES, st.sampled_from(LADDER))
def test_a_plan_that_follows_another_is_within_the_budgets_and_never_faster_than_without_it(
    allowance: Allowance, universe_size: int, stood: tuple[int | None, ...]
) -> None:
    alone = planned(allowance, universe_size=universe_size)
    standing = {allowance.provider: tuple(pace for pace, tier in zip(stood, alone.tiers, strict=True) if tier.assets)}
    after = plan_quota([allowance], universe_size=universe_size, now=START, standing=standing).providers[0]
    assert after.rung >= alone.rung
    assert after.spendable_units is None or after.planned_units <= after.spendable_units
    again = {allowance.provider: cadences_of(after.tiers)}
    assert plan_quota([allowance], universe_size=universe_size, now=START, standing=again).providers[0] == after
