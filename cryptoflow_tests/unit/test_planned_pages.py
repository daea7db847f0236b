"""Fetching the calls of a plan: one page that fails does not cost the others, and nothing is counted twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from cryptoflow.collect.planned_pages import fetch_planned
from cryptoflow.refine.quota_calls import PlannedCall
from cryptoflow.sources.decode import BadRow, Rows
from cryptoflow.sources.errors import Asked, ProviderTimeout
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.pages import Page


def call(first_rank: int, *, rows: int = 2) -> PlannedCall:
    return PlannedCall(
        provider="coingecko",
        place=0,
        first_rank=first_rank,
        row_count=rows,
        units=1,
        cadence_minutes=1,
        phase_minutes=0,
    )


def page(rows: Sequence[str], *, bad: Sequence[BadRow] = (), mark: bytes = b"a") -> Page[str]:
    answer = RawAnswer(
        provider="coingecko",
        endpoint="coins/markets",
        url_redacted="",
        params={},
        status=200,
        headers={},
        body=mark,
        fetched_at=datetime(2026, 1, 1, tzinfo=UTC),
        elapsed_ms=1,
        attempts=1,
        payload_sha256=mark * 32,
    )
    return Page(rows=Rows(good=tuple(rows), bad=tuple(bad)), answer=answer)


def late() -> ProviderTimeout:
    return ProviderTimeout("no answer in time.", asked=Asked(provider="coingecko", endpoint="coins/markets"))


def test_a_page_that_fails_does_not_cost_the_others() -> None:
    async def fetch(one: PlannedCall) -> Page[str]:
        if one.first_rank == 3:
            raise late()
        return page([f"{one.first_rank}", f"{one.first_rank + 1}"])

    found = asyncio.run(fetch_planned([call(1), call(3), call(5)], fetch, key=str))
    assert [row for row, _ in found.rows] == ["1", "2", "5", "6"]
    failed = [(one.call.first_rank, type(one.error)) for one in found.outcomes if one.error]
    assert failed == [(3, ProviderTimeout)]
    assert found.details["missing_rows"] == 2
    assert found.details["failed_pages"] == ["ranks from 3: coingecko coins/markets: no answer in time."]


def test_when_every_page_fails_the_provider_is_the_trouble() -> None:
    async def fetch(_: PlannedCall) -> Page[str]:
        raise late()

    with pytest.raises(ProviderTimeout):
        asyncio.run(fetch_planned([call(1), call(3)], fetch, key=str))


def test_a_row_that_slid_to_the_next_page_is_kept_once_with_the_answer_that_held_it_first() -> None:
    pages = {1: page(["a", "b"], mark=b"1"), 3: page(["b", "c"], mark=b"2")}

    async def fetch(one: PlannedCall) -> Page[str]:
        return pages[one.first_rank]

    found = asyncio.run(fetch_planned([call(1), call(3)], fetch, key=str))
    assert [(row, answer.body) for row, answer in found.rows] == [("a", b"1"), ("b", b"1"), ("c", b"2")]
    assert found.details["duplicate_ids"] == ["b"]
    assert found.details["missing_rows"] == 1


def test_bad_rows_keep_the_hash_of_their_answer() -> None:
    async def fetch(_: PlannedCall) -> Page[str]:
        return page(["a"], bad=[BadRow(index=1, raw="{}", reason="no id")], mark=b"7")

    found = asyncio.run(fetch_planned([call(1)], fetch, key=str))
    assert [(bad.row.reason, bad.payload_sha256) for bad in found.bad] == [("no id", b"7" * 32)]


def test_an_empty_page_and_one_that_repeats_another_are_told_apart_from_sound_ones() -> None:
    pages = {
        1: page(["a", "b"], mark=b"1"),
        3: page([], mark=b"2"),
        5: page(["b", "a"], mark=b"3"),
        7: page([], bad=[BadRow(index=0, raw="{}", reason="no id")], mark=b"4"),
    }

    async def fetch(one: PlannedCall) -> Page[str]:
        return pages[one.first_rank]

    found = asyncio.run(fetch_planned([call(1), call(3), call(5), call(7)], fetch, key=str))
    # Which of two pages with the same rows is the wrong one, nobody can tell.
    assert [(one.rows, one.is_repeated) for one in found.outcomes] == [(2, True), (0, False), (2, True), (1, False)]
    assert found.details["empty_pages"] == ["ranks from 3"]
    assert found.details["repeated_pages"] == ["ranks from 1", "ranks from 5"]
