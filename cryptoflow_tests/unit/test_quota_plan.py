"""The quota planner by example: free keys last their month, refusals and spent quotas are planned around, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from cryptoflow.refine.quota_calls import due, lay_out
from cryptoflow.refine.quota_changes import changes, mark_of
from cryptoflow.refine.quota_model import Allowance, PlanMark, ProviderPlan, QuotaPlan
from cryptoflow.refine.quota_plan import LADDER, plan_quota, slowed, spent, tiers_of

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
KEYLESS = Allowance(
    provider="coingecko", calls_per_minute=5, units_per_period=10_000, used_units=0, period_end=END, rows_per_call=250
)
BASIC = Allowance(
    provider="coinmarketcap",
    calls_per_minute=30,
    units_per_period=10_000,
    used_units=0,
    period_end=END,
    rows_per_call=5_000,
    unit="credits",
    rows_per_unit=200,
)


def planned(allowance: Allowance, *, universe_size: int = 10_000, now: datetime = START) -> ProviderPlan:
    return plan_quota([allowance], universe_size=universe_size, now=now).providers[0]


def marks(plan: QuotaPlan) -> dict[str, PlanMark]:
    return {one.allowance.provider: mark_of(one) for one in plan.providers}


def cadences(plan: ProviderPlan) -> list[int | None]:
    return [tier.cadence_minutes for tier in plan.tiers]


def test_every_rung_divides_and_the_ladder_only_slows_down() -> None:
    for rung in LADDER:
        asked = [minutes for minutes in rung if minutes is not None]
        assert rung[: len(asked)] == tuple(asked)
        assert all(slow % fast == 0 for fast, slow in pairwise(asked))
    for fast_rung, slow_rung in pairwise(LADDER):
        assert fast_rung != slow_rung
        assert all(slow is None or (fast or slow + 1) <= slow for fast, slow in zip(fast_rung, slow_rung, strict=True))
    assert set(LADDER[-1]) == {None}


def test_a_keyless_coingecko_lasts_the_month() -> None:
    plan = planned(KEYLESS)
    assert cadences(plan) == [10, 10, 60, 720]
    assert plan.planned_units == 30 * (144 + 3 * 24 + 36 * 2) == 8_640
    assert plan.lasts
    assert plan.exhausted_at == datetime(2026, 12, 5, 17, 20, tzinfo=UTC)


def test_a_coinmarketcap_basic_key_lasts_the_month() -> None:
    plan = planned(BASIC)
    assert cadences(plan) == [15, 30, 60, 1_440]
    assert plan.planned_units == 30 * (96 + 48 + 3 * 24 + 45)
    assert plan.lasts


def test_every_minute_for_every_asset_would_not_last_a_morning() -> None:
    plan = planned(KEYLESS)
    assert plan.exhausted_unplanned_at == START + timedelta(minutes=10_000 // 40)


def test_the_fastest_provider_decides_how_fresh_a_tier_is() -> None:
    plan = plan_quota([BASIC, KEYLESS], universe_size=10_000, now=START)
    assert plan.cadence_minutes == (10, 10, 60, 720)
    assert [p.allowance.provider for p in plan.providers] == ["coinmarketcap", "coingecko"]


def test_a_small_universe_is_asked_more_often() -> None:
    assert cadences(planned(KEYLESS, universe_size=80)) == [5, None, None, None]
    assert cadences(planned(KEYLESS, universe_size=240)) == [5, 5, None, None]


def test_late_in_the_period_what_is_left_is_used() -> None:
    plan = planned(replace(KEYLESS, used_units=7_000), now=datetime(2026, 11, 30, tzinfo=UTC))
    assert cadences(plan) == [2, 2, 20, 60]
    assert plan.planned_units == 720 + 72 * 3 + 24 * 36


def test_a_paid_key_is_bound_by_its_quota_and_by_its_rate_when_there_is_none() -> None:
    pro = replace(KEYLESS, calls_per_minute=500, units_per_period=500_000)
    assert planned(pro).limited_by == ("quota",)
    unlimited = planned(replace(KEYLESS, units_per_period=None))
    assert (unlimited.limited_by, unlimited.exhausted_at, unlimited.lasts) == (("rate",), None, True)
    assert cadences(planned(replace(pro, units_per_period=None))) == [1, 1, 1, 1]


def test_fewer_tiers_can_be_asked_for() -> None:
    assert [(tier.first_rank, tier.last_rank) for tier in tiers_of(2)] == [(1, 100), (101, None)]
    assert [(tier.first_rank, tier.last_rank) for tier in tiers_of(0)] == [(1, None)]
    assert len(tiers_of(99)) == 4
    plan = plan_quota([KEYLESS], universe_size=10_000, now=START, tier_count=2)
    assert plan.cadence_minutes == (10, 720)


def test_a_rate_that_refusals_shrank_to_a_tenth_is_planned_with() -> None:
    unlimited = replace(KEYLESS, units_per_period=None)
    before = plan_quota([unlimited], universe_size=10_000, now=START)
    often = slowed(unlimited, factor=Decimal("0.1"))
    after = plan_quota([often], universe_size=10_000, now=START)
    assert cadences(before.providers[0]) == [1, 1, 5, 30]
    assert cadences(after.providers[0]) == [10, 10, 60, 720]
    assert changes(marks(before), after) == (
        "coingecko: ranks 1-100 get slower, from every minute to every 10 minutes, "
        "because the rate has room for 4 calls in 10 minutes.",
        "coingecko: ranks 101-250 get slower, from every minute to every 10 minutes, "
        "because the rate has room for 4 calls in 10 minutes.",
        "coingecko: ranks 251-1000 get slower, from every 5 minutes to every hour, "
        "because the rate has room for 4 calls in 10 minutes.",
        "coingecko: ranks from 1001 get slower, from every 30 minutes to every 12 hours, "
        "because the rate has room for 4 calls in 10 minutes.",
    )
    assert (
        changes(marks(after), before)[0] == "coingecko: ranks 1-100 get faster, from every 10 minutes to every minute."
    )


def test_a_plan_that_is_slower_than_the_shrunk_rate_stays() -> None:
    assert cadences(planned(slowed(KEYLESS, factor=Decimal("0.5")))) == cadences(planned(KEYLESS))


def test_a_spent_quota_silences_one_provider_until_its_reset_and_no_other() -> None:
    before = plan_quota([KEYLESS, BASIC], universe_size=10_000, now=START)
    after = plan_quota([spent(KEYLESS), BASIC], universe_size=10_000, now=START)
    silent, other = after.providers
    assert (silent.silence, silent.silent_until, silent.planned_units) == ("told_to_wait", END, 0)
    assert lay_out(silent) == ()
    assert other == before.providers[1]
    assert after.cadence_minutes == (15, 30, 60, 1_440)
    assert "coingecko is not asked until 2026-12-01 00:00 UTC: it said that it answers nothing before." in after.reasons
    assert changes(marks(before), after)[0] == (
        "coingecko: ranks 1-100 are no longer asked, before every 10 minutes, "
        "because it said that it answers nothing before."
    )
    assert changes(marks(after), before)[0] == "coingecko: ranks 1-100 are asked again, every 10 minutes."


def test_the_silence_ends_at_its_instant() -> None:
    until = START + timedelta(hours=5)
    assert planned(spent(KEYLESS, until=until), now=until - timedelta(seconds=1)).silence == "told_to_wait"
    assert planned(spent(KEYLESS, until=until), now=until).silence is None


def test_the_reserve_is_not_planned_with() -> None:
    plan = planned(replace(KEYLESS, used_units=9_000))
    assert (plan.silence, plan.silent_until, plan.spendable_units) == ("quota_spent", END, 0)
    assert plan.reasons[1] == (
        "coingecko is not asked until 2026-12-01 00:00 UTC: all of its calls but the reserve are used."
    )


def test_with_little_left_the_lower_tiers_go_first() -> None:
    plan = planned(replace(KEYLESS, used_units=8_960))
    assert cadences(plan) == [1_440, 1_440, None, None]
    assert plan.planned_units == 30
    assert (
        "coingecko: ranks 251-1000 are not asked, because the 40 calls left must last until 2026-12-01 00:00 UTC."
        in plan.reasons
    )


def test_a_period_that_is_over_starts_anew() -> None:
    plan = planned(replace(KEYLESS, used_units=10_000), now=END)
    assert (plan.allowance.used_units, plan.ends_at, plan.silence) == (0, END + timedelta(days=31), None)


def test_a_rate_of_nothing_asks_nothing() -> None:
    assert planned(replace(KEYLESS, calls_per_minute=0)).silence == "no_rate"


def test_the_plan_explains_itself() -> None:
    assert planned(KEYLESS).reasons == (
        "coingecko allows 5 calls a minute and 10,000 calls until 2026-12-01 00:00 UTC; 0 are used, and 9,000 may be "
        "planned with when the reserve is kept.",
        "coingecko: ranks 1-100 are asked every 10 minutes, for 1 call each time, because the 9,000 calls left must "
        "last until 2026-12-01 00:00 UTC.",
        "coingecko: ranks 101-250 are asked every 10 minutes at no cost of their own, in the answers for ranks 1-100.",
        "coingecko: ranks 251-1000 are asked every hour, for 3 calls each time, because the 9,000 calls left must last "
        "until 2026-12-01 00:00 UTC.",
        "coingecko: ranks from 1001 are asked every 12 hours, for 36 calls each time, because the 9,000 calls left "
        "must last until 2026-12-01 00:00 UTC.",
        "At 288 calls a day the allowance of coingecko lasts: it would be used up on 2026-12-05 17:20 UTC, after its "
        "reset.",
        "Asked every minute for all of 10,000 assets, coingecko would fall silent on 2026-11-01 04:10 UTC.",
    )


def test_the_calls_of_a_page_provider_are_its_pages() -> None:
    calls = lay_out(planned(KEYLESS))
    assert [call.first_rank for call in calls] == list(range(1, 10_000, 250))
    assert {(call.row_count, call.units) for call in calls} == {(250, 1)}
    assert [call.place for call in calls[:5]] == [0, 2, 2, 2, 3]


def test_the_calls_of_a_credit_provider_are_as_long_as_it_allows() -> None:
    calls = lay_out(planned(BASIC))
    assert [(call.first_rank, call.row_count, call.units) for call in calls] == [
        (1, 200, 1),
        (201, 200, 1),
        (401, 600, 3),
        (1_001, 5_000, 25),
        (6_001, 4_000, 20),
    ]


def test_in_one_cadence_every_call_is_made_once() -> None:
    calls = lay_out(planned(KEYLESS))
    minutes = [START + timedelta(minutes=n) for n in range(720)]
    made = [call.first_rank for minute in minutes for call in due(calls, minute)]
    assert {rank: made.count(rank) for rank in (1, 251, 9_751)} == {1: 72, 251: 12, 9_751: 1}


@pytest.mark.parametrize("second", [0, 59])
def test_a_minute_is_due_at_any_of_its_instants(second: int) -> None:
    calls = lay_out(planned(KEYLESS))
    assert [call.first_rank for call in due(calls, START + timedelta(seconds=second))] == [1]


def test_calls_of_a_slot_longer_than_a_minute_keep_a_distance() -> None:
    plan = planned(replace(KEYLESS, units_per_period=None, rate_factor=Decimal("0.1")))
    assert (plan.slot_minutes, plan.calls_per_slot) == (10, 4)
    calls = lay_out(plan)
    counts = [len(due(calls, START + timedelta(minutes=n))) for n in range(720)]
    assert sum(counts) == 72 + 3 * 12 + 36
    assert max(counts) == 1
    assert {n % 10 for n, count in enumerate(counts) if count} == {0, 2}


def test_a_standing_plan_is_left_for_a_faster_one_only_when_that_leaves_something_over() -> None:
    fast = planned(KEYLESS)
    tight = replace(KEYLESS, units_per_period=-(-fast.planned_units * 10 // 9))
    assert planned(tight).rung == fast.rung
    # Ranks 101-250 are on the page of the first hundred.
    stays, slow = (10, 10, 60, 720), (10, 10, 60, 1_440)
    assert cadences(fast) == [*stays]

    def follows(allowance: Allowance, standing: tuple[int | None, ...]) -> int:
        plans = plan_quota([allowance], universe_size=10_000, now=START, standing={"coingecko": standing})
        return plans.providers[0].rung

    assert follows(tight, slow) == fast.rung + 1, "it fits by a hair, so what stands stays"
    assert follows(tight, stays) == fast.rung, "what stands and fits stays"
    roomy = replace(tight, units_per_period=tight.units_per_period * 106 // 100)  # type: ignore[operator]
    assert follows(roomy, slow) == fast.rung
    poor = replace(tight, units_per_period=tight.units_per_period // 2)  # type: ignore[operator]
    assert follows(poor, stays) == planned(poor).rung, "what no longer fits is left at once"
    assert follows(tight, (3, 7)) == fast.rung, "a plan of other tiers is none that stands"
