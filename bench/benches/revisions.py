"""Snapshots that come again with one of a hundred changed, each old version kept beside the new one.

The plain upsert writes every row anew and forgets what it said. Both begin with rows that are staged, and end with the
commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from bench.contest import Bench, Beside, Contest, Row, Side, at_most
from bench.room import Room
from bench.ticks import figures_of, open_ticks, snapshots_of
from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.rollups import lock_closes
from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow.warehouse.staging import merge_staged, stage_of, stage_rows

_ONE_OF: Final = 100
_COLUMNS: Final = written_columns(market_snapshots)
_KEY: Final = [column.name for column in market_snapshots.primary_key]
_VALUES: Final = attrgetter(*_COLUMNS)
_NEWEST: Final = "fetched_at DESC, payload_sha256 DESC"


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    with (
        open_ticks(room, assets=items) as ticks,
        psycopg.connect(ticks.url, autocommit=True) as looking,
        psycopg.connect(ticks.url) as writing,
    ):
        pages = ticks.next_minute()
        with psycopg.connect(ticks.url) as connection:
            first = snapshots_of(connection, figures_of(pages), slot=ticks.now)
        again = [_changed(one) if number % _ONE_OF == 0 else one for number, one in enumerate(first)]

        def before() -> None:
            looking.execute("TRUNCATE raw.market_snapshots, raw.market_snapshots_revisions")
            with psycopg.connect(ticks.url) as connection:
                stage_rows(connection, market_snapshots, map(_VALUES, first))
                merge_staged(connection, market_snapshots, recorded_at=lock_closes(connection), newest=_NEWEST)
            looking.execute("VACUUM ANALYZE raw.market_snapshots")
            stage_rows(writing, market_snapshots, map(_VALUES, again))

        def rows() -> list[Row]:
            query = sql.SQL("SELECT {} FROM raw.market_snapshots ORDER BY {}").format(
                column_list(_COLUMNS), column_list(_KEY)
            )
            return looking.execute(query).fetchall()

        def side(name: str, work: partial[None]) -> Side[None]:
            return Side(name=name, work=work, rows=lambda _: rows(), before=before)

        yield Contest(
            ours=side("ours", partial(_merge, writing)),
            beside=(Beside(side=side("plain upsert", partial(_upsert, writing)), goal=at_most(0.6)),),
        )


def _changed(snapshot: Snapshot) -> Snapshot:
    assert snapshot.price_usd is not None
    return msgspec.structs.replace(snapshot, price_usd=snapshot.price_usd * Decimal("1.01"))


def _merge(connection: Connection) -> None:
    merge_staged(connection, market_snapshots, recorded_at=lock_closes(connection), newest=_NEWEST)
    connection.commit()


def _upsert(connection: Connection) -> None:
    recorded_at: datetime = lock_closes(connection)
    names = [name for name in _COLUMNS if name not in _KEY]
    connection.execute(
        sql.SQL(
            "INSERT INTO raw.market_snapshots ({names}, recorded_at)"
            " SELECT DISTINCT ON ({key}) {names}, %s FROM {stage} ORDER BY {key}, fetched_at DESC"
            " ON CONFLICT ({key}) DO UPDATE SET {set}, recorded_at = excluded.recorded_at"
        ).format(
            names=column_list(_COLUMNS),
            key=column_list(_KEY),
            stage=stage_of(market_snapshots),
            set=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names),
        ),
        (recorded_at,),
    )
    connection.commit()


BENCHES: Final = (Bench(name="revisions", about="snapshots again, one of a hundred changed", items=10_000, open=_open),)
