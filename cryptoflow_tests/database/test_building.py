"""Building buckets anew, at once or asset by asset, whichever of their finer rows are the first and the last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cryptoflow.cadence import Grain
from cryptoflow.warehouse import building
from cryptoflow.warehouse.arrays import instant_array, integer_array
from cryptoflow.warehouse.marks import leave_marks, take_marks
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.rollups import build_marked, lock_closes, mark_range
from cryptoflow_tests.closes_model import expected_closes, sample, store, stored_closes

# The first and the last day of a month, and of a week.
DAYS = [datetime(2026, 2, day, tzinfo=UTC) for day in (1, 2, 8, 28)]
HOURS_OF_A_DAY = (0, 23)
MINUTES = {
    "whole": range(60),
    "without its first": range(1, 60),
    "without its last": range(59),
    "without either": (7, 8, 41),
    "one alone": (30,),
}
EVERY_BUCKET = 10_000
# From how many assets of a bucket on it is built at once.
WAYS = {"at once": 1, "asset by asset": 1_000}


def build_anew(database_url: str) -> None:
    """Everything coarse, from the minutes."""
    with transaction(database_url) as connection:
        connection.execute(
            "TRUNCATE market.hourly_close, market.daily_close, market.weekly_close, market.monthly_close"
        )
        recorded_at = lock_closes(connection)
        mark_range(connection, Grain.HOUR, start=DAYS[0], end=DAYS[-1] + timedelta(days=1))
        build_marked(connection, recorded_at=recorded_at, most=EVERY_BUCKET)


@pytest.mark.parametrize("minutes", MINUTES.values(), ids=MINUTES)
@pytest.mark.parametrize("many", WAYS.values(), ids=WAYS)
def test_first_and_last_are_found_wherever_they_stand(
    database_url: str, minutes: Iterable[int], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_MANY", many)
    samples = [
        sample(
            day + timedelta(hours=hour, minutes=minute, seconds=20),
            f"{100 + 7 * minute % 31 + hour + day.day}",
            # What the last one does not tell is not taken from one before it.
            market_cap_usd=None if minute in {59, 41} else minute,
        )
        for day in DAYS
        for hour in HOURS_OF_A_DAY
        for minute in minutes
    ]
    store(database_url, *samples)
    build_anew(database_url)
    assert stored_closes(database_url) == expected_closes(samples)


@pytest.mark.parametrize("at_once", [True, False])
def test_minutes_are_read_a_few_times_though_the_planner_knows_nothing_of_them(
    database_url: str, at_once: bool
) -> None:
    """Of rows that were just written it guesses that there are few, and joined each of them with all others."""
    hour, assets = DAYS[0], range(1, 101)
    store(
        database_url,
        *(sample(hour + timedelta(minutes=minute), "1", asset_id=asset) for minute in range(60) for asset in assets),
    )
    with transaction(database_url) as connection:
        connection.execute("TRUNCATE market.hourly_close")
        given = {
            "buckets": instant_array([hour] * len(assets)),
            "assets": integer_array(assets),
            "low": hour,
            "high": hour + timedelta(hours=1),
            "recorded_at": lock_closes(connection),
        }
        explained = b"EXPLAIN (ANALYZE, FORMAT JSON) " + building.build_statement(Grain.HOUR, at_once=at_once)
        row = connection.execute(explained, given).fetchone()
    assert row is not None
    assert 6_000 <= rows_read(row[0][0]["Plan"]) <= 3 * 6_000 + 1_000


@pytest.mark.parametrize("assets", [3, 250])
def test_buckets_of_many_assets_and_of_few_are_built_in_one_go(database_url: str, assets: int) -> None:
    """Both ways in one batch: two hours with all assets, and two more with the first of them alone."""
    full, sparse = DAYS[0], DAYS[0] + timedelta(hours=2)
    samples = [
        sample(hour + number * timedelta(hours=1, minutes=7), f"{100 + asset}", asset_id=asset)
        for hour, of_hour in ((full, assets), (sparse, 2))
        for number in range(2)
        for asset in range(1, of_hour + 1)
    ]
    store(database_url, *samples)
    build_anew(database_url)
    assert stored_closes(database_url) == expected_closes(samples)


def test_marks_are_taken_by_a_plan_for_those_that_there_are(database_url: str) -> None:
    """One that was made when there were none, and kept, compares each of them with all others: minutes for a week."""
    with transaction(database_url) as connection:
        for _ in range(20):
            assert take_marks(connection, Grain.HOUR, most=5_000) == []
        leave_marks(connection, Grain.HOUR, [(DAYS[0], asset) for asset in range(5_000)])
        assert len(take_marks(connection, Grain.HOUR, most=5_000)) == 5_000
        kept = connection.execute("SELECT statement FROM pg_prepared_statements").fetchall()
    assert not [text for (text,) in kept if "take marked buckets" in text]


def rows_read(node: dict[str, Any]) -> float:
    """Rows that came from tables and from steps before, each as often as it was read."""
    own = node["Actual Rows"] * node["Actual Loops"] if {"Relation Name", "CTE Name"} & node.keys() else 0
    is_write = node["Node Type"] == "ModifyTable"
    return (0 if is_write else own) + sum(rows_read(part) for part in node.get("Plans", ()))
