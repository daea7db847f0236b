"""Arrays that are written as text are to PostgreSQL what the driver would have made of the values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest

from cryptoflow.warehouse.arrays import instant_array, integer_array

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSTANTS = [
    NOON,
    NOON,
    NOON + timedelta(microseconds=1),
    NOON.astimezone(timezone(timedelta(hours=-5))),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


@pytest.mark.parametrize("values", [INSTANTS, INSTANTS[:1], []])
def test_instants(empty_database_url: str, values: list[datetime]) -> None:
    with psycopg.connect(empty_database_url) as connection:
        row = connection.execute(
            "SELECT %s::timestamptz[] = %s::timestamptz[], cardinality(%s::timestamptz[])",
            (instant_array(values), values, instant_array(values)),
        ).fetchone()
    assert row == (True, len(values))


@pytest.mark.parametrize("values", [[1, -2, 0, 2**31 - 1], [7], []])
def test_integers(empty_database_url: str, values: list[int]) -> None:
    with psycopg.connect(empty_database_url) as connection:
        row = connection.execute("SELECT %s::int[]", (integer_array(values),)).fetchone()
    assert row == (values,)
