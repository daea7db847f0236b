"""Building buckets anew: in one pass over their finer rows, whichever of these are the first and the last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cryptoflow.cadence import Grain
from cryptoflow.warehouse.arrays import integer_array
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.rollups import _build_statement, build_marked, lock_closes, mark_range
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
def test_first_and_last_are_found_wherever_they_stand(database_url: str, minutes: Iterable[int]) -> None:
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


def test_minutes_are_read_a_few_times_though_the_planner_knows_nothing_of_them(database_url: str) -> None:
    """Of rows that were just written it guesses that there are few, and joined each of them with all others."""
    hour, assets = DAYS[0], range(1, 101)
    store(
        database_url,
        *(sample(hour + timedelta(minutes=minute), "1", asset_id=asset) for minute in range(60) for asset in assets),
    )
    with transaction(database_url) as connection:
        connection.execute("TRUNCATE market.hourly_close")
        recorded_at = lock_closes(connection)
        given = {"bucket": hour, "assets": integer_array(assets), "recorded_at": recorded_at}
        row = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + _build_statement(Grain.HOUR), given).fetchone()
    assert row is not None
    assert 6_000 <= rows_read(row[0][0]["Plan"]) <= 3 * 6_000 + 1_000


def rows_read(node: dict[str, Any]) -> float:
    """Rows that came from tables and from steps before, each as often as it was read."""
    own = node["Actual Rows"] * node["Actual Loops"] if {"Relation Name", "CTE Name"} & node.keys() else 0
    is_write = node["Node Type"] == "ModifyTable"
    return (0 if is_write else own) + sum(rows_read(part) for part in node.get("Plans", ()))
