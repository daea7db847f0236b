"""Rows by COPY: every value arrives as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.warehouse.copying import copy_rows

TARGET = sa.Table(
    "copied",
    sa.MetaData(),
    sa.Column("place", sa.Integer()),
    sa.Column("number", sa.Numeric()),
    sa.Column("words", sa.Text()),
    sa.Column("bytes", sa.LargeBinary()),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("day", sa.Date()),
    sa.Column("flag", sa.Boolean()),
    sa.Column("document", pg.JSONB()),
    sa.Column("list", pg.ARRAY(sa.Text())),
)
NOTHING: dict[str, Any] = dict.fromkeys(column.name for column in TARGET.columns)


def copied(database_url: str, *given: dict[str, Any]) -> list[dict[str, Any]]:
    """What arrives of the rows, in order."""
    rows = [tuple((NOTHING | row | {"place": place}).values()) for place, row in enumerate(given)]
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE copied (place integer, number numeric, words text, bytes bytea, at timestamptz,"
            " day date, flag boolean, document jsonb, list text[])"
        )
        assert copy_rows(connection, sql.Identifier("copied"), list(TARGET.columns), iter(rows)) == len(given)
        found = connection.execute("SELECT * FROM copied ORDER BY place").fetchall()
    return [dict(zip(NOTHING, row, strict=True)) for row in found]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", Decimal("0.000000000000000000000000000012")),
        ("number", Decimal("1E+30")),
        ("number", Decimal("-0.10")),
        ("number", 589_000_000_000_000),
        ("words", ""),
        ("words", "None"),
        ("words", "\\N"),
        ("words", "a\tb\nc\rd\\e \u2400 \U0001f40b"),
        ("bytes", b""),
        ("bytes", bytes(range(256))),
        ("at", datetime(2026, 3, 4, 12, 0, 0, 1, tzinfo=UTC)),
        ("at", datetime(2026, 3, 4, 12, 0, tzinfo=timezone(timedelta(hours=-5, minutes=-30)))),
        ("day", date(1999, 12, 31)),
        ("flag", False),
        ("list", ["a,b", 'c"d', "None", ""]),
    ],
)
def test_a_value_arrives_as_it_was(database_url: str, name: str, value: object) -> None:
    ((row,)) = copied(database_url, {name: value})
    assert row == NOTHING | {"place": 0, name: value}
    if isinstance(value, Decimal):
        assert row[name].as_tuple().exponent == min(value.as_tuple().exponent, 0), "with all its digits"


def test_what_is_no_number_is_left_to_the_rules(database_url: str) -> None:
    first, second = copied(database_url, {"number": Decimal("NaN")}, {"number": Decimal("-Infinity")})
    assert first["number"].is_nan()
    assert second["number"] == Decimal("-Infinity")


def test_documents_arrive_as_the_driver_writes_them(database_url: str) -> None:
    document = {"a": [1, None, 'tab\tand \\ and "quotes"'], "None": {}}
    assert copied(database_url, {"document": Jsonb(document)})[0]["document"] == document


def test_more_rows_than_are_written_at_once(database_url: str) -> None:
    found = copied(database_url, *({"number": Decimal(n)} for n in range(2_500)))
    assert [row["number"] for row in found] == list(range(2_500))
