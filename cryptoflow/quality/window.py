"""The stretch of a table that a suite looks at, and the queries over it, with the instants written out.

Instants are literals, so that PostgreSQL sees at planning time which partitions are asked for. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import sql

from cryptoflow.contracts import contract_of
from cryptoflow.quality.rules import NoRow, Suite
from cryptoflow.warehouse.naming import table_name

_ENDS: Final = "%(ends)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """[starts, ends) of the table's clock; `starts` None: the whole table."""

    starts: datetime | None
    ends: datetime


def window_of(suite: Suite, *, now: datetime) -> Window:
    """The window that ends now."""
    return Window(starts=None if suite.reach is None else now - suite.reach, ends=now)


def batch_query(suite: Suite, window: Window) -> str:
    """Every row of the window, with whatever columns the table has."""
    table = table_name(suite.table)
    if window.starts is None:
        return sql.SQL("SELECT * FROM {}").format(table).as_string()
    return (
        sql.SQL("SELECT * FROM {table} WHERE {clock} >= {starts} AND {clock} < {ends}")
        .format(
            table=table,
            clock=sql.Identifier(str(contract_of(suite.table).clock)),
            starts=_instant(window.starts),
            ends=_instant(window.ends),
        )
        .as_string()
    )


def rule_query(rule: NoRow, window: Window) -> str:
    """The rule's query with the window's end in it; `{batch}` is left for Great Expectations."""
    return rule.query.replace(_ENDS, _instant(window.ends).as_string()).strip()


def _instant(moment: datetime) -> sql.Composed:
    return sql.SQL("TIMESTAMPTZ {}").format(sql.Literal(moment.isoformat()))
