"""Where a close comes from: its value, what it was built from and by which rule, and what it said before.

What does not belong here: printing; building closes (snapshots, rollups).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from psycopg import sql
from psycopg.rows import dict_row

from cryptoflow.cadence import CADENCES, Grain, bucket_end, bucket_start
from cryptoflow.contracts.closes import CLOSES, SAMPLES
from cryptoflow.contracts.contract import revisions_table
from cryptoflow.errors import UsageError
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement

Record = dict[str, Any]

MINUTE_FORMULAS: Final = {
    1: "The last sample of each provider in the minute: of its listings, or of its charts where no listing was seen. "
    "The figures are those of the first of coingecko and coinmarketcap that has one; with three or more providers the "
    "price is the median of theirs.",
}
COARSE_FORMULAS: Final = {
    1: "Open is the first, price and the other figures are the last of the finer closes in the bucket; high and low "
    "are their extremes.",
}
_SLOTS_OF: Final = "raw.market_snapshots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A close with its origin."""

    dataset: str
    slug: str
    bucket: datetime
    status: str
    close: Record
    formula: str
    inputs_from: str
    inputs: Sequence[Record]
    earlier_versions: Sequence[Record]


def asset_of_slug(connection: Connection, slug: str) -> int:
    """The id of the asset with the slug. Raises with the nearest slugs when there is none."""
    known: dict[str, int] = dict(connection.execute(statement("market/select_slugs")).fetchall())
    if slug in known:
        return known[slug]
    nearest = difflib.get_close_matches(slug.lower(), known, n=3, cutoff=0.5)
    raise UsageError(
        f"No asset has the slug {slug!r}.",
        cure=f"Did you mean {', '.join(nearest)}?" if nearest else "analytics.tokens lists the slugs.",
    )


def absent(connection: Connection, table: str, *, slug: str, bucket: datetime, end: datetime) -> UsageError:
    """What to raise when the asset has no row in the bucket: it tells what became of the slots."""
    span = {"dataset": _SLOTS_OF, "start": bucket, "until": end}
    told = [
        f"{provider} {state} in {slots} slot{'' if slots == 1 else 's'}"
        + (f" ({reason.rstrip('.')})" if reason else "")
        for provider, state, slots, reason in connection.execute(statement("ops/select_slot_states"), span)
    ]
    return UsageError(
        f"{slug} has no {table} at {bucket:%Y-%m-%d %H:%M} UTC.",
        cure=f"Its slots: {'; '.join(told)}." if told else "Nothing was collected then; ops.slots tells every slot.",
    )


def records(connection: Connection, query: bytes | sql.Composed, parameters: Record) -> list[Record]:
    """The rows of a query, each with the names of its columns."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def earlier_versions(connection: Connection, table: sa.Table, key: Record) -> list[Record]:
    """What a row said before it was changed, newest first."""
    revisions = revisions_table(table)
    query = sql.SQL(
        "SELECT {columns} FROM {revisions} WHERE bucket = %(bucket)s AND asset_id = %(asset_id)s"
        " ORDER BY superseded_at DESC"
    )
    return records(connection, query.format(columns=_columns(revisions), revisions=table_name(revisions)), key)


def explain_close(connection: Connection, grain: Grain, *, slug: str, instant: datetime) -> Explanation:
    """The close of the bucket that holds the instant, and where it comes from."""
    table, bucket = CLOSES[grain], bucket_start(instant, grain)
    key = {"asset_id": asset_of_slug(connection, slug), "bucket": bucket}
    close = _current(connection, table, key)
    if close is None:
        raise absent(connection, table.name, slug=slug, bucket=bucket, end=bucket_end(bucket, grain))
    status = close.pop("status")
    inputs_from, inputs = _inputs(connection, grain, key=key, close=close)
    return Explanation(
        dataset=f"{table.schema}.{table.name}",
        slug=slug,
        bucket=bucket,
        status=status,
        close=close,
        formula=formula_of(grain, close["formula_version"]),
        inputs_from=inputs_from,
        inputs=inputs,
        earlier_versions=earlier_versions(connection, table, key),
    )


def formula_of(grain: Grain, version: int) -> str:
    """The rule of that version, in words."""
    formulas = MINUTE_FORMULAS if grain is Grain.MINUTE else COARSE_FORMULAS
    return formulas[version]


def _current(connection: Connection, table: sa.Table, key: Record) -> Record | None:
    query = sql.SQL("SELECT {columns}, status FROM {view} WHERE bucket = %(bucket)s AND asset_id = %(asset_id)s")
    rows = records(connection, query.format(columns=_columns(table), view=sql.Identifier("analytics", table.name)), key)
    return rows[0] if rows else None


def _inputs(connection: Connection, grain: Grain, *, key: Record, close: Record) -> tuple[str, list[Record]]:
    """The samples of the minute, or the finer closes of the bucket, as far as they are still kept."""
    span = {**key, "start": key["bucket"], "until": bucket_end(key["bucket"], grain)}
    finer = CADENCES[grain].built_from
    if finer is None:
        samples = records(connection, statement("raw/select_samples"), span)
        # In their order the last one of each provider stays: charts come before listings.
        last = {sample["provider"]: (sample["kind"], sample["observed_at"]) for sample in samples}
        for sample in samples:
            sample["is_last_of_provider"] = (sample["kind"], sample["observed_at"]) == last[sample["provider"]]
            sample["gives_figures"] = sample["is_last_of_provider"] and sample["provider"] == close["provider"]
        return " and ".join(f"{table.schema}.{table.name}" for table in SAMPLES), samples
    table = CLOSES[finer]
    query = sql.SQL(
        "SELECT {columns} FROM {finer} WHERE asset_id = %(asset_id)s AND bucket >= %(start)s AND bucket < %(until)s"
        " ORDER BY bucket"
    )
    closes = records(connection, query.format(columns=_columns(table), finer=table_name(table)), span)
    return f"{table.schema}.{table.name}", closes


def _columns(table: sa.Table) -> sql.Composed:
    return column_list(column.name for column in table.columns)
