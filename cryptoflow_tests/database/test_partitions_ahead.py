"""Partitions are there before anybody writes to them, made without waiting for readers, and the doctor misses them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.contracts import contract_of, contracts
from cryptoflow.contracts.closes import daily_close, market_snapshots, minute_close
from cryptoflow.ops.partitions import look_at_partitions
from cryptoflow.runtime.home import Endpoints
from cryptoflow.warehouse.ahead import PERIODS_AHEAD, make_partitions_ahead, missing_tomorrow
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import transaction
from cryptoflow_tests.closes_model import rows, sample, store

NOW = datetime(2026, 12, 30, 23, 59, 40, tzinfo=UTC)
PARTITIONED = [table for table in contracts() if contract_of(table).partition in PERIODS_AHEAD]


def bounds(database_url: str, table: str) -> list[str]:
    """From where to where each partition of the table holds rows, in order."""
    found = rows(
        database_url,
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class INNER JOIN pg_inherits ON inhrelid = oid"
        " WHERE inhparent = %s::regclass",
        table,
    )
    return sorted("..".join(re.findall(r"'(\d{4}-\d\d-\d\d)", text)) for (text,) in found)


def test_the_next_days_months_and_years_are_made_and_then_nothing_more(database_url: str) -> None:
    made = make_partitions_ahead(database_url, now=NOW)
    assert {name.rpartition("_y")[0] for name in made} == {str(table) for table in PARTITIONED}
    days = bounds(database_url, "market.minute_close")
    assert (len(days), days[0], days[-1]) == (8, "2026-12-30..2026-12-31", "2027-01-06..2027-01-07")
    assert bounds(database_url, "market.hourly_close") == [
        "2026-12-01..2027-01-01", "2027-01-01..2027-02-01", "2027-02-01..2027-03-01",
    ]  # fmt: skip
    assert bounds(database_url, "market.daily_close") == ["2026-01-01..2027-01-01", "2027-01-01..2028-01-01"]
    assert make_partitions_ahead(database_url, now=NOW) == []


def test_a_tick_after_midnight_makes_none(database_url: str) -> None:
    make_partitions_ahead(database_url, now=NOW)
    count = "SELECT count(*) FROM pg_inherits"
    before = rows(database_url, count)
    store(database_url, sample(NOW + timedelta(seconds=30), "1"))
    assert rows(database_url, count) == before
    assert rows(database_url, "SELECT count(*) FROM market.daily_close") == [(1,)]


def test_a_partition_is_attached_beside_a_reader_who_takes_his_time(database_url: str) -> None:
    with psycopg.connect(database_url) as reader, transaction(database_url) as writer:
        reader.execute("SELECT count(*) FROM raw.market_snapshots")
        writer.execute("SET LOCAL lock_timeout = '2s'")
        assert ensure_partitions(writer, market_snapshots, {NOW}) == ["market_snapshots_y2026m12d30"]
        reader.execute("SELECT count(*) FROM raw.market_snapshots")


def test_an_attached_partition_has_all_that_its_table_has(database_url: str) -> None:
    with transaction(database_url) as connection:
        ensure_partitions(connection, daily_close, {NOW})
        ensure_partitions(connection, minute_close, {NOW})
    with psycopg.connect(database_url) as connection:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(
                "INSERT INTO market.minute_close (bucket, asset_id, price_usd, provider, sources, dispersion,"
                " observed_at, formula_version) VALUES (%s, 1, 0, 'x', 1, 0, %s, 1)",
                (NOW, NOW),
            )
        connection.rollback()
        loose = connection.execute(
            "SELECT count(*) FROM pg_index INNER JOIN pg_class ON oid = indexrelid"
            " WHERE relname LIKE 'daily_close_y%' AND NOT relispartition"
        ).fetchone()
        computed = connection.execute(
            "SELECT count(*) FROM pg_attribute"
            " WHERE attrelid = 'market.daily_close_y2026'::regclass AND attgenerated = 's'"
        ).fetchone()
        options = connection.execute("SELECT reloptions FROM pg_class WHERE relname = 'daily_close_y2026'").fetchone()
    assert (loose, computed, options) == ((0,), (1,), (["fillfactor=50"],))


def test_the_doctor_says_which_of_tomorrow_is_missing(database_url: str) -> None:
    endpoints = Endpoints(database_url=database_url, dagster_database_url=database_url)
    now = datetime.now(UTC)
    (found,) = look_at_partitions(endpoints)
    assert found.state == "warning"
    assert f"market.minute_close_y{now + timedelta(days=1):%Ym%md%d}" in found.what
    make_partitions_ahead(database_url, now=now)
    (found,) = look_at_partitions(endpoints)
    assert found.state == "ok"
    assert missing_tomorrow(database_url, now=now) == []


def test_migrating_by_command_makes_them(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path_factory.mktemp("home")))
    assert CliRunner().invoke(app, ["migrate", "up"], catch_exceptions=False).exit_code == 0
    assert missing_tomorrow(database_url, now=datetime.now(UTC)) == []
