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
from cryptoflow.contracts.contract import revisions_table
from cryptoflow.contracts.velocity import velocity
from cryptoflow.warehouse.merge import telling_columns
from cryptoflow.warehouse.pool import Connection

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
    """A version that follows another became known at the instant at which the other ended."""
    key = [column.name for column in table.primary_key]
    telling = [name for name in telling_columns(table) if name not in _NOT_TOLD]
    figure = next(name for name in _FIGURES if name in table.columns)
    return sql.SQL(
        """
        SELECT
            old.superseded_at, {said_by} AS said_by, {place} AS place, old.{clock} AS at, assets.slug,
            {provider} AS provider, {figure_name} AS figure, old.{figure} AS old_value, new.{figure} AS new_value,
            array_remove(ARRAY[{changed}], NULL) AS changed
        FROM {revisions} AS old
        INNER JOIN market.assets AS assets ON old.asset_id = assets.asset_id
        INNER JOIN LATERAL (
            SELECT {figures} FROM {table} WHERE ({key}) = ({old_key}) AND recorded_at = old.superseded_at
            UNION ALL
            SELECT {figures} FROM {revisions} WHERE ({key}) = ({old_key}) AND recorded_at = old.superseded_at
        ) AS new ON true
        WHERE old.superseded_at >= %(since)s
        """
    ).format(
        said_by=sql.Literal(f"{table.schema}.{table.name}"),
        place=sql.Literal(place),
        clock=sql.Identifier(key[0]),
        provider=sql.SQL("old.provider" if "provider" in key else "NULL::text"),
        figure_name=sql.Literal(figure),
        figure=sql.Identifier(figure),
        changed=sql.SQL(", ").join(
            sql.SQL("CASE WHEN old.{0} IS DISTINCT FROM new.{0} THEN {1} END").format(
                sql.Identifier(name), sql.Literal(name)
            )
            for name in telling
        ),
        revisions=_name(revisions_table(table)),
        table=_name(table),
        figures=sql.SQL(", ").join(map(sql.Identifier, telling)),
        key=sql.SQL(", ").join(map(sql.Identifier, key)),
        old_key=sql.SQL(", ").join(sql.Identifier("old", name) for name in key),
    )


def _name(table: sa.Table) -> sql.Identifier:
    return sql.Identifier(str(table.schema), table.name)
