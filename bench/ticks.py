"""Ticks to work on: a warehouse that knows its assets and has a past, and the answers of its next minutes.

The past is made of two ticks that were really written: their rows are copied back in time. All of it lies in tomorrow,
so that its buckets are still open, as they are in a live tick.
What does not belong here: what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
import sqlalchemy as sa
from psycopg import sql

from bench.contest import Row
from bench.room import Room
from bench.simulated import MINUTE, SimulatedCoinGecko
from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.asking import Asking, Tally
from cryptoflow.collect.planning import DATASET, sweep
from cryptoflow.collect.snapshot_questions import Figures, SnapshotAnswer, coingecko_figures
from cryptoflow.collect.snapshots import write_answers
from cryptoflow.contracts import contract_of
from cryptoflow.contracts.close_quality import close_quality
from cryptoflow.contracts.closes import daily_close, hourly_close, market_snapshots, minute_close
from cryptoflow.contracts.velocity import velocity
from cryptoflow.refine.velocity import WINDOWS
from cryptoflow.settings import load_settings
from cryptoflow.sources.coingecko import MOST_PER_PAGE, market_page
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.providers import COINGECKO
from cryptoflow.warehouse import assets
from cryptoflow.warehouse.collections import open_collection
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.rollups import build_marked, lock_closes, mark_range
from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow.warehouse.usage import PostgresLedger

# The past is made from ticks that end here: the middle of an hour, in a bucket of every grain that is still open.
_INTO_TOMORROW: Final = timedelta(hours=12, minutes=30)
# How many minutes back a tick reads rows, in a market that was observed every minute: where the windows of velocity
# begin, and at midnight.
_LOOKED_BACK: Final = (
    *(int(length / MINUTE) for length in WINDOWS.values()),
    int(_INTO_TOMORROW / MINUTE),
)
# Ticks go on from there, and their samples lie some minutes apart.
_NEAR: Final = 15
_FIGURES: Final = tuple(name for name in Figures.__struct_fields__ if name != "listing")
MINUTE_TABLES: Final = (market_snapshots, minute_close, close_quality, velocity)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
_CLOCKS: Final = frozenset({"observed_at", "bucket", "slot", "fetched_at", "first_at", "last_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """How much there is before the first tick: dense where a tick reads rows, thin where only their number counts."""

    dense_minutes: int = 0
    """So many minutes, each of them."""
    hours: int = 0
    """So many hours, each of them and two of its minutes."""
    days: int = 0
    """So many days, three hours of each and one minute of each of these."""

    def minutes_back(self) -> list[int]:
        """Which minutes there are, counted back."""
        dense, hourly = range(1, self.dense_minutes + 1), range(30, self.hours * 60 + 1, 30)
        found = {*dense, *hourly, *range(480, self.days * 1440 + 1, 480)}
        looked_at = {minute for back in _LOOKED_BACK for minute in range(back - _NEAR, back + _NEAR)}
        return sorted(found | {minute for minute in looked_at if minute <= max(found, default=0)})

    def hours_back(self) -> list[int]:
        """Which hours there are."""
        return sorted({*range(1, self.hours + 1), *range(8, self.days * 24 + 1, 8)})


@dataclass(slots=True, kw_only=True)
class Ticks:
    """Minutes of one market, written into one warehouse."""

    url: str
    assets: int
    simulated: SimulatedCoinGecko
    now: datetime = field(
        default_factory=lambda: bucket_start(datetime.now(UTC) + timedelta(days=1), Grain.DAY) + _INTO_TOMORROW
    )

    def next_minute(self) -> list[RawAnswer]:
        """The answers of the next minute."""
        self.now += MINUTE
        per_page = min(self.assets, MOST_PER_PAGE)
        return list(self.simulated.pages_at(self.now, per_page=per_page, pages=-(-self.assets // per_page)))

    def write(self, pages: Sequence[RawAnswer]) -> None:
        """A whole tick, from the bytes of the answers to the commit, as the platform does it once they have come."""
        asking: Asking[SnapshotAnswer] = Asking(
            provider=COINGECKO,
            collection=open_collection(
                self.url, collection_type="continuous", dataset=DATASET, provider=COINGECKO, run_id=None
            ),
            tally=Tally(PostgresLedger(self.url)),
        )
        asking.answered = SnapshotAnswer(figures=figures_of(pages), refused=(), details={})
        with transaction(self.url) as connection:
            write_answers(
                connection,
                [asking],
                slot=self.now,
                universe_size=self.assets,
                run_id=None,
                calls=sweep(load_settings(universe_size=self.assets)),
            )

    def rows(self, tables: Sequence[sa.Table] = MINUTE_TABLES, *, without: Sequence[str] = ()) -> list[Row]:
        """What the tables say of the newest minutes, whoever wrote it and whenever."""
        found: list[Row] = []
        with psycopg.connect(self.url) as connection:
            for table in tables:
                key = [column.name for column in table.primary_key]
                names = [name for name in written_columns(table) if name not in without]
                statement = sql.SQL("SELECT {} FROM {} WHERE {} > %s ORDER BY {}").format(
                    column_list(names), table_name(table), sql.Identifier(_clock(table)), column_list(key)
                )
                found += connection.execute(statement, (self.now - 5 * MINUTE,))
        return found


@contextmanager
def open_ticks(room: Room, *, assets: int, past: Past | None = None) -> Iterator[Ticks]:
    """A warehouse in which two ticks were written, and before them a past."""
    with room.warehouse() as url:
        ticks = Ticks(url=url, assets=assets, simulated=SimulatedCoinGecko.with_assets(assets))
        for _ in range(2):
            ticks.write(ticks.next_minute())
        if past:
            _make_past(ticks, past)
        look_at(url)
        yield ticks


def figures_of(pages: Sequence[RawAnswer]) -> list[Figures]:
    """What the answers say, each asset once: ranks move while pages are asked for."""
    rows = ((row, page) for page in pages for row in market_page(page).rows.good)
    return list({row.coingecko_id: coingecko_figures(row, page) for row, page in rows}.values())


def snapshots_of(connection: Connection, figures: Sequence[Figures], *, slot: datetime) -> list[Snapshot]:
    """The rows that the figures become, of assets that are known."""
    keys = assets.ids_by_key(connection)
    return [
        Snapshot(
            provider=COINGECKO,
            asset_id=keys[COINGECKO, one.listing.key],
            slot=slot,
            run_id=None,
            **{name: getattr(one, name) for name in _FIGURES},
        )
        for one in figures
    ]


def _make_past(ticks: Ticks, past: Past) -> None:
    copies: dict[sa.Table, list[timedelta]] = {
        table: [MINUTE * back for back in past.minutes_back()] for table in MINUTE_TABLES
    }
    copies[hourly_close] = [HOUR * back for back in past.hours_back()]
    copies[daily_close] = [DAY * (1 + back) for back in range(past.days)]
    hour = bucket_start(ticks.now, Grain.HOUR)
    with transaction(ticks.url) as connection:
        for table, back in copies.items():
            ensure_partitions(connection, table, {ticks.now - one for one in back})
            connection.execute(_copy_back(table), {"back": back})
        # The open buckets hold what now lies before the two ticks.
        recorded_at = lock_closes(connection)
        mark_range(connection, Grain.HOUR, start=hour, end=hour + HOUR)
        build_marked(connection, recorded_at=recorded_at)
        # Velocity was copied; nothing of it has to be computed again.
        connection.execute("DELETE FROM ops.dirty_buckets")


def _copy_back(table: sa.Table) -> sql.Composed:
    """Each asset's newest row, so much earlier."""
    names = written_columns(table)
    values = sql.SQL(", ").join(
        sql.SQL("newest.{} - back.far" if name in _CLOCKS else "newest.{}").format(sql.Identifier(name))
        for name in names
    )
    return sql.SQL(
        """
        INSERT INTO {table} ({names})
        SELECT {values}
        FROM unnest(%(back)s::interval[]) AS back (far)
        CROSS JOIN (SELECT DISTINCT ON (asset_id) * FROM {table} ORDER BY asset_id, {clock} DESC) AS newest
        ORDER BY {key}
        ON CONFLICT DO NOTHING
        """
    ).format(
        table=table_name(table),
        names=column_list(names),
        values=values,
        clock=sql.Identifier(_clock(table)),
        key=sql.SQL(", ").join(sql.SQL(str(1 + names.index(column.name))) for column in table.primary_key),
    )


def look_at(url: str) -> None:
    """What the server's own upkeep would have done by then."""
    tables = (*MINUTE_TABLES, hourly_close, daily_close)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.SQL(", ").join(map(table_name, tables))))


def _clock(table: sa.Table) -> str:
    return str(contract_of(table).clock)
