"""What tables need, decided from statistics; and the thresholds of health, each side of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cryptoflow.ops.health_figures import (
    VERDICTS,
    CacheFigures,
    DatabaseFigures,
    as_metadata,
    cache_from_metadata,
    evictions_per_second,
    judge,
)
from cryptoflow.ops.table_care import (
    LEAST_BLOAT_BYTES,
    LEAST_CHANGED,
    LEAST_DEAD,
    Care,
    IndexFigures,
    TableFigures,
    command_for,
    needed_care,
)

NOW = datetime(2026, 3, 4, tzinfo=UTC)
TABLE = TableFigures(
    schema_name="market", table_name="facts", is_parent=False, live_rows=1_000_000, dead_rows=0, changed_rows=0,
    analyzed_at=NOW,
)  # fmt: skip
PARENT = replace(TABLE, is_parent=True, changed_rows=LEAST_CHANGED, analyzed_at=NOW - timedelta(days=1))
INDEX = IndexFigures(
    schema_name="market", index_name="pk_facts", index_bytes=4 * LEAST_BLOAT_BYTES, needed_bytes=4 * LEAST_BLOAT_BYTES,
    is_valid=True,
)  # fmt: skip


def works(*tables: TableFigures, indexes: tuple[IndexFigures, ...] = ()) -> list[str]:
    return [care.work for care in needed_care(tables, indexes, now=NOW)]


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        (TABLE, []),
        (replace(TABLE, dead_rows=100_000), []),
        (replace(TABLE, dead_rows=100_001), ["vacuum"]),
        (replace(TABLE, live_rows=0, dead_rows=LEAST_DEAD - 1), []),
        (replace(TABLE, live_rows=0, dead_rows=LEAST_DEAD), ["vacuum"]),
        (replace(TABLE, changed_rows=100_001), ["analyze"]),
        (replace(TABLE, live_rows=100, changed_rows=LEAST_CHANGED - 1), []),
        (PARENT, ["analyze"]),
        (replace(PARENT, analyzed_at=NOW), []),
        (replace(PARENT, changed_rows=0), []),
        (replace(PARENT, changed_rows=0, analyzed_at=None), ["analyze"]),
        (replace(PARENT, changed_rows=0, analyzed_at=None, live_rows=0), []),
    ],
)
def test_a_table_gets_what_its_statistics_ask_for(table: TableFigures, wanted: list[str]) -> None:
    assert works(table) == wanted


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        (INDEX, []),
        (replace(INDEX, needed_bytes=2 * LEAST_BLOAT_BYTES), ["reindex"]),
        (replace(INDEX, needed_bytes=2 * LEAST_BLOAT_BYTES + 1), []),
        (replace(INDEX, index_bytes=LEAST_BLOAT_BYTES, needed_bytes=1), []),
        (replace(INDEX, is_valid=False, needed_bytes=1), []),
        (replace(INDEX, is_valid=False, index_name="pk_facts_ccnew"), ["drop"]),
    ],
)
def test_an_index_is_built_anew_when_it_is_large_beyond_need(index: IndexFigures, wanted: list[str]) -> None:
    assert works(indexes=(index,)) == wanted


def test_what_helps_most_comes_first() -> None:
    tables = (replace(TABLE, changed_rows=900_000), replace(TABLE, dead_rows=900_000))
    indexes = (replace(INDEX, needed_bytes=1), replace(INDEX, is_valid=False, index_name="x_ccnew1"))
    assert works(*tables, indexes=indexes) == ["drop", "vacuum", "analyze", "reindex"]


def test_names_are_quoted_in_commands() -> None:
    care = Care(work="reindex", schema_name="market", name='a "b"', reason="r")
    assert command_for(care).as_string() == 'REINDEX INDEX CONCURRENTLY "market"."a ""b"""'


DATABASE = DatabaseFigures(
    database_bytes=1, connections=80, most_connections=100, hit_ratio=Decimal("0.9"), slow_statements=0,
    slowest_statement=None, dead_ratio=Decimal("0.1"), deadest_table=None,
)  # fmt: skip
CACHE = CacheFigures(used_bytes=90, most_bytes=100, hits=700, misses=300, evicted=6000, uptime_seconds=60)


def broken(database: DatabaseFigures = DATABASE, cache: CacheFigures = CACHE) -> list[str]:
    verdicts = judge(database, cache, before=None)
    assert [verdict.name for verdict in verdicts] == list(VERDICTS)
    assert all(verdict.said and verdict.cure.endswith(".") for verdict in verdicts)
    return [verdict.name for verdict in verdicts if not verdict.kept]


def test_at_the_threshold_all_is_well() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("figures", "name"),
    [
        (replace(DATABASE, connections=81), "connections_have_room"),
        (replace(DATABASE, slow_statements=1), "statements_are_quick"),
        (replace(DATABASE, dead_ratio=Decimal("0.1001")), "dead_rows_are_few"),
        (replace(DATABASE, hit_ratio=Decimal("0.8999")), "blocks_are_in_memory"),
        (replace(CACHE, used_bytes=91), "cache_has_room"),
        (replace(CACHE, hits=699, misses=301), "cache_is_hit"),
        (replace(CACHE, evicted=6001), "cache_keeps_its_keys"),
    ],
)
def test_beyond_the_threshold_it_is_told(figures: DatabaseFigures | CacheFigures, name: str) -> None:
    found = broken(database=figures) if isinstance(figures, DatabaseFigures) else broken(cache=figures)
    assert found == [name]


def test_what_is_unknown_breaks_nothing() -> None:
    assert broken(replace(DATABASE, hit_ratio=None)) == []
    assert broken(cache=replace(CACHE, most_bytes=0, hits=0, misses=999)) == []


def test_evictions_are_counted_since_the_last_look_of_the_same_life() -> None:
    later = replace(CACHE, evicted=6600, uptime_seconds=120)
    assert evictions_per_second(later, CACHE) == 10
    assert evictions_per_second(CACHE, None) == 100
    restarted = replace(CACHE, evicted=30, uptime_seconds=10)
    assert evictions_per_second(restarted, CACHE) == 3


def test_figures_survive_their_way_through_metadata() -> None:
    assert cache_from_metadata(as_metadata(CACHE)) == CACHE
    assert cache_from_metadata({"used_bytes": 1}) is None
    assert "hit_ratio" not in as_metadata(replace(DATABASE, hit_ratio=None))
