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
class PlannedPages(Generic[T]):
    """What the calls of one provider brought: each id once, with the answer that held it."""

    rows: tuple[tuple[T, RawAnswer], ...]
    bad: tuple[PagedBadRow, ...]
    failed: tuple[tuple[PlannedCall, CryptoflowError], ...]
    details: dict[str, object]


async def fetch_planned(
    calls: Sequence[PlannedCall],
    fetch: Callable[[PlannedCall], Awaitable[Page[T]]],
    *,
    key: Callable[[T], Hashable],
) -> PlannedPages[T]:
    """Make the calls at the same time. Raises only when every one of them failed: then the provider is the trouble."""
    results = await asyncio.gather(*(_attempt(fetch, call) for call in calls))
    pages = [(call, page) for call, page in zip(calls, results, strict=True) if isinstance(page, Page)]
    failed = [(call, error) for call, error in zip(calls, results, strict=True) if isinstance(error, CryptoflowError)]
    if failed and not pages:
        raise failed[0][1]
    rows: dict[Hashable, tuple[T, RawAnswer]] = {}
    repeated: dict[Hashable, None] = {}
    for _, page in pages:
        for row in page.rows.good:
            if key(row) in rows:
                repeated[key(row)] = None
            rows.setdefault(key(row), (row, page.answer))
    asked = sum(call.row_count for call in calls)
    return PlannedPages(
        rows=tuple(rows.values()),
        bad=tuple(
            PagedBadRow(page=number, payload_sha256=page.answer.payload_sha256, row=row)
            for number, (_, page) in enumerate(pages)
            for row in page.rows.bad
        ),
        failed=tuple(failed),
        details={
            "pages": len(pages),
            "failed_pages": [f"ranks from {call.first_rank}: {error.what}" for call, error in failed],
            "duplicate_ids": [str(name) for name in repeated],
            "missing_rows": max(0, asked - len(rows)),
        },
    )


async def _attempt(fetch: Callable[[PlannedCall], Awaitable[Page[T]]], call: PlannedCall) -> Page[T] | CryptoflowError:
    try:
        return await fetch(call)
    except CryptoflowError as error:
        return error
