"""What a tick costs does not grow with history: its statements touch today's partitions and no others, by any plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from cryptoflow.collect.snapshot_verdicts import judge_snapshots
from cryptoflow.contracts.closes import CLOSES, market_snapshots
from cryptoflow.warehouse import planner
from cryptoflow.warehouse.ahead import make_partitions_ahead
from cryptoflow.warehouse.snapshots import Snapshot, store_snapshots
from cryptoflow.warehouse.velocity import compute_marked, mark_hours
from cryptoflow_tests.closes_model import sample, store

# Far ahead of every clock, so that nothing of it is past its retention.
NOW = datetime(2066, 11, 20, 12, 30, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAYS = 60
WRITES = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM|SELECT)\b")


class ExplainingCursor(psycopg.Cursor[TupleRow]):
    """Asks for the plan of every statement before it is run."""

    plans: list[tuple[str, Any]] = []  # noqa: RUF012 - one list for the test, emptied by it

    def execute(self, query: Any, *arguments: Any, **options: Any) -> ExplainingCursor:
        text = query.as_string(self.connection) if hasattr(query, "as_string") else query
        text = text.decode() if isinstance(text, bytes) else text
        if WRITES.search(text) and not re.match(r"\s*(CREATE|SET|COPY|ALTER|TRUNCATE)", text):
            with psycopg.Cursor(self.connection) as explaining:
                explaining.execute("EXPLAIN (FORMAT JSON) " + text, *arguments, **options)
                row = explaining.fetchone()
            assert row is not None
            type(self).plans.append((text, row[0]))
        super().execute(query, *arguments, **options)
        return self


@pytest.fixture(scope="module")
def filled(shared_database_url: str) -> str:
    """Sixty days of partitions with a row each, and the open hour."""
    url = shared_database_url
    make_partitions_ahead(url, now=NOW)
    store(url, *(sample(NOW - timedelta(days=days), "1") for days in range(DAYS, 0, -1)))
    store(url, *(sample(NOW - n * MINUTE, f"{n + 1}", asset_id=asset) for n in range(5) for asset in (1, 2)))
    return url


@pytest.fixture
def history(filled: str, copied_database_url: str) -> str:
    """A copy of it."""
    return copied_database_url


@pytest.fixture
def plans(history: str) -> Iterator[list[tuple[str, Any]]]:
    """The plans of what is run by `tick`."""
    ExplainingCursor.plans = []
    yield ExplainingCursor.plans
    ExplainingCursor.plans = []


def tick(database_url: str, batch: list[Snapshot]) -> None:
    with psycopg.connect(database_url, options="-c timezone=UTC", cursor_factory=ExplainingCursor) as connection:
        written = store_snapshots(connection, batch)
    assert written.stored == len(batch)


def partitions_in(plan: Any) -> set[str]:
    """The partitions that a plan reads or writes."""
    text = json.dumps(plan)
    return set(re.findall(r'"Relation Name": "(\w+_y\d{4}\w*)"', text))


def test_a_tick_touches_no_partition_but_those_of_its_instants(history: str, plans: list[tuple[str, Any]]) -> None:
    tick(history, [sample(NOW + MINUTE, "5", asset_id=asset) for asset in (1, 2, 3)])
    assert len(plans) > 10
    # Velocity looks back on the day before, and on what was held over the midnight at which that one began.
    own = {"_y2066m11d18", "_y2066m11d19", "_y2066m11d20", "_y2066m11", "_y2066"}
    touched = {name for _, plan in plans for name in partitions_in(plan)}
    assert {re.sub(r"^[a-z_]+?(?=_y\d)", "", name) for name in touched} == own
    assert touched >= {"market_snapshots_y2066m11d20", "minute_close_y2066m11d20", "hourly_close_y2066m11"}


def test_a_tick_at_the_turn_of_a_day_touches_the_two_days(history: str, plans: list[tuple[str, Any]]) -> None:
    midnight = datetime(2066, 11, 21, tzinfo=UTC)
    tick(history, [sample(midnight - MINUTE, "5"), sample(midnight, "6")])
    days = {name[-3:] for _, plan in plans for name in partitions_in(plan) if name.startswith("minute_close")}
    assert days == {"d20", "d21"} or days == {"d19", "d20", "d21"}


def test_a_late_sample_touches_the_partitions_of_its_own_instants(history: str, plans: list[tuple[str, Any]]) -> None:
    tick(history, [sample(NOW - timedelta(days=40, minutes=7), "5")])
    late = NOW - timedelta(days=40)
    touched = {name for _, plan in plans for name in partitions_in(plan)}
    # Velocity looks back on the day before; its windows are moved a day on, and its week six days on.
    around = [late + days * timedelta(days=1) for days in range(-1, 7)]
    assert {name for name in touched if name.startswith("market_snapshots")} == {f"market_snapshots_y{late:%Ym%md%d}"}
    assert {name for name in touched if name.startswith("minute_close")} == {
        f"minute_close_y{day:%Ym%md%d}" for day in around
    }
    assert {name for name in touched if name.startswith("hourly")} == {f"hourly_close_y{late:%Ym%m}"}


def test_judging_an_answer_reads_nothing_that_grows_with_history(history: str, plans: list[tuple[str, Any]]) -> None:
    batch = [sample(NOW + MINUTE, "5", asset_id=asset) for asset in (1, 2, 3)]
    with psycopg.connect(history, options="-c timezone=UTC", cursor_factory=ExplainingCursor) as connection:
        judged = judge_snapshots(connection, batch, asked={})
    assert len(judged.stored) == len(batch)
    read = {node["Relation Name"] for _, plan in plans for node in nodes(plan) if "Relation Name" in node}
    # A row for each provider and asset, and what was decided of these very answers.
    assert read == {"last_samples", "quarantine_batches"}
    assert len(plans) == 2


@pytest.mark.parametrize("many", [1, 500], ids=["all rows at once", "row by row"])
def test_no_plan_of_a_tick_reads_a_growing_table_from_end_to_end(
    history: str, plans: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Tables that are not partitioned and are kept for ever: weeks, months, revisions, marks."""
    with psycopg.connect(history, autocommit=True) as connection:
        for name in ("weekly_close", "monthly_close"):
            connection.execute(
                f"INSERT INTO market.{name} (bucket, asset_id, open_usd, high_usd, low_usd, price_usd, samples,"
                " expected_samples, first_at, last_at, formula_version)"
                " SELECT TIMESTAMPTZ '2000-01-03' + n / 100 * INTERVAL '7 days', n %% 100 + 10, 1, 1, 1, 1, 1, 7,"
                " '2000-01-03', '2000-01-03', 1 FROM generate_series(1, 50000) AS series (n)".replace("%%", "%")
            )
            connection.execute(f"ANALYZE market.{name}")
    monkeypatch.setattr(planner, "_MANY", many)
    tick(history, [sample(NOW + MINUTE, "5", asset_id=asset) for asset in (1, 2, 3)])
    grown = {CLOSES[grain].name for grain in CLOSES} | {f"{market_snapshots.name}"}
    scanned = set()
    for _, plan in plans:
        for node in nodes(plan):
            if node["Node Type"] == "Seq Scan" and node.get("Relation Name") in grown:
                scanned.add(node["Relation Name"])
    assert scanned == set()


def test_hours_of_which_the_planner_knows_nothing_are_joined_by_hashing(
    database_url: str, plans: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of tables that were just filled the planner guesses a row; by that guess it took every row with every other."""
    store(database_url, *(sample(NOW - n * MINUTE, f"{n + 1}") for n in range(180)))
    # A few hours are many minutes.
    monkeypatch.setattr(planner, "_MANY", 100)
    with psycopg.connect(database_url, options="-c timezone=UTC", cursor_factory=ExplainingCursor) as connection:
        first = NOW.replace(minute=0, second=0)
        mark_hours(connection, [(first - timedelta(hours=hours), 1) for hours in range(3)])
        compute_marked(connection, recorded_at=NOW, most=3)
        settings = [connection.execute(f"SHOW {name}").fetchone() for name in ("enable_nestloop", "enable_mergejoin")]
    (plan,) = [plan for text, plan in plans if 'INSERT INTO "market"."velocity"' in text]
    kinds = [node["Node Type"] for node in nodes(plan)]
    assert "Merge Join" not in kinds
    assert kinds.count("Hash Join") >= 4
    assert settings == [("on",), ("on",)]


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    for part in plan if isinstance(plan, list) else [plan]:
        node = part.get("Plan", part)
        yield node
        for child in node.get("Plans", []):
            yield from nodes(child)
