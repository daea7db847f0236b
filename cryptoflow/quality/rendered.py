"""From a contract to its expectations: columns, presence, bounds, choices, key, finite numbers, known assets, coverage.

A new column or bound in a contract is expected from then on, without a change here. The write enforces the same rules
on each batch; these prove that the table as a whole keeps them, by whatever way its rows came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts.market import assets
from cryptoflow.quality.rules import ColumnsAre, Given, NoRow, OneOf, Rule, Unique, Within

COVERAGE_CHECK: Final = "coverage"
_CURE_COVERAGE: Final = "A provider stopped giving the field, or gives it under another name: compare its raw answers."


def contract_rules(table: sa.Table, *, least_given: Mapping[str, float] | None = None) -> list[Rule]:
    """What the contract says of the table. `least_given` is the share of rows in which an optional field is wanted."""
    promised = [
        ColumnsAre(
            name="columns", what="The columns are those of the contract.", columns=[c.name for c in table.columns]
        ),
        *_per_column(table),
        Unique(name="key.unique", what="The key occurs once.", columns=[c.name for c in table.primary_key]),
        *_finite_numbers(table),
        *_known_assets(table),
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
            shown=sql.SQL(", ").join(map(sql.Identifier, shown)),
            condition=sql.SQL(" OR ").join(
                sql.SQL("{} IN ('NaN', 'Infinity', '-Infinity')").format(sql.Identifier(name)) for name in numbers
            ),
        )
        .as_string(),
    )


def _known_assets(table: sa.Table) -> Iterator[Rule]:
    """Fact tables carry no foreign keys; this proves what a foreign key would have."""
    if table is assets or "asset_id" not in table.columns:
        return
    yield NoRow(
        name="asset_id.known",
        what="Every asset_id is in market.assets.",
        query="SELECT DISTINCT facts.asset_id FROM {batch} AS facts LEFT JOIN market.assets AS assets"
        " ON facts.asset_id = assets.asset_id WHERE assets.asset_id IS NULL ORDER BY facts.asset_id",
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
