"""The plan follows what is real: what the key allows, refusals, a spent quota; and nothing is hammered meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.collect.allowances import refresh_allowances
from cryptoflow.collect.planning import SlotPlan
from cryptoflow.defs.market.automation import tick_job, tick_schedule
from cryptoflow.refine.quota_model import ProviderPlan
from cryptoflow.simulator.market.model import Market
from cryptoflow_tests.platform.market_bench import Bench, open_bench

# Two pages of CoinGecko, and a rate that just lets both go out every minute.
TIGHT = {"universe_size": 500, "coingecko_calls_per_minute": 3, "http_attempts": 4}
UNTROUBLED = ("observed", "not_due", "confirmed_empty")
TOLD = {"coinmarketcap_calls_per_minute": None}


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=40)


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str) -> Iterator[Bench]:
    with open_bench(market, database_url, valkey_url, start=(time.time() // 60 - 90) * 60 + 30) as opened:
        yield opened


def provider_of(planned: SlotPlan, name: str) -> ProviderPlan:
    return next(one for one in planned.in_force.plan.providers if one.allowance.provider == name)


def cadences(planned: SlotPlan, name: str) -> list[int | None]:
    return [tier.cadence_minutes for tier in provider_of(planned, name).tiers if tier.assets]


def minute_by(bench: Bench, **settings: Any) -> tuple[SlotPlan, int]:
    """Let a minute pass and run what is planned for it; returns the plan, and what CoinGecko saw of it."""
    bench.advance(60)
    bench.age_limits(60)
    planned = bench.plan(**settings)
    before = bench.asked("coingecko")
    bench.planned_tick(planned, **settings)
    return planned, bench.asked("coingecko") - before


def test_refusals_slow_the_plan_by_tier_and_nothing_is_hammered(bench: Bench) -> None:
    bench.planned_tick(bench.plan(**TIGHT), **TIGHT)
    planned, asked = minute_by(bench, **TIGHT)
    assert (cadences(planned, "coingecko"), asked) == ([1, 1, 1], 2)

    bench.break_provider("http_429", "coingecko")
    _, asked = minute_by(bench, **TIGHT)
    assert asked == 2, "each call that was planned is refused once and not tried again within the tick"
    assert bench.slots()["coingecko"][0] == "throttled"
    # No time passes: the pause that the refusal asks for is not over.
    bench.advance(60)
    planned = bench.plan(**TIGHT)
    assert provider_of(planned, "coingecko").silence == "paused"
    assert planned.calls["coingecko"] == ()
    bench.planned_tick(planned, **TIGHT)
    state, _, _, reason = bench.slots()["coingecko"]
    assert (state, "it refused a call as one too many" in reason) == ("throttled", True)
    assert bench.slots()["coinmarketcap"][0] in UNTROUBLED

    slower = []
    for _ in range(8):
        planned, asked = minute_by(bench, **TIGHT)
        assert asked <= len(planned.calls["coingecko"]), "no more is asked than the shrunken plan has"
        slower.append((cadences(planned, "coingecko"), asked))
    assert sum(asked for _, asked in slower) <= 8, "before, it would have been sixteen"
    paces = [pace for pace, _ in slower if pace[0] is not None]
    # Whoever is asked at all: the best ranks at least as often as the rest, the rest more seldom than before.
    assert paces
    assert all(first is not None and (rest is None or first <= rest) for first, *_, rest in paces)
    assert max(pace[-1] or 10_000 for pace in paces) > 1

    bench.world.faults.clear()
    bench.age_limits(1200)
    planned, asked = minute_by(bench, **TIGHT)
    assert (cadences(planned, "coingecko"), asked) == ([1, 1, 1], 2)
    assert bench.slots()["coingecko"][:2] == ("observed", bench.whole)

    causes = bench.rows("SELECT cause FROM ops.quota_plans WHERE provider = 'coingecko' ORDER BY plan_id")
    assert causes[0] == ("first plan",)
    assert {("refused",), ("asked again",)} <= set(causes)
    told = bench.rows("SELECT changes::text FROM ops.quota_plans WHERE cause = 'refused'")
    assert any("no longer asked" in changes or "get slower" in changes for (changes,) in told)


def test_a_plan_that_stays_is_recorded_once(bench: Bench) -> None:
    for _ in range(3):
        assert bench.plan(**TIGHT).changes == ()
    assert bench.rows("SELECT provider, cause FROM ops.quota_plans ORDER BY 1") == [
        ("coingecko", "first plan"),
        ("coinmarketcap", "first plan"),
    ]


@pytest.mark.parametrize(("window", "code"), [("day", 1009), ("month", 1010)])
def test_a_spent_quota_silences_one_provider_until_its_reset(bench: Bench, window: Any, code: int) -> None:
    bench.planned_tick(bench.plan())
    bench.world.limits.set_quota(provider="coinmarketcap", plan="basic", window=window, quota=0)
    bench.advance(60)
    bench.tick()
    state, _, _, reason = bench.slots()["coinmarketcap"]
    assert (state, f"(code {code})" in reason) == ("throttled", True)
    asked = bench.asked("coinmarketcap")
    now = datetime.now(UTC)
    for _ in range(3):
        bench.advance(60)
        planned = bench.plan()
        silent = provider_of(planned, "coinmarketcap")
        assert silent.silence == "told_to_wait"
        assert silent.silent_until is not None
        assert now < silent.silent_until <= now + (timedelta(days=1) if window == "day" else timedelta(days=31))
        bench.planned_tick(planned)
        state, _, _, reason = bench.slots()["coinmarketcap"]
        assert (state, "it said that it answers nothing before" in reason) == ("throttled", True)
        assert bench.slots()["coingecko"][0] in UNTROUBLED
    assert bench.asked("coinmarketcap") == asked, "a provider that is silent is not asked"
    assert bench.rows("SELECT cause FROM ops.quota_plans WHERE provider = 'coinmarketcap' ORDER BY plan_id") == [
        ("first plan",),
        ("quota spent",),
    ]
    (silence,) = [one for one in bench.findings() if one.subject == "quota of coinmarketcap"]
    assert (silence.state, "is not asked until" in silence.what) == ("broken", True)
    # The reset comes.
    bench.world.limits.set_quota(provider="coinmarketcap", plan="basic", window=window, quota=None)
    bench.age_limits(40 * 86_400)
    bench.advance(60)
    assert provider_of(bench.plan(), "coinmarketcap").silence is None
    bench.tick()
    assert bench.slots()["coinmarketcap"] == ("observed", bench.whole, 0, None)


def refresh(bench: Bench, **settings: Any) -> list[str]:
    return refresh_allowances(
        bench.settings(**settings),
        database_url=bench.database_url,
        redis_url=bench.valkey_url,
        now=datetime.now(UTC),
        every=settings.pop("every", timedelta(days=1)),
    )


def test_the_allowance_is_what_the_provider_tells(bench: Bench) -> None:
    for window, quota in (("minute", 60), ("month", 15_000)):
        bench.world.limits.set_quota(provider="coinmarketcap", plan="basic", window=window, quota=quota)
    bench.tick()
    assert refresh(bench, **TOLD) == []
    ((rate, units, used, reset, error, has_hash),) = bench.rows(
        "SELECT calls_per_minute, units_per_period, used_units, resets_at, error, payload_sha256 IS NOT NULL"
        " FROM ops.provider_allowances"
    )
    assert (rate, units, used, error, has_hash) == (60, 15_000, 1, None, True)
    given = provider_of(bench.plan(**TOLD), "coinmarketcap").allowance
    assert (given.calls_per_minute, given.units_per_period, given.used_units) == (60, 15_000, 1)
    assert given.period_end == reset
    planned = bench.plan(**TOLD)
    assert planned.in_force.origins == {"coingecko": "built in", "coinmarketcap": "told"}
    assert any("coinmarketcap itself told its quota" in note for note in planned.in_force.notes)
    # It was asked just now, so it is not asked again; and it cost nothing.
    asked = bench.asked("coinmarketcap", "key/info")
    assert refresh(bench, **TOLD) == []
    assert bench.asked("coinmarketcap", "key/info") == asked == 1
    assert bench.rows("SELECT sum(credits) FROM raw.fetches WHERE endpoint = 'v1/key/info'") == [(0,)]


def test_a_setting_wins_over_what_is_told(bench: Bench) -> None:
    refresh(bench, **TOLD)
    planned = bench.plan(**TOLD, coinmarketcap_credits_per_month=500)
    assert provider_of(planned, "coinmarketcap").allowance.units_per_period == 500
    assert planned.in_force.origins["coinmarketcap"] == "setting"


def test_an_allowance_that_is_not_told_is_the_published_one_and_it_says_so(bench: Bench) -> None:
    bench.break_provider("http_5xx", "coinmarketcap", amount=503)
    (trouble,) = refresh(bench, http_attempts=1)
    assert trouble.startswith("coinmarketcap did not tell what its key allows: ")
    planned = bench.plan()
    assert provider_of(planned, "coinmarketcap").allowance.units_per_period == 10_000
    assert planned.in_force.origins["coinmarketcap"] == "built in"
    assert any("did not tell what its key allows when it was asked last" in one for one in planned.in_force.troubles)
    # It is not asked again at every tick, and what it tells later is believed.
    bench.world.faults.clear()
    assert refresh(bench) == []
    assert bench.asked("coinmarketcap", "key/info") == 1
    assert refresh(bench, every=timedelta(0)) == []
    assert bench.plan().in_force.origins["coinmarketcap"] == "told"
    assert bench.plan().in_force.troubles == []


def test_a_daily_limit_bounds_the_month(bench: Bench) -> None:
    bench.world.limits.set_quota(provider="coinmarketcap", plan="basic", window="day", quota=10)
    refresh(bench)
    plan = provider_of(bench.plan(), "coinmarketcap")
    days_left = -(-(plan.ends_at - datetime.now(UTC)) // timedelta(days=1))
    assert plan.allowance.units_per_period == plan.allowance.used_units + 10 * days_left
    assert plan.units_per_day < 10


def test_the_paid_plan_of_coingecko_tells_too(bench: Bench) -> None:
    pro = {"coingecko_plan": "pro", "coingecko_api_key": "SIM-PRO-1", "coingecko_calls_per_minute": None}
    bench.world.limits.set_quota(provider="coingecko", plan="pro", window="month", quota=77_000)
    assert refresh(bench, **pro) == []
    given = provider_of(bench.plan(**pro), "coingecko").allowance
    assert (given.calls_per_minute, given.units_per_period) == (500, 77_000)


def test_each_kind_of_collection_is_what_it_is_called(bench: Bench) -> None:
    wide = {"universe_size": 1000}
    first = bench.plan(**wide)
    assert first.kinds == {"coingecko": "complete", "coinmarketcap": "complete"}
    bench.planned_tick(first, **wide)
    kinds = {}
    for number in range(180):
        slot = bench.minute + timedelta(minutes=number)
        planned = bench.plan(slot=slot, **wide, coingecko_calls_per_month=20_000)
        if planned.calls["coingecko"]:
            kinds[planned.kinds["coingecko"]] = {call.place for call in planned.calls["coingecko"]}
        if len(kinds) == 2:
            break
    assert kinds["priority_refresh"] == {0}
    assert max(kinds["continuous"]) > 0
    assert bench.rows("SELECT collection_type, count(*) FROM ops.collection_status GROUP BY 1") == [("complete", 2)]


def test_the_command_tells_the_plan_its_origin_and_its_changes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", bench.database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", bench.database_url)
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", bench.valkey_url)
    monkeypatch.setenv("CRYPTOFLOW_SIMULATOR_URL", bench.server.url)
    bench.plan(coinmarketcap_calls_per_minute=None, coingecko_calls_per_minute=None)
    bench.world.limits.set_quota(provider="coinmarketcap", plan="basic", window="month", quota=0)
    bench.tick(coinmarketcap_calls_per_minute=None)
    bench.plan(coinmarketcap_calls_per_minute=None, coingecko_calls_per_minute=None)
    told = json.loads(CliRunner().invoke(app, ["quota", "--json"], catch_exceptions=False).stdout)
    assert [one["silence"] for one in told["providers"]] == [None, "told_to_wait"]
    assert told["origins"] == {"coingecko": "built in", "coinmarketcap": "built in"}
    assert (told["changes"][0]["provider"], told["changes"][0]["cause"]) == ("coinmarketcap", "quota spent")
    text = CliRunner().invoke(app, ["quota"], catch_exceptions=False).stdout
    assert "coinmarketcap is not asked until" in text
    assert "(quota spent) coinmarketcap: ranks 1-100 are no longer asked" in text


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as found:
        yield found


def test_the_schedule_skips_while_a_tick_runs(instance: dg.DagsterInstance) -> None:
    """The first of three guards; the dataset's lock and writes that repeat themselves harmlessly are the others."""
    due = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=due)
    request = tick_schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert (request.run_key, request.tags) == (due.isoformat(), {"cryptoflow/slot": due.isoformat()})
    run = dg.DagsterRun(job_name=tick_job.name, status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    skipped = tick_schedule(context)
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == "the tick before it still runs"
    instance.delete_run(run.run_id)
    assert isinstance(tick_schedule(context), dg.RunRequest)
