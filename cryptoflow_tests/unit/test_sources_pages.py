"""Walking page by page: where it stops, and what it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from cryptoflow.sources.decode import BadRow, Rows
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.pages import Collected, Page, PageNumbers, StartLimit, collect

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def page_of(rows: Sequence[str], bad: int = 0) -> Page[str]:
    answer = RawAnswer(
        provider="p", endpoint="e", url_redacted="", params={}, status=200, headers={}, body=repr(rows).encode(),
        fetched_at=NOW, elapsed_ms=1, attempts=1, payload_sha256=b"h" * 32,
    )  # fmt: skip
    refused = tuple(BadRow(index=index, raw="?", reason="odd") for index in range(bad))
    return Page(rows=Rows(good=tuple(rows), bad=refused), answer=answer)


class Upstream:
    """An API over fixed pages; beyond them it answers with empty ones."""

    def __init__(self, *pages: Page[str]) -> None:
        self.pages = pages
        self.asked: list[Mapping[str, int]] = []
        self.under_way = self.most_under_way = 0

    async def fetch(self, params: Mapping[str, int]) -> Page[str]:
        self.asked.append(params)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        number = params["page"] - 1
        return self.pages[number] if number < len(self.pages) else page_of("")


def walk(upstream: Upstream, **options: int) -> Collected[str]:
    return asyncio.run(collect(PageNumbers(per_page=2), upstream.fetch, key=lambda row: row, page_size=2, **options))


def test_parameters() -> None:
    assert PageNumbers(per_page=250).params(0) == {"page": 1, "per_page": 250}
    assert StartLimit(limit=5000).params(2) == {"start": 10_001, "limit": 5000}


def test_a_short_page_is_the_last() -> None:
    upstream = Upstream(page_of("ab"), page_of("cd"), page_of("e"))
    result = walk(upstream)
    assert result.rows == tuple("abcde")
    assert (result.report.pages, result.report.stopped_by, result.report.is_sound) == (3, "short_page", True)
    assert len(upstream.asked) == 3


def test_an_empty_page_is_the_last() -> None:
    result = walk(Upstream(page_of("ab"), page_of("cd")))
    assert result.rows == tuple("abcd")
    assert result.report.stopped_by == "short_page"


def test_only_wanted_pages_are_asked_and_rows_beyond_are_left_out() -> None:
    upstream = Upstream(page_of("ab"), page_of("cd"), page_of("ef"))
    result = walk(upstream, wanted=3)
    assert result.rows == tuple("abc")
    assert len(upstream.asked) == 2
    assert (result.report.stopped_by, result.report.missing_rows) == ("wanted", 0)


def test_too_few_rows_are_reported() -> None:
    assert walk(Upstream(page_of("ab"), page_of("c")), wanted=10).report.missing_rows == 7


def test_rows_that_slide_to_the_next_page_are_kept_once_and_reported() -> None:
    result = walk(Upstream(page_of("ab"), page_of("bc"), page_of("d")))
    assert result.rows == tuple("abcd")
    assert result.report.duplicate_ids == ("b",)
    assert not result.report.is_sound


def test_of_a_row_that_came_twice_the_first_is_kept() -> None:
    upstream = Upstream(page_of(["a1", "b1"]), page_of(["a2"]))
    result = asyncio.run(collect(PageNumbers(per_page=2), upstream.fetch, key=lambda row: row[0], page_size=2))
    assert result.rows == ("a1", "b1")
    assert result.report.duplicate_ids == ("a",)


def test_a_repeated_page_is_noticed_and_the_walk_goes_on() -> None:
    result = walk(Upstream(page_of("ab"), page_of("ab"), page_of("cd")))
    assert result.rows == tuple("abcd")
    assert result.report.repeated_pages == (1,)


def test_an_api_that_ignores_paging_does_not_keep_us_for_ever() -> None:
    upstream = Upstream(*[page_of("ab")] * 50)
    result = walk(upstream)
    assert result.report.stopped_by == "repeated_pages"
    assert len(upstream.asked) == 3


def test_an_endless_api_meets_the_limit() -> None:
    upstream = Upstream(*[page_of(f"{chr(97 + n)}{chr(65 + n)}") for n in range(20)])
    result = walk(upstream, most_pages=5)
    assert (result.report.pages, result.report.stopped_by) == (5, "page_limit")


def test_a_hole_between_pages_is_reported() -> None:
    result = walk(Upstream(page_of("ab"), page_of(""), page_of("ef"), page_of("gh")), wanted=8, concurrency=4)
    assert result.rows == tuple("abefgh")
    assert (result.report.short_pages, result.report.missing_rows) == ((1,), 2)


def test_bad_rows_count_for_the_size_of_a_page() -> None:
    result = walk(Upstream(page_of("a", bad=1), page_of("cd"), page_of("e")))
    assert result.rows == tuple("acde")
    assert [(bad.page, bad.row.index) for bad in result.bad] == [(0, 0)]


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_no_more_pages_at_once_than_allowed(concurrency: int) -> None:
    upstream = Upstream(*[page_of(f"{n}{n + 20}".ljust(2)) for n in range(6)])
    walk(upstream, wanted=12, concurrency=concurrency)
    assert upstream.most_under_way == concurrency


def test_a_failure_comes_out_bare() -> None:
    async def fetch(params: Mapping[str, int]) -> Page[str]:
        raise LookupError(params["page"])

    with pytest.raises(LookupError):
        asyncio.run(collect(PageNumbers(per_page=2), fetch, key=lambda row: row, page_size=2, wanted=6, concurrency=3))
