"""Rows in quarantine as the records that they were: what a stage held is written there as JSON, name by name.

PostgreSQL reads them back by the types of the table, so that no digit is lost. What does not belong here: storing them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from psycopg import sql
from psycopg.rows import dict_row

from cryptoflow.contracts.candles import minute_candles
from cryptoflow.contracts.closes import market_chart_points, market_snapshots
from cryptoflow.warehouse.candles import Candle, Origin
from cryptoflow.warehouse.chart_points import ChartPoint
from cryptoflow.warehouse.naming import table_name
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.records import names_of
from cryptoflow.warehouse.snapshots import Snapshot


def as_snapshot(connection: Connection, text: str) -> Snapshot:
    """A row of raw.market_snapshots."""
    return Snapshot(**_named(_values(connection, market_snapshots, text), Snapshot))


def as_chart_point(connection: Connection, text: str) -> ChartPoint:
    """A row of raw.market_chart_points."""
    return ChartPoint(**_named(_values(connection, market_chart_points, text), ChartPoint))


def as_candle(connection: Connection, text: str) -> tuple[Candle, Origin]:
    """A row of candles.minute_candles, and where it came from."""
    values = _values(connection, minute_candles, text)
    return Candle(**_named(values, Candle)), Origin(**_named(values, Origin))


def _values(connection: Connection, table: sa.Table, text: str) -> dict[str, Any]:
    query = sql.SQL("SELECT * FROM jsonb_populate_record(NULL::{}, %s::jsonb)").format(table_name(table))
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, (text,)).fetchone()
    assert row is not None
    return row


def _named(values: dict[str, Any], record: type[Any]) -> dict[str, Any]:
    return {name: values[name] for name in names_of(record)}
