"""The asset catalog, collected over HTTP from the simulated providers into a real warehouse, in all weathers."""

from __future__ import annotations

import hashlib
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from cryptoflow.collect.catalog import CatalogReport, ProviderReport, collect_catalog
from cryptoflow.errors import TransientError
from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.faults import FaultBoard
from cryptoflow.simulator.limits import LimitBook
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.simulator.world import World
from cryptoflow.sources.errors import ProviderUnavailable
from cryptoflow.warehouse.catalog_proof import missing_keys, orphaned_assets
from cryptoflow.warehouse.locks import DatasetBusy
from cryptoflow_tests.platform.world_bench import WorldBench

BEFORE_THE_RENAME = instant("2026-02-10T00:00:00")
AFTER_THE_RENAME = instant("2026-02-14T00:00:00")
BEFORE_THE_DELISTING = instant("2026-08-18T00:00:00")
AFTER_THE_DELISTING = instant("2026-08-21T00:00:00")
PATIENCE_SECONDS = 60.0
PAGE = 250


class Bench(WorldBench):
    """A simulated world, a warehouse, and one way to collect from the one into the other."""

    def collect(self, *, run_id: str | None = None, **changes: Any) -> CatalogReport:
        return collect_catalog(
            self.settings(**changes), database_url=self.database_url, redis_url=self.valkey_url, run_id=run_id
        )

    def break_provider(self, name: str, provider: str | None = None, **options: Any) -> None:
        self.world.faults.add(name, provider=provider, **options)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, options="-c timezone=UTC") as connection:
            return connection.execute(query, values).fetchall()

    def endings(self) -> dict[str, tuple[Any, ...]]:
        """How the newest collection of each provider ended."""
        return {
            row[0]: row[1:]
            for row in self.rows(
                "SELECT provider, status, coins_processed, coins_failed, error_message, batch_details"
                " FROM ops.collection_status ORDER BY id"
            )
        }

    def aliases(self, slug: str, provider: str) -> list[tuple[Any, ...]]:
        """Kind, alias, and whether it is in force."""
        return self.rows(
            "SELECT known.kind, alias, valid_to IS NULL FROM market.asset_aliases AS known"
            " JOIN market.assets USING (asset_id) WHERE slug = %s AND provider = %s ORDER BY known.kind, valid_from",
            slug,
            provider,
        )


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=60)


@pytest.fixture(scope="module")
def wide_market() -> Market:
    """A market of several pages."""
    return Market(seed=1, asset_count=3 * PAGE)


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str) -> Iterator[Bench]:
    yield from running(market, database_url, valkey_url)


@pytest.fixture
def wide_bench(wide_market: Market, database_url: str, valkey_url: str) -> Iterator[Bench]:
    yield from running(wide_market, database_url, valkey_url)


def running(market: Market, database_url: str, valkey_url: str) -> Iterator[Bench]:
    """Its time stands still unless a test moves it; the providers' own quotas are out of the way."""
    clock = SimClock(now=AFTER_THE_DELISTING)
    clock.set(freeze=True)
    world = World(market=market, clock=clock, faults=FaultBoard(seed=1), limits=LimitBook())
    for provider, plans in (("coingecko", ("keyless", "demo")), ("coinmarketcap", ("basic",))):
        for plan in plans:
            world.limits.set_quota(provider=provider, plan=plan, window="minute", quota=None)
    with SimulatorServer(world=world) as server:
        yield Bench(server, database_url, valkey_url)


def of(report: CatalogReport, provider: str) -> ProviderReport:
    return next(one for one in report.providers if one.provider == provider)


def test_the_first_collection_brings_every_asset_under_both_names(bench: Bench) -> None:
    alive = bench.world.market.assets(bench.world.clock.now())
    report = bench.collect(run_id="run-1")
    assert (report.assets, report.active, report.created) == (len(alive), len(alive), len(alive))
    assert (report.updated, report.renamed, report.gone, report.warnings) == (0, 0, 0, ())
    assert [(one.provider, one.listed, one.refused, one.error) for one in report.providers] == [
        ("coingecko", len(alive), 0, None),
        ("coinmarketcap", len(alive), 0, None),
    ]
    stored = bench.rows("SELECT slug, symbol, name, kind, contract_address FROM market.assets ORDER BY slug")
    assert stored == sorted(
        (asset.coingecko_id, asset.symbol, asset.name, asset.kind, asset.contract_address) for asset in alive
    )
    keys = bench.rows(
        "SELECT slug, provider, alias FROM market.asset_aliases AS known JOIN market.assets USING (asset_id)"
        " WHERE known.kind = 'key' ORDER BY 1, 2"
    )
    assert keys == sorted(
        row
        for asset in alive
        for row in (
            (asset.coingecko_id, "coingecko", asset.coingecko_id),
            (asset.coingecko_id, "coinmarketcap", str(asset.cmc_id)),
        )
    )
    assert orphaned_assets(bench.database_url) == []
    assert missing_keys(bench.database_url) == {"coingecko": 0, "coinmarketcap": 0}
    assert bench.rows("SELECT DISTINCT run_id, status FROM ops.collection_status") == [("run-1", "completed")]


def test_each_field_says_who_told_it(bench: Bench) -> None:
    bench.collect()
    ((rank, date_added, website, provenance),) = bench.rows(
        "SELECT market_cap_rank, date_added, website_url, provenance FROM market.assets WHERE slug = 'bitcoin'"
    )
    assert (rank, website) == (1, "https://bitcoin.example/")
    assert date_added.year == 2013
    assert (provenance["market_cap_rank"], provenance["website_url"]) == ("coingecko", "coinmarketcap")


def test_a_symbol_that_several_assets_share_keeps_them_apart(bench: Bench) -> None:
    bench.collect()
    shared = bench.rows(
        "SELECT symbol, array_agg(slug ORDER BY slug) FROM market.assets GROUP BY 1 HAVING count(*) > 1"
    )
    assert ("NOVA", ["nova-lend", "nova-meridian"]) in shared
    assert ("PEPE", ["pepe", "pepe-of-the-coast"]) in shared


def test_the_second_collection_changes_nothing_but_the_last_sighting(bench: Bench) -> None:
    everything = (
        "SELECT to_jsonb(a) - 'last_seen_at' - 'updated_at' FROM market.assets AS a ORDER BY asset_id",
        "SELECT * FROM market.asset_aliases ORDER BY alias_id",
    )
    first = bench.collect()
    before = [bench.rows(query) for query in everything]
    ((seen,),) = bench.rows("SELECT max(last_seen_at) FROM market.assets")
    report = bench.collect()
    assert [bench.rows(query) for query in everything] == before
    assert (report.created, report.renamed, report.gone) == (0, 0, 0)
    assert report.updated == first.assets
    assert bench.rows("SELECT bool_and(last_seen_at > %s) FROM market.assets", seen) == [(True,)]


def test_a_rename_closes_the_old_names_and_opens_the_new_ones(bench: Bench) -> None:
    bench.world.clock.set(now=BEFORE_THE_RENAME)
    bench.collect()
    bench.world.clock.set(now=AFTER_THE_RENAME)
    report = bench.collect()
    assert (report.created, report.renamed, report.gone) == (0, 4, 0)
    assert bench.aliases("mirelle-finance", "coingecko") == [
        ("key", "mirelle-finance", True),
        ("name", "Mirelle Finance", False),
        ("name", "Mirelle", True),
        ("symbol", "mrl", False),
        ("symbol", "mira", True),
    ]
    assert [alias for _, alias, _ in bench.aliases("mirelle-finance", "coinmarketcap")][-2:] == ["MRL", "MIRA"]
    query = "SELECT symbol, name, is_active FROM market.assets WHERE slug = 'mirelle-finance'"
    assert bench.rows(query) == [("MIRA", "Mirelle", True)]


def test_a_delisting_closes_the_aliases_and_a_return_opens_them_again(bench: Bench) -> None:
    bench.world.clock.set(now=BEFORE_THE_DELISTING)
    assert bench.collect().active == bench.collect().assets
    bench.world.clock.set(now=AFTER_THE_DELISTING)
    report = bench.collect()
    assert (report.gone, report.created, report.assets - report.active) == (2, 0, 1)
    for provider in ("coingecko", "coinmarketcap"):
        found = bench.aliases("teldrim", provider)
        assert len(found) == 3
        assert not any(in_force for _, _, in_force in found)
    assert bench.rows("SELECT slug FROM market.assets WHERE NOT is_active") == [("teldrim",)]
    bench.world.clock.set(now=BEFORE_THE_DELISTING)
    report = bench.collect()
    assert (report.created, report.assets - report.active) == (0, 0)
    assert bench.rows("SELECT count(*) FROM market.assets WHERE slug LIKE 'teldrim%%'") == [(1,)]


def test_many_gone_at_once_are_not_believed(bench: Bench) -> None:
    first = bench.collect()
    bench.world.clock.set(now=instant("2016-01-05T00:00:00"))
    report = bench.collect()
    assert (report.gone, report.active) == (0, first.active)
    assert len(report.warnings) == 2
    assert "taken for a broken answer" in report.warnings[0]


def test_one_provider_that_fails_leaves_the_others_news_whole(bench: Bench) -> None:
    bench.break_provider("http_5xx", "coinmarketcap", amount=503)
    report = bench.collect()
    assert (report.created, report.active) == (report.assets, report.assets)
    error = of(report, "coinmarketcap").error
    assert error is not None
    assert "503" in error
    endings = bench.endings()
    assert endings["coingecko"][:3] == ("completed", report.assets, 0)
    assert endings["coinmarketcap"][:4] == ("failed", 0, 0, error)
    assert bench.rows("SELECT DISTINCT provider FROM market.asset_aliases") == [("coingecko",)]
    calls = bench.rows("SELECT outcome, status, attempt FROM raw.fetches WHERE provider = 'coinmarketcap' ORDER BY 3")
    assert calls == [("failed", 503, 1), ("failed", 503, 2)]
    assert (of(report, "coinmarketcap").calls, of(report, "coinmarketcap").payloads) == (2, ())


def test_a_provider_that_is_back_is_joined_to_what_the_other_brought(bench: Bench) -> None:
    bench.break_provider("http_5xx", "coingecko")
    only = bench.collect()
    assert bench.rows("SELECT DISTINCT provider FROM market.asset_aliases") == [("coinmarketcap",)]
    bench.world.faults.clear()
    report = bench.collect()
    assert (report.created, report.assets) == (0, only.assets)
    assert bench.rows("SELECT count(*) FROM market.assets WHERE provenance->>'name' = 'coingecko'") == [
        (report.assets,)
    ]


def test_when_nobody_answers_it_is_an_error_and_nothing_changes(bench: Bench) -> None:
    bench.collect()
    before = bench.rows("SELECT * FROM market.assets ORDER BY asset_id")
    bench.break_provider("http_5xx", amount=502)
    with pytest.raises(ProviderUnavailable) as caught:
        bench.collect()
    assert isinstance(caught.value, TransientError)
    assert bench.rows("SELECT * FROM market.assets ORDER BY asset_id") == before
    endings = bench.endings()
    assert {provider: ending[0] for provider, ending in endings.items()} == {
        "coingecko": "failed",
        "coinmarketcap": "failed",
    }
    assert all("502" in ending[3] for ending in endings.values())


@pytest.mark.parametrize(
    ("fault", "field", "mark"),
    [("nan_values", None, "NaN"), ("field_changes_type", "max_supply", '{"value":')],
)
def test_damaged_rows_are_quarantined_while_the_rest_is_stored(
    bench: Bench, fault: str, field: str | None, mark: str
) -> None:
    whole = len(bench.world.market.assets(bench.world.clock.now()))
    bench.break_provider(fault, "coingecko", field=field)
    bench.break_provider("http_5xx", "coinmarketcap")
    report = bench.collect(run_id="run-7")
    refused = of(report, "coingecko").refused
    assert 0 < refused < whole
    assert of(report, "coingecko").listed == report.created == whole - refused
    kept = bench.rows("SELECT dataset, provider, rule, run_id, row_text, payload_sha256 FROM ops.quarantine")
    assert len(kept) == refused
    assert {row[:4] for row in kept} == {("market.assets", "coingecko", "decodes", "run-7")}
    assert all(mark in row[4].replace(" ", "") for row in kept)
    hashes = {bytes.fromhex(text) for text in of(report, "coingecko").payloads}
    assert {row[5] for row in kept} <= hashes
    assert bench.endings()["coingecko"][:3] == ("completed", whole - refused, refused)


def test_rows_that_are_damaged_today_are_not_gone(bench: Bench) -> None:
    first = bench.collect()
    bench.break_provider("nan_values", "coingecko")
    report = bench.collect()
    assert of(report, "coingecko").refused > 0
    assert (report.gone, report.active, report.warnings) == (0, first.active, ())


def test_who_falls_out_of_the_universe_is_not_gone(bench: Bench) -> None:
    first = bench.collect()
    report = bench.collect(universe_size=first.assets - 3)
    assert [one.listed for one in report.providers] == [first.assets - 3] * 2
    assert (report.gone, report.active, report.warnings) == (0, first.active, ())


def test_an_answer_without_a_usable_row_is_an_error_of_that_provider(bench: Bench) -> None:
    bench.break_provider("field_vanishes", "coingecko", field="id")
    report = bench.collect()
    assert of(report, "coingecko").error is not None
    assert of(report, "coinmarketcap").error is None
    assert report.created == of(report, "coinmarketcap").listed


def test_duplicated_rows_are_noticed_and_stored_once(bench: Bench) -> None:
    bench.break_provider("duplicated_rows")
    report = bench.collect()
    assert report.created == report.assets == len(bench.world.market.assets(bench.world.clock.now()))
    for ending in bench.endings().values():
        details = ending[4]
        assert details["duplicate_ids"]
        assert all(isinstance(key, str) for key in details["duplicate_ids"])


def test_pages_are_walked_to_the_end(wide_bench: Bench) -> None:
    wanted = 2 * PAGE + 10
    report = wide_bench.collect(universe_size=wanted)
    assert [one.listed for one in report.providers] == [wanted, wanted]
    details = wide_bench.endings()["coingecko"][4]
    assert (details["pages"], details["missing_rows"], details["short_pages"]) == (3, 0, [])
    ranks = wide_bench.rows(
        "SELECT max(market_cap_rank), count(*) FROM market.assets WHERE market_cap_rank IS NOT NULL"
    )
    assert ranks[0][1] >= wanted


def test_a_missing_page_is_noticed_and_nobody_is_taken_for_gone(wide_bench: Bench) -> None:
    first = wide_bench.collect(universe_size=3 * PAGE)
    wide_bench.break_provider("missing_page", "coingecko")
    report = wide_bench.collect(universe_size=3 * PAGE)
    details = wide_bench.endings()["coingecko"][4]
    assert details["missing_rows"] >= PAGE
    assert (report.gone, report.active, report.warnings) == (0, first.active, ())
    assert of(report, "coingecko").listed == 3 * PAGE - details["missing_rows"]


def test_a_repeated_page_is_noticed(wide_bench: Bench) -> None:
    wide_bench.break_provider("repeated_page", "coingecko")
    report = wide_bench.collect(universe_size=3 * PAGE)
    details = wide_bench.endings()["coingecko"][4]
    assert details["repeated_pages"]
    assert details["duplicate_ids"]
    assert of(report, "coingecko").listed + details["missing_rows"] == 3 * PAGE
    assert wide_bench.rows("SELECT count(*), count(DISTINCT slug) FROM market.assets")[0] == (report.assets,) * 2


@pytest.mark.parametrize("fault", ["truncated_json", "html_for_json", "reset_mid_body", "http_5xx"])
def test_answers_that_broke_on_the_way_are_asked_for_again(bench: Bench, fault: str) -> None:
    bench.break_provider(fault, "coingecko")
    with ThreadPoolExecutor(max_workers=1) as threads:
        collecting = threads.submit(bench.collect, http_attempts=10)
        wait_until(lambda: bench.rows("SELECT count(*) FROM raw.fetches WHERE outcome = 'failed'")[0][0] > 0)
        bench.world.faults.clear()
        report = collecting.result(timeout=PATIENCE_SECONDS)
    assert of(report, "coingecko").error is None
    calls = bench.rows("SELECT outcome, attempt FROM raw.fetches WHERE provider = 'coingecko' ORDER BY fetch_id")
    assert [outcome for outcome, _ in calls].count("ok") == 2
    assert calls[0] == ("failed", 1)
    assert of(report, "coingecko").calls == len(calls) > 2
    assert bench.rows(
        "SELECT total_calls, successful_calls, failed_calls FROM ops.api_usage_stats WHERE provider = 'coingecko'"
    ) == [(len(calls), 2, len(calls) - 2)]
    assert report.created == len(bench.world.market.assets(bench.world.clock.now()))


def test_of_two_collections_at_once_one_is_refused_as_busy(bench: Bench) -> None:
    bench.break_provider("latency", amount=1.0)
    with ThreadPoolExecutor(max_workers=1) as threads:
        first = threads.submit(bench.collect)
        wait_until(lambda: bench.rows("SELECT count(*) FROM ops.collection_status")[0][0] > 0)
        with pytest.raises(DatasetBusy, match=r"market\.assets is being collected"):
            bench.collect()
        assert first.result(timeout=PATIENCE_SECONDS).created > 0
    assert bench.rows("SELECT status, count(*) FROM ops.collection_status GROUP BY 1") == [("completed", 2)]
    bench.world.faults.clear()
    assert bench.collect().created == 0


def test_raw_answers_are_kept_once_and_are_what_the_fetch_records_say(bench: Bench) -> None:
    reports = [bench.collect(), bench.collect()]
    bodies = dict(bench.rows("SELECT payload_sha256, body FROM raw.payloads"))
    assert {hashlib.sha256(zlib.decompress(body)).digest() for body in bodies.values()} == set(bodies)
    fetched = bench.rows("SELECT payload_sha256, provider, run_id FROM raw.fetches WHERE outcome = 'ok'")
    assert {row[0] for row in fetched} == set(bodies)
    told = [bytes.fromhex(text) for report in reports for one in report.providers for text in one.payloads]
    assert sorted(told) == sorted(row[0] for row in fetched)
    coingecko = [row[0] for row in fetched if row[1] == "coingecko"]
    assert (len(coingecko), len(set(coingecko))) == (4, 2), "the same answers came again"
    sizes = bench.rows("SELECT payload_sha256, body_bytes FROM raw.payloads")
    assert all(len(zlib.decompress(bodies[key])) == size for key, size in sizes)


def test_no_key_is_in_any_stored_text(bench: Bench) -> None:
    secrets = {"coingecko_api_key": "SIM-DEMO-s3cretcoingecko", "coinmarketcap_api_key": "SIM-BASIC-s3cretcmc"}
    bench.break_provider("http_5xx", "coinmarketcap")
    bench.collect(coingecko_plan="demo", **secrets)
    bench.world.faults.clear()
    report = bench.collect(coingecko_plan="demo", **secrets)
    assert [one.error for one in report.providers] == [None, None]
    report = bench.collect(coingecko_plan="demo", **secrets | {"coinmarketcap_api_key": "SIM-EXPIRED-s3cret"})
    assert "key" in str(of(report, "coinmarketcap").error)
    tables = bench.rows(
        "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    stored = [str(row) for (name,) in tables for row in bench.rows(f"SELECT to_jsonb(x) FROM {name} AS x")]
    stored += [zlib.decompress(body).decode() for (body,) in bench.rows("SELECT body FROM raw.payloads")]
    assert len(stored) > 100
    assert [text for text in stored if "s3cret" in text] == []


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again and again until it is so, within the patience of a test."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        pause.wait(0.02)
