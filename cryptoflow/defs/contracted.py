"""From a contract to what Dagster shows: one asset spec per contracted table.

Description, columns, owner, retention and clock are read from the contract, so that the UI cannot say otherwise than
the database does.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from cryptoflow.contracts import contract_of

GRAIN_METADATA = "cryptoflow/cadence"
_DIALECT = postgresql.dialect()


def contract_spec(key: str, table: sa.Table, *, sources: tuple[str, ...] = (), **options: Any) -> dg.AssetSpec:
    """The spec of an asset that is the given table. `sources` are the providers that it asks, shown as kinds."""
    contract = contract_of(table)
    return dg.AssetSpec(
        key,
        description=f"{contract.description}\n\nOne row per {contract.one_row_per}. Kept {contract.retention}.",
        owners=[f"team:{contract.owner}"],
        group_name=str(table.schema),
        kinds={"postgres", "python", *sources},
        metadata={
            "dagster/table_name": f"{table.schema}.{table.name}",
            "dagster/column_schema": column_schema(table),
            "cryptoflow/one_row_per": contract.one_row_per,
            "cryptoflow/clock": contract.clock or "none",
            "cryptoflow/retention": str(contract.retention),
            GRAIN_METADATA: contract.cadence.value if contract.cadence else "as needed",
        },
        **options,
    )


def column_schema(table: sa.Table) -> dg.TableSchema:
    """The columns with types, comments, units and bounds."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=str(column.name),
                type=column.type.compile(dialect=_DIALECT).lower(),
                description=_described(column),
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable),
                    unique=column.primary_key and len(table.primary_key) == 1,
                    other=[*_key(table, column), *_bounds(column)],
                ),
            )
            for column in table.columns
        ]
    )


def _described(column: sa.Column[Any]) -> str:
    unit = column.info.get("unit")
    return f"{column.comment} Unit: {unit}." if unit else str(column.comment)


def _key(table: sa.Table, column: sa.Column[Any]) -> list[str]:
    """A column of a key of several columns is not unique by itself."""
    return ["part of the key"] if column.primary_key and len(table.primary_key) > 1 else []


def _bounds(column: sa.Column[Any]) -> list[str]:
    floor, low, high, choices = (column.info.get(name) for name in ("above", "minimum", "maximum", "one_of"))
    bounds = [f"> {floor}"] if floor is not None else []
    bounds += [f">= {low}"] if low is not None else []
    bounds += [f"<= {high}"] if high is not None else []
    bounds += [f"one of: {', '.join(choices)}"] if choices else []
    return bounds
