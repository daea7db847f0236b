"""Expectations of what follows from closes and from minutes of candles: what does not follow is told, exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cryptoflow.quality.results import newest_results
from cryptoflow_tests.candles_model import LENGTHS, MONDAY
from cryptoflow_tests.closes_model import rows
from cryptoflow_tests.database.proven_market import broken, sound_candles, sound_market, spoil

CANDLES = "candles.coarse_candles"


@pytest.fixture(autouse=True)
def _named(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings name the warehouse."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))


@pytest.fixture
def market(database_url: str, tmp_path: Path) -> str:
    sound_market(database_url, tmp_path)
    return database_url


@pytest.fixture
def candles(database_url: str) -> str:
    sound_candles(database_url)
    return database_url


def told(database_url: str) -> list[tuple[object, ...]]:
    """Interval, asset or symbol, and verdict of each row that does not follow, as the newest look kept them."""
    found = [
        (result.expectation.partition(".")[2], row.get("asset_id", row.get("symbol_id")), row["verdict"])
        for result in newest_results(database_url, failed=True)
        if result.suite == "reconciles"
        for row in result.sample or ()
    ]
    return sorted(found, key=str)


def test_velocity_that_does_not_follow_from_closes(market: str) -> None:
    newest = "(SELECT max(bucket) FROM market.velocity)"
    spoil(
        market,
        # Without a cap velocity is 0, without a volume it is not known: both are as they must be.
        f"UPDATE market.minute_close SET market_cap_usd = NULL WHERE asset_id = 6 AND bucket = {newest}",
        f"UPDATE market.velocity SET velocity = 0 WHERE asset_id = 6 AND bucket = {newest}",
        f"UPDATE market.minute_close SET volume_24h_usd = NULL WHERE asset_id = 7 AND bucket = {newest}",
        f"UPDATE market.velocity SET velocity = NULL WHERE asset_id = 7 AND bucket = {newest}",
        # This one is known to wait.
        "INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)"
        f" SELECT 'velocity', date_trunc('hour', {newest}, 'UTC'), 5",
        f"UPDATE market.velocity SET velocity = 99 WHERE asset_id = 5 AND bucket = {newest}",
        f"UPDATE market.velocity SET velocity = velocity + 0.0000001 WHERE asset_id = 1 AND bucket = {newest}",
        f"UPDATE market.velocity SET velocity = NULL WHERE asset_id = 4 AND bucket = {newest}",
        f"DELETE FROM market.minute_close WHERE asset_id = 3 AND bucket = {newest}",
        f"DELETE FROM market.velocity WHERE asset_id = 2 AND bucket = {newest}",
    )
    assert broken(market, "velocity") == {"reconciles.with_closes": 4}
    assert told(market) == [
        ("with_closes", 1, "differs"),
        ("with_closes", 2, "missing"),
        ("with_closes", 3, "made up"),
        ("with_closes", 4, "differs"),
    ]


def test_scores_that_do_not_follow_from_their_terms(market: str) -> None:
    newest = "(SELECT max(bucket) FROM market.close_quality)"
    spoil(
        market,
        "UPDATE market.close_quality SET data_quality_score = data_quality_score - 0.00001"
        f" WHERE asset_id = 1 AND bucket = {newest}",
        f"UPDATE market.close_quality SET tier = 'Low' WHERE asset_id = 2 AND bucket = {newest}",
        f"UPDATE market.close_quality SET freshness = 0 WHERE asset_id = 4 AND bucket = {newest}",
        f"DELETE FROM market.close_quality WHERE asset_id = 3 AND bucket = {newest}",
    )
    assert broken(market, "close_quality") == {"reconciles.with_closes": 4}
    assert told(market) == [
        ("with_closes", 1, "differs"),
        ("with_closes", 2, "differs"),
        ("with_closes", 3, "missing"),
        ("with_closes", 4, "differs"),
    ]


def test_larger_candles_that_do_not_follow_from_their_minutes(candles: str) -> None:
    changed = {
        "5m": "volume = volume + 0.00000001",
        "15m": "high = high + 1",
        "30m": "low = low / 2",
        "1h": "open = low / 2, low = low / 2",
        "4h": "trade_count = NULL",
        "1d": "samples = samples - 1",
        "1w": "is_final = false",
    }
    assert changed.keys() == LENGTHS.keys()
    for interval, change in changed.items():
        newest = f"(SELECT max(open_time) FROM {CANDLES} WHERE interval = '{interval}')"
        spoil(candles, f"UPDATE {CANDLES} SET {change} WHERE interval = '{interval}' AND symbol_id = 1"
                       f" AND open_time = {newest}")  # fmt: skip
    assert broken(candles, "coarse_candles") == {f"reconciles.{interval}": 1 for interval in changed}
    assert told(candles) == sorted(((interval, 1, "differs") for interval in changed), key=str)


def test_larger_candles_that_are_missing_made_up_or_known_to_wait(candles: str) -> None:
    length = LENGTHS["5m"]
    # The second pair was out then, for twenty minutes of which a whole bucket is empty.
    inside = datetime.now(UTC) - timedelta(minutes=70)
    empty = inside - (inside - MONDAY) % length
    full = empty + 8 * length
    spoil(
        candles,
        f"INSERT INTO {CANDLES} (interval, open_time, symbol_id, close_time, open, high, low, close, volume, is_final,"
        " samples, expected_samples, formula_version)"
        " SELECT interval, %(empty)s, symbol_id, %(empty)s + INTERVAL '4 minutes', open, high, low, close, volume,"
        f" is_final, samples, expected_samples, formula_version FROM {CANDLES}"
        " WHERE interval = '5m' AND symbol_id = 2 AND open_time = %(full)s",
        f"DELETE FROM {CANDLES} WHERE interval = '5m' AND symbol_id = 1 AND open_time = %(full)s",
        empty=empty,
        full=full,
    )
    assert broken(candles, "coarse_candles") == {"reconciles.5m": 2}
    assert told(candles) == [("5m", 1, "missing"), ("5m", 2, "made up")]
    spoil(
        candles,
        f"DELETE FROM {CANDLES} WHERE interval = '5m' AND symbol_id = 2 AND open_time = %(empty)s",
        "INSERT INTO candles.dirty_candles (interval, open_time, symbol_id) VALUES ('5m', %(full)s, 1)",
        empty=empty,
        full=full,
    )
    assert broken(candles, "coarse_candles") == {}


def test_minutes_symbols_trades_and_certificates_by_the_rule_they_break(candles: str) -> None:
    newest = "(SELECT max(open_time) FROM candles.minute_candles)"
    spoil(
        candles,
        "ALTER TABLE candles.minute_candles DROP CONSTRAINT ck_minute_candles_high_is_highest,"
        " DROP CONSTRAINT ck_minute_candles_final_when_the_exchange_said_so,"
        " DROP CONSTRAINT ck_minute_candles_source",
        f"UPDATE candles.minute_candles SET high = low WHERE symbol_id = 1 AND open_time = {newest}",
        f"UPDATE candles.minute_candles SET is_final = false WHERE symbol_id = 2 AND open_time = {newest}",
        "UPDATE candles.minute_candles SET symbol_id = 77, volume = 'NaN', source = 'hearsay' WHERE symbol_id = 2"
        f" AND open_time = {newest} - INTERVAL '1 minute'",
    )
    assert broken(candles, "minute_candles") == {
        "row.high_is_highest": 1,
        "row.final_when_the_exchange_said_so": 1,
        "symbol_id.known": 1,
        "numbers.finite": 1,
        "source.one_of": 1,
    }
    spoil(
        candles,
        "ALTER TABLE candles.candle_certificates DROP CONSTRAINT ck_candle_certificates_adds_up",
        "UPDATE candles.candle_certificates SET unknown_minutes = unknown_minutes + 1 WHERE symbol_id = 2",
        "ALTER TABLE candles.symbols DROP CONSTRAINT uq_symbols_exchange_symbol",
        "UPDATE candles.symbols SET symbol = 'BTCUSDT' WHERE symbol_id = 2",
        "ALTER TABLE candles.price_ticks DROP CONSTRAINT ck_price_ticks_quantity",
        "UPDATE candles.price_ticks SET quantity = 0 WHERE symbol_id = 1 AND trade_id = 999",
    )
    days = len(rows(candles, "SELECT 1 FROM candles.candle_certificates WHERE symbol_id = 2"))
    assert broken(candles, "candle_certificates") == {"row.adds_up": days}
    assert broken(candles, "symbols") == {"exchange_and_symbol.unique": 2}
    assert broken(candles, "price_ticks") == {"quantity.bounds": 1}
