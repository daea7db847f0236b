"""Following an exchange's trades live: one stream after another, and whatever was missed in between fetched by number.

    stream --> queue --> writer --> feed_book --> PostgreSQL
    refill ------^         (one thread)

The queue is bounded: a slow database slows the reading, and when the exchange then breaks off, the missed trades are
fetched like any others. A feed calls itself live when everything up to now was asked for and no number is missing.

What does not belong here: what is written (feed_book), exchanges' words (sources), who runs this (runtime).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from cryptoflow.collect.exchange_access import open_exchange
from cryptoflow.collect.feed import Answered
from cryptoflow.collect.feed_book import CaughtUp, FeedBook, Item
from cryptoflow.collect.following import followed_pairs
from cryptoflow.errors import CryptoflowError, TransientError
from cryptoflow.settings import Settings
from cryptoflow.sources.exchange import Exchange, Messages, StreamMessage, StreamNotice, TradePage
from cryptoflow.sources.retry_after import backoff_seconds
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol

_LOGGER: Final = logging.getLogger(__name__)
T = TypeVar("T")
NOT_RUNNING: Final = "The collector was not running."


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedBounds:
    """How much waits, and how long."""

    queue: int = 10_000
    batch: int = 5_000
    write_seconds: float = 0.5
    """So long a trade waits at most for others to be written with."""
    reckon_seconds: float = 5.0
    beat_seconds: float = 5.0
    hole_seconds: float = 1.0
    """So long messages may be out of order before what is missing is fetched."""
    follow_seconds: float = 300.0
    """How often it is looked which pairs are followed."""
    nobody_seconds: float = 10.0
    refills_at_once: int = 4
    pause_base_seconds: float = 0.5
    pause_cap_seconds: float = 30.0
    healthy_seconds: float = 60.0
    """A connection that lived so long was good: the next pause is short again."""


class _StreamIsOver(Exception):
    """The connection is to be made anew though nothing is wrong: a farewell, or other pairs are followed."""


class TradeFeed:
    """The live trades of one exchange, for as long as `run` runs."""

    def __init__(
        self,
        settings: Settings,
        exchange: str,
        *,
        database_url: str,
        redis_url: str | None,
        bounds: FeedBounds | None = None,
    ) -> None:
        self._settings = settings
        self._name = exchange
        self._database_url = database_url
        self._redis_url = redis_url
        self._bounds = bounds or FeedBounds()
        self._random = random.Random()  # noqa: S311 - jitter needs no secrecy
        self._book = FeedBook(database_url, exchange, [])
        self._book_is_used = asyncio.Lock()
        self._queue: asyncio.Queue[Item] = asyncio.Queue(self._bounds.queue)
        self._written: dict[int, asyncio.Event] = {}

    async def run(self) -> None:
        """Follow until cancelled. What goes wrong ends a connection, not the following."""
        reason, failures = NOT_RUNNING, 0
        async with open_exchange(self._settings, self._name, self._database_url, self._redis_url) as exchange:
            while True:
                began = time.monotonic()
                try:
                    reason = await self._connection(exchange, reason)
                except asyncio.CancelledError:
                    await self._say_down("The collector was stopped.")
                    raise
                failures = 0 if time.monotonic() - began > self._bounds.healthy_seconds else failures + 1
                await self._say_down(reason)
                await asyncio.sleep(self._pause_seconds(failures))

    async def _connection(self, exchange: Exchange, reason: str) -> str:
        """One connection, from opening to its end; returns why it ended."""
        ended: BaseException | None = None
        try:
            await self._follow(exchange, reason)
        except* (_StreamIsOver, CryptoflowError) as errors:
            ended = _only(errors)
        assert ended is not None, "following ends by an error or a farewell"
        if isinstance(ended, CryptoflowError):
            _LOGGER.warning("%s trades: %s", self._name, ended)
            return ended.what
        return str(ended)

    async def _follow(self, exchange: Exchange, reason: str) -> None:
        pairs = await asyncio.to_thread(self._pairs)
        if not pairs:
            await asyncio.sleep(self._bounds.nobody_seconds)
            raise _StreamIsOver(f"No pair of {self._name} is followed yet.")
        await self._open_book(exchange, pairs, reason)
        async with exchange.stream([pair.symbol for pair in pairs]) as messages:
            # The first word says that the subscription is in force: what happens from now on is told.
            first = await anext(messages)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(first, messages))
                group.create_task(self._write())
                group.create_task(self._fetch_missing(exchange))
                group.create_task(self._keep_house(exchange, pairs))

    async def _open_book(self, exchange: Exchange, pairs: Sequence[KnownSymbol], reason: str) -> None:
        """What a connection begins with: an empty queue, and the feeds as they stand."""
        self._queue = asyncio.Queue(self._bounds.queue)
        self._written.clear()
        if _ids([feed.pair for feed in self._book.feeds.values()]) != _ids(pairs):
            self._book = FeedBook(self._database_url, self._name, pairs)
            await self._in_thread(lambda: self._book.load(reason=reason))
        self._book.clock_offset = await exchange.server_time() - datetime.now(UTC)
        await self._in_thread(self._book.begin_connection)

    # Reading and writing ----------------------------------------------------------------------------------------

    async def _read(self, first: StreamMessage, messages: Messages) -> None:
        message = first
        while True:
            if not isinstance(message, StreamNotice):
                await self._queue.put(message)
            elif message.ends:
                raise _StreamIsOver("The exchange announced the end of the connection.")
            message = await anext(messages)

    async def _write(self) -> None:
        bounds = self._bounds
        reckoned = beaten = time.monotonic()
        while True:
            batch = await self._take_batch()
            self._book.waiting = self._queue.qsize()
            if batch:
                await self._until_written(partial(self._book.store, batch))
                for item in batch:
                    if (event := self._written.pop(id(item), None)) is not None:
                        event.set()
            now = time.monotonic()
            if now - reckoned >= bounds.reckon_seconds:
                await self._until_written(self._book.reckon)
                reckoned = now
            if now - beaten >= bounds.beat_seconds:
                await self._until_written(self._book.beat)
                beaten = now

    async def _take_batch(self) -> list[Item]:
        """What came within the time that trades may wait."""
        loop = asyncio.get_running_loop()
        batch: list[Item] = []
        until = loop.time() + self._bounds.write_seconds
        while len(batch) < self._bounds.batch:
            try:
                async with asyncio.timeout_at(until):
                    batch.append(await self._queue.get())
            except TimeoutError:
                break
        return batch

    async def _until_written(self, work: Callable[[], T]) -> T:
        """Write, again and again while the database is away; meanwhile the queue fills and the reading stops."""
        attempt = 0
        while True:
            try:
                return await self._in_thread(work)
            except TransientError as error:
                attempt += 1
                _LOGGER.warning("%s trades wait: %s", self._name, error.what)
                await asyncio.sleep(self._pause_seconds(attempt))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Work on the book: one at a time, and to its end also when the caller is cancelled."""
        async with self._book_is_used:
            job = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(job)
            except asyncio.CancelledError:
                await asyncio.wait([job])
                raise

    # What was missed --------------------------------------------------------------------------------------------

    async def _fetch_missing(self, exchange: Exchange) -> None:
        """Everything up to now first; then whatever stays missing between trades that came."""
        await self._fill(exchange, dict.fromkeys(self._book.feeds))
        since: dict[str, tuple[int, float]] = {}
        while True:
            await asyncio.sleep(self._bounds.hole_seconds / 2)
            holes = self._lasting_holes(since)
            if holes:
                await self._in_thread(partial(self._book.turn_to_catching_up, list(holes)))
                await self._fill(exchange, holes)

    def _lasting_holes(self, since: dict[str, tuple[int, float]]) -> dict[str, int | None]:
        """The last missing number of the first hole of each feed that has had it for too long."""
        now = time.monotonic()
        lasting: dict[str, int | None] = {}
        for symbol, feed in self._book.feeds.items():
            hole = feed.runs.first_hole() if feed.runs else None
            if hole is None:
                since.pop(symbol, None)
                continue
            first, noticed = since.get(symbol, (hole.first, now))
            since[symbol] = (hole.first, noticed if first == hole.first else now)
            if first == hole.first and now - noticed >= self._bounds.hole_seconds:
                lasting[symbol] = hole.last
        return lasting

    async def _fill(self, exchange: Exchange, wanted: dict[str, int | None]) -> None:
        """Fetch what is missing of the symbols, a few at a time, up to the given number or up to now."""
        few = asyncio.Semaphore(self._bounds.refills_at_once)

        async def fill(symbol: str, last: int | None) -> None:
            async with few:
                await self._fill_one(exchange, symbol, last)

        async with asyncio.TaskGroup() as group:
            for symbol, last in wanted.items():
                group.create_task(fill(symbol, last))

    async def _fill_one(self, exchange: Exchange, symbol: str, last_wanted: int | None) -> None:
        number = self._book.feeds[symbol].next_trade_id
        if number is None:
            # Nothing is known of it yet: it is followed from its newest trade on.
            page = await exchange.newest_trades(symbol, limit=1)
            if page.trades:
                newest = page.trades[-1].trade_id
                await self._hand_over(Answered(symbol=symbol, page=page, first=newest, last=newest))
        else:
            page = await self._fill_from(exchange, symbol, number, last_wanted)
        until = page.answer.fetched_at + self._book.clock_offset
        await self._hand_over(CaughtUp(symbol=symbol, until=until))

    async def _fill_from(self, exchange: Exchange, symbol: str, number: int, last_wanted: int | None) -> TradePage:
        """Page after page; the next is asked for while the one before is written."""
        writing: asyncio.Task[None] | None = None
        while True:
            page = await exchange.trades_from(symbol, number)
            last = page.trades[-1].trade_id if page.trades else number - 1
            if writing is not None:
                await writing
            writing = asyncio.create_task(self._hand_over(Answered(symbol=symbol, page=page, first=number, last=last)))
            if page.is_last or (last_wanted is not None and last >= last_wanted):
                await writing
                return page
            number = last + 1

    async def _hand_over(self, item: Answered | CaughtUp) -> None:
        """Give the writer an item, and wait until it is written: so no more of them are held than are awaited."""
        event = self._written[id(item)] = asyncio.Event()
        await self._queue.put(item)
        await event.wait()

    # Around it --------------------------------------------------------------------------------------------------

    async def _keep_house(self, exchange: Exchange, pairs: Sequence[KnownSymbol]) -> None:
        """Now and then: set the clock, let old trades go, look whether other pairs are followed."""
        while True:
            await self._until_written(self._book.forget_old)
            await asyncio.sleep(self._bounds.follow_seconds)
            self._book.clock_offset = await exchange.server_time() - datetime.now(UTC)
            if _ids(await asyncio.to_thread(self._pairs)) != _ids(pairs):
                raise _StreamIsOver("Other pairs are followed now.")

    def _pairs(self) -> list[KnownSymbol]:
        with transaction(self._database_url) as connection:
            return followed_pairs(connection, self._settings, self._name)

    async def _say_down(self, reason: str) -> None:
        try:
            await self._in_thread(lambda: self._book.turn_down(reason))
        except TransientError as error:
            # The beat is missing then, which says as much; the outage is written when the feeds are taken up.
            _LOGGER.warning("%s trades: could not write that they are down: %s", self._name, error.what)

    def _pause_seconds(self, attempt: int) -> float:
        if attempt == 0:
            return 0.0
        return backoff_seconds(
            attempt=attempt,
            base_seconds=self._bounds.pause_base_seconds,
            cap_seconds=self._bounds.pause_cap_seconds,
            random_source=self._random,
        )


def _ids(pairs: Iterable[KnownSymbol]) -> set[int]:
    return {pair.symbol_id for pair in pairs}


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of the errors that ended a connection together: one ends the others."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner
