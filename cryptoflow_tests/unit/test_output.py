"""What leaves the command line: every digit, every NULL, every document, in all four forms."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.errors import UsageError

DUST = Decimal("0.0000000012")
SUPPLY = Decimal("589264000000000.00000000000000000001")


def written(result: Rows, form: Format, folder: Path) -> bytes:
    target = folder / "out"
    print_rows(result, form=form, output=target)
    return target.read_bytes()


def column(*values: object) -> Rows:
    return Rows(columns=("x",), rows=[(value,) for value in values])


def test_json_keeps_every_digit_of_a_decimal(tmp_path: Path) -> None:
    text = written(column(DUST, SUPPLY, Decimal("1E+30"), None), Format.JSON, tmp_path)
    values = [row["x"] for row in json.loads(text, parse_float=Decimal, parse_int=Decimal)]
    assert values == [DUST, SUPPLY, Decimal("1E+30"), None]
    assert b"589264000000000.00000000000000000001" in text


def test_csv_keeps_every_digit_of_a_decimal_without_an_exponent(tmp_path: Path) -> None:
    text = written(column(DUST, SUPPLY, Decimal("1E+3"), Decimal("-0.10")), Format.CSV, tmp_path).decode()
    assert text.splitlines() == ["x", "0.0000000012", str(SUPPLY), "1000", "-0.10"]


def test_parquet_keeps_every_digit_of_a_decimal(tmp_path: Path) -> None:
    table = read_parquet(written(column(DUST, SUPPLY, None), Format.PARQUET, tmp_path))
    assert table["x"] == [DUST, SUPPLY, None]


def test_a_table_shows_every_digit_of_a_decimal(tmp_path: Path) -> None:
    text = written(column(DUST, SUPPLY), Format.TABLE, tmp_path).decode()
    assert "0.0000000012" in text
    assert str(SUPPLY) in text


def test_null_and_an_empty_text_are_told_apart(tmp_path: Path) -> None:
    result = Rows(columns=("a", "b"), rows=[(None, ""), ("", None)])
    assert json.loads(written(result, Format.JSON, tmp_path)) == [{"a": None, "b": ""}, {"a": "", "b": None}]
    assert written(result, Format.CSV, tmp_path) == b'a,b\n,""\n"",\n'
    assert read_parquet(written(result, Format.PARQUET, tmp_path)) == {"a": [None, ""], "b": ["", None]}


def test_csv_comes_back_as_it_left(tmp_path: Path) -> None:
    rows = [("a,b", 'say "hi"'), ("two\nlines", "cr\rlf\r\n"), (" spaces ", "币安"), ("=1+1", "'")]
    text = written(Rows(columns=("one, two", "b"), rows=rows), Format.CSV, tmp_path).decode()
    assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))] == [("one, two", "b"), *rows]


def test_documents_are_json_in_every_form(tmp_path: Path) -> None:
    document = {"a": [1, None, {"b": "ü"}], "price": Decimal("0.12345678901234567890")}
    as_text = '{"a":[1,null,{"b":"ü"}],"price":0.12345678901234567890}'
    result = column(document, [1, 2])
    told = json.loads(written(result, Format.JSON, tmp_path), parse_float=Decimal)
    assert told == [{"x": document}, {"x": [1, 2]}]
    lines = list(csv.reader(io.StringIO(written(result, Format.CSV, tmp_path).decode())))
    assert lines == [["x"], [as_text], ["[1,2]"]]
    assert read_parquet(written(result, Format.PARQUET, tmp_path))["x"] == [as_text, "[1,2]"]
    assert as_text in written(result, Format.TABLE, tmp_path).decode()


def test_what_is_not_a_number_is_null_where_the_form_has_no_word_for_it(tmp_path: Path) -> None:
    result = column(Decimal("NaN"), Decimal("Infinity"), Decimal("1.5"))
    assert [row["x"] for row in json.loads(written(result, Format.JSON, tmp_path))] == [None, None, 1.5]
    assert read_parquet(written(result, Format.PARQUET, tmp_path))["x"] == [None, None, Decimal("1.5")]
    assert written(result, Format.CSV, tmp_path) == b"x\nNaN\nInfinity\n1.5\n"


def test_other_kinds_of_values(tmp_path: Path) -> None:
    instant = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
    span, moment, key = timedelta(hours=30), time(12, 30), UUID(int=5)
    names = ("at", "day", "span", "moment", "key", "hash", "yes", "count")
    result = Rows(columns=names, rows=[(instant, date(2026, 1, 2), span, moment, key, b"\x00\xff", True, 3)])
    parquet = read_parquet(written(result, Format.PARQUET, tmp_path))
    assert parquet == {
        "at": [instant], "day": [date(2026, 1, 2)], "span": ["1 day, 6:00:00"], "moment": ["12:30:00"],
        "key": [str(key)], "hash": [b"\x00\xff"], "yes": [True], "count": [3],
    }  # fmt: skip
    (row,) = json.loads(written(result, Format.JSON, tmp_path))
    assert (row["at"], row["day"], row["key"]) == ("2026-01-02T03:04:05.600000Z", "2026-01-02", str(key))
    assert (row["hash"], row["yes"], row["count"]) == ("AP8=", True, 3)
    line = written(result, Format.CSV, tmp_path).decode().splitlines()[1]
    assert line == f'2026-01-02 03:04:05.600000+00:00,2026-01-02,"1 day, 6:00:00",12:30:00,{key},\\x00ff,True,3'


@pytest.mark.parametrize("form", [Format.JSON, Format.PARQUET])
def test_two_columns_of_one_name_are_refused_where_one_would_vanish(form: Format, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="called 'a'") as caught:
        written(Rows(columns=("a", "a"), rows=[(1, 2)]), form, tmp_path)
    assert "AS" in caught.value.cure
    assert written(Rows(columns=("a", "a"), rows=[(1, 2)]), Format.CSV, tmp_path) == b"a,a\n1,2\n"


def test_a_decimal_beyond_parquet_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Parquet cannot hold the column 'x'"):
        written(column(Decimal("1E+80")), Format.PARQUET, tmp_path)


@pytest.mark.parametrize("form", list(Format))
def test_an_answer_without_rows_still_has_its_columns(form: Format, tmp_path: Path) -> None:
    body = written(Rows(columns=("a", "b"), rows=[]), form, tmp_path)
    expected = {Format.JSON: b"[]\n", Format.CSV: b"a,b\n"}
    if form in expected:
        assert body == expected[form]
    elif form is Format.PARQUET:
        assert read_parquet(body) == {"a": [], "b": []}
    else:
        assert body.split()[:3] == [b"a", "│".encode() if b"\xe2\x94\x82" in body else "┃".encode(), b"b"]


@pytest.mark.parametrize("value", ["[/]", "[red]x[/red]", "[link=https://x.example]y[/link]"])
def test_square_brackets_in_a_table_are_no_markup(value: str, tmp_path: Path) -> None:
    assert value in written(Rows(columns=(value,), rows=[(value,)]), Format.TABLE, tmp_path).decode()


def test_a_table_that_is_piped_is_not_folded(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    print_rows(column("x" * 300), form=Format.TABLE)
    assert b"x" * 300 in capfdbinary.readouterr().out


def test_parquet_does_not_spoil_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(UsageError, match="Parquet is binary"):
        print_rows(column(1), form=Format.PARQUET)


def test_a_file_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="could not be written"):
        print_rows(column(1), form=Format.JSON, output=tmp_path / "no" / "such" / "folder")


def test_print_json_writes_decimals_as_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"price": DUST, "path": Path("a/b")})
    assert json.loads(capsys.readouterr().out, parse_float=Decimal) == {"price": DUST, "path": "a/b"}


def read_parquet(body: bytes) -> dict[str, list[object]]:
    found: dict[str, list[object]] = pq.read_table(io.BytesIO(body)).to_pydict()
    return found
