"""History of candles: the exchange's archive first, then by asking for whatever minutes are still missing.

    files of the archive, fetched and verified one ahead --> stored, each in one transaction with its line in the ledger
    minutes of the span that no file had (or no archive has) --> asked for, span by span

A file that is in is passed over, a minute that is there or explained is not asked again: so a backfill that was cut
off anywhere goes on from there. What goes wrong with one file is told of it, and the rest goes on. Memory does not grow
with the span: files are on disk, and read in blocks. What does not belong here: reading files, what an answer means.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptoflow.collect.candle_import import import_file
from cryptoflow.collect.candle_spans import INTERVAL, MINUTE, SpanResult, collect_span, minute_of
from cryptoflow.collect.candle_tail import AT_ONCE, pieces
from cryptoflow.collect.exchange_access import open_exchange, open_provider
from cryptoflow.collect.own_folder import own_folder
from cryptoflow.errors import CryptoflowError, PermanentError, TransientError
from cryptoflow.settings import Settings
from cryptoflow.sources.binance_archive import ArchiveFile, BinanceArchive, days_of, files_for
from cryptoflow.sources.errors import NotFound
from cryptoflow.sources.exchange import Exchange
from cryptoflow.sources.exchanges import archive_of
from cryptoflow.warehouse.candle_backfills import BackfillPart, parts_of, tell_part
from cryptoflow.warehouse.candle_gaps import gaps_within
from cryptoflow.warehouse.candle_partitions import prepare_candle_partitions
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol, tell_listing

FILES_AHEAD: Final = 1
_OPEN_STATES: Final = frozenset({"pending", "feed_down", "throttled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a backfill has come, in minutes of all pairs together."""

    done: int
    total: int
    what: str


@dataclass(slots=True, kw_only=True)
class PairBackfill:
    """What became of one pair."""

    symbol: str
    starts: datetime
    ends: datetime
    files: int = 0
    files_known: int = 0
    """Files that were in before."""
    files_absent: int = 0
    rows: int = 0
    stored: int = 0
    refused: int = 0
    asked: int = 0
    """Spans that were asked for."""
    errors: list[str] = field(default_factory=list)

    @property
    def minutes(self) -> int:
        """How many minutes the span has."""
        return (self.ends - self.starts) // MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    """A file of the archive as it was fetched: on disk, absent, in before, or failed."""

    pair: KnownSymbol
    file: ArchiveFile
    path: Path | None = None
    fetched_at: datetime | None = None
    error: CryptoflowError | None = None


OnProgress = Callable[[Progress], None]


class CandleBackfill:
    """One backfill of several pairs of one exchange over one span."""

    def __init__(
        self,
        settings: Settings,
        exchange: str,
        pairs: Sequence[KnownSymbol],
        *,
        start: datetime,
        end: datetime | None,
        database_url: str,
        redis_url: str | None,
        run_id: str | None = None,
        again: bool = False,
        on_progress: OnProgress = lambda progress: None,
    ) -> None:
        self._settings = settings
        self._name = exchange
        self._pairs = pairs
        self._start = minute_of(start.astimezone(UTC))
        self._end = end
        self._database_url = database_url
        self._redis_url = redis_url
        self._run_id = run_id
        self._again = again
        self._on_progress = on_progress
        self._reports: dict[int, PairBackfill] = {}
        self._done = 0

    async def run(self) -> list[PairBackfill]:
        """Fetch and store everything; what failed is in the reports."""
        async with AsyncExitStack() as stack:
            access = (self._database_url, self._redis_url)
            exchange = await stack.enter_async_context(
                open_exchange(self._settings, self._name, *access, run_id=self._run_id)
            )
            now = await exchange.server_time()
            for pair in self._pairs:
                starts, ends = await self._span_of(exchange, pair, now)
                self._reports[pair.symbol_id] = PairBackfill(symbol=pair.symbol, starts=starts, ends=max(starts, ends))
            archive = archive_of(self._name)
            if archive is not None:
                client = await stack.enter_async_context(
                    open_provider(self._settings, archive, *access, run_id=self._run_id)
                )
                folder = stack.enter_context(own_folder("cryptoflow-backfill"))
                await self._take_files(BinanceArchive(client), folder, now)
            for pair in self._pairs:
                await self._ask_missing(exchange, pair, now)
        return [self._reports[pair.symbol_id] for pair in self._pairs]

    async def _span_of(self, exchange: Exchange, pair: KnownSymbol, now: datetime) -> tuple[datetime, datetime]:
        """The part of the span in which the pair traded."""
        listed_at = pair.listed_at
        if listed_at is None:
            listed_at = await exchange.first_candle_at(pair.symbol)
            if listed_at is not None:
                with transaction(self._database_url) as connection:
                    tell_listing(connection, pair.symbol_id, listed_at=listed_at)
        ends = minute_of(min(now, self._end.astimezone(UTC)) if self._end else now)
        if pair.delisted_at is not None:
            ends = min(ends, minute_of(pair.delisted_at) + MINUTE)
        return max(self._start, minute_of(listed_at)) if listed_at else self._start, ends

    # Files ------------------------------------------------------------------------------------------------------

    async def _take_files(self, archive: BinanceArchive, folder: Path, now: datetime) -> None:
        """Store one file while the next is fetched."""
        ahead: asyncio.Queue[_Fetched | None] = asyncio.Queue(FILES_AHEAD)

        async def fetch() -> None:
            async with aclosing(self._fetched(archive, folder, now)) as files:
                async for fetched in files:
                    await ahead.put(fetched)
            await ahead.put(None)

        # Always the same thread: each thread that reads files would keep memory of its own.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="files") as reader:
            async with asyncio.TaskGroup() as group:
                group.create_task(fetch())
                while (fetched := await ahead.get()) is not None:
                    await asyncio.get_running_loop().run_in_executor(reader, self._take_file, fetched)

    async def _fetched(self, archive: BinanceArchive, folder: Path, now: datetime) -> AsyncGenerator[_Fetched, None]:
        for pair in self._pairs:
            report = self._reports[pair.symbol_id]
            known = await asyncio.to_thread(self._known_parts, pair)
            waiting = files_for(pair.symbol, INTERVAL, start=report.starts, end=report.ends, now=now)
            while waiting:
                file = waiting.pop(0)
                fetched = await self._fetch(archive, pair, file, folder, known)
                yield fetched
                if isinstance(fetched.error, NotFound) and file.kind == "monthly":
                    # The month is not there (yet): its days may be.
                    waiting[:0] = days_of(file, start=report.starts, end=report.ends, now=now)

    async def _fetch(
        self,
        archive: BinanceArchive,
        pair: KnownSymbol,
        file: ArchiveFile,
        folder: Path,
        known: dict[str, BackfillPart],
    ) -> _Fetched:
        earlier = known.get(file.name)
        if earlier is not None and earlier.state == "done" and not self._again:
            return _Fetched(pair=pair, file=file)
        path = folder / file.name
        try:
            await archive.download(file, path)
        except CryptoflowError as error:
            return _Fetched(pair=pair, file=file, error=error)
        return _Fetched(pair=pair, file=file, path=path, fetched_at=datetime.now(UTC))

    def _known_parts(self, pair: KnownSymbol) -> dict[str, BackfillPart]:
        with transaction(self._database_url) as connection:
            return parts_of(connection, pair.symbol_id, INTERVAL)

    def _take_file(self, fetched: _Fetched) -> None:
        report = self._reports[fetched.pair.symbol_id]
        part = _part_of(fetched.file)
        try:
            if fetched.error is not None:
                raise fetched.error
            if fetched.path is None or fetched.fetched_at is None:
                report.files_known += 1
            else:
                self._import(fetched.pair, part, fetched.path, fetched.fetched_at, report)
            self._advance(report, fetched.file)
        except NotFound:
            report.files_absent += 1
            self._tell(fetched.pair, replace(part, state="absent"))
        except (PermanentError, TransientError) as error:
            report.errors.append(f"{fetched.file.name}: {error}")
            self._tell(fetched.pair, replace(part, state="failed", error=str(error)))
            self._advance(report, fetched.file)
        finally:
            if fetched.path is not None:
                fetched.path.unlink(missing_ok=True)

    def _import(
        self, pair: KnownSymbol, part: BackfillPart, path: Path, fetched_at: datetime, report: PairBackfill
    ) -> None:
        assert part.starts is not None
        assert part.ends is not None
        prepare_candle_partitions(self._database_url, starts=part.starts, ends=part.ends)
        imported = import_file(
            self._database_url,
            path,
            symbol=pair,
            part=part,
            received_at=fetched_at,
            run_id=self._run_id,
            again=self._again,
        )
        report.files += 1
        report.rows += imported.rows
        report.stored += imported.stored
        report.refused += imported.refused

    def _tell(self, pair: KnownSymbol, part: BackfillPart) -> None:
        with transaction(self._database_url) as connection:
            tell_part(connection, pair.symbol_id, INTERVAL, part, run_id=self._run_id)

    # Asking -----------------------------------------------------------------------------------------------------

    async def _ask_missing(self, exchange: Exchange, pair: KnownSymbol, now: datetime) -> None:
        """Ask for the minutes of the span that are neither there nor explained, oldest first."""
        report = self._reports[pair.symbol_id]
        spans = await asyncio.to_thread(self._missing, pair, exchange.traits.candles_per_answer * MINUTE)
        few = asyncio.Semaphore(AT_ONCE)

        async def ask(starts: datetime, ends: datetime) -> SpanResult:
            async with few:
                result = await collect_span(
                    exchange,
                    pair,
                    starts=starts,
                    ends=ends,
                    now=now,
                    database_url=self._database_url,
                    run_id=self._run_id,
                )
            self._say(report, (ends - starts) // MINUTE)
            return result

        # In groups, so that a long span does not become as many waiting tasks.
        for at in range(0, len(spans), 10 * AT_ONCE):
            results = await asyncio.gather(*(ask(*span) for span in spans[at : at + 10 * AT_ONCE]))
            report.asked += len(results)
            report.rows += sum(one.received for one in results)
            report.stored += sum(one.stored for one in results)
            report.refused += sum(one.refused for one in results)
            failed = [one for one in results if one.error]
            report.errors += [f"{one.starts:%Y-%m-%d %H:%M}: {one.error}" for one in failed[:3]]
            if len(failed) == len(results):
                break

    def _missing(self, pair: KnownSymbol, longest: timedelta) -> list[tuple[datetime, datetime]]:
        report = self._reports[pair.symbol_id]
        if report.starts >= report.ends:
            return []
        with transaction(self._database_url) as connection:
            gaps = gaps_within(connection, pair.symbol_id, starts=report.starts, ends=report.ends)
        return [span for gap in gaps if gap.state in _OPEN_STATES for span in pieces(gap, longest)]

    # Progress ---------------------------------------------------------------------------------------------------

    def _advance(self, report: PairBackfill, file: ArchiveFile) -> None:
        inside = min(file.ends, report.ends) - max(file.starts, report.starts)
        self._say(report, max(0, inside // MINUTE))

    def _say(self, report: PairBackfill, minutes: int) -> None:
        total = sum(one.minutes for one in self._reports.values())
        self._done = min(total, self._done + minutes)
        self._on_progress(Progress(done=self._done, total=total, what=report.symbol))


def _part_of(file: ArchiveFile) -> BackfillPart:
    return BackfillPart(part=file.name, kind=file.kind, starts=file.starts, ends=file.ends)
