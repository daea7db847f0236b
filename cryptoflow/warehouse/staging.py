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
from cryptoflow.contracts.contract import hard_rule, whole_row_rules
from cryptoflow.warehouse.copying import copy_rows
from cryptoflow.warehouse.merge import merge_statement, telling_columns, written_columns
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection

Rule = tuple[str, str]
"""The name of a rule, and the SQL that every row must satisfy; NULL counts as satisfied."""

_NOT_NUMBERS: Final = "('NaN', 'Infinity', '-Infinity')"


def stage_rows(connection: Connection, table: sa.Table, rows: Iterable[Sequence[object]]) -> int:
    """Put the rows, each in the order of `written_columns`, into the empty stage of the table; returns how many."""
    names = written_columns(table)
    _empty_stage(connection, table)
    return copy_rows(connection, stage_of(table), [table.columns[name] for name in names], rows)


def stage_text(
    connection: Connection,
    table: sa.Table,
    blocks: Iterable[bytes],
    *,
    columns: Sequence[str],
    constants: Mapping[str, object],
) -> int:
    """Put rows that are CSV already into the empty stage; `constants` are the same in every row. Returns how many.

    Nothing is taken apart on the way, so that this is the way for files.
    """
    _empty_stage(connection, table)
    for name, value in constants.items():
        connection.execute(
            sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}").format(
                stage_of(table), sql.Identifier(name), sql.Literal(value)
            )
        )
    copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(stage_of(table), column_list(columns))
    with connection.cursor() as cursor:
        with cursor.copy(copy) as stream:
            for block in blocks:
                stream.write(block)
        return cursor.rowcount


def _empty_stage(connection: Connection, table: sa.Table) -> None:
    connection.execute(_create_stage(table))
    # A batch before this one in the same transaction has left its rows.
    connection.execute(sql.SQL("TRUNCATE {}").format(stage_of(table)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One row that was taken out of the stage into quarantine: who sent it, which rule it broke, what it held."""

    provider: str
    rule: str
    held: Mapping[str, Any]


def take_refused(
    connection: Connection, table: sa.Table, *, provider: str = "stage.provider", rules: tuple[Rule, ...] = ()
) -> list[Refusal]:
    """Take the rows that break a rule out of the stage into quarantine; returns them.

    The rules are those of the contract and `rules`. `provider` is SQL over `stage` that says who sent a row.
    """
    return _refusals(connection, table, _refuse_statement(table, provider, rules))


def refuse_staged(
    connection: Connection, table: sa.Table, *, provider: str = "stage.provider", rules: tuple[Rule, ...] = ()
) -> Mapping[str, int]:
    """As `take_refused`, for who only wants to know how many of which provider."""
    return Counter(row.provider for row in take_refused(connection, table, provider=provider, rules=rules))


def refuse_repeated(connection: Connection, table: sa.Table, *, provider: str = "stage.provider") -> Mapping[str, int]:
    """Of rows with one key that say different things only the first stays; the others go to quarantine.

    For batches in which every row counts as much as any other. Returns how many by provider.
    """
    return Counter(row.provider for row in _refusals(connection, table, _repeated_statement(table, provider)))


def _refusals(connection: Connection, table: sa.Table, taking: sql.Composed) -> list[Refusal]:
    rows = connection.execute(taking, {"dataset": f"{table.schema}.{table.name}"})
    return [Refusal(provider=sender, rule=rule, held=held) for sender, rule, held in rows]


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
        names=column_list(written_columns(table)),
        table=table_name(table),
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
    return [*rules, *whole_row_rules(table).items()]


@cache
def _refuse_statement(table: sa.Table, provider: str, rules: tuple[Rule, ...]) -> sql.Composed:
    broken = sql.SQL(" ").join(
        sql.SQL("WHEN NOT coalesce({}, true) THEN {}").format(sql.SQL(rule), sql.Literal(name))
        for name, rule in (*_rules_of(table), *rules)
    )
    broke = sql.SQL("CASE {} END").format(broken)
    return sql.SQL("WITH refused AS (DELETE FROM {} AS stage WHERE {} IS NOT NULL {})").format(
        stage_of(table), broke, _refused(table, provider, rule=broke)
    ) + sql.SQL(_KEEP_REFUSED)


@cache
def _repeated_statement(table: sa.Table, provider: str) -> sql.Composed:
    """A stage is filled once and in order, so that the place of a row (ctid) tells which came first."""
    return sql.SQL(
        """
        WITH repeated AS (
            SELECT {key}, min(ctid) AS first_place FROM {stage} GROUP BY {key} HAVING count(*) > 1
        ),

        firsts AS (SELECT kept.* FROM {stage} AS kept INNER JOIN repeated ON kept.ctid = repeated.first_place),

        refused AS (
            DELETE FROM {stage} AS stage
            USING firsts
            WHERE ({key_staged}) = ({key_first}) AND ({telling_staged}) IS DISTINCT FROM ({telling_first})
            {refused}
        )
        """
    ).format(
        stage=stage_of(table),
        key=column_list(key := [column.name for column in table.primary_key]),
        key_staged=column_list(key, of="stage"),
        key_first=column_list(key, of="firsts"),
        telling_staged=column_list(telling_columns(table), of="stage"),
        telling_first=column_list(telling_columns(table), of="firsts"),
        refused=_refused(table, provider, rule=sql.SQL("'repeated_with_other_values'")),
    ) + sql.SQL(_KEEP_REFUSED)


def _refused(table: sa.Table, provider: str, *, rule: sql.Composable) -> sql.Composed:
    """What is kept of a refused row."""
    return sql.SQL(
        "RETURNING {provider} AS provider, {payload} AS payload_sha256, {run} AS run_id,"
        " {rule} AS rule, to_jsonb(stage) AS held"
    ).format(
        provider=sql.SQL(provider),
        payload=sql.SQL("stage.payload_sha256" if "payload_sha256" in table.columns else "NULL::bytea"),
        run=sql.SQL("stage.run_id" if "run_id" in table.columns else "NULL::text"),
        rule=rule,
    )


_KEEP_REFUSED: Final = """,
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


@cache
def _merge_statement(table: sa.Table, newest: str) -> sql.Composed:
    key = column_list([column.name for column in table.primary_key])
    return sql.SQL(
        "WITH incoming AS (SELECT DISTINCT ON ({key}) {names} FROM {stage} ORDER BY {key}, {newest}),"
    ).format(
        key=key, names=column_list(written_columns(table)), stage=stage_of(table), newest=sql.SQL(newest)
    ) + merge_statement(table)
