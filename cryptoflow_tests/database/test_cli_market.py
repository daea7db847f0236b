"""`cryptoflow refine`, `replay`, `explain` and `corrections`, as a person or a program uses them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cryptoflow.cli.main import app, main
from cryptoflow.collect.planning import DATASET
from cryptoflow.warehouse.locks import DatasetBusy, dataset_lock
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.reader import read
from cryptoflow.warehouse.world import settle_world
from cryptoflow_tests.database.recorded_market import NOON, coin, fill, fill_coinmarketcap, listing, written

FETCHED_AT = "2023-02-01T12:01:17Z"
CLOSES = ("minute_close", "hourly_close", "daily_close", "weekly_close", "monthly_close")
MARK_ALL = (
    "INSERT INTO ops.dirty_buckets (grain, bucket, asset_id) SELECT 'hour', bucket, asset_id FROM market.hourly_close"
)


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A migrated warehouse that the settings name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    return database_url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0
    return json.loads(result.stdout, parse_float=Decimal)


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def replay(*files: Path, provider: str = "coingecko", endpoint: str = "coins/markets") -> list[str]:
    return ["replay", provider, endpoint, *map(str, files), "--fetched-at", FETCHED_AT]


def count(url: str, table: str) -> object:
    return read(url, f"SELECT count(*) FROM {table}").rows[0][0]


def test_a_recorded_answer_of_coingecko_becomes_closes_of_every_grain(url: str, tmp_path: Path) -> None:
    file = written(tmp_path / "page.json", [coin("bitcoin", "0.000000000012"), coin("whale", "987654321.5")])
    said = run(*replay(file)).stdout
    assert "Slot 2023-02-01 12:01 UTC: 2 samples stored, 0 rows refused." in said
    assert "2 assets are new" in said
    for table in CLOSES:
        rows = read(url, f"SELECT slug, price_usd::text FROM analytics.{table} ORDER BY slug").rows
        assert rows == [("bitcoin", "0.000000000012"), ("whale", "987654321.5")]
    assert read(url, "SELECT state, slot, assets_expected, assets_observed FROM ops.slots").rows == [
        ("observed", datetime(2023, 2, 1, 12, 1, tzinfo=UTC), 2, 2)
    ]
    assert read(
        url, "SELECT collection_type, status, coins_processed, api_calls_made FROM ops.collection_status"
    ).rows == [("manual", "completed", 2, 0)]
    assert count(url, "ops.api_usage_stats") == 0


def test_the_bytes_of_a_recorded_answer_are_kept(url: str, tmp_path: Path) -> None:
    file = written(tmp_path / "page.json", [coin("bitcoin", "5")])
    run(*replay(file))
    ((digest, fetched_at),) = read(url, "SELECT payload_sha256, fetched_at FROM raw.market_snapshots").rows
    assert digest == hashlib.sha256(file.read_bytes()).digest()
    assert PostgresPayloads(url).read(digest) == file.read_bytes()
    assert fetched_at == datetime.fromisoformat(FETCHED_AT)


def test_a_recorded_answer_of_coinmarketcap_means_the_same_assets(url: str, tmp_path: Path) -> None:
    run(*replay(written(tmp_path / "gecko.json", [coin("bitcoin", "5")])))
    body = {"status": {"error_code": 0}, "data": [listing(1, "bitcoin", "6")]}
    file = written(tmp_path / "cmc.json", body)
    report = told(*replay(file, provider="coinmarketcap", endpoint="listings/latest"))
    assert (report["written"]["stored"], report["new_assets"]) == (1, 0)
    rows = read(url, "SELECT provider, sources, price_usd FROM analytics.minute_close").rows
    assert rows == [("coingecko", 2, Decimal(5))]


@pytest.mark.usefixtures("url")
def test_the_same_recording_twice_stores_nothing_new(tmp_path: Path) -> None:
    file = written(tmp_path / "page.json", [coin("bitcoin", "5")])
    assert told(*replay(file))["written"]["stored"] == 1
    again = told(*replay(file))
    assert (again["written"]["stored"], again["written"]["minutes"], again["new_assets"]) == (0, 0, 0)


def test_several_files_are_one_slot_and_bad_rows_go_to_quarantine(url: str, tmp_path: Path) -> None:
    first = written(tmp_path / "1.json", [coin("bitcoin", "5"), {"id": "nameless"}])
    second = written(tmp_path / "2.json", [coin("ether", "4"), coin("negative", "-1"), coin("silent", None)])
    report = told(*replay(first, second))
    assert (report["written"]["stored"], report["refused"]) == (2, 3)
    rules = read(url, "SELECT rule FROM ops.quarantine ORDER BY rule").rows
    assert rules == [("decodes",), ("price_usd",), ("price_usd_given",)]
    assert read(url, "SELECT assets_expected, assets_observed, assets_refused FROM ops.slots").rows == [(5, 2, 3)]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"data": []}, "expected `array`"),
        ({"error": "coin not found"}, "expected `array`"),
        ([{"id": "bitcoin"}], "is no answer of coingecko coins/markets"),
        ([], "There is no coin in"),
    ],
)
def test_another_shape_is_a_clear_error_and_stores_nothing(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], body: object, complaint: str
) -> None:
    good = written(tmp_path / "good.json", [coin("bitcoin", "5")])
    files = [written(tmp_path / "wrong.json", body)] if body == [] else [good, written(tmp_path / "wrong.json", body)]
    assert exit_code(*replay(*files)) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert "wrong.json" in said
    for table in ("raw.market_snapshots", "raw.payloads", "market.assets", "ops.slots", "ops.collection_status"):
        assert count(url, table) == 0


@pytest.mark.parametrize(("text", "complaint"), [("[{", "breaks off"), ("<html>", "is not JSON"), ("", "breaks off")])
def test_what_is_no_json_is_told_as_such(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, complaint: str
) -> None:
    file = tmp_path / "page.json"
    file.write_text(text)
    assert exit_code(*replay(file)) == 2
    assert f"page.json {complaint}" in capsys.readouterr().err
    assert count(url, "raw.payloads") == 0


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["coingecko", "coins/markets", "absent.json", "--fetched-at", FETCHED_AT], "No such file"),
        (["coingecko", "coins/list", "absent.json", "--fetched-at", FETCHED_AT], "Known: coingecko coins/markets"),
        (["coingecko", "coins/markets", "absent.json", "--fetched-at", "yesterday"], "is not an instant"),
        (["coingecko", "coins/markets", "absent.json"], "--fetched-at"),
    ],
)
def test_wrong_words_of_a_replay_are_one_sentence(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("replay", *words) == 2
    assert complaint in capsys.readouterr().err


def test_a_replay_does_not_mix_worlds(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settle_world(url, "simulated")
    assert exit_code(*replay(written(tmp_path / "page.json", [coin("bitcoin", "5")]))) == 2
    assert "was begun with simulated markets" in capsys.readouterr().err
    assert count(url, "raw.market_snapshots") == 0


def test_a_lock_can_be_waited_for(database_url: str) -> None:
    with dataset_lock(database_url, DATASET, wait_seconds=5), psycopg.connect(database_url) as connection:
        ((taken,),) = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (DATASET,)).fetchall()
    assert not taken


def test_a_lock_is_not_waited_for_longer_than_that(database_url: str) -> None:
    with (
        dataset_lock(database_url, DATASET),
        pytest.raises(DatasetBusy),
        dataset_lock(database_url, DATASET, wait_seconds=0.2),
    ):
        pass


def test_refine_builds_what_is_marked(url: str, tmp_path: Path) -> None:
    assert run("refine").stdout == "0 buckets built, 0 of them say something new.\n"
    fill(url, tmp_path, coin("bitcoin", "5"), coin("ether", "4"))
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM market.hourly_close")
        connection.execute(
            "INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)"
            " SELECT 'hour', date_trunc('hour', bucket, 'UTC'), asset_id FROM market.minute_close"
        )
    # The hours are there again; the days and the velocity that follow from them say what they said before.
    assert run("refine", "--until-idle").stdout == "6 buckets built, 2 of them say something new.\n"
    assert count(url, "market.hourly_close") == 2
    assert count(url, "ops.dirty_buckets") == 0
    assert run("refine", "--until-idle").stdout == "0 buckets built, 0 of them say something new.\n"


def test_refine_builds_one_batch_or_goes_on(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptoflow.collect.rebuild.BATCH_BUCKETS", 1)
    fill(url, tmp_path, *(coin(f"coin-{number}", "5") for number in range(3)))
    with psycopg.connect(url) as connection:
        connection.execute(MARK_ALL)
    said = run("refine").stdout
    # Of each hour, its close and its velocity.
    assert said.startswith("2 buckets built")
    assert "2 buckets are still marked; --until-idle goes on" in said
    assert run("refine", "--until-idle").stdout.startswith("4 buckets built")


def test_explain_tells_value_samples_rule_and_payload(url: str, tmp_path: Path) -> None:
    fill(url, tmp_path, coin("bitcoin", "5", NOON - timedelta(seconds=10)))
    fill(url, tmp_path, coin("bitcoin", "6.50"))
    fill_coinmarketcap(url, tmp_path, listing(1, "bitcoin", "7"))
    found = told("explain", "minute_close", "bitcoin", "2023-02-01T12:00:59Z")
    assert (found["dataset"], found["bucket"], found["status"]) == (
        "market.minute_close", "2023-02-01T12:00:00Z", "revised",
    )  # fmt: skip
    assert (found["close"]["price_usd"], found["close"]["provider"]) == (Decimal("6.50"), "coingecko")
    assert "median" in found["formula"]
    samples = [
        (one["provider"], one["price_usd"], one["is_last_of_provider"], one["gives_figures"]) for one in found["inputs"]
    ]
    assert samples == [
        ("coingecko", 5, False, False),
        ("coingecko", Decimal("6.50"), True, True),
        ("coinmarketcap", 7, True, False),
    ]
    assert all(one["is_body_kept"] for one in found["inputs"])
    assert PostgresPayloads(url).read(bytes.fromhex(found["inputs"][1]["payload_sha256"])).startswith(b"[")
    # What stood is told newest first: before the second provider, before the second sample.
    assert [one["price_usd"] for one in found["earlier_versions"]] == [Decimal("6.50"), 5]


def test_explain_says_when_the_raw_body_is_gone(url: str, tmp_path: Path) -> None:
    fill(url, tmp_path, coin("bitcoin", "5"))
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM raw.payloads")
    (sample,) = told("explain", "minute_close", "bitcoin", "2023-02-01T12:00Z")["inputs"]
    assert sample["is_body_kept"] is False


@pytest.mark.parametrize(
    ("close", "inputs_from"),
    [
        ("hourly_close", "market.minute_close"),
        ("daily_close", "market.hourly_close"),
        ("weekly_close", "market.daily_close"),
        ("monthly_close", "market.daily_close"),
    ],
)
def test_explain_of_a_coarse_close_shows_the_finer_ones(url: str, tmp_path: Path, close: str, inputs_from: str) -> None:
    fill(url, tmp_path, coin("bitcoin", "5"), coin("ether", "1"))
    fill(url, tmp_path, coin("bitcoin", "6", NOON + timedelta(minutes=3)))
    found = told("explain", close, "bitcoin", "2023-02-01T12:30Z")
    assert found["inputs_from"] == inputs_from
    assert [one["price_usd"] for one in found["inputs"]] == ([5, 6] if close == "hourly_close" else [6])
    assert len(found["inputs"]) == found["close"]["samples"]
    assert found["close"]["price_usd"] == 6
    assert "first" in found["formula"]


def test_explain_for_people(url: str, tmp_path: Path) -> None:
    fill(url, tmp_path, coin("bitcoin", "0.000000000012"))
    said = run("explain", "minute_close", "bitcoin", "2023-02-01T12:00Z").stdout
    assert said.startswith("market.minute_close bitcoin 2023-02-01 12:00 UTC: final\n")
    for words in (
        "0.000000000012",
        "Rule, version 1:",
        "rows still kept: 1",
        "payload_sha256",
        "Earlier versions: none",
    ):
        assert words in said


def test_explain_of_an_unknown_slug_names_the_nearest(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(url, tmp_path, coin("bitcoin", "5"), coin("ether", "1"))
    assert exit_code("explain", "minute_close", "bitcoim", "2023-02-01T12:00Z") == 2
    said = capsys.readouterr().err
    assert "No asset has the slug 'bitcoim'" in said
    assert "Did you mean bitcoin?" in said


def test_explain_of_an_empty_bucket_tells_what_its_slots_say(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(url, tmp_path, coin("bitcoin", "5"))
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE ops.slots SET state = 'feed_down', reason = 'coingecko did not answer.'")
    assert exit_code("explain", "minute_close", "bitcoin", "2023-02-01T12:01Z") == 2
    said = capsys.readouterr().err
    assert "bitcoin has no minute_close at 2023-02-01 12:01 UTC." in said
    assert "coingecko feed_down in 1 slot (coingecko did not answer)" in said
    assert exit_code("explain", "minute_close", "bitcoin", "2023-03-01T12:01Z") == 2
    assert "Nothing was collected then" in capsys.readouterr().err


@pytest.mark.usefixtures("url")
def test_explain_of_another_table_names_those_that_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("explain", "minute_closes", "bitcoin", "2023-02-01T12:01Z") == 2
    said = capsys.readouterr().err
    assert [name for name in CLOSES if name not in said] == []


def test_corrections_tell_old_and_new_in_every_table_that_moved(url: str, tmp_path: Path) -> None:
    fill(url, tmp_path, coin("bitcoin", "5"), coin("ether", "1"))
    assert told("corrections", "--since", "2000-01-01") == []
    fill(url, tmp_path, coin("bitcoin", "0.25"), fetched_at=NOON + timedelta(minutes=5))
    found = told("corrections", "--since", "2000-01-01")
    assert [one["table"] for one in found] == ["raw.market_snapshots", *(f"market.{name}" for name in CLOSES)]
    assert {(one["slug"], one["old_value"], one["new_value"]) for one in found} == {("bitcoin", 5, Decimal("0.25"))}
    assert found[0]["changed"] == ["price_usd"]
    assert found[1]["at"] == "2023-02-01T12:00:00Z"
    assert len({one["superseded_at"] for one in found}) == 1
    fill(url, tmp_path, coin("bitcoin", "7"), fetched_at=NOON + timedelta(minutes=6))
    twice = [one for one in told("corrections", "--since", "2000-01-01") if one["table"] == "market.daily_close"]
    assert [(one["old_value"], one["new_value"]) for one in twice] == [
        (5, Decimal("0.25")),
        (Decimal("0.25"), 7),
    ]
    assert len(told("corrections", "--since", twice[1]["superseded_at"])) == 6
    assert "market.weekly_close" in run("corrections", "--since", "2000-01-01").stdout
