"""Fetching the calls of a plan: each page on its own, so that one that fails does not cost the others.

Rankings move while one asks: a row may come twice, or slip between two pages. Both are said, neither is guessed.
What does not belong here: which calls are due (planning), what a row means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cryptoflow.errors import CryptoflowError
from cryptoflow.refine.quota_calls import PlannedCall
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.pages import Page, PagedBadRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOutcome:
    """What came of one call: an error, or rows."""

    call: PlannedCall
    error: CryptoflowError | None = None
    rows: int = 0
    bad_rows: tuple[str, ...] = ()
    """The texts of the rows that could not be read."""
    is_repeated: bool = False
    """Whether another page held all of its rows: one of the two is not what was asked for."""
    payload_sha256: bytes | None = None
    """Hash of the answer, when one came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPages(Generic[T]):
    """What the calls of one provider brought: each id once, with the answer that held it."""

    rows: tuple[tuple[T, RawAnswer], ...]
    bad: tuple[PagedBadRow, ...]
    outcomes: tuple[PageOutcome, ...]
    details: dict[str, object]


async def fetch_planned(
    calls: Sequence[PlannedCall],
    fetch: Callable[[PlannedCall], Awaitable[Page[T]]],
    *,
    key: Callable[[T], Hashable],
) -> PlannedPages[T]:
    """Make the calls at the same time. Raises only when every one of them failed: then the provider is the trouble."""
    results = await asyncio.gather(*(_attempt(fetch, call) for call in calls))
    pages = [page for page in results if isinstance(page, Page)]
    failures = [error for error in results if isinstance(error, CryptoflowError)]
    if failures and not pages:
        raise failures[0]
    rows: dict[Hashable, tuple[T, RawAnswer]] = {}
    repeated: dict[Hashable, None] = {}
    for page in pages:
        for row in page.rows.good:
            if key(row) in rows:
                repeated[key(row)] = None
            rows.setdefault(key(row), (row, page.answer))
    outcomes = [
        PageOutcome(call=call, error=page)
        if isinstance(page, CryptoflowError)
        else PageOutcome(
            call=call,
            rows=page.size,
            bad_rows=tuple(one.raw for one in page.rows.bad),
            is_repeated=_is_repeated(page, pages, key),
            payload_sha256=page.answer.payload_sha256,
        )
        for call, page in zip(calls, results, strict=True)
    ]
    asked = sum(call.row_count for call in calls)
    return PlannedPages(
        rows=tuple(rows.values()),
        bad=tuple(
            PagedBadRow(page=number, payload_sha256=page.answer.payload_sha256, row=row)
            for number, page in enumerate(pages)
            for row in page.rows.bad
        ),
        outcomes=tuple(outcomes),
        details={
            "pages": len(pages),
            "failed_pages": [f"{_ranks(one.call)}: {one.error.what}" for one in outcomes if one.error],
            "empty_pages": [_ranks(one.call) for one in outcomes if not one.error and not one.rows],
            "repeated_pages": [_ranks(one.call) for one in outcomes if one.is_repeated],
            "duplicate_ids": [str(name) for name in repeated],
            "missing_rows": max(0, asked - len(rows)),
        },
    )


def _is_repeated(page: Page[T], pages: Sequence[Page[T]], key: Callable[[T], Hashable]) -> bool:
    ids = {key(row) for row in page.rows.good}
    others = (other for other in pages if other is not page)
    return bool(ids) and any(ids <= {key(row) for row in other.rows.good} for other in others)


def _ranks(call: PlannedCall) -> str:
    return f"ranks from {call.first_rank}"


async def _attempt(fetch: Callable[[PlannedCall], Awaitable[Page[T]]], call: PlannedCall) -> Page[T] | CryptoflowError:
    try:
        return await fetch(call)
    except CryptoflowError as error:
        return error
