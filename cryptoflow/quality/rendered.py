"""From a contract to its expectations: columns, presence, bounds, choices, keys, whole rows, finite numbers, coverage.

A new column or bound in a contract is expected from then on, without a change here. The write enforces the same rules
on each batch; these prove that the table as a whole keeps them, by whatever way its rows came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts.candles import symbols
from cryptoflow.contracts.contract import whole_row_rules
from cryptoflow.contracts.market import assets
from cryptoflow.quality.rules import ColumnsAre, Given, NoRow, OneOf, Rule, Unique, Within
from cryptoflow.warehouse.naming import column_list

COVERAGE_CHECK: Final = "coverage"
# Fact tables carry no foreign keys; these prove what a foreign key would have.
_KEYS: Final = {"asset_id": assets, "symbol_id": symbols}
_CURE_COVERAGE: Final = "A provider stopped giving the field, or gives it under another name: compare its raw answers."


def contract_rules(table: sa.Table, *, least_given: Mapping[str, float] | None = None) -> list[Rule]:
    """What the contract says of the table. `least_given` is the share of rows in which an optional field is wanted."""
    promised = [
        ColumnsAre(
            name="columns", what="The columns are those of the contract.", columns=[c.name for c in table.columns]
        ),
        *_per_column(table),
        Unique(name="key.unique", what="The key occurs once.", columns=[c.name for c in table.primary_key]),
        *_other_keys(table),
        *_whole_rows(table),
        *_finite_numbers(table),
        *_known_keys(table),
    ]
    return [*(replace(rule, blocks=True) for rule in promised), *_coverage(table, least_given or {})]


def _per_column(table: sa.Table) -> Iterator[Rule]:
    for column in table.columns:
        name, info = column.name, column.info
        if not column.nullable:
            yield Given(name=f"{name}.given", what=f"{name} is given.", column=name)
        if any(info[bound] is not None for bound in ("above", "minimum", "maximum")):
            yield Within(
                name=f"{name}.bounds",
                what=f"{name} is {_bounds_in_words(column)}.",
                column=name,
                above=info["above"],
                minimum=info["minimum"],
                maximum=info["maximum"],
            )
        if info["one_of"]:
            yield OneOf(
                name=f"{name}.one_of",
                what=f"{name} is one of {', '.join(info['one_of'])}.",
                column=name,
                choices=info["one_of"],
            )


def _bounds_in_words(column: sa.Column[Any]) -> str:
    words = {"above": "more than", "minimum": "at least", "maximum": "at most"}
    return " and ".join(f"{word} {column.info[key]}" for key, word in words.items() if column.info[key] is not None)


def _other_keys(table: sa.Table) -> Iterator[Rule]:
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            columns = [column.name for column in constraint.columns]
            yield Unique(
                name=f"{'_and_'.join(columns)}.unique",
                what=f"No two rows agree in {' and '.join(columns)}.",
                columns=columns,
            )


def _whole_rows(table: sa.Table) -> Iterator[Rule]:
    """What must hold between the columns of a row."""
    key = ", ".join(column.name for column in table.primary_key)
    for name, rule in whole_row_rules(table).items():
        yield NoRow(
            name=f"row.{name}",
            what=f"In every row {rule}.",
            # As a whole row, because which columns the rule speaks of is not known here.
            query=f"SELECT {key}, to_jsonb(facts) AS row FROM {{batch}} AS facts WHERE NOT ({rule})",  # noqa: S608 - rules of ours
        )


def _finite_numbers(table: sa.Table) -> Iterator[Rule]:
    """To PostgreSQL, NaN and infinity are above every bound."""
    numbers = [column.name for column in table.columns if isinstance(column.type, sa.Numeric)]
    if not numbers:
        return
    shown = [*(column.name for column in table.primary_key), *numbers]
    yield NoRow(
        name="numbers.finite",
        what="No number is NaN or infinite.",
        query=sql.SQL("SELECT {shown} FROM {{batch}} WHERE {condition}")
        .format(
            shown=column_list(shown),
            condition=sql.SQL(" OR ").join(
                sql.SQL("{} IN ('NaN', 'Infinity', '-Infinity')").format(sql.Identifier(name)) for name in numbers
            ),
        )
        .as_string(),
    )


def _known_keys(table: sa.Table) -> Iterator[Rule]:
    for name, told in _KEYS.items():
        if table is told or name not in table.columns:
            continue
        yield NoRow(
            name=f"{name}.known",
            what=f"Every {name} is in {told}.",
            query=f"SELECT DISTINCT facts.{name} FROM {{batch}} AS facts LEFT JOIN {told} AS told"  # noqa: S608 - names of ours
            f" ON facts.{name} = told.{name} WHERE facts.{name} IS NOT NULL AND told.{name} IS NULL"
            f" ORDER BY facts.{name}",
        )


def _coverage(table: sa.Table, least_given: Mapping[str, float]) -> Iterator[Rule]:
    """For each optional field the share of rows that have it; a floor where one is known, else it is only recorded."""
    for column in table.columns:
        if not column.nullable or column.computed is not None:
            continue
        share = least_given.get(column.name, 0.0)
        floor = (
            f" in at least {share:.0%} of the rows" if share else " where the source gives it; the share is recorded"
        )
        yield Given(
            name=f"{column.name}.coverage",
            what=f"{column.name} is given{floor}.",
            column=column.name,
            share=share,
            severity="warning",
            check=COVERAGE_CHECK,
            cure=_CURE_COVERAGE,
        )
