"""Upkeep of tables and the views of their statistics, on a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoflow.contracts.closes import minute_close
from cryptoflow.ops import table_care
from cryptoflow.ops.health_figures import measure_cache, measure_database
from cryptoflow.ops.table_care import care_for_tables, needed_care, read_figures
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.reader import read
from cryptoflow_tests.closes_model import rows, sample, store

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def market(database_url: str) -> str:
    """Two days of minutes, in two partitions."""
    store(database_url, *(sample(NOW - timedelta(days=n % 2, minutes=n), str(100 + n)) for n in range(40)))
    with transaction(database_url) as connection:
        # What a session did is counted when it says so, not when it did it.
        connection.execute("SELECT pg_stat_force_next_flush()")
    return database_url


def told(database_url: str, query: str) -> list[dict[str, object]]:
    answer = read(database_url, query)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def analyzed(database_url: str, table: str) -> bool:
    ((when,),) = rows(database_url, f"SELECT last_analyze FROM pg_stat_user_tables WHERE relid = '{table}'::regclass")
    return when is not None


def test_partitions_are_summed_to_their_table(market: str) -> None:
    with psycopg.connect(market) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("UPDATE market.minute_close SET price_usd = price_usd + 1")
    where = "WHERE schemaname = 'market' AND tablename = 'minute_close'"
    (stats,) = told(market, f"SELECT * FROM analytics.table_stats {where}")
    assert stats["partitions"] == 2
    assert (stats["inserts"], stats["live_tuples"], stats["updates"]) == (40, 40, 40)
    ((size,),) = rows(market, "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('market.minute_close')")
    assert stats["total_bytes"] == size
    (dead,) = told(market, f"SELECT * FROM analytics.dead_rows {where}")
    assert (dead["dead_tuples"], dead["dead_ratio"]) == (40, 1)
    assert str(dead["worst_part"]).startswith("minute_close_y2026m03d0")
    (usage,) = told(market, f"SELECT * FROM analytics.index_usage {where}")
    assert usage["indexname"] == "pk_minute_close"
    assert usage["is_unique"] is True
    assert told(market, f"SELECT table_hits FROM analytics.cache_hit_ratio {where}")[0]["table_hits"]


def test_slow_statements_tell_queries_and_no_secrets(market: str) -> None:
    with psycopg.connect(market, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        # The server remembers so many statements and no more: those of other tests would push this one out.
        connection.execute("SELECT pg_stat_statements_reset()")
        connection.execute("SELECT 'a query that is looked for'::text AS looked_for")
        connection.execute("DO $$ BEGIN PERFORM 'a secret'; END $$")
    queries = [str(row["query"]) for row in told(market, "SELECT query, calls FROM analytics.slow_statements")]
    assert any("looked_for" in query for query in queries)
    assert not any("secret" in query for query in queries)


def test_without_the_extension_there_are_no_slow_statements_and_no_error(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP EXTENSION IF EXISTS pg_stat_statements")
    assert told(database_url, "SELECT * FROM analytics.slow_statements") == []
    found = measure_database(database_url)
    assert (found.slow_statements, found.slowest_statement) == (0, None)
    assert 0 < found.connections < found.most_connections


def test_tables_that_need_it_are_cared_for_and_others_left_alone(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_care, "LEAST_DEAD", 10)
    with psycopg.connect(market) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("UPDATE market.minute_close SET price_usd = price_usd + 1")
    cared = care_for_tables(market, now=NOW, seconds=60)
    assert cared.left == []
    done = {(care.work, care.name) for care in cared.done}
    assert {("vacuum", "minute_close_y2026m03d03"), ("vacuum", "minute_close_y2026m03d04")} <= done
    assert {("analyze", "minute_close"), ("analyze", "hourly_close")} <= done
    assert not any(name == "slots" for _, name in done)
    assert analyzed(market, "market.minute_close")
    assert rows(market, "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'minute_close_y2026m03d04'") == [
        (0,)
    ]
    again = care_for_tables(market, now=datetime.now(UTC), seconds=60)
    assert [care for care in again.done if care.work == "vacuum"] == []


def test_a_bloated_index_is_built_anew_and_shrinks(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_care, "LEAST_BLOAT_BYTES", 64 * 1024)
    with transaction(database_url) as connection:
        (name,) = ensure_partitions(connection, minute_close, {NOW})
        connection.execute(
            "INSERT INTO market.minute_close (bucket, asset_id, price_usd, provider, sources, dispersion, observed_at,"
            " formula_version) SELECT %(now)s::timestamptz + make_interval(mins => minute), asset, 1, 'p', 1, 0, now(),"
            " 1 FROM generate_series(1, 60) AS minute, generate_series(1, 200) AS asset",
            {"now": NOW},
        )
        connection.execute("DELETE FROM market.minute_close WHERE asset_id % 20 <> 0")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"VACUUM (ANALYZE) market.{name}")
    size = f"SELECT pg_relation_size('market.{name}_pkey')"
    ((before,),) = rows(database_url, size)
    wanted = [care.name for care in needed_care(*read_figures(database_url), now=NOW) if care.work == "reindex"]
    assert wanted == [f"{name}_pkey"]
    care_for_tables(database_url, now=NOW, seconds=60)
    ((after,),) = rows(database_url, size)
    assert after < before / 2
    assert [care for care in needed_care(*read_figures(database_url), now=NOW) if care.work == "reindex"] == []


def test_what_is_in_use_is_left_for_the_next_time(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_care, "_LOCK_TIMEOUT", "50ms")
    with psycopg.connect(market) as holder:
        holder.execute("LOCK TABLE market.hourly_close IN SHARE UPDATE EXCLUSIVE MODE")
        cared = care_for_tables(market, now=NOW, seconds=60)
        assert "hourly_close" in {care.name for care in cared.left}
        assert "minute_close" in {care.name for care in cared.done}


def test_nothing_is_begun_when_time_is_over(market: str) -> None:
    cared = care_for_tables(market, now=NOW, seconds=0)
    assert cared.done == []
    assert cared.left


def test_the_cache_is_measured(valkey_url: str) -> None:
    found = measure_cache(valkey_url)
    assert found.used_bytes > 0
    assert found.uptime_seconds >= 0
