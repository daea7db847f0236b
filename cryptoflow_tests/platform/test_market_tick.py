"""The minute tick over HTTP from the simulated providers into a real warehouse, in all weathers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from cryptoflow.cadence import Grain
from cryptoflow.collect import rebuild
from cryptoflow.collect.rebuild import drain, rebuild_closes
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.universe import instant
from cryptoflow.sources.errors import ProviderUnavailable
from cryptoflow.warehouse import velocity
from cryptoflow.warehouse.catalog_proof import orphaned_assets
from cryptoflow.warehouse.locks import DatasetBusy
from cryptoflow.warehouse.pool import transaction
from cryptoflow_tests.closes_model import COARSE, FACTS, held
from cryptoflow_tests.platform.market_bench import (
    PATIENCE_SECONDS,
    Bench,
    assert_nothing_bad_is_visible,
    open_bench,
    wait_until,
)

START = instant("2026-08-31T23:57:30")
COARSE_TABLES = [f"market.{CLOSES[grain].name}" for grain in COARSE]


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=40)


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str) -> Iterator[Bench]:
    with open_bench(market, database_url, valkey_url, start=START) as opened:
        yield opened


def test_the_first_tick_needs_no_catalog(bench: Bench) -> None:
    report = bench.tick(run_id="run-1")
    assert (report.new_assets, report.refused, report.errors) == (bench.whole, 0, [])
    assert report.written.stored == 2 * bench.whole
    assert bench.slots() == {
        "coingecko": ("observed", bench.whole, 0, None),
        "coinmarketcap": ("observed", bench.whole, 0, None),
    }
    assert orphaned_assets(bench.database_url) == []
    keys = "SELECT provider, count(*) FROM market.asset_aliases WHERE kind = 'key' AND valid_to IS NULL GROUP BY 1"
    assert dict(bench.rows(keys)) == {"coingecko": bench.whole, "coinmarketcap": bench.whole}
    assert bench.rows("SELECT count(DISTINCT asset_id) FROM market.minute_close") == [(bench.whole,)]
    assert bench.rows("SELECT DISTINCT run_id FROM raw.market_snapshots") == [("run-1",)]
    unknown = (
        "SELECT count(*) FROM raw.market_snapshots LEFT JOIN raw.payloads USING (payload_sha256) WHERE body IS NULL"
    )
    assert bench.rows(unknown) == [(0,)], "each row names the answer that held it"
    assert bench.rows("SELECT status, count(*) FROM ops.collection_status GROUP BY 1") == [("completed", 2)]


def test_a_later_tick_adds_its_minute_and_leaves_the_identities_alone(bench: Bench) -> None:
    bench.tick()
    identity = bench.rows("SELECT * FROM market.asset_aliases ORDER BY alias_id")
    bench.advance(60)
    report = bench.tick()
    assert (report.new_assets, report.refused) == (0, 0)
    assert bench.stored("coinmarketcap") == bench.whole
    assert bench.rows("SELECT * FROM market.asset_aliases ORDER BY alias_id") == identity
    ((samples,),) = bench.rows("SELECT max(samples) FROM market.hourly_close")
    assert samples >= 2


def test_the_same_answers_again_change_nothing(bench: Bench) -> None:
    bench.tick()
    before = held(bench.database_url, *FACTS)
    report = bench.tick()
    assert (report.written.received, report.written.stored, report.new_assets) == (2 * bench.whole, 0, 0)
    assert held(bench.database_url, *FACTS) == before


@pytest.mark.parametrize(("failing", "well"), [("coingecko", "coinmarketcap"), ("coinmarketcap", "coingecko")])
def test_a_provider_that_is_down_closes_its_own_slot_with_the_reason(bench: Bench, failing: str, well: str) -> None:
    bench.break_provider("http_5xx", failing, amount=503)
    report = bench.tick()
    down = bench.slots()[failing]
    assert down[:3] == ("feed_down", 0, 0)
    assert "503" in down[3]
    assert len(report.errors) == 1
    assert bench.slots()[well] == ("observed", bench.whole, 0, None)
    assert (bench.stored(failing), bench.stored(well)) == (0, bench.whole)
    bench.world.faults.clear()
    bench.advance(60)
    assert bench.tick().errors == []
    assert bench.slots()[failing] == ("observed", bench.whole, 0, None)
    assert bench.slots(bench.minute - timedelta(minutes=1))[failing] == down, "what was missed stays told"


def test_a_slot_that_was_missed_is_observed_when_it_is_run_again(bench: Bench) -> None:
    bench.break_provider("http_5xx", "coingecko")
    bench.tick()
    bench.world.faults.clear()
    bench.tick()
    assert bench.slots()["coingecko"] == ("observed", bench.whole, 0, None)


def test_a_provider_that_refuses_as_too_often_is_throttled(bench: Bench) -> None:
    bench.break_provider("http_429", "coinmarketcap")
    bench.tick(http_attempts=1)
    state, observed, refused, reason = bench.slots()["coinmarketcap"]
    assert (state, observed, refused) == ("throttled", 0, 0)
    assert reason
    assert bench.slots()["coingecko"] == ("observed", bench.whole, 0, None)


def test_when_nobody_answers_it_is_an_error_and_the_slots_say_so(bench: Bench) -> None:
    bench.break_provider("http_5xx", amount=502)
    with pytest.raises(ProviderUnavailable):
        bench.tick()
    assert {provider: slot[0] for provider, slot in bench.slots().items()} == {
        "coingecko": "feed_down",
        "coinmarketcap": "feed_down",
    }
    assert bench.rows("SELECT status, count(*) FROM ops.collection_status GROUP BY 1") == [("failed", 2)]
    assert bench.rows("SELECT count(*) FROM raw.market_snapshots") == [(0,)]


@pytest.mark.parametrize("provider", ["coingecko", "coinmarketcap"])
@pytest.mark.parametrize(
    ("fault", "field", "rule"),
    [
        ("negative_price", None, "price_usd"),
        ("zero_price", None, "price_usd"),
        ("nan_values", None, "decodes"),
        ("field_changes_type", "max_supply", "decodes"),
    ],
)
def test_bad_rows_are_kept_aside_and_never_seen(
    bench: Bench, provider: str, fault: str, field: str | None, rule: str
) -> None:
    bench.break_provider(fault, provider, field=field)
    report = bench.tick(run_id="run-7")
    assert 0 < report.refused < bench.whole
    good = bench.whole - report.refused
    assert (bench.stored(provider), report.written.stored) == (good, bench.whole + good)
    assert bench.slots()[provider] == ("observed", good, report.refused, None)
    assert bench.rows("SELECT DISTINCT dataset, provider, rule, run_id, times_seen FROM ops.quarantine") == [
        ("raw.market_snapshots", provider, rule, "run-7", 1)
    ]
    assert bench.rows("SELECT count(*) FROM ops.quarantine") == [(report.refused,)]
    assert bench.rows("SELECT count(*) FROM ops.quarantine JOIN raw.payloads USING (payload_sha256)") == [
        (report.refused,)
    ]
    assert bench.rows(
        "SELECT coins_processed, coins_failed FROM ops.collection_status WHERE provider = %s", provider
    ) == [(good, report.refused)]
    assert_nothing_bad_is_visible(bench)
    bench.world.faults.clear()
    bench.advance(300)
    clean = bench.tick()
    assert (clean.refused, clean.written.stored) == (0, 2 * bench.whole)
    assert bench.slots()[provider] == ("observed", bench.whole, 0, None)
    assert_nothing_bad_is_visible(bench)


def test_when_the_price_is_of_another_type_everywhere_the_feed_is_down(bench: Bench) -> None:
    bench.break_provider("field_changes_type", "coingecko")
    bench.tick()
    state, observed, _, reason = bench.slots()["coingecko"]
    assert (state, observed) == ("feed_down", 0)
    assert "price" in reason
    assert bench.stored("coinmarketcap") == bench.whole
    assert_nothing_bad_is_visible(bench)


def test_times_in_another_unit_do_no_harm(bench: Bench) -> None:
    bench.break_provider("unit_jump_time")
    bench.tick()
    ((oldest, newest),) = bench.rows("SELECT min(observed_at), max(observed_at) FROM raw.market_snapshots")
    now = datetime.fromtimestamp(bench.world.clock.now(), UTC)
    assert now - timedelta(hours=1) < oldest <= newest <= now
    bench.world.faults.clear()
    bench.advance(300)
    assert bench.tick().refused == 0


def test_figures_from_the_future_are_refused_and_their_feed_is_down(bench: Bench) -> None:
    bench.break_provider("clock_skew", "coingecko", amount=time.time() - bench.world.clock.now() + 3600)
    report = bench.tick()
    assert bench.slots()["coingecko"] == (
        "feed_down", 0, bench.whole,
        f"No row of the answer could be stored; {bench.whole} were refused (observed_before_fetched {bench.whole}).",
    )  # fmt: skip
    assert report.refused == bench.whole
    assert bench.rows("SELECT DISTINCT rule FROM ops.quarantine") == [("observed_before_fetched",)]
    assert bench.rows("SELECT bool_and(observed_at < now()) FROM raw.market_snapshots") == [(True,)]


def test_a_late_run_writes_into_the_slot_that_it_was_due_for(bench: Bench) -> None:
    due = bench.minute
    bench.advance(180)
    bench.tick(slot=due)
    assert bench.rows("SELECT DISTINCT slot FROM ops.slots") == [(due,)]
    assert bench.rows("SELECT DISTINCT slot FROM raw.market_snapshots") == [(due,)]
    assert bench.rows("SELECT max(bucket) > %s FROM market.minute_close", due) == [(True,)]


def test_of_two_ticks_at_once_one_is_refused_as_busy(bench: Bench) -> None:
    bench.break_provider("latency", amount=1.0)
    with ThreadPoolExecutor(max_workers=1) as threads:
        first = threads.submit(bench.tick)
        wait_until(lambda: bench.rows("SELECT count(*) FROM ops.collection_status")[0][0] > 0)
        with pytest.raises(DatasetBusy, match=r"raw\.market_snapshots is being collected"):
            bench.tick()
        assert first.result(timeout=PATIENCE_SECONDS).written.stored == 2 * bench.whole
    assert bench.rows("SELECT status, count(*) FROM ops.collection_status GROUP BY 1") == [("completed", 2)]


def test_rebuilding_gives_exactly_what_the_ticks_built(bench: Bench) -> None:
    for _ in range(6):
        bench.tick()
        bench.advance(45)
    built = held(bench.database_url, *COARSE_TABLES)
    assert len(bench.rows("SELECT DISTINCT bucket FROM market.monthly_close")) == 2
    start, end = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
    again = rebuild_closes(bench.database_url, Grain.HOUR, start=start, end=end)
    assert (again.marked, again.changed, again.rows) == (len(built["market.hourly_close"]), 0, again.marked)
    with transaction(bench.database_url) as connection:
        connection.execute(f"TRUNCATE {', '.join(COARSE_TABLES)}")
    anew = rebuild_closes(bench.database_url, Grain.HOUR, start=start, end=end)
    assert anew.changed == sum(len(found) for found in built.values())
    assert 0 < anew.mean_coverage < 0.1
    assert held(bench.database_url, *COARSE_TABLES) == built


def test_a_tick_goes_on_after_its_commit_with_what_is_marked_as_long_as_it_has_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.tick()
    with transaction(bench.database_url) as connection:
        connection.execute(
            "INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)"
            " SELECT DISTINCT 'velocity', date_trunc('hour', bucket), asset_id FROM market.minute_close"
        )
    bench.advance(60)
    monkeypatch.setattr(velocity, "HOURS_PER_WRITE", 0)
    with monkeypatch.context() as hurry:
        hurry.setattr(rebuild, "CATCH_UP_SECONDS", 0.0)
        hurried = bench.tick()
    assert hurried.written.minutes >= bench.whole
    assert (hurried.caught_up.built, hurried.caught_up.left) == (0, bench.whole)
    bench.advance(60)
    report = bench.tick()
    assert (report.caught_up.built, report.caught_up.left) == (bench.whole, 0)
    assert bench.rows("SELECT count(*) FROM ops.dirty_buckets") == [(0,)]


def test_draining_builds_all_that_is_marked(bench: Bench) -> None:
    bench.tick()
    built = held(bench.database_url, *COARSE_TABLES)
    with transaction(bench.database_url) as connection:
        connection.execute("TRUNCATE market.hourly_close")
        connection.execute("INSERT INTO ops.dirty_buckets (grain, bucket, asset_id) VALUES ('month', '2011-01-01Z', 1)")
        connection.execute(
            "INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)"
            " SELECT DISTINCT 'hour', date_trunc('hour', bucket), asset_id FROM market.minute_close"
        )
    left: list[int] = []
    assert drain(bench.database_url, on_progress=left.append) == len(built["market.hourly_close"])
    assert left == [0]
    assert bench.rows("SELECT count(*) FROM ops.dirty_buckets") == [(0,)]
    assert held(bench.database_url, *COARSE_TABLES) == built
