"""Bytes to records: exact numbers, bad rows set apart, errors that name the place."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cryptoflow.sources.coingecko import CoinListing, MarketRow, chart_from
from cryptoflow.sources.coinmarketcap import CoinIdentity, _quote_rows, _rows_in_data, _WireListing, credits_for
from cryptoflow.sources.decode import decode_rows, instant_from_ms, json_problem, split
from cryptoflow.sources.errors import UnexpectedShape
from cryptoflow.sources.ledger import RawAnswer

ROW = {
    "id": "alpha", "symbol": "alp", "name": "Alpha", "image": "https://example.org/a.png", "current_price": 1,
    "market_cap": 10, "market_cap_rank": 1, "fully_diluted_valuation": None, "total_volume": 2.5,
    "circulating_supply": 10.0, "last_updated": "2026-01-01T10:00:00.123Z", "a_field_of_tomorrow": {"x": [1]},
}  # fmt: skip


def answer(body: bytes | str | object) -> RawAnswer:
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return RawAnswer(
        provider="coingecko", endpoint="coins/markets", url_redacted="", params={}, status=200, headers={}, body=raw,
        fetched_at=datetime(2026, 1, 1, tzinfo=UTC), elapsed_ms=1, attempts=1,
        payload_sha256=hashlib.sha256(raw).digest(),
    )  # fmt: skip


def with_price(literal: str, **changes: object) -> str:
    return json.dumps({**ROW, **changes, "current_price": "@"}).replace('"@"', literal)


@pytest.mark.parametrize(
    "literal",
    ["0.0000000012", "1.2e-9", "1.2E-09", "589000000000000", "5.89e14", "5.89E+14", "1e18", "0", "-0.0", "1.10",
     "123456789012345678901234567890.123456789012345678901234567890", "18446744073709551616"],
)  # fmt: skip
def test_numbers_are_exact(literal: str) -> None:
    (row,) = decode_rows(answer(f"[{with_price(literal)}]"), MarketRow).good
    assert row.price_usd == Decimal(literal)


def test_a_row_is_read_whole() -> None:
    (row,) = decode_rows(answer([ROW]), MarketRow).good
    assert row.coingecko_id == "alpha"
    assert row.volume_24h_usd == Decimal("2.5")
    assert row.fully_diluted_valuation_usd is None
    assert row.observed_at == datetime(2026, 1, 1, 10, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize(
    "literal", ["NaN", "Infinity", "-Infinity", '"NaN"', '"sNaN"', '"Infinity"', "{}", "[1]", "true", '"n/a"', "1e101"]
)
def test_a_row_with_an_impossible_price_is_set_apart(literal: str) -> None:
    bad_row = with_price(literal)
    rows = decode_rows(answer(f"[{json.dumps(ROW)}, {bad_row} ,{with_price('7', id='beta')}]"), MarketRow)
    assert [row.coingecko_id for row in rows.good] == ["alpha", "beta"]
    assert [(bad.index, bad.raw) for bad in rows.bad] == [(1, bad_row)]
    assert rows.bad[0].reason


def test_a_field_that_vanished_or_changed_type_in_one_row_is_named() -> None:
    without_price = {name: value for name, value in ROW.items() if name != "current_price"}
    rows = decode_rows(answer([ROW, without_price, {**ROW, "id": 5}, {**ROW, "last_updated": "2026-01-01"}]), MarketRow)
    assert len(rows.good) == 1
    assert "current_price" in rows.bad[0].reason
    assert "$.id" in rows.bad[1].reason
    assert "$.last_updated" in rows.bad[2].reason


def test_another_shape_of_all_rows_is_an_error_that_names_the_place() -> None:
    raw = answer([{**ROW, "current_price": {"usd": 1}}] * 3)
    with pytest.raises(UnexpectedShape) as caught:
        decode_rows(raw, MarketRow)
    assert caught.value.path == "$[...].current_price"
    assert caught.value.payload_sha256 == raw.payload_sha256
    assert "coingecko coins/markets" in str(caught.value)


@pytest.mark.parametrize("body", [{"error": 1}, 3, "null", '"text"'])
def test_no_list_where_one_was_due(body: object) -> None:
    with pytest.raises(UnexpectedShape, match="array"):
        decode_rows(answer(body), MarketRow)


def test_a_missing_member_is_named() -> None:
    with pytest.raises(UnexpectedShape, match="`data` is missing"):
        decode_rows(answer({"status": {}}), CoinIdentity, path=("data",))


def test_an_empty_list_is_sound() -> None:
    assert decode_rows(answer([]), CoinListing).good == ()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'[{"a": 1}]', None), (b' {"a": NaN}\n', None), (b"[Infinity, -Infinity]", None), (b"\xef\xbb\xbf[1]", None),
        (b'"text"', None), (b"3", None),
        (b"", "cut"), (b'[{"a": 1}', "cut"), (b'[{"a": 1}, {"b', "cut"), (b'[{"a": 1.', "cut"), (b'[NaN, {"a"', "cut"),
        (b'{"a": -', "cut"), (b"Service Unavailable", "other"), (b"<html></html>", "other"), (b"[1]]", "other"),
        (b"[" * 200_000 + b"]" * 200_000, "other"),
    ],
)  # fmt: skip
def test_what_kind_of_text_it_is(body: bytes, problem: str | None) -> None:
    assert json_problem(body) == problem


def test_splitting_keeps_the_texts() -> None:
    assert split(b' [ {"a": NaN} , 1.50, "x,]" ,[2]]') == [b'{"a": NaN}', b"1.50", b'"x,]"', b"[2]"]
    assert split(b'{"a": NaN, "b\\u0041": {"c": 1}}') == {"a": b"NaN", "bA": b'{"c": 1}'}
    assert split(b"[NaN, 1") is None
    assert split(b"3") is None


@pytest.mark.parametrize("wrong", [0, 1_700_000_000, 1_700_000_000_000_000, -5])
def test_times_of_another_unit_are_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="not a time in milliseconds"):
        instant_from_ms(wrong)
    assert instant_from_ms(1_700_000_000_123) == datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)


def test_a_chart_joins_its_series_and_marks_the_live_point() -> None:
    start, hour = 1_767_225_600_000, 3_600_000
    text = (
        f'{{"prices": [[{start}, 1.5], [{start + hour}, null], [{start + hour + 61}, 2e-9]],'
        f' "market_caps": [[{start}, 10], [{start + hour}, NaN]],'
        f' "total_volumes": [[{start}, 5], [{(start + hour) * 1000}, 6]]}}'
    )
    chart = chart_from("alpha", answer(text), reaches_now=True)
    assert [point.price_usd for point in chart.points] == [Decimal("1.5"), None, Decimal("2e-9")]
    assert [point.is_live for point in chart.points] == [False, False, True]
    assert chart.points[1].market_cap_usd is None
    assert {name: [bad.index for bad in rows] for name, rows in chart.bad.items()} == {
        "market_caps": [1], "total_volumes": [1],
    }  # fmt: skip
    assert not any(point.is_live for point in chart_from("alpha", answer(text), reaches_now=False).points)


def listing(cmc_id: int, quote: object, **changes: object) -> dict[str, object]:
    return {
        "id": cmc_id, "name": "Alpha", "symbol": "ALP", "slug": f"alpha-{cmc_id}", "quote": quote,
        "circulating_supply": 5, "last_updated": "2026-01-01T00:00:00.000Z", **changes,
    }  # fmt: skip


QUOTE = {"price": 1.5, "volume_24h": 2, "market_cap": 7.5, "last_updated": "2026-01-01T00:01:00.000Z"}


@pytest.mark.parametrize(
    "data",
    [
        [listing(1, {"USD": QUOTE}), listing(2, {"USD": QUOTE})],
        [listing(1, [{"id": 2781, "symbol": "USD", **QUOTE}]), listing(2, {"USD": QUOTE})],
        {"1": listing(1, {"USD": QUOTE}), "2": listing(2, {"USD": QUOTE})},
        {"ALP": [listing(1, {"USD": QUOTE}), listing(2, {"USD": QUOTE})]},
    ],
    ids=["list", "quote_list", "by_id", "by_symbol"],
)
def test_quotes_are_read_in_every_form(data: object) -> None:
    rows = _quote_rows(_rows_in_data(answer({"data": data}), _WireListing))
    assert [(row.cmc_id, row.price_usd) for row in rows.good] == [(1, Decimal("1.5")), (2, Decimal("1.5"))]
    assert rows.good[0].observed_at == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_a_quote_in_another_currency_is_a_bad_row() -> None:
    data = [listing(1, {"USD": QUOTE}), listing(2, {"EUR": QUOTE}), listing(3, [{"symbol": "EUR", **QUOTE}])]
    rows = _rows_in_data(answer({"data": data}), _WireListing)
    assert [bad.index for bad in rows.bad] == [1, 2]
    assert "USD" in rows.bad[0].reason


@pytest.mark.parametrize(("rows", "credits"), [(0, 1), (1, 1), (200, 1), (201, 2), (500, 3), (5000, 25)])
def test_credits(rows: int, credits: int) -> None:
    assert credits_for(rows) == credits
