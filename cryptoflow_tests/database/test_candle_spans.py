"""Why minutes could not be asked for, told of them: our rate or quota, or the source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoflow.collect.candle_spans import tell_failure
from cryptoflow.sources.errors import Asked, ProviderError, ProviderTimeout, QuotaSpent, RateLimited
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol, ensure_symbol

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ASKED = Asked(provider="binance", endpoint="klines")


@pytest.fixture
def pair(database_url: str) -> KnownSymbol:
    with transaction(database_url) as connection:
        return ensure_symbol(connection, exchange="binance", symbol="BTCUSDT", base="BTC", quote="USDT", seen_at=AT)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RateLimited("too much weight.", asked=ASKED), "throttled"),
        (QuotaSpent("the quota is spent.", asked=ASKED, until=AT), "throttled"),
        (ProviderTimeout("no answer.", asked=ASKED), "feed_down"),
    ],
)
def test_minutes_that_could_not_be_asked_for_say_why(
    database_url: str, pair: KnownSymbol, error: ProviderError, state: str
) -> None:
    tell_failure(database_url, pair, AT, AT + 5 * MINUTE, error)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT starts, ends, state, reason, times_asked FROM candles.candle_slots"
        ).fetchall()
    assert found == [(AT, AT + 5 * MINUTE, state, error.what, 0)]
