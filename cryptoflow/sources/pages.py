"""Walking through an API page by page, and saying honestly what the walk may have missed.

A paginator is two small methods: the parameters of page n, and whether a page of this size is the last.
Rankings move while one walks: rows slide to a page already seen (duplicates) or away from one yet to come (gaps).
What does not belong here: requests (http.py), records (one file per provider).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar

from cryptoflow.sources.decode import BadRow, Rows
from cryptoflow.sources.ledger import RawAnswer

T = TypeVar("T")

MOST_PAGES = 1_000
REPEATS_TO_STOP = 2
"""So many repeated pages in a row mean that the API ignores the page parameter."""


class Paginator(Protocol):
    """How one API pages."""

    def params(self, number: int) -> dict[str, int]:
        """The query parameters of page `number`, counted from 0."""
        ...

    def is_last(self, size: int) -> bool:
        """Whether a page with `size` rows ends the walk."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNumbers:
    """page=1, 2, 3 ..."""

    per_page: int

    def params(self, number: int) -> dict[str, int]:
        """Page and page size."""
        return {"page": number + 1, "per_page": self.per_page}

    def is_last(self, size: int) -> bool:
        """A short page is the last."""
        return size < self.per_page


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLimit:
    """start=1, 1+limit, 1+2*limit ..."""

    limit: int

    def params(self, number: int) -> dict[str, int]:
        """Start (counted from 1) and limit."""
        return {"start": 1 + number * self.limit, "limit": self.limit}

    def is_last(self, size: int) -> bool:
        """A short page is the last."""
        return size < self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page as it came."""

    rows: Rows[T]
    answer: RawAnswer

    @property
    def size(self) -> int:
        """Rows that the provider sent, bad ones too."""
        return len(self.rows.good) + len(self.rows.bad)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReport:
    """What the walk saw. Page numbers are counted from 0."""

    pages: int
    rows: int
    wanted: int | None
    stopped_by: Literal["wanted", "short_page", "repeated_pages", "page_limit"]
    duplicate_ids: tuple[Hashable, ...] = ()
    repeated_pages: tuple[int, ...] = ()
    short_pages: tuple[int, ...] = ()
    """Short or empty pages with rows after them: something is missing there."""

    @property
    def missing_rows(self) -> int | None:
        """How many fewer rows came than were wanted; None when no number was wanted."""
        return None if self.wanted is None else max(0, self.wanted - self.rows)

    @property
    def is_sound(self) -> bool:
        """Whether nothing points to rows that were missed."""
        return not (self.duplicate_ids or self.repeated_pages or self.short_pages)


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedBadRow:
    """A bad row and the page it was on."""

    page: int
    payload_sha256: bytes
    row: BadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected(Generic[T]):
    """All pages together: each id once, in the order of the provider."""

    rows: tuple[T, ...]
    bad: tuple[PagedBadRow, ...]
    report: PageReport
    answers: tuple[RawAnswer, ...]

    @property
    def fetched_at(self) -> datetime:
        """When the last page was received."""
        return max(answer.fetched_at for answer in self.answers)


Fetch = Callable[[Mapping[str, int]], Awaitable[Page[T]]]


@dataclass(slots=True)
class _Walk(Generic[T]):
    """The pages so far."""

    pages: list[Page[T]] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)

    def add(self, page: Page[T]) -> None:
        number = len(self.pages)
        if page.size and any(page.rows == earlier.rows for earlier in self.pages):
            self.repeated.append(number)
        self.pages.append(page)

    def ignores_paging(self) -> bool:
        last = len(self.pages) - 1
        return self.repeated[-REPEATS_TO_STOP:] == list(range(last - REPEATS_TO_STOP + 1, last + 1))


async def collect(
    paginator: Paginator,
    fetch: Fetch[T],
    *,
    key: Callable[[T], Hashable],
    page_size: int,
    wanted: int | None = None,
    concurrency: int = 1,
    most_pages: int = MOST_PAGES,
) -> Collected[T]:
    """Walk until enough rows, a last page, or the limit. Pages are fetched together only when all are wanted."""
    last_page = most_pages if wanted is None else min(most_pages, -(-wanted // page_size))
    at_once = 1 if wanted is None else concurrency
    walk: _Walk[T] = _Walk()
    stopped_by: Literal["wanted", "short_page", "repeated_pages", "page_limit"] = (
        "page_limit" if last_page == most_pages else "wanted"
    )
    while len(walk.pages) < last_page:
        first = len(walk.pages)
        numbers = range(first, min(first + at_once, last_page))
        for page in await _fetch_all(fetch, [paginator.params(number) for number in numbers]):
            walk.add(page)
        if paginator.is_last(walk.pages[-1].size):
            stopped_by = "short_page"
            break
        if walk.ignores_paging():
            stopped_by = "repeated_pages"
            break
    return _assemble(walk, paginator, key=key, wanted=wanted, stopped_by=stopped_by)


async def _fetch_all(fetch: Fetch[T], asked: Sequence[Mapping[str, int]]) -> list[Page[T]]:
    """All pages, in order. The first failure cancels the others."""

    async def one(params: Mapping[str, int]) -> Page[T]:
        return await fetch(params)

    if len(asked) == 1:
        return [await one(asked[0])]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(params)) for params in asked]
    except* Exception as failures:
        # One failure tells the story; the caller's handlers expect it bare.
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _assemble(
    walk: _Walk[T],
    paginator: Paginator,
    *,
    key: Callable[[T], Hashable],
    wanted: int | None,
    stopped_by: Literal["wanted", "short_page", "repeated_pages", "page_limit"],
) -> Collected[T]:
    rows: dict[Hashable, T] = {}
    duplicates: dict[Hashable, None] = {}
    bad: list[PagedBadRow] = []
    for number, page in enumerate(walk.pages):
        for row in page.rows.good:
            name = key(row)
            if name in rows:
                duplicates[name] = None
            rows.setdefault(name, row)
        bad += [PagedBadRow(page=number, payload_sha256=page.answer.payload_sha256, row=row) for row in page.rows.bad]
    kept = tuple(rows.values())[:wanted]
    filled = max((number for number, page in enumerate(walk.pages) if page.size), default=0)
    report = PageReport(
        pages=len(walk.pages),
        rows=len(kept),
        wanted=wanted,
        stopped_by=stopped_by,
        duplicate_ids=tuple(duplicates),
        repeated_pages=tuple(walk.repeated),
        short_pages=tuple(
            number for number, page in enumerate(walk.pages) if number < filled and paginator.is_last(page.size)
        ),
    )
    return Collected(rows=kept, bad=tuple(bad), report=report, answers=tuple(page.answer for page in walk.pages))
