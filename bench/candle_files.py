"""A year of one pair's minutes as files of the archive, a warehouse to bring them into, and what it then holds.

The files are those of the simulated archive: whole months, then days, with the halts of its market in them. What a
table holds is told day by day as a hash of every figure, for a year of rows is too much to carry around.
What does not belong here: what is measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from bench.candle_importing import FileOnDisk
from bench.contest import Row
from bench.room import Room
from cryptoflow.collect.candle_import import INTERVAL
from cryptoflow.contracts.candles import minute_candles
from cryptoflow.simulator.binance.archive import csv_text, parse_path, zip_bytes
from cryptoflow.simulator.binance.venue import venue_of
from cryptoflow.simulator.market.model import Market
from cryptoflow.sources.binance_archive import ArchiveFile
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol, ensure_symbol

STARTS_AT: Final = datetime(2025, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
PEERS: Final = "peers"
COLUMNS: Final = tuple(written_columns(minute_candles))
COLUMN_LIST: Final = column_list(COLUMNS)
_SYMBOL: Final = "BTCUSDT"
_ASSETS: Final = 60
_NUMBERS: Final = frozenset(
    {"open", "high", "low", "close", "volume", "quote_volume", "taker_base_volume", "taker_quote_volume"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """Files of a pair, a warehouse that knows the pair, and tables in which peers keep the same rows."""

    url: str
    pair: KnownSymbol
    files: Sequence[FileOnDisk]
    received_at: datetime
    connection: psycopg.Connection[Row]

    @property
    def ends_at(self) -> datetime:
        """The first instant after the files."""
        return self.files[-1].file.ends

    def empty(self) -> None:
        """Nothing was imported yet."""
        self.connection.execute(
            "TRUNCATE candles.minute_candles, candles.minute_candles_revisions, candles.coarse_candles,"
            " candles.coarse_candles_revisions, candles.dirty_candles, candles.candle_backfills,"
            " candles.candle_certificates"
        )
        self.connection.execute(sql.SQL("TRUNCATE {0}.minutes, {0}.heap").format(sql.Identifier(PEERS)))

    def as_copied(self) -> bytes:
        """The rows that are stored, as the text of COPY."""
        statement = sql.SQL("COPY (SELECT {} FROM candles.minute_candles ORDER BY open_time) TO STDOUT")
        with self.connection.cursor() as cursor, cursor.copy(statement.format(COLUMN_LIST)) as copy:
            return b"".join(copy)

    def copy_bare(self, prepared: bytes) -> None:
        """The least that can be done: the prepared rows into a table without index, log, keys or checks."""
        statement = sql.SQL("COPY {}.heap ({}) FROM STDIN").format(sql.Identifier(PEERS), COLUMN_LIST)
        with psycopg.connect(self.url) as fresh, fresh.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(prepared)

    def days(self, table: sql.Identifier) -> list[Row]:
        """Of each day that the table holds: how many minutes, and the hash over all that they say."""
        values = (sql.SQL("trim_scale({})" if name in _NUMBERS else "{}").format(_id(name)) for name in COLUMNS)
        statement = sql.SQL(
            """
            SELECT
                date_trunc('day', open_time, 'UTC') AS day, count(*),
                md5(string_agg(concat_ws('|', {values}), ',' ORDER BY open_time))
            FROM {table} GROUP BY day ORDER BY day
            """
        ).format(values=sql.SQL(", ").join(values), table=table)
        return self.connection.execute(statement).fetchall()


@contextmanager
def open_downloaded(room: Room, *, days: int) -> Iterator[Downloaded]:
    """Files of so many days, and an empty warehouse for them."""
    with (
        tempfile.TemporaryDirectory(prefix="cryptoflow-bench-files-") as folder,
        room.warehouse() as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        files = _made(Path(folder), days)
        received_at = datetime.now(UTC)
        with transaction(url) as one:
            pair = ensure_symbol(one, exchange="binance", symbol=_SYMBOL, base="BTC", quote="USDT", seen_at=received_at)
        for statement in (
            "CREATE SCHEMA {}",
            "CREATE TABLE {}.minutes (LIKE candles.minute_candles INCLUDING DEFAULTS INCLUDING INDEXES)",
            "CREATE UNLOGGED TABLE {}.heap (LIKE candles.minute_candles INCLUDING DEFAULTS)",
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(PEERS)))
        yield Downloaded(url=url, pair=pair, files=files, received_at=received_at, connection=connection)


def _made(folder: Path, days: int) -> list[FileOnDisk]:
    venue = venue_of(Market(seed=1, asset_count=_ASSETS))
    made = []
    for file in _whole_months_then_days(STARTS_AT + days * DAY):
        named = parse_path(file.path.removeprefix("data/"))
        assert named is not None
        path = folder / file.name
        path.write_bytes(zip_bytes(named[0], csv_text(venue, venue.tape.pairs[_SYMBOL], named[0])))
        made.append(FileOnDisk(file=file, path=path))
    return made


def _whole_months_then_days(end: datetime) -> Iterator[ArchiveFile]:
    at = STARTS_AT
    while at < end:
        file = ArchiveFile(symbol=_SYMBOL, interval=INTERVAL, kind="monthly", starts=at)
        if at.day > 1 or file.ends > end:
            file = ArchiveFile(symbol=_SYMBOL, interval=INTERVAL, kind="daily", starts=at)
        yield file
        at = file.ends


def _id(name: str) -> sql.Identifier:
    return sql.Identifier(name)
