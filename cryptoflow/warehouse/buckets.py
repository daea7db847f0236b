"""Buckets as SQL has them, the twin of `cadence` in statements: which holds an instant, and how long it lasts."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from cryptoflow.cadence import Grain
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.warehouse.naming import table_name

# A truncation for each grain, in UTC whatever the session's zone is; weeks start on Monday.
_BUCKET: Final = {
    Grain.HOUR: "date_bin('1 hour', {}, TIMESTAMPTZ '2000-01-01 00:00:00+00')",
    Grain.DAY: "date_bin('1 day', {}, TIMESTAMPTZ '2000-01-01 00:00:00+00')",
    Grain.WEEK: "date_bin('7 days', {}, TIMESTAMPTZ '2000-01-03 00:00:00+00')",
    Grain.MONTH: "date_trunc('month', {}, 'UTC')",
}


def closes_of(grain: Grain) -> sql.Identifier:
    """The table that holds the buckets of the grain."""
    return table_name(CLOSES[grain])


def bucket_of(grain: Grain, expression: str) -> sql.SQL:
    """The start of the bucket of the grain that holds the instant."""
    return sql.SQL(_BUCKET[grain].format(expression))


def length_of(grain: Grain) -> sql.SQL:
    """How long a bucket lasts, to be added to its start."""
    return sql.SQL(f"INTERVAL '1 {grain.value}'")
