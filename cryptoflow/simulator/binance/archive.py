"""The bulk archive: zipped CSV files of candles and trades by day and month, each with its checksum.

    /data/spot/{daily|monthly}/klines/SYM/INTERVAL/SYM-INTERVAL-YYYY-MM[-DD].zip[.CHECKSUM]
    /data/spot/{daily|monthly}/{aggTrades|trades}/SYM/SYM-aggTrades-YYYY-MM[-DD].zip[.CHECKSUM]

A day is there from the next day on, a month from the first Monday after it. Files are the same bytes on every asking;
while the fault `restated_history` is in force they are those of a second edition (restated.py). Times are in
milliseconds in files before 2025 and in microseconds since. What does not belong here: the rows (rows.py).
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from cryptoflow.simulator.binance.restated import restated_venue_of
from cryptoflow.simulator.binance.rows import agg_trade_rows, kline_rows, trade_rows
from cryptoflow.simulator.binance.venue import Venue, now_us, venue_of
from cryptoflow.simulator.market.candles import INTERVALS, MONTH
from cryptoflow.simulator.market.trades import DAY_US, MICROS, fill
from cryptoflow.simulator.responses import SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.faults import Fault
    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.market.pairs import SimPair
    from cryptoflow.simulator.world import World

PROVIDER = "binance_archive"
RESTATED = "restated_history"
CLOSE_TIME = 6
CHECKSUM, COLUMNS, CUT = "archive_checksum", "archive_columns", "archive_cut"
ARCHIVED_MONTH = "1mo"
FIRST_MICROSECOND_DAY = date(2025, 1, 1)
PUBLISHED_AFTER = timedelta(hours=2)
_FILES_KEPT = 12
_LONG_INTERVALS = frozenset({"3d", "1w", MONTH})
_PATH = re.compile(
    r"spot/(?P<span>daily|monthly)/(?P<kind>klines|aggTrades|trades)/(?P<symbol>[A-Z0-9]+)/"
    r"(?:(?P<interval>[0-9a-z]+)/)?(?P<name>[A-Z0-9]+-[0-9A-Za-z]+)-(?P<date>\d{4}-\d{2}(?:-\d{2})?)\.zip(?P<sum>\.CHECKSUM)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """One file that the archive may hold."""

    kind: str
    symbol: str
    interval: str | None
    first_day: date
    last_day: date

    @property
    def stem(self) -> str:
        """The file's name without an ending."""
        what = self.kind if self.interval is None else _archived_name(self.interval)
        whole_month = self.first_day != self.last_day
        return f"{self.symbol}-{what}-{self.first_day:{'%Y-%m' if whole_month else '%Y-%m-%d'}}"

    @property
    def published_at(self) -> datetime:
        """From when on the archive has it."""
        following = self.last_day + timedelta(days=1)
        if self.first_day != self.last_day:
            following += timedelta(days=-following.weekday() % 7)
        return datetime(following.year, following.month, following.day, tzinfo=UTC) + PUBLISHED_AFTER

    @property
    def start_us(self) -> int:
        """The first microsecond of its first day."""
        return (self.first_day - date(1970, 1, 1)).days * DAY_US

    @property
    def end_us(self) -> int:
        """The first microsecond after its last day."""
        return (self.last_day - date(1970, 1, 1)).days * DAY_US + DAY_US

    @property
    def unit_us(self) -> int:
        """How many microseconds the unit of its times has."""
        return 1 if self.first_day >= FIRST_MICROSECOND_DAY else 1000


def _archived_name(interval: str) -> str:
    return ARCHIVED_MONTH if interval == MONTH else interval


def parse_path(path: str) -> tuple[ArchiveFile, bool] | None:
    """The file that a path (below `/data/`) names, and whether its checksum is wanted; None for anything else."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    interval = match["interval"]
    if interval is not None:
        interval = MONTH if interval == ARCHIVED_MONTH else interval
    days = _days(match["date"], monthly=match["span"] == "monthly")
    if days is None or not _interval_fits(match["kind"], interval, monthly=match["span"] == "monthly"):
        return None
    file = ArchiveFile(
        kind=match["kind"], symbol=match["symbol"], interval=interval, first_day=days[0], last_day=days[1]
    )
    named = f"{match['name']}-{match['date']}"
    return (file, match["sum"] is not None) if named == file.stem else None


def _interval_fits(kind: str, interval: str | None, *, monthly: bool) -> bool:
    if kind != "klines":
        return interval is None
    return interval in INTERVALS and (monthly or interval not in _LONG_INTERVALS)


def _days(text: str, *, monthly: bool) -> tuple[date, date] | None:
    if monthly != (len(text) == len("2024-01")):
        return None
    try:
        first = date.fromisoformat(f"{text}-01" if monthly else text)
    except ValueError:
        return None
    if not monthly:
        return first, first
    return first, (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def csv_text(venue: Venue, pair: SimPair, file: ArchiveFile) -> str:
    """The rows of a file, without a header."""
    if file.interval is not None:
        candles = venue.book.candles(
            pair, file.interval, start_us=file.start_us, end_us=file.end_us, now_us=file.end_us + 31 * DAY_US
        )
        return _lines(kline_rows(pair, candles, unit_us=file.unit_us))
    orders = venue.tape.between(pair, file.start_us, file.end_us)
    if file.kind == "aggTrades":
        return _lines(row.values() for row in agg_trade_rows(pair, orders, unit_us=file.unit_us))
    return _lines(row.values() for row in trade_rows(pair, fill(orders), unit_us=file.unit_us))


def _lines(rows: Iterable[Iterable[object]]) -> str:
    return "".join(f"{','.join(map(str, row))}\n" for row in rows)


def zip_bytes(file: ArchiveFile, text: str) -> bytes:
    """One CSV in a zip, with nothing in it that depends on when it is made."""
    published = file.published_at
    entry = zipfile.ZipInfo(f"{file.stem}.csv", date_time=(published.year, published.month, published.day, 2, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr(entry, text.encode(), compresslevel=6)
    return buffer.getvalue()


def checksum_text(file: ArchiveFile, content: bytes) -> str:
    """The line of the checksum file."""
    return f"{hashlib.sha256(content).hexdigest()}  {file.stem}.zip\n"


class Archive:
    """The files of one market in both editions."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._made = lru_cache(maxsize=_FILES_KEPT)(self._make)

    def content(self, file: ArchiveFile, *, at_us: int, restated: bool) -> bytes | None:
        """The zip as of that instant; None when the archive does not have it."""
        pair = venue_of(self._market).tape.pairs.get(file.symbol)
        if pair is None or file.published_at.timestamp() * MICROS > at_us:
            return None
        if file.end_us <= pair.listed_at * MICROS or file.start_us >= pair.ends_at * MICROS:
            return None
        return self._made(file, restated)

    def _make(self, file: ArchiveFile, restated: bool) -> bytes | None:
        venue = restated_venue_of(self._market) if restated else venue_of(self._market)
        text = csv_text(venue, venue.tape.pairs[file.symbol], file)
        return zip_bytes(file, text) if text else None


def damaged(content: bytes, file: ArchiveFile, faults: Iterable[Fault]) -> bytes:
    """The zip as the faults leave it."""
    for fault in faults:
        if fault.name == CUT:
            content = content[: len(content) // 2]
        elif fault.name == COLUMNS:
            with zipfile.ZipFile(io.BytesIO(content)) as bundle:
                text = bundle.read(f"{file.stem}.csv").decode()
            content = zip_bytes(file, "".join(f"{_without_close_time(line)}\n" for line in text.splitlines()))
    return content


def _without_close_time(line: str) -> str:
    columns = line.split(",")
    return ",".join(columns[:CLOSE_TIME] + columns[CLOSE_TIME + 1 :])


def _faults_of(world: World, file: ArchiveFile) -> list[Fault]:
    """The faults in force that mean this file: `field` is a part of its name."""
    return [fault for fault in world.faults.active(PROVIDER) if fault.field is None or fault.field in file.stem]


def _not_there(path: str) -> SimResponse:
    return SimResponse(
        text='<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        f"<Message>The specified key does not exist.</Message><Key>{_escaped(path)}</Key></Error>",
        media_type="application/xml",
        status=404,
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def routes(world: World) -> list[BaseRoute]:
    """Every path of the archive."""
    archive = Archive(world.market)

    async def download(request: Request, world: World) -> SimResponse:
        path = request.path_params["path"]
        named = parse_path(path)
        if named is None:
            return _not_there(f"data/{path}")
        file, wants_checksum = named
        faults = _faults_of(world, file)
        restated = any(fault.name == RESTATED for fault in faults)
        content = await run_in_threadpool(archive.content, file, at_us=now_us(world), restated=restated)
        if content is None:
            return _not_there(f"data/{path}")
        content = damaged(content, file, faults)
        if wants_checksum:
            wrong = any(fault.name == CHECKSUM for fault in faults)
            return SimResponse(text=checksum_text(file, content + b"." * wrong), media_type="text/plain")
        return SimResponse(text=content, media_type="application/zip")

    return [endpoint("/data/{path:path}", download)]
