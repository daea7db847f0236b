"""What history is asked, in which order, at what cost, and what a refill makes of a slot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from cryptoflow.refine.history_plan import (
    MOST_ATTEMPTS,
    ChartRequest,
    EarlierRequest,
    HistoryBudget,
    MissingMinutes,
    RankedKey,
    budget_of,
    coarse_from,
    depths_of,
    fine_from,
    pause_seconds,
    plan_requests,
)
from cryptoflow.refine.quota_model import Allowance
from cryptoflow.refine.quota_plan import plan_provider, tiers_of
from cryptoflow.refine.refills import MissedSlot, Verdict, nothing_there, verdict

NOW = datetime(2026, 11, 10, 12, 0, 20, tzinfo=UTC)
ASSETS = [RankedKey(asset_id=number, key=f"coin-{number}", rank=rank) for rank, number in enumerate((7, 3, 5), start=1)]
MINUTE = timedelta(minutes=1)
KEYLESS = Allowance(
    provider="coingecko",
    calls_per_minute=5,
    units_per_period=10_000,
    used_units=0,
    period_end=datetime(2026, 12, 1, tzinfo=UTC),
    rows_per_call=250,
)


def plan(**given: object) -> list[ChartRequest]:
    options: dict[str, object] = {"missing": (), "earlier": (), "depths": (1, 90), "now": NOW}
    return list(plan_requests(ASSETS, **options | given))  # type: ignore[arg-type]


def names(requests: list[ChartRequest]) -> list[tuple[int, int | None, bool]]:
    return [(one.asset.asset_id, one.first_days, one.is_fine) for one in requests]


def missing(asset_id: int, minutes_ago: int, *, is_fine: bool) -> MissingMinutes:
    first = NOW.replace(second=0) - minutes_ago * MINUTE
    return MissingMinutes(asset_id=asset_id, is_fine=is_fine, first=first, last=first + 3 * MINUTE)


def earlier(asset_id: int, days: int | None, *, attempts: int = 1, ago: timedelta, final: bool) -> EarlierRequest:
    return EarlierRequest(asset_id=asset_id, first_days=days, is_final=final, attempts=attempts, asked_at=NOW - ago)


def test_first_history_comes_by_rank_the_last_day_before_the_hours() -> None:
    assert names(plan()) == [(7, 1, True), (3, 1, True), (5, 1, True), (7, 90, False), (3, 90, False), (5, 90, False)]


def test_the_spans_of_a_first_history_meet_and_leave_the_newest_minutes_to_the_ticks() -> None:
    day, _, _, hours, *_ = plan()
    assert (day.starts_at, day.ends_at) == (NOW - timedelta(days=1), NOW - 10 * MINUTE)
    assert (hours.starts_at, hours.ends_at) == (NOW - timedelta(days=90), day.starts_at)


def test_missed_minutes_of_the_last_day_go_first_and_older_ones_last() -> None:
    gaps = [missing(5, 40, is_fine=True), missing(3, 40, is_fine=True), missing(7, 3_000, is_fine=False)]
    found = plan(missing=gaps)
    assert names(found)[:2] == [(3, None, True), (5, None, True)]
    assert names(found)[-1] == (7, None, False)
    assert (found[0].starts_at, found[0].ends_at) == (gaps[1].first, gaps[1].last + MINUTE)


def test_what_was_had_is_not_asked_again_and_depths_do_not_stand_for_each_other() -> None:
    had = [earlier(7, 1, ago=timedelta(days=40), final=True), earlier(3, 90, ago=timedelta(hours=1), final=True)]
    assert names(plan(earlier=had)) == [(3, 1, True), (5, 1, True), (7, 90, False), (5, 90, False)]
    assert names(plan(earlier=had, depths=(1, 30)))[-2:] == [(7, 30, False), (5, 30, False)], "90 days hold 30"
    assert (3, 365, False) in names(plan(earlier=had, depths=(1, 365)))


def test_what_failed_waits_a_quarter_of_an_hour_and_counts_its_attempts() -> None:
    young, old = timedelta(minutes=14), timedelta(minutes=16)
    failed = [earlier(7, 1, ago=young, final=False), earlier(3, 1, attempts=3, ago=old, final=False)]
    found = {(one.asset.asset_id, one.first_days): one for one in plan(earlier=failed)}
    assert (7, 1) not in found
    assert found[3, 1].attempt == MOST_ATTEMPTS
    assert found[3, 1].is_last_attempt
    assert not found[5, 1].is_last_attempt


def test_the_depths_of_a_backfill_begin_with_the_last_day() -> None:
    assert [depths_of(days) for days in (1, 2, 365)] == [(1,), (1, 2), (1, 365)]


def planned(allowance: Allowance, universe_size: int = 250) -> HistoryBudget:
    plan = plan_provider(allowance, universe_size=universe_size, now=NOW, tiers=tiers_of(4))
    return budget_of(plan)


def test_history_may_use_most_of_the_reserve_and_no_more() -> None:
    assert planned(KEYLESS) == HistoryBudget(calls=800, calls_per_minute=4, until=KEYLESS.period_end)
    assert planned(replace(KEYLESS, used_units=500, from_reserve=500)).calls == 300
    assert planned(replace(KEYLESS, used_units=800, from_reserve=800)).calls == 0
    assert planned(replace(KEYLESS, used_units=900, from_reserve=900)).calls == 0


def test_what_the_reserve_paid_for_does_not_slow_the_ticks() -> None:
    tiers = tiers_of(4)
    before = plan_provider(KEYLESS, universe_size=250, now=NOW, tiers=tiers)
    paid = plan_provider(replace(KEYLESS, used_units=800, from_reserve=800), universe_size=250, now=NOW, tiers=tiers)
    own = plan_provider(replace(KEYLESS, used_units=800), universe_size=250, now=NOW, tiers=tiers)
    assert paid.spendable_units == before.spendable_units == 9_000
    assert own.spendable_units == 8_200
    beyond = plan_provider(
        replace(KEYLESS, used_units=1_500, from_reserve=1_500), universe_size=250, now=NOW, tiers=tiers
    )
    assert beyond.spendable_units == 8_500, "what is beyond the reserve is taken from the plan"


def test_history_never_asks_for_what_the_ticks_need() -> None:
    nearly_spent = replace(KEYLESS, used_units=9_990, period_end=NOW + timedelta(days=1))
    plan = plan_provider(nearly_spent, universe_size=250, now=NOW, tiers=tiers_of(4))
    budget = budget_of(plan)
    assert budget.calls is not None
    assert budget.calls + plan.planned_units + 9_990 <= 10_000


@pytest.mark.parametrize(("per_minute", "universe", "left"), [(5, 250, 4), (30, 250, 26), (500, 250, 449), (1, 250, 1)])
def test_the_rate_is_what_ticks_and_reserve_leave(per_minute: int, universe: int, left: int) -> None:
    allowance = replace(KEYLESS, calls_per_minute=per_minute, units_per_period=None if per_minute > 5 else 10_000)
    budget = planned(allowance, universe)
    assert budget.calls_per_minute == left
    assert pause_seconds(budget) == pytest.approx(float(Fraction(60, left)))


def test_without_a_monthly_quota_everything_can_be_paid_for() -> None:
    budget = planned(replace(KEYLESS, units_per_period=None))
    assert (budget.calls, budget.affordable(10_000), budget.until) == (None, 10_000, None)
    assert planned(KEYLESS).affordable(10_000) == 800


def test_a_provider_that_told_to_wait_is_asked_nothing() -> None:
    until = NOW + timedelta(hours=2)
    assert planned(replace(KEYLESS, silent_until=until)) == HistoryBudget(calls=0, calls_per_minute=4, until=until)


def missed(minutes_ago: int = 30, **changes: object) -> MissedSlot:
    given: dict[str, object] = {
        "slot": NOW.replace(second=0) - minutes_ago * MINUTE, "state": "feed_down", "reason": "It was out.",
        "refilled": 0, "without_point": 0, "refused": 0, "not_asked": 0, "refusal": None,
    }  # fmt: skip
    return MissedSlot(**given | changes)  # type: ignore[arg-type]


FINE = "market_chart has a point every 5 minutes; none falls into this minute."


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        (missed(refilled=3), Verdict(state="observed", reason="Refilled from market_chart: 3 of 3 assets.")),
        (
            missed(refilled=1, without_point=2),
            Verdict(state="observed", reason="Refilled from market_chart: 1 of 3 assets."),
        ),
        (missed(without_point=3, refused=1), Verdict(state="source_has_none", reason=FINE)),
        (
            missed(without_point=2, refused=2, refusal="coin not found"),
            Verdict(state="source_has_none", reason="market_chart of its assets was refused: coin not found"),
        ),
        (
            missed(refilled=1, not_asked=2),
            Verdict(
                state="feed_down",
                reason="It was out. Of market_chart 1 of 3 assets were asked so far, 1 have a point.",
            ),
        ),
        (missed(not_asked=3), None),
        (missed(), None),
        (
            missed(91 * 1440, not_asked=3),
            Verdict(state="source_has_none", reason="market_chart is not asked for more than 90 days."),
        ),
        (
            missed(91 * 1440, refilled=1, not_asked=2),
            Verdict(
                state="observed",
                reason="Refilled from market_chart: 1 of 3 assets. 2 were not asked for within 90 days.",
            ),
        ),
    ],
)
def test_what_becomes_of_a_missed_slot(slot: MissedSlot, said: Verdict | None) -> None:
    assert verdict(slot, now=NOW) == said


def test_how_far_a_refill_came_is_told_anew_and_not_twice() -> None:
    first = verdict(missed(without_point=1, not_asked=2), now=NOW)
    assert first is not None
    again = missed(without_point=1, not_asked=2, reason=first.reason)
    assert verdict(again, now=NOW) is None
    later = verdict(replace(again, without_point=2, not_asked=1), now=NOW)
    assert later == Verdict(
        state="feed_down", reason="It was out. Of market_chart 2 of 3 assets were asked so far, 0 have a point."
    )


def test_the_distance_of_points_follows_from_the_age() -> None:
    assert "5 minutes" in nothing_there(fine_from(NOW), now=NOW)
    assert "every hour" in nothing_there(fine_from(NOW) - MINUTE, now=NOW)
    assert coarse_from(NOW) < fine_from(NOW) < NOW
