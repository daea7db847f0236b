"""Files of an exchange's archive into minutes: a year of one pair, whole months in zips, already downloaded.

`backfill`: ours hashes each file, reads and checks it, stores its minutes and writes the ledger, a transaction each.
The larger candles are built in the same transactions; their time is left out here and is in `backfill-everything`. The
limit is the prepared text of the same rows into a heap without index, log, keys or checks. The peers know beforehand
that the files are right and in which unit their times are; they check nothing, and nothing follows from their rows.
`backfill-memory`: how much more memory than at rest a process takes for all the files, and for the first of them.

Freqtrade converts the same files for itself, and is not here: beside the platform it installs only with older releases
of seven libraries than those that are locked.
"""

from __future__ import annotations

import csv
import hashlib
import io
import multiprocessing
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import psutil
import psycopg
import sqlalchemy as sa
from psycopg import sql

from bench.candle_files import (
    COLUMN_LIST,
    COLUMNS,
    PEERS,
    Downloaded,
    open_downloaded,
)
from bench.candle_importing import LARGER_CANDLES, FileOnDisk, import_files, import_when_told
from bench.contest import Bench, Beside, Contest, Measure, Row, Side, Within, at_most, faster
from bench.room import Room
from bench.timing import timed_steps
from cryptoflow.contracts.candles import minute_candles

_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_LAST_INSTANT: Final = timedelta(milliseconds=59_999)
_MOST_MEGABYTES: Final = 100.0
_MEGABYTE: Final = 1_000_000
_SAMPLE_SECONDS: Final = 0.005
# Of the twelve columns of a file, those that are kept as they are.
_FIGURES: Final = (1, 2, 3, 4, 5, 7, 8, 9, 10)
_TYPES: Final = {column.name: column.type for column in minute_candles.columns}


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    with open_downloaded(room, days=items) as given:
        prepared = _prepared(given)
        engine = sa.create_engine(sa.make_url(given.url).set(drivername="postgresql+psycopg"))

        def ours() -> Mapping[Measure, float]:
            with timed_steps(LARGER_CANDLES) as seconds:
                start = time.perf_counter()
                import_files(given.url, given.pair, given.files, given.received_at)
                elapsed = time.perf_counter() - start
            return {Measure.SECONDS: elapsed - seconds["larger candles"]}

        def side(name: str, work: Callable[[], None], table: str) -> Side[None]:
            return Side(
                name=name, work=work, before=given.empty, rows=lambda _: given.days(sql.Identifier(PEERS, table))
            )

        try:
            yield Contest(
                ours=Side(
                    work=ours,
                    before=given.empty,
                    rows=lambda _: given.days(sql.Identifier("candles", "minute_candles")),
                    figures=lambda made: made,
                ),
                beside=(
                    Beside(
                        side=side("bare COPY of the same rows (limit)", lambda: given.copy_bare(prepared), "heap"),
                        goal=at_most(1.6),
                    ),
                    Beside(side=side("csv and executemany", lambda: _executemany(given), "minutes"), goal=faster(4)),
                    Beside(
                        side=side("pandas.to_sql: not idempotent", lambda: _to_sql(engine, given), "minutes"),
                        goal=faster(6),
                    ),
                ),
            )
        finally:
            engine.dispose()


def _prepared(given: Downloaded) -> bytes:
    import_files(given.url, given.pair, given.files, given.received_at)
    return given.as_copied()


# Peers ----------------------------------------------------------------------------------------------------------


def _executemany(given: Downloaded) -> None:
    statement = sql.SQL("INSERT INTO {}.minutes ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.Identifier(PEERS), COLUMN_LIST, sql.SQL(", ").join(sql.Placeholder() * len(COLUMNS))
    )
    with psycopg.connect(given.url) as connection, connection.cursor() as cursor:
        for one in given.files:
            cursor.executemany(statement, _tuples(given, one))
            connection.commit()


def _tuples(given: Downloaded, one: FileOnDisk) -> Iterator[tuple[Any, ...]]:
    symbol_id, origin = given.pair.symbol_id, _origin(given, one)
    with zipfile.ZipFile(one.path) as bundle, bundle.open(bundle.namelist()[0]) as stream:
        for row in csv.reader(io.TextIOWrapper(stream, "ascii")):
            opens = _EPOCH + timedelta(microseconds=int(row[0]))
            yield (opens, symbol_id, opens + _LAST_INSTANT, *(row[place] for place in _FIGURES), *origin)


def _to_sql(engine: sa.Engine, given: Downloaded) -> None:
    import pandas as pd

    for one in given.files:
        # As text, or the decimals become floats.
        frame = pd.read_csv(one.path, header=None, dtype=str)
        opens = pd.to_datetime(frame[0].astype("int64"), unit="us", utc=True)
        told = {"open_time": opens, "symbol_id": given.pair.symbol_id, "close_time": opens + _LAST_INSTANT}
        origin = dict(zip(COLUMNS[-5:], _origin(given, one), strict=True))
        figures = {name: frame[place] for name, place in zip(COLUMNS[3:-5], _FIGURES, strict=True)}
        with engine.begin() as connection:
            pd.DataFrame({**told, **figures, **origin}).to_sql(
                "minutes", connection, schema=PEERS, if_exists="append", index=False, dtype=_TYPES
            )


def _origin(given: Downloaded, one: FileOnDisk) -> tuple[Any, ...]:
    """The last columns, the same for all rows of a file."""
    return True, "archive", given.received_at, hashlib.sha256(one.path.read_bytes()).digest(), None


# Memory ---------------------------------------------------------------------------------------------------------


@contextmanager
def _open_memory(room: Room, items: int) -> Iterator[Contest]:
    with open_downloaded(room, days=items) as given:

        def side(name: str, files: Sequence[FileOnDisk]) -> Side[Any]:
            return Side(
                name=name,
                work=lambda: _import_elsewhere(given, files),
                before=given.empty,
                rows=lambda _: given.days(sql.Identifier("candles", "minute_candles")),
                figures=lambda made: made,
            )

        first = given.files[0]
        yield Contest(
            ours=side("ours", given.files),
            beside=(
                Beside(
                    side=side("the first file alone", given.files[:1]),
                    goal=at_most(1.2),
                    measure=Measure.MEMORY,
                    ours_as=lambda rows: [row for row in rows if _starts(row) < first.file.ends],
                ),
            ),
            within=(Within(name="a bound above rest", figure=_MOST_MEGABYTES, measure=Measure.MEMORY),),
        )


def _starts(row: Row) -> datetime:
    day = row[0]
    assert isinstance(day, datetime)
    return day


def _import_elsewhere(given: Downloaded, files: Sequence[FileOnDisk]) -> Mapping[Measure, float]:
    """The most memory above rest of a process that does nothing else, looked at from outside."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(
        target=import_when_told, args=(there, given.url, given.pair, list(files), given.received_at), daemon=True
    )
    process.start()
    there.close()
    try:
        here.recv()
        watched = psutil.Process(process.pid)
        at_rest = most = watched.memory_info().rss
        here.send("go")
        while not here.poll(_SAMPLE_SECONDS):
            most = max(most, watched.memory_info().rss)
        here.recv()
    finally:
        here.close()
        process.join()
    return {Measure.MEMORY: (most - at_rest) / _MEGABYTE}


BENCHES: Final = (
    Bench(name="backfill", about="days of a pair's minutes, from files", items=365, open=_open),
    Bench(name="backfill-memory", about="days of a pair's minutes, from files", items=365, open=_open_memory),
)
