"""An answer that changes its nature over HTTP: quarantined, named by the doctor, there once somebody releases it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.simulator.market.model import Market
from cryptoflow_tests.platform.market_bench import Bench, assert_nothing_bad_is_visible, open_bench
from cryptoflow_tests.platform.test_market_faults import TWO_PAGES


@pytest.fixture
def bench(database_url: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    """A world of ten minutes ago, and the commands of the warehouse."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    start = (time.time() // 60 - 10) * 60 + 30
    with open_bench(Market(seed=1, asset_count=60), database_url, valkey_url, start=start) as opened:
        yield opened


def told(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["quarantine", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def waiting(bench: Bench) -> list[str]:
    return [one.what for one in bench.findings() if one.subject == "quarantine of raw.market_snapshots"]


def test_a_batch_that_changes_its_nature_waits_is_told_once_and_comes_in_when_released(bench: Bench) -> None:
    bench.tick()
    bench.break_provider("unit_jump_value", "coingecko")
    for _ in range(3):
        bench.advance(60)
        bench.tick()
        assert bench.slots()["coingecko"][0] == "feed_down"
        assert bench.slots()["coinmarketcap"] == ("observed", bench.whole, 0, None)
    assert_nothing_bad_is_visible(bench)
    (said,) = waiting(bench)
    assert f"3 answers of coingecko ({3 * bench.whole} rows, b1 to b3) wait since" in said
    assert [(one["id"], one["rule"], one["rows"]) for one in told("list", "--provider", "coingecko")] == [
        (name, "unit_jump", bench.whole) for name in ("b3", "b2", "b1")
    ]

    (released,) = told("release", "b3", "--reason", "the test says so")
    assert (released["stored"], released["rows"]) == (bench.whole, bench.whole)
    assert bench.stored("coingecko") == bench.whole
    assert bench.slots()["coingecko"] == ("observed", bench.whole, 0, None)
    assert [one["id"] for one in told("discard", "b1", "--alike", "--reason", "they were not")] == ["b1", "b2"]
    assert waiting(bench) == []
    # What was released is the past of the next tick: the same unit again is no news.
    bench.advance(60)
    assert bench.tick().refused == 0


def test_a_page_that_lost_most_of_its_rows_waits_and_its_assets_are_not_taken_for_gone(bench: Bench) -> None:
    bench.tick(calls=TWO_PAGES)
    ghosts = (
        "INSERT INTO ops.last_samples (provider, asset_id, observed_at, fetched_at, price_usd, market_cap_rank,"
        " payload_sha256) SELECT 'coinmarketcap', 9000 + n, now(), now(), 1, 20 + n %% 20, '' FROM"
        " generate_series(1, 30) AS series (n) RETURNING 1"
    )
    bench.rows(ghosts)
    for _ in range(2):
        bench.advance(60)
        bench.tick(calls=TWO_PAGES)
        # The first page is stored, whatever the second is.
        assert bench.slots()["coinmarketcap"] == ("observed", 20, 20, None)
    reasons = (
        "SELECT DISTINCT reason FROM ops.slot_exceptions WHERE state = 'feed_down' AND provider = 'coinmarketcap'"
        " ORDER BY 1"
    )
    assert bench.rows(reasons) == [
        ("Its page waits in quarantine: rows_fell.",),
        ("Its row was refused: rows_fell.",),
    ]
    assert [one["reason"] for one in told("list")] == ["20 rows came for ranks in which 49 assets stood before"] * 2
    told("release", "b2")
    assert bench.slots()["coinmarketcap"] == ("observed", 40, 0, None)
