"""A day of minutes to hours: first, highest, lowest, last, last figures, how many minutes there were; exact.

`rollup-day`: ours also builds day, week and month, keeps old versions and marks what else follows. The limit
sums the same columns up in one process, as ours works. What runs in memory is given the day there, as floats, and keeps
its result there: it is what an engine can do that neither stores anything nor is asked by anybody else.
`rollup-insert`: an hour of minutes inserted, hours following. The peer is the trigger that is often written for it,
which looks up the newest minute and upserts its hour for every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

import psycopg

from bench.contest import Bench, Beside, Contest, Row, Side, at_most, each, faster
from bench.minutes import DAY, make_minutes, some_days_ago
from bench.room import Room
from cryptoflow.cadence import Grain
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.rollups import build_marked, lock_closes, mark_range

_EVERY_BUCKET: Final = 100_000_000
_HOUR: Final = timedelta(hours=1)
_EMPTY: Final = (
    "TRUNCATE market.hourly_close, market.daily_close, market.weekly_close, market.monthly_close, ops.dirty_buckets"
)
_HOURS: Final = """
    SELECT bucket, asset_id, open_usd, high_usd, low_usd, price_usd, market_cap_usd, volume_24h_usd, samples
    FROM market.hourly_close ORDER BY bucket, asset_id
"""
_SUMS: Final = """
    SELECT
        sum(price_usd), sum(market_cap_usd), sum(volume_24h_usd), sum(circulating_supply), sum(total_supply),
        sum(max_supply), sum(market_cap_rank), count(*)
    FROM market.minute_close WHERE bucket >= %s AND bucket < %s
"""
_LAST_ONLY: Final = """
    INSERT INTO last_only
    SELECT DISTINCT ON (hour, asset_id)
        date_bin('1 hour', bucket, 'epoch') AS hour, asset_id, price_usd, market_cap_usd, volume_24h_usd
    FROM market.minute_close WHERE bucket >= %s AND bucket < %s
    ORDER BY hour, asset_id, bucket DESC
"""
_COPY_OUT: Final = """
    COPY (
        SELECT extract(EPOCH FROM bucket)::bigint, asset_id, price_usd, market_cap_usd, volume_24h_usd
        FROM market.minute_close WHERE bucket >= {} AND bucket < {} ORDER BY asset_id, bucket
    ) TO STDOUT (FORMAT csv)
"""
_DUCKDB: Final = """
    SELECT
        epoch // 3600 * 3600 AS hour, asset_id, arg_min(price, epoch), max(price), min(price), arg_max(price, epoch),
        arg_max(cap, epoch), arg_max(volume, epoch), count(*)
    FROM minutes GROUP BY hour, asset_id
"""


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    start = some_days_ago(1)
    span = (start, start + DAY)
    with room.warehouse() as url, psycopg.connect(url) as connection:
        make_minutes(connection, assets=items, start=start, days=1)
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE market.minute_close")
        connection.execute(
            "CREATE TABLE last_only (hour timestamptz, asset_id integer, price_usd numeric, market_cap_usd numeric,"
            " volume_24h_usd numeric, PRIMARY KEY (hour, asset_id))"
        )
        memory = _InMemory(connection, span)

        def build() -> None:
            with transaction(url) as writing:
                recorded_at = lock_closes(writing)
                mark_range(writing, Grain.HOUR, start=span[0], end=span[1])
                build_marked(writing, recorded_at=recorded_at, most=_EVERY_BUCKET)

        def sums() -> list[Row]:
            connection.execute("SET max_parallel_workers_per_gather = 0")
            found = connection.execute(_SUMS, span).fetchall()
            connection.execute("RESET max_parallel_workers_per_gather")
            return found

        yield Contest(
            ours=Side(
                work=build,
                rows=lambda _: connection.execute(_HOURS).fetchall(),
                before=lambda: _execute(connection, _EMPTY),
            ),
            beside=(
                Beside(
                    side=Side(name="sum() of the same columns (limit)", work=sums, rows=lambda made: [(made[0][-1],)]),
                    goal=at_most(1.6),
                    ours_as=lambda rows: [(sum(row[-1] for row in rows),)],  # type: ignore[misc]
                ),
                Beside(
                    side=Side(
                        name="DISTINCT ON: the last alone",
                        work=lambda: _execute(connection, _LAST_ONLY, span),
                        rows=lambda _: connection.execute("SELECT * FROM last_only ORDER BY hour, asset_id").fetchall(),
                        before=lambda: _execute(connection, "TRUNCATE last_only"),
                    ),
                    goal=faster(1.6),
                    ours_as=each(lambda row: (*row[:2], *row[5:8])),
                ),
                Beside(
                    side=Side(name="pandas resample, in memory", work=memory.pandas, rows=_rows_of_pandas),
                    goal=faster(4),
                    ours_as=each(_as_floats),
                ),
                Beside(
                    side=Side(name="Polars, in memory", work=memory.polars, rows=lambda made: sorted(made.rows())),
                    goal=at_most(12),
                    ours_as=each(_as_floats),
                ),
                Beside(
                    side=Side(name="DuckDB, in memory", work=memory.duckdb, rows=_rows_of_arrow),
                    goal=at_most(12),
                    ours_as=each(_as_floats),
                ),
            ),
        )


class _InMemory:
    """The day as columns in memory, and the rollup by those who work there."""

    def __init__(self, connection: psycopg.Connection[Row], span: tuple[datetime, datetime]) -> None:
        import duckdb
        import polars as pl

        bounds = [f"to_timestamp({int(instant.timestamp())})" for instant in span]
        with connection.cursor() as cursor, cursor.copy(_COPY_OUT.format(*bounds).encode()) as copy:
            text = b"".join(copy)
        self._polars = pl.read_csv(
            BytesIO(text),
            has_header=False,
            schema={"epoch": pl.Int64, "asset_id": pl.Int64} | dict.fromkeys(("price", "cap", "volume"), pl.Float64),
        )
        clock = pl.from_epoch("epoch").alias("clock")
        self._pandas = self._polars.with_columns(clock).to_pandas().set_index("clock")
        self._duckdb = duckdb.connect()
        self._duckdb.execute("SET threads = 2")
        self._duckdb.register("arrived", self._polars.to_arrow())
        self._duckdb.execute("CREATE TABLE minutes AS SELECT * FROM arrived")

    def pandas(self) -> Any:
        """As its manual has it: a resample for each asset."""
        return (
            self._pandas.groupby("asset_id")
            .resample("1h")
            .agg({"price": ["first", "max", "min", "last"], "cap": ["last"], "volume": ["last", "count"]})
        )

    def polars(self) -> Any:
        """Hours of assets, of rows that are in order."""
        import polars as pl

        price = pl.col("price")
        return (
            self._polars.lazy()
            .group_by((pl.col("epoch") // 3600 * 3600).alias("hour"), "asset_id")
            .agg(
                price.first().alias("open"),
                price.max().alias("high"),
                price.min().alias("low"),
                price.last().alias("close"),
                pl.col("cap").last(),
                pl.col("volume").last(),
                pl.len(),
            )
            .collect()
        )

    def duckdb(self) -> Any:
        """One query over a table of its own, into memory."""
        return self._duckdb.sql(_DUCKDB).to_arrow_table()


def _rows_of_pandas(made: Any) -> list[Row]:
    return sorted((int(clock.timestamp()), asset, *figures) for (asset, clock), *figures in made.itertuples(name=None))


def _rows_of_arrow(made: Any) -> list[Row]:
    return sorted(zip(*(column.to_pylist() for column in made.columns), strict=True))


def _as_floats(row: Row) -> Row:
    bucket, asset, *figures = row
    assert isinstance(bucket, datetime)
    return (int(bucket.timestamp()), asset, *(float(one) if isinstance(one, Decimal) else one for one in figures))


@contextmanager
def _open_insert(room: Room, items: int) -> Iterator[Contest]:
    start = some_days_ago(1)
    span = (start, start + _HOUR)
    with room.warehouse() as url, psycopg.connect(url) as connection:
        make_minutes(connection, assets=items, start=start, days=1)
        connection.autocommit = True
        for statement in (*_KEEP_THE_HOUR, *_CUSTOMARY):
            _execute(connection, statement, span if "%s" in statement else None)

        def insert_and_build() -> None:
            with transaction(url) as writing:
                recorded_at = lock_closes(writing)
                writing.execute("INSERT INTO market.minute_close SELECT * FROM an_hour ORDER BY bucket, asset_id")
                mark_range(writing, Grain.HOUR, start=span[0], end=span[1])
                build_marked(writing, recorded_at=recorded_at, most=_EVERY_BUCKET)

        def insert_with_trigger() -> None:
            with psycopg.connect(url) as writing:
                writing.execute(_INSERT_CUSTOMARY)

        yield Contest(
            ours=Side(
                work=insert_and_build,
                rows=lambda _: connection.execute(_HOURS).fetchall(),
                before=lambda: _execute(connection, f"{_EMPTY}, market.minute_close"),
            ),
            beside=(
                Beside(
                    side=Side(
                        name="a trigger for each row: the last alone",
                        work=insert_with_trigger,
                        rows=lambda _: connection.execute(
                            "SELECT * FROM customary.hourly_close ORDER BY hour_ts, coin_id::integer"
                        ).fetchall(),
                        before=lambda: _execute(connection, "TRUNCATE customary.minute_close, customary.hourly_close"),
                    ),
                    goal=faster(2),
                    ours_as=each(lambda row: (str(row[1]), row[0], *row[5:8])),
                ),
            ),
        )


_KEEP_THE_HOUR: Final = (
    "CREATE TABLE an_hour (LIKE market.minute_close)",
    "INSERT INTO an_hour SELECT * FROM market.minute_close WHERE bucket >= %s AND bucket < %s",
)
_INSERT_CUSTOMARY: Final = """
    INSERT INTO customary.minute_close
    SELECT asset_id::text, bucket, price_usd, market_cap_usd, volume_24h_usd FROM an_hour ORDER BY bucket, asset_id
"""
_CUSTOMARY: Final = (
    "CREATE SCHEMA customary",
    """
    CREATE TABLE customary.minute_close (
        coin_id text, minute_ts timestamptz, price_usd numeric(20, 8), market_cap_usd numeric(20, 2),
        volume_24h_usd numeric(20, 2), PRIMARY KEY (coin_id, minute_ts)
    )
    """,
    """
    CREATE TABLE customary.hourly_close (
        coin_id text, hour_ts timestamptz, price_usd numeric(20, 8), market_cap_usd numeric(20, 2),
        volume_24h_usd numeric(20, 2), PRIMARY KEY (coin_id, hour_ts)
    )
    """,
    """
    CREATE FUNCTION customary.aggregate_to_hourly() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        hour_timestamp timestamptz := date_trunc('hour', NEW.minute_ts);
        newest record;
    BEGIN
        SELECT price_usd, market_cap_usd, volume_24h_usd INTO newest
        FROM customary.minute_close
        WHERE coin_id = NEW.coin_id AND minute_ts >= hour_timestamp
            AND minute_ts < hour_timestamp + INTERVAL '1 hour'
        ORDER BY minute_ts DESC LIMIT 1;
        INSERT INTO customary.hourly_close
        VALUES (NEW.coin_id, hour_timestamp, newest.price_usd, newest.market_cap_usd, newest.volume_24h_usd)
        ON CONFLICT (coin_id, hour_ts) DO UPDATE SET
            price_usd = excluded.price_usd, market_cap_usd = excluded.market_cap_usd,
            volume_24h_usd = excluded.volume_24h_usd;
        RETURN NEW;
    END;
    $$
    """,
    """
    CREATE TRIGGER trigger_aggregate_hourly AFTER INSERT ON customary.minute_close
    FOR EACH ROW EXECUTE FUNCTION customary.aggregate_to_hourly()
    """,
)


def _execute(connection: psycopg.Connection[Row], statement: str, parameters: tuple[object, ...] | None = None) -> None:
    connection.execute(statement.encode(), parameters)


BENCHES: Final = (
    Bench(name="rollup-day", about="assets, a day of minutes to hours", items=2_000, open=_open),
    Bench(name="rollup-insert", about="assets, an hour of minutes inserted", items=2_000, open=_open_insert),
)
