"""Minutes into the warehouse: exact, each once, the better word kept, and what is refused kept aside with its rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from cryptoflow.cadence import CANDLE_INTERVALS
from cryptoflow.warehouse.candle_origins import candle_corrections_since, explain_candle
from cryptoflow.warehouse.candle_rollups import build_candles, lock_candles, mark_candles, marked_symbols
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import ListedSymbol, find_symbol, refresh_symbol_summary, symbols_of, sync_symbols
from cryptoflow_tests.candles_model import (
    EVERYTHING,
    FACTS,
    LATER,
    MINUTE,
    candle,
    empty,
    expected_coarse,
    held,
    rows,
    store,
    stored_coarse,
    symbol_id,
)

AT = datetime(2024, 2, 29, 23, 58, tzinfo=UTC)


def everything(database_url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(database_url, f"SELECT x::text FROM {name} AS x ORDER BY 1") for name in EVERYTHING}


def test_the_same_name_on_two_exchanges_is_two_symbols(database_url: str) -> None:
    ids = {symbol_id(database_url, exchange=exchange) for exchange in ("binance", "coinbase")}
    assert len(ids) == 2
    assert symbol_id(database_url, exchange="binance") in ids


def test_a_base_of_any_length_is_a_symbol(database_url: str) -> None:
    assert symbol_id(database_url, "10000000AIDOGEUSDT") == 1
    assert rows(database_url, "SELECT base_asset FROM analytics.symbols") == [("10000000AIDOGE",)]


def test_a_trade_is_there_once(database_url: str) -> None:
    insert = (
        "INSERT INTO candles.price_ticks (traded_at, symbol_id, trade_id, price, quantity, fills)"
        " VALUES ('2026-01-01', 1, 7, 1, 1, 1)"
    )
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "CREATE TABLE candles.ticks_2026 PARTITION OF candles.price_ticks FOR VALUES FROM ('2026-01-01')"
            " TO ('2027-01-01')"
        )
        connection.execute(insert)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(insert)


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("high_is_highest", {"low": Decimal(20), "high": Decimal(1)}),
    ("low_is_lowest", {"low": Decimal(11)}),
    ("high_is_highest", {"high": Decimal("9.99999999"), "low": Decimal(9)}),
    ("volume", {"volume": Decimal(-3)}),
    ("quote_volume", {"quote_volume": Decimal("-0.00000001")}),
    ("taker_base_volume", {"taker_base_volume": Decimal(-1)}),
    ("trade_count", {"trade_count": -1}),
    ("closes_after_it_opens", {"close_time": AT - timedelta(days=365)}),
    ("closes_after_it_opens", {"close_time": AT}),
    ("closes_within_the_minute", {"close_time": AT + MINUTE + timedelta(milliseconds=1)}),
    ("opens_on_the_minute", {"open_time": AT + timedelta(seconds=1), "close_time": AT + MINUTE}),
    ("not_from_the_future", {"open_time": LATER, "close_time": LATER + MINUTE}),
    ("open", {"open": Decimal(0), "low": Decimal(0)}),
    ("close_finite", {"close": Decimal("NaN")}),
    ("high_finite", {"high": Decimal("Infinity")}),
    ("volume_finite", {"volume": Decimal("Infinity")}),
    ("open_given", {"open": None}),
]


def test_a_candle_that_cannot_be_is_kept_aside_whole(database_url: str) -> None:
    symbol_id(database_url)
    good = candle(AT + MINUTE)
    for rule, changes in REFUSED:
        empty(database_url)
        stored = store(database_url, candle(AT, "10", **changes), good, payload=b"\x07" * 32)
        assert (stored.received, stored.refused, stored.stored) == (2, 1, 1), rule
        ((dataset, provider, said, text, payload),) = rows(
            database_url, "SELECT dataset, provider, rule, row_text, payload_sha256 FROM ops.quarantine"
        )
        assert (dataset, provider, said, payload) == ("candles.minute_candles", "binance", rule, b"\x07" * 32)
        told = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        for name, value in changes.items():
            if isinstance(value, Decimal | int):
                assert str(told[name]) == str(value), (rule, name)
        assert rows(database_url, "SELECT open_time FROM candles.minute_candles") == [(AT + MINUTE,)]
        assert stored_coarse(database_url) == expected_coarse([good])


def test_the_database_itself_refuses_such_a_candle(database_url: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "CREATE TABLE candles.y PARTITION OF candles.minute_candles DEFAULT;"
            "INSERT INTO candles.minute_candles (open_time, symbol_id, close_time, open, high, low, close, volume,"
            " is_final, source, fetched_at)"
            " VALUES ('2024-01-01', 1, '2023-01-01', 5, 1, 20, 5, -3, true, 'rest', now())"
        )


def test_of_a_minute_that_comes_twice_in_a_batch_the_first_counts(database_url: str) -> None:
    symbol_id(database_url)
    stored = store(database_url, candle(AT, "10"), candle(AT, "10"), candle(AT, "11"), candle(AT, "10"))
    assert (stored.received, stored.refused, stored.stored) == (4, 1, 1)
    assert rows(database_url, "SELECT rule, row_text::jsonb ->> 'open' FROM ops.quarantine") == [
        ("repeated_with_other_values", "11")
    ]
    assert rows(database_url, "SELECT close FROM candles.minute_candles") == [(Decimal(10),)]


def test_the_same_again_changes_nothing(database_url: str) -> None:
    symbol_id(database_url)
    batch = [candle(AT + step * MINUTE, f"{step + 1}") for step in range(5)]
    store(database_url, *batch)
    before = everything(database_url)
    again = store(database_url, *batch)
    assert (again.stored, sum(one.marked for one in again.built)) == (0, 0)
    assert everything(database_url) == before


def test_a_confirmation_says_nothing_new_but_is_remembered(database_url: str) -> None:
    symbol_id(database_url)
    store(database_url, candle(AT, "10"), source="rest")
    stamp = rows(database_url, "SELECT recorded_at FROM candles.minute_candles")
    assert store(database_url, candle(AT, "10.0"), source="archive", payload=b"\x01" * 32).stored == 0
    assert rows(database_url, "SELECT source, payload_sha256 FROM candles.minute_candles") == [
        ("archive", b"\x01" * 32)
    ]
    assert rows(database_url, "SELECT recorded_at FROM candles.minute_candles") == stamp
    assert rows(database_url, "SELECT count(*) FROM candles.minute_candles_revisions") == [(0,)]


def test_a_reckoning_from_trades_gives_way_without_being_a_correction(database_url: str) -> None:
    symbol_id(database_url)
    store(database_url, candle(AT, "10"), source="trades", fetched_at=LATER + MINUTE)
    assert rows(database_url, "SELECT DISTINCT is_final, status FROM analytics.price_candles") == [
        (False, "provisional")
    ]
    store(database_url, candle(AT, "11"), source="rest")
    store(database_url, candle(AT, "12"), source="trades", fetched_at=LATER + 2 * MINUTE)
    assert rows(database_url, "SELECT DISTINCT close, is_final, status FROM analytics.price_candles") == [
        (Decimal(11), True, "final")
    ]
    assert rows(database_url, "SELECT count(*) FROM candles.minute_candles_revisions") == [(0,)]


def test_an_archive_that_differs_revises_moves_the_rollups_and_is_told(database_url: str) -> None:
    symbol_id(database_url)
    batch = [candle(AT, "10 12 9 11"), candle(AT + MINUTE, "11")]
    store(database_url, *batch)
    before = rows(database_url, "SELECT clock_timestamp()")[0][0]
    corrected = candle(AT, "10 99 9 11")
    store(database_url, corrected, source="archive")
    assert stored_coarse(database_url) == expected_coarse([corrected, batch[1]])
    with transaction(database_url) as connection:
        found = candle_corrections_since(connection, before)
        pair = find_symbol(connection, exchange="binance", symbol="BTCUSDT")
        explained = explain_candle(connection, pair, "5m", AT)
        minute = explain_candle(connection, pair, "1m", AT)
    assert [one.interval for one in found] == list(CANDLE_INTERVALS)
    assert {(one.exchange, one.symbol, one.old_close, one.new_close) for one in found} == {
        ("binance", "BTCUSDT", Decimal(11), Decimal(11))
    }
    assert all(one.changed == ["high"] for one in found)
    assert (explained.status, explained.close["high"]) == ("revised", Decimal(99))
    assert [one["high"] for one in explained.earlier_versions] == [Decimal(12)]
    assert [one["high"] for one in explained.inputs] == [Decimal(99), Decimal(11)]
    assert (minute.inputs_from, minute.close["source"]) == ("archive of binance", "archive")
    was = rows(database_url, "SELECT high FROM analytics.minute_candles_as_of(%s) WHERE open_time = %s", before, AT)
    assert was == [(Decimal(12),)]
    was = rows(
        database_url, "SELECT interval, high FROM analytics.coarse_candles_as_of(%s) WHERE interval = '1w'", before
    )
    assert was == [("1w", Decimal(12))]


def test_the_open_bucket_of_today_is_provisional_and_moves_without_corrections(database_url: str) -> None:
    symbol_id(database_url)
    now = datetime.now(UTC)
    start = now.replace(second=0, microsecond=0) - 4 * MINUTE
    store(database_url, candle(start, "10"), fetched_at=now)
    store(database_url, candle(start + MINUTE, "12"), fetched_at=now)
    assert rows(database_url, "SELECT DISTINCT status FROM analytics.price_candles WHERE interval = '1w'") == [
        ("provisional",)
    ]
    assert rows(database_url, "SELECT count(*) FROM candles.coarse_candles_revisions WHERE interval = '1w'") == [(0,)]


def test_a_quiet_minute_at_an_unseen_price_widens_the_range_to_its_close(database_url: str) -> None:
    symbol_id(database_url)
    store(database_url, candle(AT, "10 11 9 10"), candle(AT + MINUTE, "12", "0"))
    found = rows(database_url, "SELECT open, high, low, close, samples, coverage FROM candles.coarse_candles LIMIT 1")
    assert found == [(10, 12, 9, 12, 2, Decimal("0.4"))]


def test_what_is_marked_is_built_once_more(database_url: str) -> None:
    one = symbol_id(database_url)
    store(database_url, *(candle(AT + step * MINUTE) for step in range(7)))
    before = held(database_url)
    with transaction(database_url) as connection:
        connection.execute("DELETE FROM candles.coarse_candles")
        assert mark_candles(connection, one, start=AT, end=AT + timedelta(days=1)) == 2
        assert marked_symbols(connection) == [one]
        build_candles(connection, [one], recorded_at=lock_candles(connection, [one]))
    assert held(database_url) == before
    assert FACTS[1] in before


def test_less_than_what_stands_is_never_built(database_url: str) -> None:
    one = symbol_id(database_url)
    store(database_url, *(candle(AT + step * MINUTE) for step in range(2)))
    before = held(database_url)[FACTS[1]]
    with transaction(database_url) as connection:
        connection.execute("DELETE FROM candles.minute_candles WHERE open_time = %s", (AT,))
        mark_candles(connection, one, start=AT, end=AT + timedelta(days=1))
        build_candles(connection, [one], recorded_at=lock_candles(connection, [one]))
    assert held(database_url)[FACTS[1]] == before


def test_the_summary_is_refreshed_while_it_is_read(database_url: str) -> None:
    symbol_id(database_url)
    store(database_url, candle(AT, "10"), candle(AT + 2 * MINUTE, "12"))
    with transaction(database_url) as connection:
        refresh_symbol_summary(connection)
    assert rows(database_url, "SELECT symbol, candle_count, last_price, last_update FROM analytics.symbol_summary") == [
        ("BTCUSDT", 2, Decimal(12), AT + 3 * MINUTE - timedelta(milliseconds=1))
    ]


def listed(symbol: str, base: str, **more: Any) -> ListedSymbol:
    return ListedSymbol(**{"symbol": symbol, "base": base, "quote": "USDT", "status": "trading"} | more)


def test_an_exchange_s_list_is_taken_over_and_what_left_it_is_closed(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO market.assets (slug, symbol, name, market_cap_rank, is_active, provenance, first_seen_at,"
            " last_seen_at) VALUES ('bitcoin', 'BTC', 'Bitcoin', 1, true, '{}', now(), now()),"
            " ('bitcoin-copy', 'BTC', 'Copy', 900, true, '{}', now(), now())"
        )
    first = [listed("BTCUSDT", "BTC", price_step=Decimal("0.01")), listed("OLDUSDT", "OLD")]
    with transaction(database_url) as connection:
        told = sync_symbols(connection, "binance", first, seen_at=LATER, whole=True)
        assert (told.listed, told.new, told.changed, told.closed) == (2, 2, 0, 0)
    with transaction(database_url) as connection:
        next_day = LATER + timedelta(days=1)
        told = sync_symbols(
            connection, "binance", [listed("BTCUSDT", "BTC", status="halted")], seen_at=next_day, whole=True
        )
        assert (told.new, told.changed, told.closed) == (0, 1, 1)
        found = symbols_of(connection, "binance")
    assert (found["BTCUSDT"].status, found["OLDUSDT"].status) == ("halted", "closed")
    assert found["OLDUSDT"].delisted_at == next_day
    assert rows(
        database_url, "SELECT symbol, slug, precision_price, is_active FROM analytics.symbols ORDER BY symbol"
    ) == [("BTCUSDT", "bitcoin", 2, True), ("OLDUSDT", None, None, False)]


def test_market_data_are_the_hours_of_the_pair_in_dollars_that_traded_most(database_url: str) -> None:
    thin, deep = (symbol_id(database_url, exchange=exchange) for exchange in ("thin", "deep"))
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO market.assets (slug, symbol, name, is_active, provenance, first_seen_at, last_seen_at)"
            " VALUES ('bitcoin', 'BTC', 'Bitcoin', true, '{}', now(), now())"
        )
        connection.execute("UPDATE candles.symbols SET asset_id = (SELECT asset_id FROM market.assets)")
    store(database_url, candle(AT, "10", "1", symbol=thin), candle(AT, "11", "5", symbol=deep))
    assert rows(
        database_url, "SELECT timestamp, close_price, volume, data_source, slug FROM analytics.market_data"
    ) == [(AT.replace(minute=0), Decimal(11), Decimal(55), "deep", "bitcoin")]
