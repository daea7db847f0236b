"""Stage, check, merge: the one way in which rows come into a fact table, whatever the table.

    COPY into a temporary stage -> the contract's hard rules split it, what breaks one goes to quarantine
    -> of rows with one key the caller's order decides -> changed rows are merged, old versions kept (merge)

Rules, columns and keys are read from the contract. All of it happens in the caller's transaction.
What does not belong here: what follows from the rows (closes, rollups).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts import contract_of
from cryptoflow.contracts.contract import hard_rule
from cryptoflow.warehouse.copying import copy_rows
from cryptoflow.warehouse.merge import merge_statement, written_columns
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection

Rule = tuple[str, str]
"""The name of a rule, and the SQL that every row must satisfy; NULL counts as satisfied."""

_NOT_NUMBERS: Final = "('NaN', 'Infinity', '-Infinity')"


def stage_rows(connection: Connection, table: sa.Table, rows: Iterable[Sequence[object]]) -> int:
    """Put the rows, each in the order of `written_columns`, into the empty stage of the table; returns how many."""
    names = written_columns(table)
    connection.execute(_create_stage(table))
    # A batch before this one in the same transaction has left its rows.
    connection.execute(sql.SQL("TRUNCATE {}").format(stage_of(table)))
    return copy_rows(connection, stage_of(table), [table.columns[name] for name in names], rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One row that was taken out of the stage into quarantine: who sent it, which rule it broke, what it held."""

    provider: str
    rule: str
    held: Mapping[str, Any]


def take_refused(
    connection: Connection, table: sa.Table, *, provider: str = "provider", rules: tuple[Rule, ...] = ()
) -> list[Refusal]:
    """Take the rows that break a rule out of the stage into quarantine; returns them.

    The rules are those of the contract and `rules`. `provider` is the column that says who sent a row.
    """
    dataset = f"{table.schema}.{table.name}"
    rows = connection.execute(_refuse_statement(table, provider, rules), {"dataset": dataset})
    return [Refusal(provider=sender, rule=rule, held=held) for sender, rule, held in rows]


def refuse_staged(
    connection: Connection, table: sa.Table, *, provider: str = "provider", rules: tuple[Rule, ...] = ()
) -> Mapping[str, int]:
    """As `take_refused`, for who only wants to know how many of which provider."""
    return Counter(row.provider for row in take_refused(connection, table, provider=provider, rules=rules))


def merge_staged(
    connection: Connection, table: sa.Table, *, recorded_at: datetime, newest: str
) -> list[tuple[Any, ...]]:
    """Merge the stage; returns the keys of the rows that say something new. Partitions that are missing are made.

    `newest` orders rows of one key (SQL after ORDER BY): of those that came in one batch, the first counts.
    """
    ensure_partitions(connection, table, _staged_periods(connection, table))
    return [tuple(key) for *key, _ in connection.execute(_merge_statement(table, newest), {"recorded_at": recorded_at})]


def _staged_periods(connection: Connection, table: sa.Table) -> set[datetime]:
    """An instant of each partition that the stage needs."""
    period = contract_of(table).partition
    if period is None:
        return set()
    clock = sql.Identifier(str(contract_of(table).clock))
    rows = connection.execute(
        sql.SQL("SELECT DISTINCT date_trunc({}, {}, 'UTC') FROM {}").format(sql.Literal(period), clock, stage_of(table))
    )
    return {start for (start,) in rows}


def stage_of(table: sa.Table) -> sql.Identifier:
    """The name of the table's stage in this session."""
    return sql.Identifier(f"staged_{table.name}")


@cache
def _create_stage(table: sa.Table) -> sql.Composed:
    """Without constraints: a row that lacks something is for the rules to refuse, not for COPY to break off at."""
    return sql.SQL(
        "CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS SELECT {names} FROM {table} WITH NO DATA"
    ).format(
        stage=stage_of(table),
        names=_list(written_columns(table)),
        table=sql.Identifier(str(table.schema), table.name),
    )


def _rules_of(table: sa.Table) -> list[Rule]:
    """Bounds, presence, finiteness. To PostgreSQL, NaN and infinity are above every bound: each needs a rule."""
    columns = [table.columns[name] for name in written_columns(table)]
    rules = [(column.name, rule) for column in columns if (rule := hard_rule(column))]
    rules += [(f"{column.name}_given", f"{column.name} IS NOT NULL") for column in columns if not column.nullable]
    rules += [
        (f"{column.name}_finite", f"{column.name} NOT IN {_NOT_NUMBERS}")
        for column in columns
        if isinstance(column.type, sa.Numeric)
    ]
    return rules


@cache
def _refuse_statement(table: sa.Table, provider: str, rules: tuple[Rule, ...]) -> sql.Composed:
    broken = sql.SQL(" ").join(
        sql.SQL("WHEN NOT coalesce({}, true) THEN {}").format(sql.SQL(rule), sql.Literal(name))
        for name, rule in (*_rules_of(table), *rules)
    )
    return sql.SQL(
        """
        WITH refused AS (
            DELETE FROM {stage} AS stage
            WHERE CASE {broken} END IS NOT NULL
            RETURNING
                stage.{provider} AS provider, {payload} AS payload_sha256, {run} AS run_id,
                CASE {broken} END AS rule, to_jsonb(stage) AS held
        ),

        kept AS (
            INSERT INTO ops.quarantine AS known (
                dataset, provider, rule, reason, row_text, row_sha256, payload_sha256, run_id
            )
            SELECT DISTINCT ON (provider, rule, held)
                %(dataset)s, provider, rule, 'breaks the rule ' || rule || ' of the contract', held::text,
                sha256(convert_to(held::text, 'UTF8')), payload_sha256, run_id
            FROM refused
            ON CONFLICT (dataset, provider, rule, row_sha256) DO UPDATE
                SET times_seen = known.times_seen + 1, last_seen_at = now()
        )

        SELECT provider, rule, held FROM refused
        """
    ).format(
        stage=stage_of(table),
        broken=broken,
        provider=sql.Identifier(provider),
        payload=sql.SQL("stage.payload_sha256" if "payload_sha256" in table.columns else "NULL::bytea"),
        run=sql.SQL("stage.run_id" if "run_id" in table.columns else "NULL::text"),
    )


@cache
def _merge_statement(table: sa.Table, newest: str) -> sql.Composed:
    key = _list([column.name for column in table.primary_key])
    return sql.SQL(
        "WITH incoming AS (SELECT DISTINCT ON ({key}) {names} FROM {stage} ORDER BY {key}, {newest}),"
    ).format(
        key=key, names=_list(written_columns(table)), stage=stage_of(table), newest=sql.SQL(newest)
    ) + merge_statement(table)


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
