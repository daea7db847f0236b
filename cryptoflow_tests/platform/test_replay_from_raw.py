"""Ticks rebuilt from the raw answers that are kept: nothing changes where all is there; what is missing comes back."""

from __future__ import annotations

from datetime import datetime

import psycopg
import pytest

from cryptoflow.collect.replay_raw import Rebuilding, rebuild_from_raw
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP
from cryptoflow_tests.closes_model import FACTS, held
from cryptoflow_tests.platform.test_market_tick import Bench, bench, market

__all__ = ["bench", "market"]

ENDPOINTS = {COINGECKO: "coins/markets", COINMARKETCAP: "listings/latest"}
TICKS = 3


def rebuild(
    database_url: str, provider: str, *, start: datetime | None = None, until: datetime | None = None
) -> Rebuilding:
    *_, last = rebuild_from_raw(database_url, provider=provider, endpoint=ENDPOINTS[provider], start=start, until=until)
    return last


def change(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement)


@pytest.fixture
def collected(bench: Bench) -> Bench:
    """Some minutes over the turn of a month, each by a run of its own; the last by hand."""
    for number in range(TICKS):
        bench.tick(run_id=f"run-{number}" if number < TICKS - 1 else None)
        bench.advance(60)
    return bench


def test_where_everything_stands_nothing_changes(collected: Bench) -> None:
    before = held(collected.database_url)
    for provider in ENDPOINTS:
        rebuilt = rebuild(collected.database_url, provider)
        assert (rebuilt.answers, rebuilt.answers_in_all, rebuilt.gone) == (TICKS, TICKS, 0)
        assert rebuilt.received == TICKS * collected.whole
        assert (rebuilt.stored, rebuilt.minutes, rebuilt.new_assets) == (0, 0, 0)
    assert held(collected.database_url) == before


@pytest.mark.parametrize("lost", [FACTS[:2], FACTS], ids=["samples and minutes", "everything"])
def test_what_was_lost_is_there_again_as_it_was(collected: Bench, lost: tuple[str, ...]) -> None:
    before = held(collected.database_url, *FACTS)
    change(collected.database_url, f"TRUNCATE {', '.join(lost)}")
    assert held(collected.database_url, *FACTS) != before
    stored = {provider: rebuild(collected.database_url, provider).stored for provider in ENDPOINTS}
    assert held(collected.database_url, *FACTS) == before
    assert sum(stored.values()) == len(before["raw.market_snapshots"])


def test_rows_of_one_provider_alone_are_exactly_rebuilt(collected: Bench) -> None:
    before = held(collected.database_url, *FACTS)
    change(
        collected.database_url, "DELETE FROM raw.market_snapshots WHERE provider = 'coinmarketcap' AND asset_id < 20"
    )
    assert rebuild(collected.database_url, COINGECKO).stored == 0
    assert rebuild(collected.database_url, COINMARKETCAP).stored > 0
    assert held(collected.database_url, *FACTS) == before


def test_answers_that_are_no_longer_kept_are_counted(collected: Bench) -> None:
    change(
        collected.database_url,
        "DELETE FROM raw.payloads WHERE payload_sha256 ="
        " (SELECT payload_sha256 FROM raw.fetches WHERE provider = 'coingecko' ORDER BY started_at LIMIT 1)",
    )
    change(collected.database_url, f"TRUNCATE {', '.join(FACTS)}")
    rebuilt = rebuild(collected.database_url, COINGECKO)
    assert (rebuilt.answers, rebuilt.gone) == (TICKS, 1)
    assert rebuilt.received == (TICKS - 1) * collected.whole


def test_only_answers_of_the_span_are_replayed(collected: Bench) -> None:
    calls = collected.rows("SELECT received_at FROM raw.fetches WHERE provider = 'coingecko' ORDER BY started_at")
    (first,), (second,), (third,) = calls
    assert rebuild(collected.database_url, COINGECKO, start=second).answers == 2
    assert rebuild(collected.database_url, COINGECKO, start=second, until=third).answers == 1
    assert rebuild(collected.database_url, COINGECKO, until=first).answers == 0


def test_answers_to_the_catalog_are_not_taken_for_samples(collected: Bench) -> None:
    """The catalog asks CoinGecko the same question, for the names."""
    change(
        collected.database_url,
        "INSERT INTO raw.fetches"
        " (provider, endpoint, params, started_at, elapsed_ms, attempt, outcome, credits, payload_sha256, run_id)"
        " SELECT provider, endpoint, params, started_at, elapsed_ms, 1, 'ok', 1, payload_sha256, 'the catalog'"
        " FROM raw.fetches WHERE provider = 'coingecko'",
    )
    assert rebuild(collected.database_url, COINGECKO).answers == TICKS
