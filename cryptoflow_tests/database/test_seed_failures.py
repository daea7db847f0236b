"""What a naive design of such a warehouse does wrong, each shown to be otherwise here.

Most of it is tested elsewhere in full; here each failure has one short test that bears its name.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from cryptoflow.contracts import contract_of, contracts
from cryptoflow.contracts.closes import CLOSES, market_chart_points
from cryptoflow.contracts.contract import SCHEMAS
from cryptoflow.settings import load_settings
from cryptoflow.warehouse.ahead import make_partitions_ahead
from cryptoflow.warehouse.forgetting import forget_expired
from cryptoflow.warehouse.partitions import period_start
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.retention import retain
from cryptoflow.warehouse.ticks import Tick, store_ticks
from cryptoflow_tests import candles_model
from cryptoflow_tests.closes_model import FACTS, FOLLOWING, rows, sample, store

NOW = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
MINUTE = timedelta(minutes=1)
COARSE = [f"market.{table.name}" for grain, table in CLOSES.items() if grain != "minute"]


def partitions(database_url: str) -> set[str]:
    return {
        name for (name,) in rows(database_url, "SELECT inhrelid::regclass::text FROM pg_inherits")
        if not name.endswith("_pkey")
    }  # fmt: skip


def test_dropping_old_partitions_drops_every_one(database_url: str, tmp_path: Path) -> None:
    """A name that yields only the year makes the partition of today look a year old."""
    store(database_url, sample(LONG_AGO, "1"), sample(NOW - timedelta(days=2), "2"), sample(NOW, "3"))
    make_partitions_ahead(database_url, now=NOW)
    before = partitions(database_url)
    retain(database_url, now=NOW, folder=tmp_path)
    old = f"y{LONG_AGO:%Ym%md%d}"
    made_of_samples = ("raw.market_snapshots", "market.minute_close", *FOLLOWING)
    assert before - partitions(database_url) == {f"{table}_{old}" for table in made_of_samples}
    assert rows(database_url, "SELECT price_usd FROM market.minute_close ORDER BY bucket") == [(2,), (3,)]


def test_making_a_partition_fails_and_the_first_row_finds_none(database_url: str) -> None:
    """Nobody has made a partition for the year 2031, nor for 2013."""
    pair = candles_model.symbol_id(database_url)
    for at in (datetime(2031, 12, 31, 23, 59, tzinfo=UTC), datetime(2013, 4, 28, tzinfo=UTC)):
        assert store(database_url, sample(at, "1")).stored == 1
        later = at + timedelta(days=1)
        minute = candles_model.candle(at, symbol=pair)
        assert candles_model.store(database_url, minute, fetched_at=later).stored == 1
        tick = Tick(
            symbol_id=pair,
            trade_id=1,
            traded_at=at,
            price=Decimal(1),
            quantity=Decimal(1),
            is_buyer_maker=None,
            fills=1,
        )
        with transaction(database_url) as connection:
            assert store_ticks(connection, [tick]) == 1
    partitioned = [table for table in contracts() if contract_of(table).partition and table is not market_chart_points]
    for table in partitioned:
        made = {name for name in partitions(database_url) if name.startswith(f"{table}_y")}
        period = contract_of(table).partition
        assert period is not None
        assert len(made) >= 2, table
        assert period_start(NOW, period) <= NOW


@pytest.fixture
def indexes(database_url: str) -> list[tuple[str, str, str]]:
    """Of each index its table, its name and its definition."""
    found = rows(
        database_url,
        "SELECT schemaname || '.' || tablename, indexname, indexdef FROM pg_indexes"
        " WHERE schemaname IN ('raw', 'market', 'candles', 'ops')",
    )
    return [(table, name, text) for table, name, text in found]


def test_an_index_on_a_partitioned_table_is_refused(database_url: str, indexes: list[tuple[str, str, str]]) -> None:
    """Asked for concurrently it is. Here the key of the table is made with it, and every partition has it."""
    store(database_url, sample(NOW, "1"))
    keyed = {table for table, _, text in indexes if "UNIQUE" in text}
    partitioned = {str(table) for table in contracts() if contract_of(table).partition}
    assert partitioned <= keyed
    loose = rows(
        database_url,
        "SELECT relname FROM pg_index INNER JOIN pg_class ON oid = indrelid WHERE relispartition AND NOT EXISTS"
        " (SELECT 1 FROM pg_inherits WHERE inhrelid = indexrelid)",
    )
    assert loose == []


def test_a_partial_index_depends_on_the_time_of_day(indexes: list[tuple[str, str, str]]) -> None:
    """now() in the condition of an index is refused; none here asks for it, and all of them are there."""
    assert len(indexes) > 20
    assert [name for _, name, text in indexes if "now()" in text.lower()] == []


def test_cleaning_up_raises_and_retention_never_runs(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO ops.collection_status (collection_type, dataset, provider, start_time)"
            " VALUES ('manual', 'x', 'y', %s), ('manual', 'x', 'y', %s)",
            (LONG_AGO, NOW),
        )
    store(database_url, sample(LONG_AGO, "1"))
    assert forget_expired(database_url, load_settings(), now=NOW)["ops.collection_status"] == 1
    (day,) = retain(database_url, now=NOW, folder=tmp_path)
    assert (day.day, day.kept_because) == (LONG_AGO.date(), None)
    assert rows(database_url, "SELECT count(*) FROM market.minute_close") == [(0,)]
    assert rows(database_url, "SELECT count(*) FROM market.hourly_close") == [(1,)]


def test_maintaining_indexes_raises(database_url: str) -> None:
    """A function of the database that rebuilds indexes cannot run; none is needed, and each can be rebuilt as it is."""
    store(database_url, sample(NOW, "1"))
    assert rows(database_url, "SELECT proname FROM pg_proc WHERE proname LIKE '%%maintain%%'") == []
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("REINDEX TABLE CONCURRENTLY market.minute_close")
        connection.execute("REINDEX TABLE CONCURRENTLY market.weekly_close")
    assert rows(database_url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_a_corrected_minute_leaves_its_hour_as_it_was(database_url: str) -> None:
    store(database_url, sample(NOW, "10"), sample(NOW + MINUTE, "99"), sample(NOW + 2 * MINUTE, "11"))
    store(database_url, sample(NOW + MINUTE, "9", fetched_at=NOW + 10 * MINUTE))
    for table in COARSE:
        assert rows(database_url, f"SELECT high_usd, low_usd, price_usd FROM {table}") == [(11, 9, 11)], table


def test_a_late_minute_overwrites_the_close_of_an_hour_whose_minutes_are_gone(
    database_url: str, tmp_path: Path
) -> None:
    store(database_url, sample(LONG_AGO + 40 * MINUTE, "40"), sample(LONG_AGO + 50 * MINUTE, "50"))
    assert [day.kept_because for day in retain(database_url, now=NOW, folder=tmp_path)] == [None]
    store(database_url, sample(LONG_AGO + 10 * MINUTE, "1"))
    store(database_url, sample(LONG_AGO + 50 * MINUTE, "2", fetched_at=NOW))
    for table in COARSE:
        assert rows(database_url, f"SELECT open_usd, low_usd, price_usd FROM {table}") == [(40, 40, 50)], table


@pytest.mark.parametrize("price", ["0.0000000012", "0.000000000001", "1000000000"])
def test_a_tiny_price_is_rounded_to_nothing_and_refused(database_url: str, price: str) -> None:
    assert store(database_url, sample(NOW, price)).refused == 0
    for table in FACTS:
        assert rows(database_url, f"SELECT price_usd FROM {table}") == [(Decimal(price),)], table


def test_a_large_supply_overflows_its_column(database_url: str) -> None:
    supply = Decimal("589000000000000.123456789")
    store(database_url, sample(NOW, "0.000001", circulating_supply=supply, total_supply=Decimal(10) ** 18))
    for table in FACTS:
        assert rows(database_url, f"SELECT circulating_supply, total_supply FROM {table}") == [
            (supply, Decimal(10) ** 18)
        ], table


def test_a_figure_of_twenty_one_digits_overflows_its_column(database_url: str) -> None:
    """A hash rate of 9e20, whatever comes next: no number in any table has a bound on its digits."""
    numbers = rows(
        database_url,
        "SELECT attrelid::regclass::text, attname, atttypmod FROM pg_attribute INNER JOIN pg_class ON oid = attrelid"
        " WHERE atttypid = 'numeric'::regtype AND relkind IN ('r', 'p') AND attnum > 0"
        " AND relnamespace::regnamespace::text = any(%s)",
        list(SCHEMAS),
    )
    assert len(numbers) > 50
    assert [number for number in numbers if number[2] != -1] == []
