"""The schema `analytics`: documented views under customary names, the status of closes, reads as of an instant."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from cryptoflow.contracts.close_quality import close_quality
from cryptoflow.contracts.closes import CLOSES, SAMPLES, market_snapshots
from cryptoflow.contracts.velocity import velocity
from cryptoflow.warehouse import migrations
from cryptoflow.warehouse.reader import read
from cryptoflow_tests.database.recorded_market import NOON, coin, fill, fill_coinmarketcap, listing

PAGE = Path(__file__).parents[2] / "docs" / "views.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
FACTS = [*(table.name for table in CLOSES.values()), market_snapshots.name]
FOLLOWING = [velocity, close_quality]
READ_AS_OF = [*CLOSES.values(), *SAMPLES, *FOLLOWING]
CLOSE_COLUMNS = "price_usd market_cap_usd volume_24h_usd coin_rank created_at"
CUSTOMARY = {
    "tokens": "id cmc_id name symbol slug description logo_url website_url twitter_handle reddit_url github_url"
    " whitepaper_url date_added is_active created_at updated_at",
    "coin_priorities": "coin_id market_cap_rank market_cap_usd symbol name image_url last_updated created_at",
    "collection_status": "id collection_type start_time end_time coins_processed coins_failed api_calls_made status"
    " error_message batch_details created_at",
    "api_usage_stats": "id date total_calls successful_calls failed_calls rate_limited_calls average_response_time"
    " peak_calls_per_minute created_at updated_at",
    "schema_migrations": "version applied_at",
    "token_metrics": "id token_id timestamp price_usd market_cap_usd volume_24h_usd circulating_supply total_supply"
    " max_supply percent_change_1h percent_change_24h percent_change_7d velocity velocity_1h velocity_4h velocity_12h"
    " velocity_7d data_quality_score created_at",
    "velocity": "slug turnover_24h velocity velocity_24h trend",
    "close_quality": "slug data_quality_score tier",
    "retention_policy": "table_name clock days_kept setting is_archived drop_unit",
    "minute_close": f"coin_id minute_ts {CLOSE_COLUMNS}",
    "hourly_close": f"coin_id hour_ts {CLOSE_COLUMNS}",
    "daily_close": f"coin_id day_ts {CLOSE_COLUMNS}",
    "weekly_close": f"coin_id week_ts {CLOSE_COLUMNS}",
    "monthly_close": f"coin_id month_ts {CLOSE_COLUMNS}",
    "symbols": "id base_asset quote_asset exchange precision_price precision_qty min_qty is_active created_at"
    " updated_at",
    "price_candles": "id symbol_id interval open_time close_time open high low close volume quote_volume trade_count"
    " created_at",
    "price_ticks": "id symbol_id price quantity timestamp is_buyer_maker",
    "symbol_summary": "symbol_id candle_count last_update last_price",
    "market_data": "id cryptocurrency_id timestamp open_price high_price low_price close_price volume market_cap"
    " data_source",
}


def columns_of(database_url: str, relation: str) -> set[str]:
    return set(read(database_url, f"SELECT * FROM analytics.{relation} LIMIT 0").columns)


@pytest.mark.parametrize("view", CUSTOMARY)
def test_a_view_has_its_customary_columns(database_url: str, view: str) -> None:
    assert set(CUSTOMARY[view].split()) <= columns_of(database_url, view)


@pytest.mark.parametrize("table", CLOSES.values(), ids=[table.name for table in CLOSES.values()])
def test_a_view_of_closes_holds_every_contracted_column(database_url: str, table: sa.Table) -> None:
    contracted = {column.name for column in table.columns}
    assert contracted | {"slug", "symbol", "status"} <= columns_of(database_url, table.name)


@pytest.mark.parametrize("table", READ_AS_OF, ids=[table.name for table in READ_AS_OF])
def test_a_read_as_of_an_instant_holds_every_contracted_column(database_url: str, table: sa.Table) -> None:
    contracted = {column.name for column in table.columns}
    found = columns_of(database_url, f"{table.name}_as_of(now())")
    assert found == contracted | {"slug", "symbol", "superseded_at"}


def test_every_view_column_and_function_is_explained(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        mute = connection.execute(
            "SELECT c.relname, a.attname FROM pg_class AS c"
            " INNER JOIN pg_attribute AS a ON c.oid = a.attrelid AND a.attnum > 0"
            " WHERE c.relnamespace = 'analytics'::regnamespace AND (col_description(c.oid, a.attnum) IS NULL"
            " OR obj_description(c.oid, 'pg_class') IS NULL)"
        ).fetchall()
        mute += connection.execute(
            "SELECT proname, '' FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace"
            " AND (obj_description(oid, 'pg_proc') IS NULL OR provolatile <> 's')"
        ).fetchall()
        told = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'v'"
        ).fetchone()
    assert mute == []
    assert told is not None
    assert told[0] >= len(CUSTOMARY)


def test_down_takes_the_views_back(database_url: str) -> None:
    migrations.migrate_down(database_url, "0002_market_spine")
    with psycopg.connect(database_url) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'analytics'::regnamespace"
            " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace"
        ).fetchall()
    assert left == []


def test_an_open_bucket_is_provisional_a_closed_one_final_a_changed_one_revised(
    database_url: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    fill(database_url, tmp_path, coin("bitcoin", "100"), coin("ether", "9"))
    fill(database_url, tmp_path, coin("bitcoin", "101"), coin("live", "1", now), fetched_at=now)
    for table in CLOSES.values():
        rows = read(database_url, f"SELECT slug, status FROM analytics.{table.name} ORDER BY slug").rows
        assert rows == [("bitcoin", "revised"), ("ether", "final"), ("live", "provisional")], table.name


def test_grace_belongs_to_the_open_bucket(database_url: str, tmp_path: Path) -> None:
    ago = {name: datetime.now(UTC) - timedelta(seconds=seconds) for name, seconds in (("in", 90), ("out", 185))}
    fill(database_url, tmp_path, *(coin(name, "1", at) for name, at in ago.items()), fetched_at=datetime.now(UTC))
    rows = read(database_url, "SELECT slug, status FROM analytics.minute_close ORDER BY slug").rows
    assert rows == [("in", "provisional"), ("out", "final")]


def corrected(database_url: str, folder: Path) -> tuple[datetime, datetime]:
    """A minute that was 100, and was corrected to 80; returns an instant before and one after the correction."""
    fill(database_url, folder, coin("bitcoin", "100"))
    between = now_of(database_url)
    fill(database_url, folder, coin("bitcoin", "80"), fetched_at=NOON + timedelta(hours=1))
    return between, now_of(database_url)


def now_of(database_url: str) -> datetime:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    instant: datetime = row[0]
    return instant


@pytest.mark.parametrize("table", FACTS)
def test_what_was_known_at_an_instant_can_be_read(database_url: str, tmp_path: Path, table: str) -> None:
    long_before = now_of(database_url)
    between, after = corrected(database_url, tmp_path)

    def prices(instant: datetime) -> list[tuple[object, bool]]:
        query = f"SELECT price_usd, superseded_at IS NULL FROM analytics.{table}_as_of('{instant.isoformat()}')"
        return [(price, standing) for price, standing in read(database_url, query).rows]

    assert prices(long_before) == []
    assert prices(between) == [(Decimal(100), False)]
    assert prices(after) == [(Decimal(80), True)]


def test_the_customary_key_is_coingeckos_or_else_the_slug(database_url: str, tmp_path: Path) -> None:
    fill(database_url, tmp_path, coin("bitcoin", "100"), coin("gecko-only", "1"))
    fill_coinmarketcap(database_url, tmp_path, listing(1, "bitcoin", "99"), listing(77, "elsewhere", "3"))
    keys = read(database_url, "SELECT slug, coin_id FROM analytics.daily_close ORDER BY slug").rows
    assert keys == [("bitcoin", "bitcoin"), ("elsewhere", "elsewhere"), ("gecko-only", "gecko-only")]
    tokens = read(database_url, "SELECT slug, cmc_id FROM analytics.tokens ORDER BY slug").rows
    assert tokens == [("bitcoin", 1), ("elsewhere", 77), ("gecko-only", None)]


def test_priorities_tell_the_newest_rank_and_cap(database_url: str, tmp_path: Path) -> None:
    fill(database_url, tmp_path, coin("bitcoin", "100", market_cap_rank=1, market_cap=7))
    later = NOON + timedelta(days=40)
    fill(database_url, tmp_path, coin("bitcoin", "100", later, market_cap_rank=3, market_cap=5))
    rows = read(database_url, "SELECT coin_id, market_cap_rank, market_cap_usd FROM analytics.coin_priorities").rows
    assert rows == [("bitcoin", 3, Decimal(5))]


def test_the_page_of_views_names_each_of_them(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'analytics'::regnamespace"
            " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace"
        ).fetchall()
    assert [name for (name,) in names if f"`{name}`" not in PAGE.read_text()] == []
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_page_of_views_runs(database_url: str, tmp_path: Path, query: str) -> None:
    corrected(database_url, tmp_path)
    assert read(database_url, query).columns
