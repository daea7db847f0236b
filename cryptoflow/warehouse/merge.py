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
    return merge_steps(table) + sql.SQL(" SELECT {key}, was_there FROM merged WHERE says_new").format(
        key=_list([f"key_{column.name}" for column in table.primary_key])
    )


@cache
def merge_steps(table: sa.Table) -> sql.Composed:
    """The steps of `merge_statement`, for a statement that goes on from them.

    What is in `merged` has `key_...` for each key column, and `says_new` where the row was inserted or changed.
    """
    revisions = revisions_table(table)
    kept = [column.name for column in revisions.columns if column.name != "superseded_at"]
    key = [column.name for column in table.primary_key]
    names = written_columns(table)
    changing = [name for name in names if name not in key]
    return sql.SQL(
        """
        merged AS (
            INSERT INTO {table} AS known ({names}, recorded_at)
            SELECT {names}, %(recorded_at)s FROM incoming ORDER BY {key}
            ON CONFLICT ({key}) DO UPDATE
                SET ({changing}, recorded_at) = ROW({excluded}, {known_since})
                WHERE {counts_more}
            RETURNING
                {new_key}, {old_kept}, (old.{first_key} IS NOT NULL) AS was_there, {says_new} AS says_new,
                new.recorded_at AS changed_at
        ),

        kept AS (
            INSERT INTO {revisions} ({kept}, superseded_at)
            SELECT {kept_old}, changed_at FROM merged WHERE was_there AND says_new AND {was_final}
            -- Changed twice within one transaction: what stood in between was never seen by anybody.
            ON CONFLICT DO NOTHING
        )
        """
    ).format(
        table=_name(table),
        revisions=_name(revisions),
        names=_list(names),
        key=_list(key),
        changing=_list(changing),
        excluded=_list(changing, prefix="excluded"),
        new_key=sql.SQL(", ").join(
            sql.SQL("new.{} AS {}").format(sql.Identifier(name), sql.Identifier(f"key_{name}")) for name in key
        ),
        old_kept=sql.SQL(", ").join(
            sql.SQL("old.{} AS {}").format(sql.Identifier(name), sql.Identifier(f"old_{name}")) for name in kept
        ),
        first_key=sql.Identifier(key[0]),
        kept=_list(kept),
        kept_old=_list([f"old_{name}" for name in kept]),
        was_final=_was_final(table),
        **_precedence(table),
    )


def _precedence(table: sa.Table) -> dict[str, sql.Composable]:
    """When a version takes the place of the one that stands, since when it is then known, and whether it says more.

    By default only what says something else is written. Where the contract says which version is believed, that one is
    written also when it says the same: what comes later is then measured against it, and order cannot matter.
    """
    differs = _differs(table, "known", "excluded")
    believed = contract_of(table).believed
    if not believed:
        return {
            "counts_more": sql.SQL("{} AND {}").format(differs, _is_newer(table)),
            "known_since": sql.SQL("excluded.recorded_at"),
            "says_new": sql.SQL("true"),
        }
    terms = {row: ", ".join(believed).format(row=row) for row in ("known", "excluded")}
    return {
        "counts_more": sql.SQL(f"({terms['excluded']}) > ({terms['known']})"),
        "known_since": sql.SQL("CASE WHEN {} THEN excluded.recorded_at ELSE known.recorded_at END").format(differs),
        "says_new": sql.SQL("(old.{} IS NULL OR {})").format(
            sql.Identifier(next(iter(table.primary_key)).name), _differs(table, "old", "new")
        ),
    }


def _differs(table: sa.Table, one: str, other: str) -> sql.Composed:
    telling = telling_columns(table)
    return sql.SQL("({}) IS DISTINCT FROM ({})").format(_list(telling, prefix=one), _list(telling, prefix=other))


def _was_final(table: sa.Table) -> sql.SQL:
    """Whether the old version was final. While a bucket is open its figures move on, which is no correction."""
    if "is_final" in table.columns:
        return sql.SQL(f"old_is_final AND old_close_time + INTERVAL '{GRACE}' <= changed_at")
    if "bucket" not in table.columns:
        return sql.SQL("true")
    cadence = contract_of(table).cadence
    return sql.SQL(f"key_bucket + INTERVAL '1 {cadence}' + INTERVAL '{GRACE}' <= changed_at")


def _is_newer(table: sa.Table) -> sql.SQL:
    """Of two versions of a sample the one fetched last counts, in whatever order they arrive.

    The same answer may say something else when it is read anew by a better reader.
    """
    if "fetched_at" not in table.columns:
        return sql.SQL("true")
    return sql.SQL("(excluded.fetched_at, excluded.payload_sha256) >= (known.fetched_at, known.payload_sha256)")


def _name(table: sa.Table) -> sql.Identifier:
    return sql.Identifier(str(table.schema), table.name)


def _list(names: list[str], *, prefix: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in names)
