"""The tick's first half: the providers' pages in memory to committed snapshots, checked, once however often they come.

The limit sends the same rows, prepared as COPY wants them, into a heap without index, log, keys or checks. The
peers read the same pages with json, every digit kept, and have who is meant in memory; ours also asks the database
for that, applies the rules of the contract, and would keep what the rows said before.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert

from bench.contest import Bench, Beside, Contest, Row, Side, at_most, faster
from bench.room import Room
from bench.ticks import Ticks, figures_of, open_ticks, snapshots_of
from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.providers import COINGECKO
from cryptoflow.warehouse import assets
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.rollups import lock_closes
from cryptoflow.warehouse.staging import merge_staged, refuse_staged, stage_rows

_COLUMNS: Final = written_columns(market_snapshots)
_KEY: Final = [column.name for column in market_snapshots.primary_key]
_LIST: Final = column_list(_COLUMNS)
_ORDER: Final = column_list(_KEY)
_TYPES: Final = {column.name: column.type for column in market_snapshots.columns}
_PEERS: Final = "peers"
_SAID: Final = {
    "price_usd": "current_price",
    "market_cap_usd": "market_cap",
    "volume_24h_usd": "total_volume",
    "circulating_supply": "circulating_supply",
    "total_supply": "total_supply",
    "max_supply": "max_supply",
    "market_cap_rank": "market_cap_rank",
    "fully_diluted_valuation_usd": "fully_diluted_valuation",
    "price_change_1h_percent": "price_change_percentage_1h_in_currency",
    "price_change_24h_percent": "price_change_percentage_24h",
    "price_change_7d_percent": "price_change_percentage_7d_in_currency",
}


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    with open_ticks(room, assets=items) as ticks, psycopg.connect(ticks.url, autocommit=True) as connection:
        pages = ticks.next_minute()
        _empty(connection)
        _ours(ticks, pages)
        prepared = _as_copied(connection)
        read = _reader(connection, ticks, pages)
        _make_tables_of_peers(connection)
        engine = sa.create_engine(sa.make_url(ticks.url).set(drivername="postgresql+psycopg"))

        def side(name: str, work: Callable[[], None], *, table: str = f"{_PEERS}.snapshots") -> Side[None]:
            return Side(
                name=name,
                work=work,
                rows=lambda _: _rows(connection, table),
                before=lambda: _empty(connection),
            )

        with tempfile.TemporaryDirectory(prefix="cryptoflow-bench-dlt-") as folder:
            merge = _dlt_merge(ticks.url, folder, read)
            try:
                yield Contest(
                    ours=side("ours", lambda: _ours(ticks, pages), table="raw.market_snapshots"),
                    beside=(
                        Beside(
                            side=side(
                                "bare COPY (limit)", lambda: _bare_copy(ticks.url, prepared), table=f"{_PEERS}.heap"
                            ),
                            goal=at_most(2.2),
                        ),
                        Beside(side=side("dlt merge", merge, table=f"{_PEERS}.merged"), goal=faster(20)),
                        Beside(side=side("SQLAlchemy executemany", lambda: _upsert(engine, read())), goal=faster(3)),
                        Beside(
                            side=side("pandas.to_sql: not idempotent", lambda: _to_sql(engine, read())),
                            goal=faster(5),
                        ),
                    ),
                )
            finally:
                engine.dispose()


def _ours(ticks: Ticks, pages: Sequence[RawAnswer]) -> None:
    figures = figures_of(pages)
    with transaction(ticks.url) as connection:
        snapshots = snapshots_of(connection, figures, slot=ticks.now)
        recorded_at = lock_closes(connection)
        stage_rows(connection, market_snapshots, map(attrgetter(*_COLUMNS), snapshots))
        refuse_staged(connection, market_snapshots)
        merge_staged(
            connection, market_snapshots, recorded_at=recorded_at, newest="fetched_at DESC, payload_sha256 DESC"
        )


def _reader(
    connection: psycopg.Connection[Row], ticks: Ticks, pages: Sequence[RawAnswer]
) -> Callable[[], list[dict[str, Any]]]:
    """How a peer comes from the pages to its rows."""
    ids = {key: asset_id for (_, key), asset_id in assets.ids_by_key(connection).items()}

    def read() -> list[dict[str, Any]]:
        # Each asset once: ranks move while pages are asked for.
        records = {
            row["id"]: {
                **{column: row.get(name) for column, name in _SAID.items()},
                "provider": COINGECKO,
                "asset_id": ids[row["id"]],
                "slot": ticks.now,
                "run_id": None,
                "observed_at": datetime.fromisoformat(row["last_updated"]),
                "fetched_at": page.fetched_at,
                "payload_sha256": page.payload_sha256,
            }
            for page in pages
            for row in json.loads(page.body, parse_float=Decimal)
        }
        return list(records.values())

    return read


def _bare_copy(url: str, prepared: bytes) -> None:
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {}.heap ({}) FROM STDIN").format(sql.Identifier(_PEERS), _LIST)) as copy,
    ):
        copy.write(prepared)


def _upsert(engine: sa.Engine, records: list[dict[str, Any]]) -> None:
    table = sa.Table(
        "snapshots", sa.MetaData(), *(sa.Column(one.name, one.type) for one in market_snapshots.columns), schema=_PEERS
    )
    fresh = insert(table)
    keep = {name: fresh.excluded[name] for name in _COLUMNS if name not in _KEY}
    with engine.begin() as connection:
        connection.execute(fresh.on_conflict_do_update(index_elements=_KEY, set_=keep), records)


def _to_sql(engine: sa.Engine, records: list[dict[str, Any]]) -> None:
    import pandas as pd

    # As objects, or the decimals become floats and what is missing becomes NaN.
    frame = pd.DataFrame(records, dtype=object)
    with engine.begin() as connection:
        frame.to_sql("snapshots", connection, schema=_PEERS, if_exists="append", index=False, dtype=_TYPES)


def _dlt_merge(url: str, folder: str, read: Callable[[], list[dict[str, Any]]]) -> Callable[[], None]:
    """A pipeline that has run before, so that its tables are there."""
    import dlt

    dlt.config["runtime.dlthub_telemetry"] = False
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=folder, destination=dlt.destinations.postgres(url), dataset_name=_PEERS
    )

    # Every digit counts, where dlt's own decimals keep nine places; and a column may be empty today.
    hints: dict[str, Any] = {
        name: {"data_type": "wei"} for name, kind in _TYPES.items() if isinstance(kind, sa.Numeric)
    }
    hints["run_id"] = {"data_type": "text"}

    def merge() -> None:
        pipeline.run(
            read(),
            table_name="merged",
            write_disposition="merge",
            primary_key=_KEY,
            columns=hints,
        )

    merge()
    return merge


def _make_tables_of_peers(connection: psycopg.Connection[Row]) -> None:
    schema = sql.Identifier(_PEERS)
    for statement in (
        "CREATE SCHEMA {}",
        "CREATE TABLE {}.snapshots (LIKE raw.market_snapshots INCLUDING DEFAULTS INCLUDING INDEXES)",
        "CREATE UNLOGGED TABLE {}.heap (LIKE raw.market_snapshots INCLUDING DEFAULTS)",
    ):
        connection.execute(sql.SQL(statement).format(schema))


def _empty(connection: psycopg.Connection[Row]) -> None:
    connection.execute("TRUNCATE raw.market_snapshots")
    for name in ("snapshots", "heap", "merged"):
        if connection.execute("SELECT to_regclass(%s)", (f"{_PEERS}.{name}",)).fetchone() != (None,):
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(_PEERS, name)))


def _as_copied(connection: psycopg.Connection[Row]) -> bytes:
    statement = sql.SQL("COPY (SELECT {} FROM raw.market_snapshots ORDER BY {}) TO STDOUT").format(_LIST, _ORDER)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(copy)


def _rows(connection: psycopg.Connection[Row], table: str) -> list[Row]:
    schema, _, name = table.partition(".")
    return connection.execute(
        sql.SQL("SELECT {} FROM {} ORDER BY {}").format(_LIST, sql.Identifier(schema, name), _ORDER)
    ).fetchall()


BENCHES: Final = (Bench(name="tick", about="assets, from pages to committed snapshots", items=10_000, open=_open),)
