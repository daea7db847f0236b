"""The coarse closes as assets: a partition, or a range of them in one run, is built from what the finer grain holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from cryptoflow.defs.market.assets import daily_close, hourly_close
from cryptoflow.defs.platform.resources import resources
from cryptoflow_tests.closes_model import held, sample, store

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
CLOSES = ("market.hourly_close", "market.daily_close", "market.weekly_close", "market.monthly_close")


@pytest.fixture
def filled(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three hours of samples, half an hour apart, with everything coarser already built."""
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    store(database_url, *(sample(START + timedelta(minutes=30 * n), str(100 + n)) for n in range(6)))
    return database_url


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def spoil(database_url: str) -> None:
    """Lose the coarse closes, as a restore from an older backup would."""
    with psycopg.connect(database_url) as connection:
        for table in CLOSES:
            connection.execute(f"DELETE FROM {table}".encode())


def test_a_partition_is_built_from_its_finer_grain(filled: str, instance: dg.DagsterInstance) -> None:
    wanted = held(filled, "market.hourly_close")
    spoil(filled)
    for hour in ("2026-03-01-10:00", "2026-03-01-11:00", "2026-03-01-12:00"):
        done = dg.materialize([hourly_close], partition_key=hour, resources=resources(), instance=instance)
        assert done.success
        metadata = done.asset_materializations_for_node("hourly_close")[0].metadata
        assert metadata["dagster/row_count"].value == 1
        assert metadata["rows that changed"].value >= 1
    assert held(filled, "market.hourly_close") == wanted


def test_a_range_is_built_in_a_single_run_with_all_that_follows(filled: str, instance: dg.DagsterInstance) -> None:
    wanted = held(filled, *CLOSES)
    spoil(filled)
    done = dg.materialize(
        [hourly_close],
        resources=resources(),
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": "2026-03-01-10:00",
            "dagster/asset_partition_range_end": "2026-03-01-12:00",
        },
    )
    assert done.success
    assert held(filled, *CLOSES) == wanted


def test_building_again_changes_nothing(filled: str, instance: dg.DagsterInstance) -> None:
    before = held(filled, *CLOSES)
    done = dg.materialize([daily_close], partition_key="2026-03-01", resources=resources(), instance=instance)
    metadata = done.asset_materializations_for_node("daily_close")[0].metadata
    assert metadata["rows that changed"].value == 0
    assert held(filled, *CLOSES) == before
