"""The whole tick, once the answers have come: read, identify, stage, check, merge, close and score the minutes, move
hours, days, weeks and months on, velocity, the slot, the record of the collection, commit.

It happens in the middle of an hour, with a day of history. The limit is that of the bench `tick`: the bytes of the
snapshots alone, into a heap without index, log, keys or checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

import bench.ticks
import cryptoflow.collect.snapshots
import cryptoflow.warehouse.assets
import cryptoflow.warehouse.minutes
from bench.contest import Bench, Beside, Contest, Row, Side, at_most
from bench.room import Room
from bench.ticks import Past, open_ticks
from bench.timing import Place, timed_steps
from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.naming import column_list

_WRITING = cryptoflow.warehouse.minutes
_ACCOUNTING = cryptoflow.collect.snapshots
_STEPS: Final[Mapping[str, tuple[Place, ...]]] = {
    "read the pages": ((bench.ticks, "figures_of"),),
    "open the collection": ((bench.ticks, "open_collection"),),
    "identify": ((cryptoflow.warehouse.assets, "ids_by_key"),),
    "judge the answer": ((_ACCOUNTING, "judge_snapshots"),),
    "stage": ((_WRITING, "stage_rows"),),
    "check": ((_WRITING, "take_refused"),),
    "merge": ((_WRITING, "merge_staged"),),
    "close minutes": ((_WRITING, "close_minutes"),),
    "score closes": ((_WRITING, "score_minutes"),),
    "hour to month": ((_WRITING, "build_marked"),),
    "velocity": ((_WRITING, "follow_closes"),),
    "slot and collection": ((_ACCOUNTING, "close_asked"), (_ACCOUNTING, "close_collection")),
}
_COLUMNS: Final = column_list(written_columns(market_snapshots))


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    past = Past(dense_minutes=30, hours=26)
    with (
        open_ticks(room, assets=items, past=past) as ticks,
        psycopg.connect(ticks.url, autocommit=True) as connection,
    ):
        connection.execute("CREATE UNLOGGED TABLE heap (LIKE raw.market_snapshots INCLUDING DEFAULTS)")
        pages: list[RawAnswer] = []
        prepared = b""

        def next_minute() -> None:
            nonlocal pages
            pages = ticks.next_minute()

        def tick() -> Mapping[str, float]:
            with timed_steps(_STEPS) as seconds:
                ticks.write(pages)
            return seconds

        def prepare() -> None:
            nonlocal prepared
            connection.execute("TRUNCATE heap")
            copy_out = sql.SQL("COPY (SELECT {} FROM raw.market_snapshots WHERE slot = {}) TO STDOUT")
            with connection.cursor() as cursor, cursor.copy(copy_out.format(_COLUMNS, sql.Literal(ticks.now))) as copy:
                prepared = b"".join(copy)

        def bare_copy() -> None:
            with (
                psycopg.connect(ticks.url) as fresh,
                fresh.cursor() as cursor,
                cursor.copy(sql.SQL("COPY heap ({}) FROM STDIN").format(_COLUMNS)) as copy,
            ):
                copy.write(prepared)

        def rows(table: sql.Identifier) -> list[Row]:
            query = sql.SQL("SELECT {} FROM {} WHERE slot = %s ORDER BY asset_id").format(_COLUMNS, table)
            return connection.execute(query, (ticks.now,)).fetchall()

        yield Contest(
            ours=Side(
                work=tick,
                rows=lambda _: rows(sql.Identifier("raw", "market_snapshots")),
                before=next_minute,
            ),
            beside=(
                Beside(
                    side=Side(
                        name="bare COPY of the snapshots (limit)",
                        work=bare_copy,
                        rows=lambda _: rows(sql.Identifier("heap")),
                        before=prepare,
                    ),
                    goal=at_most(6),
                ),
            ),
            steps=lambda seconds: seconds,
        )


BENCHES: Final = (Bench(name="whole-tick", about="assets, everything that a tick does", items=10_000, open=_open),)
