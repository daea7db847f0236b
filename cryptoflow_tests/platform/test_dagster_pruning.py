"""Pruning of Dagster's record: what is past its time goes, and everything that the UI tells from still answers."""

from __future__ import annotations

import itertools
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from cryptoflow.ops import dagster_pruning
from cryptoflow.ops.dagster_pruning import Pruned, prune
from cryptoflow.ops.event_log import measure_event_log
from cryptoflow.runtime.urls import parse_database_url, with_database
from cryptoflow.warehouse.pool import close_pools
from cryptoflow_tests.closes_model import rows

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-10")
COPIES = 24
NOW = datetime.now(UTC)
CONFIG = """
storage:
  postgres:
    postgres_db:
      {{scheme: postgresql+psycopg2, hostname: "{host}", port: {port}, username: "{user}", password: "{password}",
        db_name: "{name}"}}
telemetry: {{enabled: false}}
"""


@dg.asset
def plain(context) -> None:  # type: ignore[no-untyped-def] # dagster reads the annotation as it stands
    context.add_output_metadata({"figure": 7})


@dg.asset_check(asset=plain)
def plain_is_well() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"seen": 1})


@dg.asset(partitions_def=DAYS)
def parted(context) -> None:  # type: ignore[no-untyped-def] # dagster reads the annotation as it stands
    if context.run.tags.get("fail"):
        raise ValueError("asked to fail")


@dg.op
def work() -> None: ...


@dg.job
def chore() -> None:
    work()


@dataclass(frozen=True, slots=True)
class Kept:
    """A Dagster instance in a database, with runs that were made long ago."""

    instance: dg.DagsterInstance
    url: str


@contextmanager
def database(admin_url: str, *, template: str = "template0") -> Iterator[str]:
    """A database of its own, a copy of another one."""
    name = f"cryptoflow_test_{secrets.token_hex(6)}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield with_database(admin_url, name)
    finally:
        close_pools()
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def instance_on(url: str, folder: Path) -> dg.DagsterInstance:
    """Dagster with its record in the database."""
    parsed = parse_database_url(url)
    at = parsed.address
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text(
        CONFIG.format(host=at.host, port=at.port, user=at.user, password=at.password, name=parsed.name)
    )
    return dg.DagsterInstance.from_config(str(folder))


@pytest.fixture(scope="module")
def written(postgres_admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Real runs of a checked asset, of partitions that went well and failed, of a job; then hundreds like them."""
    with database(postgres_admin_url) as url:
        logging.disable(logging.CRITICAL)
        with instance_on(url, tmp_path_factory.mktemp("dagster")) as instance:
            for _ in range(2):
                dg.materialize([plain, plain_is_well], instance=instance)
            for day, fails in (("01", False), ("02", False), ("01", False), ("02", True), ("03", True), ("02", False)):
                tags = {"fail": "yes"} if fails else {}
                partition = f"2026-01-{day}"
                dg.materialize([parted], instance=instance, partition_key=partition, tags=tags, raise_on_error=False)
            chore.execute_in_process(instance=instance)
            instance.report_runless_asset_event(dg.AssetMaterialization("told"))
        logging.disable(logging.NOTSET)
        multiply(url)
        yield parse_database_url(url).name


@pytest.fixture
def kept(written: str, postgres_admin_url: str, tmp_path: Path) -> Iterator[Kept]:
    """A copy of what was written, for one test."""
    with (
        database(postgres_admin_url, template=written) as url,
        instance_on(url, tmp_path / "dagster") as instance,
    ):
        yield Kept(instance, url)


def multiply(url: str) -> None:
    """Copies of each run, older than the real ones: their events come before in the log, as they would have."""
    with psycopg.connect(url) as connection:
        tables = {
            name: [column for (column,) in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attname <> 'id'"
                " ORDER BY attnum", (name,)
            )]
            for name in ("runs", "run_tags", "event_logs", "asset_check_executions")
        }  # fmt: skip
        for table, columns in tables.items():
            connection.execute(f"CREATE TEMP TABLE real_{table} AS SELECT * FROM {table}")
            connection.execute(f"UPDATE {table} SET id = id + 1000000")
            told = ", ".join(columns)
            copied = ", ".join("run_id || '-' || copy" if name == "run_id" else name for name in columns)
            connection.execute(
                f"INSERT INTO {table} (id, {told}) SELECT id + 1000 * copy, {copied} FROM real_{table},"
                f" generate_series(1, {COPIES}) AS copy WHERE run_id <> ''"
            )
            connection.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
        connection.execute(
            "UPDATE asset_check_executions SET evaluation_event_storage_id = events.id FROM event_logs AS events"
            " WHERE events.run_id = asset_check_executions.run_id"
            " AND events.dagster_event_type = 'ASSET_CHECK_EVALUATION'"
        )
        connection.execute("UPDATE asset_event_tags SET event_id = event_id + 1000000")


def age(url: str, *, days: float) -> None:
    """Let everything have happened earlier."""
    shift = timedelta(days=days)
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE runs SET end_time = end_time - %s, create_timestamp = create_timestamp - %s",
            (shift.total_seconds(), shift),
        )
        connection.execute("UPDATE event_logs SET timestamp = timestamp - %s", (shift,))
        connection.execute("UPDATE asset_check_executions SET create_timestamp = create_timestamp - %s", (shift,))


def pruned(url: str, **changes: Any) -> Pruned:
    options: dict[str, Any] = {"keep": timedelta(days=3), "keep_failed": timedelta(days=30), "seconds": 60.0}
    return prune(url, now=NOW, **options | changes)


def told(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the UI tells of assets, partitions and checks."""
    status = get_and_update_asset_status_cache_value(instance, parted.key, DAYS)
    assert status is not None
    check = instance.event_log_storage.get_latest_asset_check_execution_by_key([plain_is_well.check_key])
    latest = {key.to_user_string(): instance.get_latest_materialization_event(key) for key in (plain.key, parted.key)}
    return {
        "assets": sorted(key.to_user_string() for key in instance.all_asset_keys()),
        "latest": {name: event.asset_materialization.metadata for name, event in latest.items() if event},
        "latest runs": {name: event.run_id for name, event in latest.items() if event},
        "materialized": instance.get_materialized_partitions(parted.key),
        "by partition": instance.event_log_storage.get_latest_storage_id_by_partition(
            parted.key, dg.DagsterEventType.ASSET_MATERIALIZATION
        ),
        "failed": status.deserialize_failed_partition_subsets(DAYS).get_partition_keys(),
        "check": {
            str(key): (one.status, one.run_id, one.evaluation and one.evaluation.passed) for key, one in check.items()
        },
        "planned": instance.event_log_storage.get_latest_planned_materialization_info(plain.key),
        "records": [
            (record.asset_entry.asset_key, record.asset_entry.last_run_id)
            for record in instance.get_asset_records([plain.key, parted.key])
        ],
    }


def count(url: str, table: str) -> int:
    ((found,),) = rows(url, f"SELECT count(*) FROM {table}")
    return found


def test_what_the_ui_tells_is_the_same_after_pruning(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagster_pruning, "RUNS_PER_BATCH", 25)
    monkeypatch.setattr(dagster_pruning, "ROWS_PER_BATCH", 200)
    age(kept.url, days=60)
    before, runs, events = told(kept.instance), count(kept.url, "runs"), count(kept.url, "event_logs")
    assert before["failed"] == ["2026-01-03"]
    assert runs == 9 * (COPIES + 1) >= 200
    gone = pruned(kept.url)
    assert gone.complete
    assert told(kept.instance) == before
    assert (count(kept.url, "runs"), count(kept.url, "event_logs")) == (runs - gone.runs, events - gone.events)
    assert count(kept.url, "runs") <= 5
    assert count(kept.url, "event_logs") < events / 10
    materialized = rows(
        kept.url, "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
        " AND partition IS NOT NULL",
    )  # fmt: skip
    assert materialized == [(4 * (COPIES + 1),)]


def test_the_pages_of_runs_that_stay_are_whole_and_nothing_hangs_in_the_air(kept: Kept) -> None:
    age(kept.url, days=60)
    pruned(kept.url)
    records = kept.instance.get_run_records()
    assert {record.dagster_run.job_name for record in records} >= {"chore"}
    for record in records:
        types = {entry.dagster_event_type for entry in kept.instance.all_logs(record.dagster_run.run_id)}
        assert dg.DagsterEventType.RUN_START in types
        assert kept.instance.get_run_stats(record.dagster_run.run_id).steps_succeeded >= 0
    assert rows(kept.url, "SELECT count(*) FROM run_tags WHERE run_id NOT IN (SELECT run_id FROM runs)") == [(0,)]
    loose = "SELECT count(*) FROM asset_event_tags WHERE event_id NOT IN (SELECT id FROM event_logs)"
    assert rows(kept.url, loose) == [(0,)]
    stray = "FROM event_logs WHERE run_id <> '' AND run_id NOT IN (SELECT run_id FROM runs)"
    assert rows(kept.url, f"SELECT DISTINCT dagster_event_type {stray}") == [("ASSET_MATERIALIZATION",)]


def test_a_second_pruning_finds_nothing_and_dagster_goes_on(kept: Kept) -> None:
    age(kept.url, days=60)
    pruned(kept.url)
    assert pruned(kept.url) == Pruned(runs=0, events=0, checks=0, ticks=0, complete=True)
    assert dg.materialize([plain, plain_is_well], instance=kept.instance).success
    again = pruned(kept.url)
    assert (again.runs, again.checks) == (1, 1)


def test_failed_runs_stay_longer_and_young_ones_stay(kept: Kept) -> None:
    age(kept.url, days=2)
    assert pruned(kept.url).runs == 0
    age(kept.url, days=8)
    assert pruned(kept.url).runs > 0
    left = {status for (status,) in rows(kept.url, "SELECT DISTINCT status FROM runs WHERE right(run_id, 2) = '-1'")}
    assert left == {"FAILURE"}


def test_pruning_stops_when_its_time_is_over_and_goes_on_the_next_time(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_pruning, "RUNS_PER_BATCH", 10)
    age(kept.url, days=60)
    ticking = itertools.count()
    first = pruned(kept.url, seconds=3, clock=lambda: float(next(ticking)))
    assert (first.runs, first.complete) == (20, False)
    second = pruned(kept.url)
    assert second.complete
    assert second.runs > 20


def test_the_size_of_the_log_is_measured(kept: Kept) -> None:
    found = measure_event_log(kept.url)
    assert found.runs == count(kept.url, "runs")
    assert found.database_bytes > found.event_log_bytes > 100_000
    assert found.oldest_success is not None
    assert timedelta(0) < datetime.now(UTC) - found.oldest_success < timedelta(hours=1)


def test_ticks_of_what_is_gone_from_the_code_go_but_for_the_newest(kept: Kept) -> None:
    with psycopg.connect(kept.url) as connection:
        connection.execute(
            "INSERT INTO job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)"
            " SELECT 'o', 's', 'SKIPPED', 'SCHEDULE', now() AT TIME ZONE 'UTC' - make_interval(days => days), '{}'"
            " FROM generate_series(30, 40) AS days"
        )
    assert pruned(kept.url).ticks == 9
    assert count(kept.url, "job_ticks") == 2
