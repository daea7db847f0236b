"""The book of live feeds on a real database: a batch is written whole or not at all, and taken up where it stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from cryptoflow.collect.feed_book import CaughtUp, FeedBook
from cryptoflow.sources.exchange import ExchangeTrade, StreamRefused
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol, ensure_symbol

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def pair(database_url: str) -> KnownSymbol:
    with transaction(database_url) as connection:
        return ensure_symbol(connection, exchange="binance", symbol="BTCUSDT", base="BTC", quote="USDT", seen_at=AT)


def trade(number: int, *, seconds: float = 0.0, **changes: Any) -> ExchangeTrade:
    given: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "trade_id": number,
        "traded_at": AT + timedelta(seconds=seconds or number),
        "price": Decimal("100.5"),
        "quantity": Decimal("0.25"),
        "buyer_is_maker": False,
        "fills": 2,
    }
    return ExchangeTrade(**given | changes)


def rows(database_url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_trade_is_stored_once_however_often_and_with_whatever_time_it_comes(
    database_url: str, pair: KnownSymbol
) -> None:
    book = FeedBook(database_url, "binance", [pair])
    assert book.store([trade(1), trade(2), trade(2), trade(1, seconds=77)]) == 2
    assert book.store([trade(2, price=Decimal(1)), trade(4)]) == 1
    assert book.feeds["BTCUSDT"].next_trade_id == 3
    assert rows(database_url, "SELECT trade_id, price FROM candles.price_ticks ORDER BY 1") == [
        (1, Decimal("100.5")), (2, Decimal("100.5")), (4, Decimal("100.5")),
    ]  # fmt: skip


def test_what_cannot_be_a_trade_goes_to_quarantine_and_the_rest_is_stored(database_url: str, pair: KnownSymbol) -> None:
    book = FeedBook(database_url, "binance", [pair])
    book.store([trade(1), StreamRefused(raw="{nonsense", reason="no JSON"), trade(2, price=Decimal(-1))])
    assert rows(database_url, "SELECT trade_id FROM candles.price_ticks") == [(1,)]
    assert rows(database_url, "SELECT dataset, provider, rule FROM ops.quarantine ORDER BY rule") == [
        ("candles.price_ticks", "binance", "decodes"),
        ("candles.price_ticks", "binance", "price"),
    ]


def test_a_write_that_fails_leaves_the_feed_as_it_was(database_url: str, pair: KnownSymbol) -> None:
    book = FeedBook(database_url, "binance", [pair])
    book.store([trade(1)])
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("ALTER TABLE candles.trade_feeds RENAME TO elsewhere")
        with pytest.raises(psycopg.errors.UndefinedTable):
            book.store([trade(2)])
        admin.execute("ALTER TABLE candles.elsewhere RENAME TO trade_feeds")
    assert book.feeds["BTCUSDT"].next_trade_id == 2
    assert rows(database_url, "SELECT trade_id FROM candles.price_ticks") == [(1,)]
    assert book.store([trade(2)]) == 1


def test_minutes_are_reckoned_from_whole_trades_from_the_first_whole_minute_on(
    database_url: str, pair: KnownSymbol
) -> None:
    book = FeedBook(database_url, "binance", [pair])
    book.store([trade(1, seconds=30), trade(2, seconds=70, price=Decimal(90)), trade(4, seconds=90)])
    assert book.reckon() == 1
    query = "SELECT open_time, open, close, volume, quote_volume, trade_count, is_final FROM candles.minute_candles"
    minute = AT + timedelta(minutes=1)
    assert rows(database_url, query) == [(minute, 90, 90, Decimal("0.25"), Decimal("22.5"), 2, False)]
    book.store([trade(3, seconds=80, price=Decimal(80))])
    book.reckon()
    figures = (minute, 90, Decimal("100.5"), Decimal("0.75"), Decimal("67.625"), 6, False)
    assert rows(database_url, query) == [figures]


def test_an_answer_that_is_ahead_of_the_stream_is_live_once_the_stream_has_come_as_far(
    database_url: str, pair: KnownSymbol
) -> None:
    before = FeedBook(database_url, "binance", [pair])
    before.store([trade(1)])
    before.turn_down("It broke off.")
    book = FeedBook(database_url, "binance", [pair])
    book.load(reason="It broke off.")
    book.clock_offset = AT - datetime.now(UTC)
    book.begin_connection()
    asked_until = AT + timedelta(seconds=5)
    book.store([trade(2), trade(5), CaughtUp(symbol="BTCUSDT", until=asked_until)])
    assert book.feeds["BTCUSDT"].state == "catching_up"
    book.store([trade(3)])
    assert book.feeds["BTCUSDT"].state == "catching_up"
    book.store([trade(4), trade(9)])
    assert book.feeds["BTCUSDT"].state == "live", "what the stream loses later is another matter"
    outages = "SELECT ends, is_refilled FROM candles.feed_outages"
    assert rows(database_url, outages) == [(asked_until, True)]


def test_what_is_missing_anew_is_asked_for_anew(database_url: str, pair: KnownSymbol) -> None:
    book = FeedBook(database_url, "binance", [pair])
    book.store([trade(1), trade(3), CaughtUp(symbol="BTCUSDT", until=AT)])
    book.turn_to_catching_up(["BTCUSDT"])
    book.store([trade(2)])
    assert book.feeds["BTCUSDT"].state == "catching_up", "the answer that is under way says until when"
    book.store([CaughtUp(symbol="BTCUSDT", until=AT)])
    assert book.feeds["BTCUSDT"].state == "live"


def test_another_collector_takes_up_right_behind_the_last_whole_trade(database_url: str, pair: KnownSymbol) -> None:
    first = FeedBook(database_url, "binance", [pair])
    first.store([trade(1), trade(2), trade(5)])
    first.reckon()
    second = FeedBook(database_url, "binance", [pair])
    second.load(reason="The collector was not running.")
    feed = second.feeds["BTCUSDT"]
    assert (feed.next_trade_id, feed.first_trade_id, feed.state) == (3, 1, "down")
    assert rows(database_url, "SELECT starts, ends, reason FROM candles.feed_outages") == [
        (AT + timedelta(seconds=2), None, "The collector was not running.")
    ]
