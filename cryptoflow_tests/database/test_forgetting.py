"""Records go when the retention of their contract is over, in batches, and nothing else does."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoflow.contracts import contract_of, contracts
from cryptoflow.contracts.candles import price_ticks
from cryptoflow.contracts.close_quality import close_quality
from cryptoflow.contracts.closes import market_chart_points, market_snapshots, minute_close
from cryptoflow.contracts.velocity import velocity
from cryptoflow.settings import load_settings
from cryptoflow.sources.ledger import ProviderCall, RawAnswer
from cryptoflow.warehouse import forgetting
from cryptoflow.warehouse.forgetting import forget_expired, forgettable_tables, kept_days
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.retention import DAILY_TABLES
from cryptoflow.warehouse.usage import PostgresLedger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Rows of day 0 to day 6 are older than seven days at this instant.
NOW = NOON + timedelta(days=14)


def raw_answer(body: bytes, *, at: datetime) -> RawAnswer:
    return RawAnswer(
        provider="coingecko",
        endpoint="coins/list",
        url_redacted="https://example.org/coins/list",
        params={},
        status=200,
        headers={},
        body=body,
        fetched_at=at,
        elapsed_ms=5,
        attempts=1,
        payload_sha256=hashlib.sha256(body).digest(),
    )


def fill(database_url: str) -> None:
    """A body and a call a day for ten days; the body of day 0 came once more, later."""
    store, ledger = PostgresPayloads(database_url), PostgresLedger(database_url)
    for day in range(10):
        answer = raw_answer(b"%d" % day, at=NOON + timedelta(days=day))
        store.keep(answer)
        ledger.record_call(
            ProviderCall(
                provider="coingecko",
                endpoint="x",
                started_at=answer.fetched_at,
                elapsed_ms=1,
                outcome="ok",
                status=200,
                credits=1,
                attempt=1,
                payload_sha256=answer.payload_sha256,
            )
        )
    store.keep(raw_answer(b"0", at=NOON + timedelta(days=20)))


def test_what_was_last_seen_before_its_time_goes_in_batches(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_BATCH_ROWS", 3)
    fill(database_url)
    removed = forget_expired(database_url, load_settings(), now=NOW)
    # The body of day 0 came again later; the call of day 0 is old all the same.
    assert removed["raw.payloads"] == 6
    assert removed["raw.fetches"] == 7
    assert set(forget_expired(database_url, load_settings(), now=NOW).values()) == {0}
    assert PostgresPayloads(database_url).read(hashlib.sha256(b"0").digest()) == b"0"


def test_the_setting_overrides_the_contract(database_url: str) -> None:
    fill(database_url)
    assert forget_expired(database_url, load_settings(payload_retention_days=12), now=NOW)["raw.fetches"] == 2


def test_records_of_other_clocks_go_by_their_own(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        for days in (1, 89, 91, 500):
            connection.execute(
                "INSERT INTO ops.collection_status (collection_type, dataset, provider, start_time)"
                " VALUES ('manual', 'x', 'y', %s)",
                (NOW - timedelta(days=days),),
            )
    assert forget_expired(database_url, load_settings(), now=NOW)["ops.collection_status"] == 2


def test_every_table_with_a_retention_is_looked_after(database_url: str) -> None:
    with_days = {str(table) for table in contracts() if contract_of(table).retention.days is not None}
    # Trades go hour by hour with their collector (test_trade_feed).
    assert with_days == {str(table) for table in (*forgettable_tables(), *DAILY_TABLES, price_ticks)}
    assert set(DAILY_TABLES) == {market_snapshots, market_chart_points, minute_close, velocity, close_quality}
    assert set(forget_expired(database_url, load_settings(), now=NOW)) == {str(t) for t in forgettable_tables()}
    assert {kept_days(table, load_settings()) for table in forgettable_tables()} == {7, 90, 400}
