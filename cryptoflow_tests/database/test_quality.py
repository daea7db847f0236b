"""Expectations on a real warehouse: a sound market keeps them all, and each thing that is spoiled is told, exactly."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.cli.main import app
from cryptoflow.errors import UsageError
from cryptoflow.quality.data_docs import FETCHED, KEPT_LOOKS, index_page
from cryptoflow.quality.proving import prove, site_folder
from cryptoflow.quality.results import newest_results
from cryptoflow.quality.suites import suite_of, suites
from cryptoflow.settings import load_settings
from cryptoflow_tests.closes_model import point, rows, store_points
from cryptoflow_tests.database.proven_market import (
    ASSETS,
    broken,
    closed_hour,
    sound_candles,
    sound_market,
    spoil,
)


@pytest.fixture
def market(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A sound market, in a warehouse that the settings name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    sound_market(database_url, tmp_path)
    return database_url


def server_time(database_url: str) -> datetime:
    ((now,),) = rows(database_url, "SELECT now()")
    return now


def test_a_sound_market_keeps_every_expectation(market: str) -> None:
    sound_candles(market)
    # A chart closes a minute of the newest closed hour that no listing tells of, and changes nothing where one does.
    hour = closed_hour(server_time(market))
    store_points(market, *(point(hour + timedelta(minutes=minute, seconds=40), "101.05") for minute in (8, 30)))
    proofs = list(prove(load_settings(), list(suites().values()), database_url=market))
    told = [f"{proof.suite.dataset}: {outcome}" for proof in proofs for outcome in proof.failed]
    assert told == []
    looked_at = {proof.suite.dataset: max(o.evaluated or 0 for o in proof.outcomes) for proof in proofs}
    # One minute is of the chart alone.
    assert looked_at["raw.market_snapshots"] >= 2 * (looked_at["market.minute_close"] - 1) >= 2 * 2 * ASSETS
    assert [name for name, found in looked_at.items() if not found] == []
    assert {name.rpartition(".")[2] for name in looked_at} >= {
        "velocity", "close_quality", "market_chart_points", "symbols", "minute_candles", "coarse_candles",
        "price_ticks", "candle_certificates", "candle_slots",
    }  # fmt: skip
    site = site_folder(load_settings())
    pages = [index_page(site), *(site / "validations").rglob("*.html")]
    assert len(pages) == 1 + len(proofs)
    assert [page for page in pages if FETCHED.search(page.read_text())] == []


def test_spoiled_minutes_are_told_by_the_rule_they_break(market: str) -> None:
    newest = "(SELECT max(bucket) FROM market.minute_close)"
    spoil(
        market,
        "ALTER TABLE market.minute_close DROP CONSTRAINT ck_minute_close_market_cap_usd, DROP CONSTRAINT"
        " pk_minute_close, ALTER COLUMN provider DROP NOT NULL, ADD COLUMN surplus int",
        f"UPDATE market.minute_close SET price_usd = 'NaN' WHERE asset_id = 1 AND bucket = {newest}",
        f"UPDATE market.minute_close SET market_cap_usd = -1 WHERE asset_id IN (2, 3) AND bucket = {newest}",
        f"UPDATE market.minute_close SET provider = NULL WHERE asset_id = 4 AND bucket = {newest}",
        f"UPDATE market.minute_close SET circulating_supply = 2001 WHERE asset_id = 5 AND bucket = {newest}",
        f"UPDATE market.minute_close SET asset_id = 99999 WHERE asset_id = 6 AND bucket = {newest}",
        f"INSERT INTO market.minute_close SELECT * FROM market.minute_close WHERE asset_id = 7 AND bucket = {newest}",
        "DELETE FROM market.minute_close WHERE asset_id = 8 AND bucket = %(hour)s + INTERVAL '5 minutes'",
        hour=closed_hour(server_time(market)),
    )
    assert broken(market, "minute_close") == {
        "columns": 1,
        "numbers.finite": 1,
        "market_cap_usd.bounds": 2,
        "provider.given": 1,
        "supplies.chain": 1,
        "asset_id.known": 1,
        "key.unique": 2,
        "reconciles.with_samples": 1,
    }
    (result,) = (one for one in newest_results(market, failed=True) if one.expectation == "market_cap_usd.bounds")
    assert (result.dataset, result.severity, result.evaluated) == ("market.minute_close", "error", 6 * ASSETS)
    assert [(row["asset_id"], row["market_cap_usd"]) for row in result.sample or ()] == [(2, "-1"), (3, "-1")]


def test_a_unit_that_changes_moves_the_mean_of_its_group(market: str) -> None:
    spoil(
        market,
        "UPDATE market.minute_close SET price_usd = price_usd * 1000"
        " WHERE bucket = (SELECT max(bucket) FROM market.minute_close)",
    )
    assert broken(market, "minute_close") == {"group_means.continue": 1, "price_jump.with_volume": ASSETS}


def test_hours_that_do_not_follow_from_their_minutes_are_told(market: str) -> None:
    hour = closed_hour(server_time(market))
    spoil(
        market,
        "UPDATE market.hourly_close SET high_usd = high_usd + 1 WHERE asset_id = 1 AND bucket = %(hour)s",
        "UPDATE market.hourly_close SET low_usd = high_usd * 2 WHERE asset_id = 2 AND bucket = %(hour)s",
        "DELETE FROM market.hourly_close WHERE asset_id = 3 AND bucket = %(hour)s",
        "UPDATE market.hourly_close SET bucket = bucket - INTERVAL '1 hour' WHERE asset_id = 4 AND bucket = %(hour)s",
        "UPDATE market.hourly_close SET samples = 9 WHERE asset_id = 5 AND bucket = %(hour)s",
        # This one is known to be behind, and is therefore not told.
        "UPDATE market.hourly_close SET samples = 9 WHERE asset_id = 6 AND bucket = %(hour)s",
        "INSERT INTO ops.dirty_buckets (grain, bucket, asset_id) VALUES ('hour', %(hour)s, 6)",
        hour=hour,
    )
    found = broken(market, "hourly_close")
    assert found == {"prices.order": 1, "reconciles.with_finer": 6}
    (result,) = (one for one in newest_results(market, failed=True) if one.suite == "reconciles")
    verdicts = {(row["asset_id"], row["verdict"]) for row in result.sample or ()}
    assert verdicts == {
        (1, "differs"), (2, "differs"), (3, "missing"), (4, "missing"), (4, "made up"), (5, "differs"),
    }  # fmt: skip


@pytest.mark.parametrize("grain", [Grain.DAY, Grain.WEEK, Grain.MONTH])
def test_a_changed_coarse_close_is_told(market: str, grain: Grain) -> None:
    from cryptoflow.contracts.closes import CLOSES

    name = CLOSES[grain].name
    before = bucket_start(server_time(market), grain)
    spoil(
        market,
        f"UPDATE market.{name} SET volume_24h_usd = 1 WHERE asset_id = 1 AND bucket ="
        f" (SELECT max(bucket) FROM market.{name} WHERE bucket < %(before)s)",
        before=before - timedelta(minutes=10),
    )
    assert broken(market, name).get("reconciles.with_finer") == 1


def test_spoiled_samples_are_told_by_the_rule_they_break(market: str) -> None:
    newest = "(SELECT max(observed_at) FROM raw.market_snapshots)"
    spoil(
        market,
        f"UPDATE raw.market_snapshots SET market_cap_rank = 1 WHERE asset_id = 2 AND observed_at = {newest}"
        " AND provider = 'coingecko'",
        f"UPDATE raw.market_snapshots SET price_usd = price_usd * 1.1 WHERE asset_id = 3 AND observed_at = {newest}"
        " AND provider = 'coingecko'",
        "UPDATE raw.market_snapshots SET volume_24h_usd = NULL WHERE provider = 'coingecko' OR asset_id < 5",
    )
    ((without, total),) = rows(
        market,
        "SELECT count(*) FILTER (WHERE volume_24h_usd IS NULL), count(*) FROM raw.market_snapshots"
        " WHERE observed_at >= now() - INTERVAL '2 hours'",
    )
    assert broken(market, "market_snapshots") == {
        "ranks.unique": 1,
        "sources.agree": 1,
        "volume_24h_usd.coverage": without,
    }
    ((rows_with_value, coverage),) = rows(
        market,
        "SELECT rows_with_value, coverage FROM analytics.field_coverage"
        " WHERE dataset = 'raw.market_snapshots' AND field = 'volume_24h_usd'",
    )
    assert rows_with_value == total - without
    assert float(coverage) == pytest.approx(rows_with_value / total, abs=1e-6)


def test_old_data_are_not_fresh_whatever_was_written_when(market: str) -> None:
    spoil(market, "DELETE FROM raw.market_snapshots WHERE observed_at > now() - INTERVAL '46 minutes'")
    assert broken(market, "market_snapshots") == {"newest.recent": 1}
    spoil(market, "DELETE FROM raw.market_snapshots")
    assert broken(market, "market_snapshots") == {"newest.recent": 1}
    of_nothing = {
        (one.evaluated, one.unexpected)
        for one in newest_results(market)
        if one.expectation.endswith((".given", ".bounds"))
    }
    assert of_nothing == {(0, 0)}


def test_what_cannot_be_looked_at_is_an_error_of_its_own_and_never_a_pass(market: str) -> None:
    spoil(market, "ALTER TABLE market.assets DROP COLUMN provenance")
    found = broken(market, "assets")
    assert found == {"columns": 1, "provenance.given": None}
    (result,) = (one for one in newest_results(market, failed=True) if one.expectation == "provenance.given")
    assert result.error
    assert "provenance" in result.error


def test_the_command_says_what_failed_and_exits_by_severity(market: str) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["quality", *words], catch_exceptions=False)

    with pytest.raises(UsageError, match="There are no pages in"):
        run("docs")
    assert run("run", "--dataset", "asset_aliases").exit_code == 0
    spoil(
        market,
        "ALTER TABLE market.asset_aliases DROP CONSTRAINT ck_asset_aliases_kind",
        "UPDATE market.asset_aliases SET kind = 'nickname' WHERE alias_id = 1",
    )
    done = run("run", "--dataset", "asset_aliases", "--json")
    assert done.exit_code == 1
    failed = [one for one in json.loads(done.stdout) if not one["success"]]
    assert [(one["expectation"], one["unexpected"], one["severity"]) for one in failed] == [("kind.one_of", 1, "error")]
    told = run("results", "--failed")
    assert "kind.one_of" in told.stdout
    assert told.exit_code == 0
    assert run("docs").stdout.startswith("file:///")


def test_the_pages_of_old_looks_go(market: str) -> None:
    suite = suite_of("asset_aliases")
    folder = site_folder(load_settings())
    for _ in range(2):
        list(prove(load_settings(), [suite], database_url=market))
    (record, *_) = sorted((folder / "records" / "looked_at").rglob("*.json"))
    for number in range(KEPT_LOOKS):
        copy = record.parent.with_name(f"20200101T0000{number:02d}.000000Z") / record.name
        copy.parent.mkdir()
        copy.write_text(record.read_text())
    list(prove(load_settings(), [suite], database_url=market))
    assert len(list((folder / "records" / "looked_at").rglob("*.json"))) == KEPT_LOOKS
    assert len(list((folder / "validations").rglob("*.html"))) == KEPT_LOOKS


LOOKS = """
import sys
asked = []
sys.addaudithook(lambda event, args: asked.append(args) if event in {"socket.connect", "socket.getaddrinfo"} else None)
from cryptoflow.quality.proving import prove
from cryptoflow.quality.suites import suite_of
from cryptoflow.settings import load_settings
settings = load_settings()
(proof,) = prove(settings, [suite_of("assets")], database_url=settings.database_url.get_secret_value())
assert len(proof.outcomes) > 20 and not proof.failed
assert not asked, asked
"""


def test_looking_asks_nobody_but_the_database(market: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOOKS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
