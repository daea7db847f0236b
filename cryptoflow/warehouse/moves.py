"""What moved within a transaction: a note of every close that was written, with what it said before.

Coarser closes are folded from these notes (rollups) instead of being read anew from all of their finer rows. The notes
are temporary tables of the session; the statements that merge closes write them (merge). They are taken away when
everything coarser follows, and at the latest with the end of the transaction.
What does not belong here: what follows from a move.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.pool import Connection

# What a coarser close takes over from the last of its finer ones.
LAST_FIGURES: Final = (
    "price_usd",
    "market_cap_usd",
    "volume_24h_usd",
    "circulating_supply",
    "total_supply",
    "max_supply",
    "market_cap_rank",
)
# Columns of a note -> what they are, and where they stand in a minute's close, which is its own first and last.
_SPAN: Final = {
    "open_usd": ("numeric", "price_usd"),
    "high_usd": ("numeric", "price_usd"),
    "low_usd": ("numeric", "price_usd"),
    "first_at": ("timestamptz", "bucket"),
    "last_at": ("timestamptz", "bucket"),
}
_WAS: Final = ("high_usd", "low_usd", "last_at")
_NOTED: Final = tuple(grain for grain in Grain if any(row.built_from is grain for row in CADENCES.values()))


def span_column(grain: Grain, name: str) -> str:
    """The column in which closes of the grain hold one of open, high, low, first and last."""
    return _SPAN[name][1] if grain is Grain.MINUTE else name


def span_columns() -> tuple[str, ...]:
    """The columns that tell what a finer close spans."""
    return tuple(_SPAN)


def notes_of(table: sa.Table) -> sql.Identifier | None:
    """The notes of a table in this session; None when nothing coarser is built from it."""
    return sql.Identifier(f"moved_{table.name}") if any(table is CLOSES[grain] for grain in _NOTED) else None


def open_notes(connection: Connection) -> None:
    """Make sure that there is a place for notes. Before the first close of a transaction is written."""
    for grain in _NOTED:
        connection.execute(_create_notes(grain))


def take_notes_away(connection: Connection) -> None:
    """Everything coarser follows: what is noted from now on is another move."""
    for grain in _NOTED:
        connection.execute(sql.SQL("DELETE FROM {}").format(_notes(grain)))


def noting(table: sa.Table) -> sql.Composed | None:
    """The step of a merge that notes what `merged` returns. A close moves once before its coarser ones are built."""
    grain = next((grain for grain in _NOTED if CLOSES[grain] is table), None)
    if grain is None:
        return None
    now = (*span_columns(), *LAST_FIGURES)
    return sql.SQL(
        """
        noted AS (
            INSERT INTO {notes} (bucket, asset_id, was_there, {was}, {now})
            SELECT key_bucket, key_asset_id, was_there, {old}, {new} FROM merged
        ),
        """
    ).format(
        notes=_notes(grain),
        was=column_list(f"was_{name}" for name in _WAS),
        old=column_list(f"old_{span_column(grain, name)}" for name in _WAS),
        now=column_list(now),
        new=column_list(f"new_{name}" for name in _written(grain)),
    )


def noted_columns(table: sa.Table) -> tuple[str, ...]:
    """The columns of a table whose new values a note takes."""
    grain = next((grain for grain in _NOTED if CLOSES[grain] is table), None)
    return tuple(dict.fromkeys(_written(grain))) if grain else ()


def _written(grain: Grain) -> tuple[str, ...]:
    return (*(span_column(grain, name) for name in span_columns()), *LAST_FIGURES)


def _notes(grain: Grain) -> sql.Identifier:
    name = notes_of(CLOSES[grain])
    assert name is not None
    return name


def _create_notes(grain: Grain) -> sql.Composed:
    figures = CLOSES[grain].columns
    columns = [f"was_{name} {_SPAN[name][0]}" for name in _WAS]
    columns += [f"{name} {kind}" for name, (kind, _) in _SPAN.items()]
    columns += [f"{name} {figures[name].type.compile()}" for name in LAST_FIGURES]
    return sql.SQL(
        "CREATE TEMPORARY TABLE IF NOT EXISTS {notes} (bucket timestamptz, asset_id integer, was_there boolean,"
        " {columns}, PRIMARY KEY (bucket, asset_id)) ON COMMIT DELETE ROWS"
    ).format(notes=_notes(grain), columns=sql.SQL(", ").join(map(sql.SQL, columns)))
