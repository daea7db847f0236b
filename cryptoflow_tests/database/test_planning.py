"""The plan in force follows from what the ledger says was used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptoflow.collect.planning import calls_due, current_plan
from cryptoflow.refine.quota_model import ProviderPlan, QuotaPlan
from cryptoflow.settings import Settings, load_settings
from cryptoflow.sources.ledger import ProviderCall
from cryptoflow.warehouse.usage import PostgresLedger

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)


def keyless(**overrides: object) -> Settings:
    return load_settings(**overrides)


def plan_of(settings: Settings, database_url: str, provider: str = "coingecko") -> ProviderPlan:
    plan = current_plan(settings, database_url, None, now=NOW).plan
    return next(one for one in plan.providers if one.allowance.provider == provider)


def use(database_url: str, *, calls: int, credits: int = 0) -> None:
    ledger = PostgresLedger(database_url)
    for number in range(calls):
        ledger.record_call(
            ProviderCall(
                provider="coingecko",
                endpoint="coins/markets",
                started_at=NOW - timedelta(days=1, seconds=number),
                elapsed_ms=1,
                outcome="ok",
                status=200,
                credits=credits,
                attempt=1,
            )
        )


def test_a_keyless_month_is_made_to_last(database_url: str) -> None:
    plan = plan_of(keyless(), database_url)
    assert plan.lasts
    assert plan.allowance.units_per_period == 10_000
    assert plan.allowance.period_end == datetime(2026, 12, 1, tzinfo=UTC)
    minutes = [NOW + timedelta(minutes=n) for n in range(24 * 60)]
    whole = QuotaPlan(providers=(plan,), cadence_minutes=(), reasons=())
    a_day = sum(len(calls_due(whole, minute)["coingecko"]) for minute in minutes)
    days_left = 21
    assert 0 < a_day * days_left <= 10_000


def test_what_was_used_makes_the_rest_slower(database_url: str) -> None:
    before = plan_of(keyless(), database_url)
    use(database_url, calls=40)
    after = plan_of(keyless(coingecko_calls_per_month=60), database_url)
    assert after.allowance.used_units == 40
    fastest_before, fastest_after = before.tiers[0].cadence_minutes, after.tiers[0].cadence_minutes
    assert fastest_before is not None
    assert fastest_after is None or fastest_after > fastest_before


def test_a_spent_month_asks_nothing_until_the_next(database_url: str) -> None:
    use(database_url, calls=12)
    plan = plan_of(keyless(coingecko_calls_per_month=12), database_url)
    assert plan.silence == "quota_spent"
    assert plan.silent_until == datetime(2026, 12, 1, tzinfo=UTC)
    assert calls_due(QuotaPlan(providers=(plan,), cadence_minutes=(), reasons=()), NOW) == {"coingecko": ()}


def test_only_providers_with_their_key_are_planned(database_url: str) -> None:
    plan = current_plan(keyless(), database_url, None, now=NOW).plan
    names = [one.allowance.provider for one in plan.providers]
    assert names == ["coingecko"]
