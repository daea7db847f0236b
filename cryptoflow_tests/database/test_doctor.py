"""The doctor on real servers: well, half broken and dead ones, each with its cure and the exit code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.contracts import contract_of
from cryptoflow.contracts.closes import minute_close
from cryptoflow.ops.alerts import go_round
from cryptoflow.ops.doctor import examine, look_at_disk
from cryptoflow.ops.finding import Finding, broken
from cryptoflow.ops.room import RoomSample, free_bytes_in, keep_room
from cryptoflow.runtime.urls import with_database
from cryptoflow.settings import load_settings
from cryptoflow.sources.breaker import Circuit, breaker_key
from cryptoflow.sources.ledger import ProviderCall
from cryptoflow.sources.providers import provider_from_settings
from cryptoflow.warehouse import migrations
from cryptoflow.warehouse.ahead import make_partitions_ahead
from cryptoflow.warehouse.collections import Outcome
from cryptoflow.warehouse.migrations import migrate_down
from cryptoflow.warehouse.usage import PostgresLedger
from cryptoflow_tests.database.examined import collect, doctor, states

pytestmark = pytest.mark.usefixtures("own_home")


def test_servers_that_are_well(servers: str) -> None:
    code, found = doctor()
    assert states(found) == {
        "settings": ["ok"],
        "disk": ["ok"],
        "platform": ["ok"],
        "database": ["ok", "ok"],
        "cache": ["ok"],
        "workers": ["ok"],
        "providers": ["ok"],
        "schedules": ["ok"],
        "runs": ["ok"],
        "partitions": ["ok"],
        "retention": ["ok"],
        "market.assets from coingecko": ["ok"],
        "quarantine": ["ok"],
        "quota of coingecko": ["ok"],
        "quality": ["ok"],
        "event log": ["ok"],
    }
    assert "PostgreSQL 18." in found["database"][0]["what"]
    assert "worker-1@here" in found["workers"][0]["what"]
    assert code == 0


def test_a_home_in_which_nothing_runs(valkey_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", valkey_url)
    code, found = doctor()
    assert code == 1
    assert states(found) == {"settings": ["ok"], "disk": ["ok"], "platform": ["broken"]}
    assert str(tmp_path / "home") in found["platform"][0]["what"]
    assert "cryptoflow up" in found["platform"][0]["cure"]


def test_findings_for_people_and_the_exit_code(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = CliRunner().invoke(app, ["doctor"])
    assert told.exit_code == 0
    assert "PostgreSQL 18." in told.output
    sick = [Finding(subject="x", state="broken", what="y", cure="z")]
    monkeypatch.setattr("cryptoflow.ops.doctor.examine", lambda _: sick)
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 1
    well = [
        Finding(subject="[disk]", state="ok", what="[/] 5 GiB free"),
        Finding(subject="x", state="warning", what="y"),
    ]
    monkeypatch.setattr("cryptoflow.ops.doctor.examine", lambda _: well)
    told = CliRunner().invoke(app, ["doctor"])
    assert told.exit_code == 0
    assert "[disk]" in told.output
    assert "[/] 5 GiB free" in told.output


def test_a_missing_migration(servers: str) -> None:
    newest = migrations.history(servers)[-1].version
    migrate_down(servers, "-1")
    code, found = doctor()
    assert code == 1
    assert states(found)["database"] == ["ok", "broken"]
    assert found["database"][1]["what"] == f"migrations are missing: {newest}"
    assert "cryptoflow migrate up" in found["database"][1]["cure"]


def test_a_cache_that_does_not_answer(servers: str, monkeypatch: pytest.MonkeyPatch, dead_port: int) -> None:
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", f"redis://:s3cret@127.0.0.1:{dead_port}/0")
    code, found = doctor()
    assert code == 1
    assert states(found)["cache"] == ["broken"]
    assert "does not answer" in found["cache"][0]["what"]
    assert "CRYPTOFLOW_REDIS_URL" in found["cache"][0]["cure"]
    assert (states(found)["database"], states(found)["providers"]) == (["ok", "ok"], ["ok"])
    assert "s3cret" not in str(found)


def test_a_database_that_does_not_answer(valkey_url: str, monkeypatch: pytest.MonkeyPatch, dead_port: int) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", f"postgresql://me:s3cret@127.0.0.1:{dead_port}/x")
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", valkey_url)
    code, found = doctor()
    assert code == 1
    assert [states(found)[subject] for subject in ("database", "providers", "collections")] == [["broken"]] * 3
    assert "does not answer" in found["database"][0]["what"]
    assert states(found)["cache"] == ["ok"]
    assert "s3cret" not in str(found)


@pytest.mark.parametrize("url", ["mysql://me:s3cret@db/x", "nonsense", "postgresql://me:s3cret@db:port/x"])
def test_a_url_that_is_none(url: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", url)
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", valkey_url)
    code, found = doctor()
    assert code == 1
    assert states(found)["database"] == ["broken"]
    assert "CRYPTOFLOW_DATABASE_URL" in found["database"][0]["what"]
    assert "s3cret" not in str(found)


def test_a_database_that_is_not_made_yet(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", with_database(servers, "not_made_yet"))
    code, found = doctor()
    assert code == 1
    assert "broken" in states(found)["database"]
    assert "not_made_yet" in str(found["database"])


def test_workers_that_do_not_beat(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_WORKERS", "2")
    _, found = doctor()
    assert states(found)["workers"] == ["broken"]
    assert found["workers"][0]["what"] == "2 of 3 workers beat; runs wait in the queue"


def test_a_cache_that_may_lose_what_must_stay(servers: str, valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        before = {name: client.config_get(name)[name] for name in ("maxmemory-policy", "appendonly")}
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
        try:
            _, found = doctor()
        finally:
            for name, value in before.items():
                client.config_set(name, value)
    assert states(found)["cache"] == ["ok", "warning", "warning"]
    assert "allkeys-lru" in found["cache"][1]["what"]
    assert "appendonly" in found["cache"][2]["cure"]


def test_collections_that_failed_or_never_were(servers: str) -> None:
    collect(servers, Outcome(status="failed", error="It broke. Mend it."), provider="coinmarketcap")
    _, found = doctor()
    (failed,) = found["market.assets from coinmarketcap"]
    assert failed["state"] == "broken"
    assert "It broke. Mend it." in failed["what"]
    with psycopg.connect(servers) as connection:
        connection.execute("DELETE FROM ops.collection_status")
    _, found = doctor()
    assert states(found)["collections"] == ["warning"]


def test_only_the_newest_collection_counts(servers: str) -> None:
    collect(servers, Outcome(status="failed", error="It broke."))
    collect(servers, Outcome(status="completed"))
    _, found = doctor()
    assert states(found)["market.assets from coingecko"] == ["ok"]


def test_calls_that_failed_lately(servers: str) -> None:
    ledger, now = PostgresLedger(servers), datetime.now(UTC)
    failures = [(timedelta(minutes=9), "older"), (timedelta(minutes=5), "newest"), (timedelta(hours=2), "too old")]
    for age, error in [*failures, (timedelta(minutes=1), None)]:
        ledger.record_call(
            ProviderCall(
                provider="coingecko", endpoint="x", started_at=now - age, elapsed_ms=1, status=None, credits=1,
                attempt=1, outcome="failed" if error else "ok", error=error,
            )
        )  # fmt: skip
    _, found = doctor()
    (told,) = found["coingecko"]
    assert (told["state"], told["what"]) == ("warning", "2 of 3 calls failed in the last hour; the last: newest")


def test_a_provider_that_is_left_alone(servers: str, valkey_url: str) -> None:
    key = breaker_key(provider_from_settings(load_settings(), "coingecko"))
    state = '{"state": "open", "failures": 12, "openings": 1, "until": 4102444800.0, "last_error": "HTTP 503"}'
    with redis.Redis.from_url(valkey_url) as client:
        client.set(key, state)
    assert Circuit.__struct_fields__[:3] == ("state", "failures", "openings")
    _, found = doctor()
    (told,) = found["coingecko"]
    assert (told["state"], told["what"]) == ("broken", "left alone after 12 failures in a row: HTTP 503")


def test_a_variable_that_is_no_setting(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_WORKRES", "2")
    _, found = doctor()
    assert (found["settings"][0]["state"], found["settings"][0]["cure"]) == (
        "warning",
        "Did you mean CRYPTOFLOW_WORKERS?",
    )


def test_a_full_disk(servers: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cryptoflow.ops.room.LEAST_FREE_BYTES", 10**18)
    (told,) = look_at_disk(tmp_path / "not" / "made" / "yet", None)
    assert (told.state, f"free in {tmp_path}" in told.what) == ("broken", True)
    assert [finding.state for finding in examine(load_settings()) if finding.subject == "disk"] == ["broken"]


def test_the_day_on_which_the_disk_is_full(servers: str) -> None:
    home = load_settings().home_path
    now = datetime.now(UTC)
    for days in (3, 2, 1):
        less = free_bytes_in(home) * (1 + days) // 2
        sample = RoomSample(measured_at=now - timedelta(days=days), free_bytes=less, warehouse_bytes=0, dagster_bytes=0)
        keep_room(servers, home, sample)
        keep_room(servers, home.parent, sample)
    (told,) = doctor()[1]["disk"]
    assert told["state"] == "broken"
    assert f"full on {now + timedelta(days=2):%Y-%m-%d}" in told["what"]


def test_since_when_something_is_broken(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptoflow.ops.room.LEAST_FREE_BYTES", 10**18)
    assert doctor()[1]["disk"][0]["since"] is None, "nobody saw it before"
    seen = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=7)
    findings = [broken("disk", "full", cure="free some"), broken("database", "away", cure="start it")]
    go_round(servers, lambda: findings, [], now=seen, after=2, level="warning")
    told = doctor()[1]
    assert datetime.fromisoformat(told["disk"][0]["since"]) == seen
    assert [finding["since"] for finding in told["database"]] == [None, None], "it is well by now"
    monkeypatch.setenv("COLUMNS", "200")
    assert f"{seen:%Y-%m-%d %H:%M}" in CliRunner().invoke(app, ["doctor"]).stdout


def test_days_that_should_have_gone(servers: str) -> None:
    now = datetime.now(UTC)
    kept_days = contract_of(minute_close).retention.days
    assert kept_days is not None
    made = make_partitions_ahead(servers, now=now - timedelta(days=kept_days + 40))
    assert [told["state"] for told in doctor()[1]["retention"]] == ["ok"], "no housekeeping since they were made"
    with psycopg.connect(servers) as connection:
        for partition in made:
            age = sql.SQL("COMMENT ON TABLE {} IS {}").format(
                sql.Identifier(*partition.split(".")), sql.Literal(f"Made {now - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}")
            )
            connection.execute(age)
    (told,) = doctor()[1]["retention"]
    assert told["state"] == "warning"
    assert f"the oldest {now - timedelta(days=kept_days + 40):%Y-%m-%d}" in told["what"]
    assert "retain --dry-run" in told["cure"]


def test_more_connections_than_there_should_be(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptoflow.ops.health_figures.CONNECTIONS_RATIO", 0.0)
    told = [finding for finding in doctor()[1]["database"] if finding["state"] == "warning"]
    assert len(told) == 1
    assert "connections are taken" in told[0]["what"]


def test_a_plan_that_does_not_know_of_refusals(servers: str, monkeypatch: pytest.MonkeyPatch, dead_port: int) -> None:
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", f"redis://127.0.0.1:{dead_port}/0")
    _, found = doctor()
    assert states(found)["quota of coingecko"] == ["ok"]
    assert "does not know of refusals" in found["quota"][0]["what"]


def test_a_record_of_dagster_that_is_not_pruned(
    servers: str, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor()[1]["event log"][0]["what"] == "Dagster has recorded nothing yet"
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE TABLE event_logs (id bigint)")
        connection.execute("CREATE TABLE runs (status text, end_time float8)")
        connection.execute("INSERT INTO runs VALUES ('SUCCESS', extract(epoch FROM now() - interval '6 days'))")
    (told,) = doctor()[1]["event log"]
    assert (told["state"], "though runs are kept 3 days" in told["what"]) == ("warning", True)
    assert "dagster_pruning_hourly" in told["cure"]


def test_a_database_of_dagster_that_is_not_there(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRYPTOFLOW_DAGSTER_DATABASE_URL")
    (told,) = doctor()[1]["event log"]
    assert told["state"] == "broken"
    assert "CRYPTOFLOW_DAGSTER_DATABASE_URL has no database" in told["what"]
    assert "_dagster" in told["what"]
