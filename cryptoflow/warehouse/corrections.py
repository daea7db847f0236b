"""What was corrected: rows that said one thing, once final, and say another now.

The statement is composed from the contracts, so that a new figure is compared without a change here.
What does not belong here: making corrections (merge).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts.close_quality import close_quality
from cryptoflow.contracts.closes import CLOSES, SAMPLES
from cryptoflow.contracts.velocity import velocity
from cryptoflow.warehouse.merge import telling_columns
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.superseded import superseded

# The first that a table has is what it is about.
_FIGURES: Final = ("price_usd", "velocity", "data_quality_score")
# How a row was computed, not what it says.
_NOT_TOLD: Final = frozenset({"formula_version", "integral", "held_seconds", "held_24h_seconds"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One row that was changed. `at` is its bucket, or when a sample was observed; `changed` names the columns.

    `figure` is what the table is about: its old and new value are told.
    """

    superseded_at: datetime
    table: str
    at: datetime
    slug: str
    provider: str | None
    figure: str
    old_value: Decimal | None
    new_value: Decimal | None
    changed: Sequence[str]


def corrections_since(connection: Connection, instant: datetime) -> list[Correction]:
    """Every correction since the instant, oldest first; from fine to coarse where they were made together."""
    names = tuple(Correction.__dataclass_fields__)
    rows = connection.execute(_statement(), {"since": instant})
    return [Correction(**dict(zip(names, row, strict=True))) for row in rows]


@cache
def _statement() -> sql.Composed:
    tables = (*SAMPLES, *CLOSES.values(), velocity, close_quality)
    parts = [_of_table(table, place) for place, table in enumerate(tables)]
    return (
        sql.SQL("SELECT superseded_at, said_by, at, slug, provider, figure, old_value, new_value, changed FROM (")
        + sql.SQL(" UNION ALL ").join(parts)
        + sql.SQL(") AS corrections ORDER BY superseded_at, place, at, slug, provider")
    )


def _of_table(table: sa.Table, place: int) -> sql.Composed:
    telling = [name for name in telling_columns(table) if name not in _NOT_TOLD]
    figure = next(name for name in _FIGURES if name in table.columns)
    has_provider = "provider" in table.primary_key
    what = [
        sql.SQL("{} AS said_by").format(sql.Literal(f"{table.schema}.{table.name}")),
        sql.SQL("{} AS place").format(sql.Literal(place)),
        sql.SQL("old.{} AS at").format(sql.Identifier(next(iter(table.primary_key)).name)),
        sql.SQL("assets.slug"),
        sql.SQL("old.provider" if has_provider else "NULL::text AS provider"),
        sql.SQL("{} AS figure").format(sql.Literal(figure)),
        sql.SQL("old.{0} AS old_value, new.{0} AS new_value").format(sql.Identifier(figure)),
    ]
    assets = sql.SQL("INNER JOIN market.assets AS assets ON old.asset_id = assets.asset_id")
    return superseded(table, telling, of=assets, what=what)
