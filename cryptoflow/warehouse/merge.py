"""Writing rows of a fact table: only what changed is written, and what it said before is kept as a revision.

The statements are composed from the contracts, so that a new column is written without a change here. Reading the old
version costs nothing extra: PostgreSQL hands it back from the same statement.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts import contract_of
from cryptoflow.contracts.contract import revisions_table
from cryptoflow.warehouse.moves import noted_columns, noting
from cryptoflow.warehouse.naming import column_list, table_name

# How long after its end a bucket still waits for samples that are under way.
GRACE: Final = "2 minutes"
# Set by the database, or different at every delivery without any change of what is said.
_OWN_COLUMNS: Final = frozenset({"recorded_at"})
_CIRCUMSTANCES: Final = frozenset({"slot", "fetched_at", "payload_sha256", "run_id", "source"})


def written_columns(table: sa.Table) -> list[str]:
    """The columns that a writer fills."""
    return [column.name for column in table.columns if column.computed is None and column.name not in _OWN_COLUMNS]


def telling_columns(table: sa.Table) -> list[str]:
    """The columns whose change makes a new version: neither the key nor the circumstances of the delivery."""
    key = {column.name for column in table.primary_key}
    return [name for name in written_columns(table) if name not in key | _CIRCUMSTANCES]


@cache
def merge_statement(table: sa.Table) -> sql.Composed:
    """What follows `WITH incoming AS (...),`: upserts `incoming`, keeps old versions, says what was written.

    The parameter `recorded_at` is the instant at which the transaction's rows become known, one for all of them.
    Returns (key columns ..., was_there), one row per row that was inserted or changed.
    """
    key = [column.name for column in table.primary_key]
    return merge_steps(table) + sql.SQL("SELECT {}, was_there FROM merged WHERE says_new").format(
        column_list([f"key_{name}" for name in key])
    )


@cache
def merge_steps(table: sa.Table) -> sql.Composed:
    """The steps alone: `merged` holds (key_..., was_there, says_new), a row per row that was written.

    `says_new` where it was inserted or says something else than before.
    """
    names = written_columns(table)
    key = [column.name for column in table.primary_key]
    return written_steps(
        table,
        sql.SQL(
            """
            INSERT INTO {table} AS known ({names}, recorded_at)
            SELECT {names}, %(recorded_at)s FROM incoming ORDER BY {key}
            ON CONFLICT ({key}) DO UPDATE
                SET ({changing}, recorded_at) = ROW({new}, {known_since})
                WHERE {counts_more}
            """
        ).format(
            table=table_name(table),
            names=column_list(names),
            key=column_list(key),
            changing=column_list(_changing(table)),
            new=column_list(_changing(table), of="excluded"),
            counts_more=_counts_more(table, "excluded"),
            known_since=_known_since(table, "excluded"),
        ),
    )


@cache
def insert_steps(table: sa.Table) -> sql.Composed:
    """As `merge_steps`, when no row of `incoming` is there yet: nothing is compared, and there is nothing to keep."""
    key = [column.name for column in table.primary_key]
    return sql.SQL(
        """
        merged AS (
            INSERT INTO {table} ({names}, recorded_at)
            SELECT {names}, %(recorded_at)s FROM incoming ORDER BY {key}
            RETURNING {returned}, false AS was_there, true AS says_new
        )
        """
    ).format(
        table=table_name(table),
        names=column_list(written_columns(table)),
        key=column_list(key),
        returned=sql.SQL(", ").join(_returned("new", name, "key") for name in key),
    )


def written_steps(table: sa.Table, writing: sql.Composed) -> sql.Composed:
    """As `merge_steps`, around another write of the table: what it changed is told, and the old versions are kept."""
    revisions = revisions_table(table)
    kept = [column.name for column in revisions.columns if column.name != "superseded_at"]
    key = [column.name for column in table.primary_key]
    return sql.SQL(
        """
        merged AS (
            {writing}
            RETURNING
                {returned}, (old.{first_key} IS NOT NULL) AS was_there, {says_new} AS says_new,
                new.recorded_at AS changed_at
        ),

        {noting}
        kept AS (
            INSERT INTO {revisions} ({kept}, superseded_at)
            SELECT {kept_old}, changed_at FROM merged
            -- Changed twice within one transaction: what stood in between was never seen by anybody.
            WHERE was_there AND says_new AND old_recorded_at < changed_at AND {was_final}
            ON CONFLICT DO NOTHING
        )
        """
    ).format(
        writing=writing,
        returned=sql.SQL(", ").join(
            [
                *(_returned("new", name, "key") for name in key),
                *(_returned("old", name, "old") for name in kept),
                *(_returned("new", name, "new") for name in noted_columns(table)),
            ]
        ),
        first_key=sql.Identifier(key[0]),
        says_new=_says_new(table),
        noting=noting(table) or sql.SQL(""),
        revisions=table_name(revisions),
        kept=column_list(kept),
        kept_old=column_list([f"old_{name}" for name in kept]),
        was_final=_was_final(table),
    )


def _returned(version: str, name: str, prefix: str) -> sql.Composed:
    return sql.SQL("{}.{} AS {}").format(sql.SQL(version), sql.Identifier(name), sql.Identifier(f"{prefix}_{name}"))


def _changing(table: sa.Table) -> list[str]:
    key = {column.name for column in table.primary_key}
    return [name for name in written_columns(table) if name not in key]


def _counts_more(table: sa.Table, incoming: str) -> sql.Composable:
    """When a version takes the place of the one that stands: by default what says something else and is newer.

    Where the contract says which version is believed, that one is written also when it says the same: what comes later
    is then measured against it, and order cannot matter.
    """
    believed = contract_of(table).believed
    if not believed:
        return sql.SQL("{} AND {}").format(_differs(table, "known", incoming), _is_newer(table, incoming))
    comes, stands = (", ".join(believed).format(row=row) for row in (incoming, "known"))
    return sql.SQL(f"({comes}) > ({stands})")


def _known_since(table: sa.Table, incoming: str) -> sql.Composable:
    """Since when what is written is known: a version that says the same as the one before it, since that one."""
    if not contract_of(table).believed:
        return sql.SQL("%(recorded_at)s")
    return sql.SQL("CASE WHEN {} THEN %(recorded_at)s ELSE known.recorded_at END").format(
        _differs(table, "known", incoming)
    )


def _says_new(table: sa.Table) -> sql.Composable:
    """Whether a row that was written says something else than before."""
    if not contract_of(table).believed:
        return sql.SQL("true")
    first_key = sql.Identifier(next(iter(table.primary_key)).name)
    return sql.SQL("(old.{} IS NULL OR {})").format(first_key, _differs(table, "old", "new"))


def _differs(table: sa.Table, one: str, other: str) -> sql.Composed:
    telling = telling_columns(table)
    return sql.SQL("({}) IS DISTINCT FROM ({})").format(column_list(telling, of=one), column_list(telling, of=other))


def _was_final(table: sa.Table) -> sql.SQL:
    """Whether the old version was final. While a bucket is open its figures move on, which is no correction."""
    if "is_final" in table.columns:
        return sql.SQL(f"old_is_final AND old_close_time + INTERVAL '{GRACE}' <= changed_at")
    if "bucket" not in table.columns:
        return sql.SQL("true")
    cadence = contract_of(table).cadence
    return sql.SQL(f"key_bucket + INTERVAL '1 {cadence}' + INTERVAL '{GRACE}' <= changed_at")


def _is_newer(table: sa.Table, incoming: str) -> sql.SQL:
    """Of two versions of a sample the one fetched last counts, in whatever order they arrive.

    The same answer may say something else when it is read anew by a better reader.
    """
    if "fetched_at" not in table.columns:
        return sql.SQL("true")
    return sql.SQL(f"({incoming}.fetched_at, {incoming}.payload_sha256) >= (known.fetched_at, known.payload_sha256)")
