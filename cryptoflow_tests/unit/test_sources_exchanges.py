"""What exchanges say, read: rows exact from the text, what does not fit set apart, messages of streams."""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptoflow.cadence import CANDLE_INTERVALS
from cryptoflow.settings import Settings, load_settings
from cryptoflow.simulator.limits import DEFAULT_QUOTAS
from cryptoflow.simulator.providers import PROVIDER_NAMES
from cryptoflow.sources import binance, coinbase
from cryptoflow.sources.binance_archive import ArchiveFile, days_of, files_for
from cryptoflow.sources.errors import NotFound, ProviderUnavailable, RateLimited, UnexpectedShape
from cryptoflow.sources.exchange import ExchangeTrade, StreamNotice, StreamRefused
from cryptoflow.sources.exchanges import exchange_names, traits_of
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.providers import provider_from_settings
from cryptoflow.sources.verdicts import Answer, judge_binance

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROW: list[Any] = [
    1_700_000_000_000, "0.00000012", "0.00000013", "0.00000011", "0.00000012", "123456789012345.5",
    1_700_000_059_999, "14.81481468", 7, "1.00000000", "0.00000012", "0",
]  # fmt: skip


@pytest.mark.parametrize("name", exchange_names())
def test_an_exchange_is_whole(name: str) -> None:
    """All that the platform must know of it, beside how it is asked."""
    traits, provider = traits_of(name), provider_from_settings(load_settings(), name)
    assert provider.stream_url
    assert provider.stream_url.startswith("wss://")
    assert not provider.needs_key
    assert traits.intervals[0] == "1m"
    assert set(traits.intervals) <= set(CANDLE_INTERVALS)
    assert traits.usual_quotes
    assert name in load_settings().exchanges
    assert {name, f"{name}_stream"} <= set(PROVIDER_NAMES), "the simulator plays it"
    assert {name, f"{name}_stream"} <= set(DEFAULT_QUOTAS), "the simulator limits it"
    assert f"{name}_" in " ".join(Settings.model_fields), "its rate can be set"


def answer(body: object) -> RawAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RawAnswer(
        provider="binance",
        endpoint="klines",
        url_redacted="",
        params={},
        status=200,
        headers={},
        body=raw,
        fetched_at=NOW,
        elapsed_ms=1,
        attempts=1,
        payload_sha256=hashlib.sha256(raw).digest(),
    )


def test_a_candle_is_exact_to_the_last_digit_and_extra_columns_mean_nothing() -> None:
    (row,) = binance.klines(answer([[*ROW, "more"]])).good
    assert (row.open_price, row.volume) == (Decimal("0.00000012"), Decimal("123456789012345.5"))
    assert str(row.quote_volume) == "14.81481468"


@pytest.mark.parametrize(
    "change",
    [
        {1: "NaN"},
        {1: "1e400"},
        {5: "12,5"},
        {5: None},
        {0: 1_700_000_000},
        {0: 1_700_000_000_000_000},
        {6: "soon"},
        {8: 1.5},
    ],
)
def test_a_row_that_does_not_fit_is_set_apart_whole_and_spoils_no_other(change: dict[int, object]) -> None:
    broken = [change.get(place, value) for place, value in enumerate(ROW)]
    rows = binance.klines(answer([ROW, broken]))
    assert len(rows.good) == 1
    assert [json.loads(bad.raw) for bad in rows.bad] == [broken]
    assert rows.bad[0].reason


def test_rows_that_are_too_short_are_no_candles() -> None:
    with pytest.raises(UnexpectedShape):
        binance.klines(answer([ROW[:9]]))


def binance_says(status: int, code: int | None, *, headers: dict[str, str] | None = None) -> Any:
    body = json.dumps({"code": code, "msg": "so it is"}).encode() if code else b"<html>"
    return judge_binance(
        Answer(provider="binance", endpoint="klines", status=status, headers=headers or {}, body=body, received_at=NOW)
    ).error


def test_binance_refusals_have_their_verdicts() -> None:
    assert isinstance(binance_says(400, -1121), NotFound)
    assert isinstance(binance_says(429, -1003), RateLimited)
    assert isinstance(binance_says(503, -1008), ProviderUnavailable)
    assert isinstance(binance_says(502, None), ProviderUnavailable)
    assert binance_says(200, None) is None


def test_a_ban_is_believed_for_as_long_as_it_is_said() -> None:
    banned = binance_says(418, -1003, headers={"retry-after": "7200"})
    assert banned.retry_after_seconds == 7_200
    limited = binance_says(429, -1003, headers={"retry-after": "7200"})
    assert limited.retry_after_seconds == 300


def test_a_streamed_order_is_a_trade_with_its_fills() -> None:
    message = {
        "e": "aggTrade", "E": 1, "s": "BTCUSDT", "a": 5, "p": "0.001", "q": "100", "f": 100, "l": 102,
        "T": 1_700_000_000_123, "m": True, "M": True,
    }  # fmt: skip
    assert binance.read_message(json.dumps(message)) == ExchangeTrade(
        symbol="BTCUSDT",
        trade_id=5,
        traded_at=datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC),
        price=Decimal("0.001"),
        quantity=Decimal(100),
        buyer_is_maker=True,
        fills=3,
    )


def test_other_messages_of_a_stream_are_signs_of_life_farewells_or_refused() -> None:
    assert binance.read_message('{"result":null,"id":1}') == StreamNotice()
    assert binance.read_message('{"e":"serverShutdown","E":1}') == StreamNotice(ends=True)
    assert isinstance(binance.read_message('{"error":{"code":2,"msg":"no"},"id":1}'), StreamRefused)
    assert isinstance(binance.read_message('{"e":"aggTrade","s":"BTCUSDT","a":"x"}'), StreamRefused)
    assert isinstance(binance.read_message("no json"), StreamRefused)
    assert coinbase.read_message('{"type":"heartbeat"}') == StreamNotice()
    assert isinstance(coinbase.read_message('{"type":"error","message":"no"}'), StreamRefused)
    assert isinstance(coinbase.read_message('{"type":"match","trade_id":1}'), StreamRefused)


def test_a_coinbase_match_tells_the_side_of_the_maker() -> None:
    match = {
        "type": "match", "trade_id": 10, "product_id": "BTC-USD", "time": "2014-11-07T08:19:27.028459Z",
        "size": "5.23512", "price": "400.23", "side": "sell",
    }  # fmt: skip
    trade = coinbase.read_message(json.dumps(match))
    assert isinstance(trade, ExchangeTrade)
    assert (trade.symbol, trade.trade_id, trade.buyer_is_maker, trade.fills) == ("BTC-USD", 10, False, 1)
    assert trade.traded_at == datetime(2014, 11, 7, 8, 19, 27, 28_459, tzinfo=UTC)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_whole_months_first_then_days_and_what_is_not_published_is_left_to_rest() -> None:
    files = files_for("BTCUSDT", "1m", start=day("2026-09-15"), end=NOW, now=NOW)
    assert [file.name for file in files[:3]] == [
        "BTCUSDT-1m-2026-09.zip",
        "BTCUSDT-1m-2026-10.zip",
        "BTCUSDT-1m-2026-11-01.zip",
    ]
    assert files[-1].name == "BTCUSDT-1m-2026-11-19.zip"
    assert files[-1].path == "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-11-19.zip"
    assert all(before.ends == after.starts for before, after in itertools.pairwise(files))


@pytest.mark.parametrize(("now", "whole"), [("2026-11-02T12:00", False), ("2026-11-03T04:00", True)])
def test_a_month_is_there_after_its_first_monday(now: str, whole: bool) -> None:
    files = files_for("BTCUSDT", "1m", start=day("2026-10-01"), end=day("2026-11-01"), now=day(now))
    assert [file.kind for file in files] == (["monthly"] if whole else ["daily"] * 31)


def test_the_days_of_a_month_are_those_that_the_span_touches() -> None:
    month = ArchiveFile(symbol="BTCUSDT", interval="1m", kind="monthly", starts=day("2024-02-01"))
    days = days_of(month, start=day("2024-02-27T12:00"), end=day("2024-03-05"), now=NOW)
    assert [file.starts for file in days] == [day("2024-02-27"), day("2024-02-28"), day("2024-02-29")]
    assert month.ends - month.starts == timedelta(days=29)
