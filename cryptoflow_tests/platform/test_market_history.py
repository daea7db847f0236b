"""History from the simulated charts into a real warehouse: first history, missed ticks, and all that can go wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
import redis
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.collect.history_run import BATCH_CHARTS, HistoryRun
from cryptoflow.collect.planning import current_plan, sweep
from cryptoflow.collect.snapshots import collect_snapshots
from cryptoflow.defs.market.history import history_standing, market_history
from cryptoflow.defs.platform.resources import resources
from cryptoflow.ops.doctor import examine
from cryptoflow.refine.quota_model import ProviderPlan
from cryptoflow.runtime.first_hour import FirstHourWatch
from cryptoflow.settings import load_settings
from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.faults import FaultBoard
from cryptoflow.simulator.limits import LimitBook
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.simulator.world import World
from cryptoflow.warehouse.history import FirstHistory
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow_tests.closes_model import FACTS, POINTS, held
from cryptoflow_tests.platform.history_bench import ASSETS, Bench
from cryptoflow_tests.waiting import wait_for

START = instant("2026-09-03T12:00:30")
MINUTE = timedelta(minutes=1)
FINE = "market_chart has a point every 5 minutes; none falls into this minute."


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=40)


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str) -> Iterator[Bench]:
    clock = SimClock(now=START)
    clock.set(freeze=True)
    world = World(market=market, clock=clock, faults=FaultBoard(seed=1), limits=LimitBook())
    for provider, plan in (("coingecko", "keyless"), ("coinmarketcap", "basic")):
        world.limits.set_quota(provider=provider, plan=plan, window="minute", quota=None)
    with SimulatorServer(world=world) as server:
        yield Bench(server, database_url, valkey_url)


@pytest.fixture
def missed(bench: Bench) -> Bench:
    """A tick at 12:00, none for twelve minutes, one at 12:13; what came since may still be observed."""
    bench.tick()
    bench.advance(13)
    bench.tick()
    bench.advance(10)
    return bench


def at(minute: int) -> datetime:
    return datetime(2026, 9, 3, 12, minute, tzinfo=UTC)


def test_the_first_history_of_every_asset_comes_by_rank_and_fills_every_grain(bench: Bench) -> None:
    bench.tick()
    few = 4
    report = bench.run(depths=(1, 30), universe_size=few)
    assert (report.wanted, report.answered, report.left, report.goes_on_at) == (2 * few, 2 * few, 0, None)
    assert (report.first.asked, report.first.wanted, report.quarantined) == (few, few, 0)
    assert report.calls == bench.calls() == 2 * few
    asked = bench.rows(
        "SELECT requests.asset_id, first_days FROM ops.history_requests AS requests"
        " JOIN market.monthly_close AS months ON months.asset_id = requests.asset_id AND bucket = '2026-09-01Z'"
        " ORDER BY asked_at"
    )
    ranks = dict(bench.rows("SELECT asset_id, market_cap_rank FROM raw.market_snapshots"))
    assert [days for _, days in asked] == [1] * few + [30] * few
    assert [ranks[asset] for asset, _ in asked] == sorted(ranks.values())[:few] * 2
    ((hours,),) = bench.rows("SELECT count(*) FROM market.hourly_close WHERE asset_id = %s", asked[0][0])
    assert hours >= 29 * 24
    ((fine,),) = bench.rows(
        "SELECT min(samples) FROM market.hourly_close WHERE asset_id = %s AND bucket >= %s AND bucket < %s",
        asked[0][0], at(0) - timedelta(hours=20), at(0) - timedelta(hours=1),
    )  # fmt: skip
    assert fine >= 12
    assert bench.rows(f"SELECT max(observed_at) <= %s FROM {POINTS}", bench.now) == [(True,)]
    assert bench.rows(f"SELECT count(*) FROM {POINTS} WHERE run_id IS DISTINCT FROM 'run-1'") == [(0,)]
    unknown = f"SELECT count(*) FROM {POINTS} LEFT JOIN raw.payloads USING (payload_sha256) WHERE body IS NULL"
    assert bench.rows(unknown) == [(0,)], "each point names the answer that held it"
    assert bench.rows("SELECT count(*) FROM ops.dirty_buckets") == [(0,)], "velocity is there with it"


def test_history_is_asked_for_once(bench: Bench) -> None:
    bench.tick()
    bench.run(depths=(1,))
    before, calls = held(bench.database_url, POINTS, *FACTS), bench.calls()
    bench.advance(5)
    again = bench.run(depths=(1,))
    assert (again.wanted, again.calls, bench.calls()) == (0, 0, calls)
    assert held(bench.database_url, POINTS, *FACTS) == before


def test_a_run_stops_when_its_time_is_over_and_the_next_goes_on(bench: Bench) -> None:
    bench.tick()
    first = bench.run(depths=(1,), seconds=0.0)
    assert (first.answered, first.left, first.stopped_by) == (1, ASSETS - 1, "its time was over")
    assert first.goes_on_at == bench.now
    rest = bench.run(depths=(1,))
    assert (rest.wanted, rest.answered, rest.left) == (ASSETS - 1, ASSETS - 1, 0)
    assert bench.calls() == ASSETS


def test_the_time_of_a_run_is_for_writing_as_well(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.tick()
    monkeypatch.setattr(HistoryRun, "writing_seconds", lambda run: 100.0 * len(run.batch))
    first = bench.run(depths=(1,), seconds=250.0)
    assert (first.answered, first.stopped_by) == (3, "its time was over")


def test_what_writing_takes_is_reckoned_from_the_last_batch(bench: Bench) -> None:
    bench.tick()
    reckoned: list[float] = []
    bench.run(depths=(1,), on_progress=lambda run: reckoned.append(run.seconds_a_point))
    assert len(reckoned) == ASSETS > BATCH_CHARTS
    assert len(set(reckoned)) == 2
    assert reckoned[-1] > 0


def test_missed_slots_are_refilled_and_say_what_became_of_them(missed: Bench) -> None:
    report = missed.run()
    assert (report.wanted, report.answered, report.left) == (ASSETS, ASSETS, 0)
    refilled = f"Refilled from market_chart: {ASSETS} of {ASSETS} assets."
    slots = missed.slots()
    # Every five minutes a point, some seconds after the minute.
    assert {slot.minute: slots[slot] for slot in slots if slot < at(13)} == {
        minute: ("observed", None)
        if minute == 0
        else ("observed", refilled)
        if minute % 5 == 0
        else ("source_has_none", FINE)
        for minute in range(13)
    }
    assert report.slots_told == {"observed": 2, "source_has_none": 10}
    closes = missed.rows(
        "SELECT bucket, count(*) FROM market.minute_close WHERE bucket IN (%s, %s) GROUP BY 1", at(5), at(10)
    )
    assert dict(closes) == {at(5): ASSETS, at(10): ASSETS}
    assert missed.rows("SELECT count(*) FROM ops.slot_exceptions") == [(0,)]
    calls = missed.calls()
    again = missed.run()
    assert (again.wanted, missed.calls()) == (0, calls), "nothing is asked for twice"


def test_an_asset_without_points_differs_from_its_refilled_slot(missed: Bench) -> None:
    ((asset, key),) = missed.rows(
        "SELECT assets.asset_id, alias FROM market.assets AS assets JOIN market.asset_aliases AS keys"
        " ON keys.asset_id = assets.asset_id AND keys.provider = 'coingecko' AND keys.kind = 'key'"
        " JOIN raw.market_snapshots AS one ON one.asset_id = assets.asset_id ORDER BY one.market_cap_rank LIMIT 1"
    )
    change(missed, "UPDATE market.asset_aliases SET alias = 'no-such-coin' WHERE alias = %s AND kind = 'key'", key)
    report = missed.run()
    assert (report.answered, report.refused_requests) == (ASSETS - 1, 1)
    assert missed.slots()[at(5)] == ("observed", f"Refilled from market_chart: {ASSETS - 1} of {ASSETS} assets.")
    told = missed.rows("SELECT slot, asset_id, state, reason FROM ops.slot_exceptions ORDER BY slot")
    assert [one[:3] for one in told] == [(at(5), asset, "source_has_none"), (at(10), asset, "source_has_none")]
    assert all("not found" in one[3] for one in told)


def change(bench: Bench, statement: str, *values: object) -> None:
    with psycopg.connect(bench.database_url) as connection:
        connection.execute(statement.encode(), values)


@pytest.mark.parametrize(("fault", "failed", "calls"), [("http_429", 0, 1), ("http_5xx", 3, 6)])
def test_a_provider_in_trouble_is_left_alone_and_nothing_is_given_up(
    missed: Bench, fault: str, failed: int, calls: int
) -> None:
    missed.world.faults.add(fault, provider="coingecko")
    down = missed.slots()
    report = missed.run()
    assert report.stopped_by
    assert (report.failed, missed.calls()) == (failed, calls), "nothing is hammered"
    assert (report.answered, report.left, report.slots_told) == (0, ASSETS, {})
    assert report.goes_on_at is not None
    assert report.goes_on_at > missed.now
    assert missed.slots() == down
    assert missed.rows("SELECT count(*) FROM ops.history_requests") == [(0,)]
    ((status, error),) = missed.rows(
        "SELECT status, error_message FROM ops.collection_status WHERE dataset = %s", POINTS
    )
    assert status == "failed"
    assert error
    missed.world.faults.clear()
    forget_limits(missed)
    assert missed.run().answered == ASSETS
    assert missed.slots()[at(5)][0] == "observed"


def forget_limits(bench: Bench) -> None:
    """As if the pauses that refusals brought were over."""
    with redis.Redis.from_url(bench.valkey_url) as client:
        client.flushdb()


def test_a_refusal_in_the_middle_keeps_what_came_and_the_next_run_asks_the_rest(missed: Bench) -> None:
    missed.world.limits.set_quota(provider="coingecko", plan="keyless", window="minute", quota=5)
    missed.advance(1)
    first = missed.run()
    assert (first.answered, first.left, missed.calls()) == (5, ASSETS - 5, 6)
    state, reason = missed.slots()[at(5)]
    assert state == "feed_down"
    assert reason == (
        "Nothing was collected: the platform did not run, or was busy."
        f" Of market_chart 5 of {ASSETS} assets were asked so far, 5 have a point."
    )
    missed.world.limits.set_quota(provider="coingecko", plan="keyless", window="minute", quota=None)
    forget_limits(missed)
    second = missed.run()
    assert (second.wanted, second.answered, second.left) == (ASSETS - 5, ASSETS - 5, 0)
    assert missed.slots()[at(5)] == ("observed", f"Refilled from market_chart: {ASSETS} of {ASSETS} assets.")
    assert missed.slots()[at(6)] == ("source_has_none", FINE)


def test_history_costs_no_more_than_its_part_of_the_reserve(missed: Bench) -> None:
    spent = missed.run(coingecko_calls_per_month=100)
    assert (spent.answered, spent.left, missed.calls()) == (8, ASSETS - 8, 8)
    assert spent.stopped_by == "the reserve of the quota is used"
    assert spent.goes_on_at == datetime(2026, 10, 1, tzinfo=UTC)
    again = missed.run(coingecko_calls_per_month=100)
    assert (again.answered, missed.calls()) == (0, 8), "what was used before counts"
    slower = plan_of(missed, coingecko_calls_per_month=100)
    assert (slower.allowance.from_reserve, slower.spendable_units) == (8, 90 - (slower.allowance.used_units - 8))
    assert missed.run(coingecko_calls_per_month=1_000).left == 0


def plan_of(bench: Bench, **changes: Any) -> ProviderPlan:
    plan = current_plan(bench.settings(**changes), bench.database_url, None, now=bench.now).plan
    return next(one for one in plan.providers if one.allowance.provider == "coingecko")


def test_hours_of_an_outage_that_lasted_days_come_back(bench: Bench) -> None:
    bench.tick()
    bench.advance(2 * 24 * 60)
    bench.tick()
    report = bench.run()
    assert (report.wanted, report.answered) == (2 * ASSETS, 2 * ASSETS), "the last day finely, what was before by hours"
    slots = bench.slots()
    states = [state for state, _ in slots.values()]
    assert set(states) == {"observed", "source_has_none"}
    assert slots[at(0) + timedelta(hours=3)][0] == "observed"
    assert slots[at(5) + timedelta(hours=3)] == (
        "source_has_none", "market_chart has a point every hour of a time so long ago; none falls into this minute.",
    )  # fmt: skip
    assert slots[at(5) + timedelta(hours=40)][0] == "observed"
    assert slots[at(6) + timedelta(hours=40)] == ("source_has_none", FINE)
    ((hours,),) = bench.rows("SELECT count(*) FROM market.hourly_close WHERE asset_id = 1")
    assert hours >= 48


def test_a_minute_that_another_provider_saw_is_not_asked_for(bench: Bench) -> None:
    bench.tick()
    bench.advance(2)
    settings = bench.settings()
    collect_snapshots(
        settings, slot=bench.minute, database_url=bench.database_url, redis_url=bench.valkey_url,
        calls={"coinmarketcap": sweep(settings)["coinmarketcap"]},
    )  # fmt: skip
    change(bench, "DELETE FROM raw.market_snapshots")
    seen = [bucket for (bucket,) in bench.rows("SELECT DISTINCT bucket FROM market.minute_close ORDER BY 1")]
    bench.advance(12)
    bench.tick()
    bench.run()
    assert bench.rows(f"SELECT count(*) FROM {POINTS}") != [(0,)]
    told = bench.slots()
    assert [slot for slot in seen[1:] if told.get(slot, ("feed_down", None))[0] == "source_has_none"] == []


def test_a_chart_with_bad_points_is_kept_in_part(missed: Bench) -> None:
    missed.world.faults.add("nan_values", provider="coingecko")
    report = missed.run()
    assert report.quarantined > 0
    assert report.answered == ASSETS
    told = missed.rows("SELECT DISTINCT dataset, provider FROM ops.quarantine")
    assert told == [(POINTS, "coingecko")]
    assert missed.rows("SELECT count(*) FROM ops.quarantine JOIN raw.payloads USING (payload_sha256)") == [
        (report.quarantined,)
    ]
    assert missed.rows(f"SELECT count(*) FROM {POINTS} WHERE NOT price_usd > 0") == [(0,)]


KILLED = """
import sys
from datetime import datetime
from cryptoflow.collect.history import collect_history
from cryptoflow.settings import load_settings
url, database_url, valkey_url, now = sys.argv[1:]
settings = load_settings(simulator_url=url, universe_size={assets}, coingecko_calls_per_minute=600)
collect_history(settings, now=datetime.fromisoformat(now), database_url=database_url, redis_url=valkey_url, depths=(1,))
"""


def test_a_killed_run_goes_on_where_it_was(bench: Bench) -> None:
    bench.tick()
    words = (bench.server.url, bench.database_url, bench.valkey_url, bench.now.isoformat())
    process = subprocess.Popen([sys.executable, "-c", KILLED.format(assets=ASSETS), *words])
    try:
        wait_for(
            lambda: bench.rows("SELECT count(*) FROM ops.history_requests")[0][0], seconds=60, what="a batch is stored"
        )
    finally:
        process.kill()
        process.wait()
    ((asked,),) = bench.rows("SELECT count(*) FROM ops.history_requests")
    assert asked == 10, "it was killed in the middle"
    rest = bench.run(depths=(1,))
    assert (rest.wanted, rest.answered, rest.left) == (ASSETS - 10, ASSETS - 10, 0)
    assert bench.rows(f"SELECT count(*), count(DISTINCT asset_id) FROM {POINTS}")[0][1] == ASSETS
    states = bench.rows(
        "SELECT status, coins_processed FROM ops.collection_status WHERE dataset = %s ORDER BY id", POINTS
    )
    assert states == [("cancelled", 10), ("completed", ASSETS - 10)]


@pytest.fixture
def as_settings(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """The bench as the settings of a command or a run. These go by the real clock."""
    bench.tick()
    monkeypatch.chdir(tmp_path)
    given = {
        "HOME": str(tmp_path / "home"), "DATABASE_URL": bench.database_url, "REDIS_URL": bench.valkey_url,
        "DAGSTER_DATABASE_URL": bench.database_url, "SIMULATOR_URL": bench.server.url, "UNIVERSE_SIZE": str(ASSETS),
        "COINGECKO_CALLS_PER_MINUTE": "10000",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"CRYPTOFLOW_{name}", value)
    # The tick stood for a slot of the simulated time; by the real clock everything since would be missing.
    change(bench, "DELETE FROM ops.slots")
    return bench


def test_a_backfill_by_hand_says_its_cost_first_and_asks_nothing_twice(as_settings: Bench) -> None:
    def told() -> str:
        done = CliRunner().invoke(app, ["backfill", "market", "--days", "1", "--top", "4"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    first = told()
    assert first.index("4 charts to ask for: 4 first history of a day.") < first.index("4 calls, about")
    assert "4 charts brought" in first
    assert as_settings.rows(f"SELECT count(DISTINCT asset_id) FROM {POINTS}") == [(4,)]
    assert told() == "Nothing is left to ask for.\n"
    assert as_settings.calls() == 4
    told_json = CliRunner().invoke(app, ["backfill", "market", "--days", "1", "--top", "6", "--json"])
    assert json.loads(told_json.stdout)["answered"] == 2


def test_a_backfill_beyond_the_reserve_says_so(as_settings: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_COINGECKO_CALLS_PER_MONTH", "50")
    done = CliRunner().invoke(app, ["backfill", "market", "--days", "1"], catch_exceptions=False)
    assert "The reserve of the quota pays for 4 of them until" in done.stdout
    assert f"{ASSETS - 4} charts are left: the reserve of the quota is used." in done.stdout
    assert as_settings.calls() == 4
    (finding,) = [one for one in examine(load_settings()) if one.subject == "history"]
    assert finding.state == "warning"
    assert "the reserve of the quota is used" in finding.what


def test_the_asset_shows_what_is_left_and_the_sensor_goes_by_that(as_settings: Bench) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert history_standing(instance).left is None
        done = dg.materialize([market_history], resources=resources(), instance=instance)
        assert done.success
        (shown,) = done.asset_materializations_for_node("market_history")
        asked = shown.metadata["charts asked"].value
        left = shown.metadata["charts left"].value
        assert asked >= 1
        assert asked + left == 2 * ASSETS
        assert shown.metadata["calls"].value == asked == as_settings.calls()
        assert "▁" in shown.metadata["points by hour"].value or "█" in shown.metadata["points by hour"].value
        standing = history_standing(instance)
        assert standing.left == left
        assert (standing.goes_on_at is None) == (left == 0)
        with dataset_lock(as_settings.database_url, POINTS):
            beside = dg.materialize([market_history], resources=resources(), instance=instance)
        assert beside.success
        assert beside.asset_materializations_for_node("market_history") == []


def test_the_watch_of_the_first_hour_sees_it_come_and_ends(bench: Bench) -> None:
    watch = FirstHourWatch(bench.database_url, most=ASSETS)
    bench.tick()
    watch.start()
    try:
        wait_for(lambda: watch.latest, seconds=30, what="something is seen")
        assert watch.latest == FirstHistory(asked=0, wanted=ASSETS)
        bench.run(depths=(1,))
        wait_for(lambda: watch.latest and watch.latest.is_whole, seconds=30, what="the whole of it is seen")
    finally:
        watch.close()
