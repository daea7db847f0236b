"""Folding: what moved at the end of a standing bucket is added to it, without reading the bucket's other finer rows.

That is what a tick does: its minute is the newest of the hour, its hour the newest of the day. Open stays, high and low
are widened, the close is the newest one's, new finer rows are counted. Whatever else happened to a bucket is left to be
built anew (rollups): finer rows that came before its end, an extreme that was taken back, a bucket that does not stand
yet, another formula. Both ways give the same rows.
What does not belong here: building anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.contracts.closes import CLOSES, minute_close
from cryptoflow.warehouse.buckets import bucket_of, length_of
from cryptoflow.warehouse.merge import update_steps
from cryptoflow.warehouse.moves import LAST_FIGURES, notes_of
from cryptoflow.warehouse.pool import Connection

Key = tuple[datetime, int]
FORMULA_VERSION: Final = 1
# A tick touches the newest bucket, at its turn two. What moved in older ones is late data.
_FOLDED_BUCKETS: Final = 2
# Of notes the planner knows nothing and guesses few; from so many on, looking each row up by itself is slower.
_MANY_ASSETS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Buckets that were folded, how many of them say something new, and the touched ones that must be built anew."""

    folded: int
    changed: int
    left: Sequence[Key]


def fold_moves(connection: Connection, grain: Grain, *, marked: Collection[Key], recorded_at: datetime) -> Folded:
    """Fold what moved in the finer grain within this transaction. Buckets that are marked are left to be built."""
    touched: list[tuple[datetime, list[int]]] = connection.execute(_touched_statement(grain)).fetchall()
    folded, changed = 0, 0
    left = [(bucket, asset) for bucket, assets in touched[:-_FOLDED_BUCKETS] for asset in assets]
    for bucket, assets in touched[-_FOLDED_BUCKETS:]:
        waiting = [asset for of, asset in marked if of == bucket]
        with _joined_at_once(connection, len(assets)):
            row = connection.execute(
                _fold_statement(grain), {"bucket": bucket, "waiting": waiting, "recorded_at": recorded_at}
            ).fetchone()
        assert row is not None
        changed += row[0]
        left += [(bucket, asset) for asset in row[1]]
        folded += len(assets) - len(row[1])
    return Folded(folded=folded, changed=changed, left=left)


@contextmanager
def _joined_at_once(connection: Connection, assets: int) -> Iterator[None]:
    if assets < _MANY_ASSETS:
        yield
        return
    connection.execute("SET LOCAL enable_nestloop = off")
    yield
    connection.execute("SET LOCAL enable_nestloop TO DEFAULT")


@cache
def _touched_statement(grain: Grain) -> sql.Composed:
    return sql.SQL("SELECT {bucket}, array_agg(DISTINCT asset_id) FROM {notes} GROUP BY 1 ORDER BY 1").format(
        bucket=bucket_of(grain, "bucket"), notes=_notes(grain)
    )


@cache
def _fold_statement(grain: Grain) -> sql.Composed:
    """Fold one bucket; returns (how many rows changed, the assets that must be built anew)."""
    return (
        sql.SQL(
            """
            WITH moved AS MATERIALIZED (
                SELECT * FROM {notes} WHERE bucket >= %(bucket)s AND bucket < %(bucket)s + {length}
            ),

            spans AS (
                SELECT
                    asset_id,
                    min(bucket) AS first_bucket,
                    max(bucket) AS last_bucket,
                    max(high_usd) AS high_usd,
                    min(low_usd) AS low_usd,
                    (count(*) FILTER (WHERE NOT was_there))::int AS new_samples,
                    (count(*) FILTER (WHERE was_there))::int AS known_samples
                FROM moved
                GROUP BY asset_id
            ),

            touched AS MATERIALIZED (
                SELECT
                    spans.asset_id,
                    CASE WHEN opening.first_at <= standing.first_at THEN opening.open_usd ELSE standing.open_usd END
                        AS open_usd,
                    greatest(standing.high_usd, spans.high_usd) AS high_usd,
                    least(standing.low_usd, spans.low_usd) AS low_usd,
                    {last_figures},
                    standing.samples + spans.new_samples AS samples,
                    standing.expected_samples,
                    least(standing.first_at, opening.first_at) AS first_at,
                    closing.last_at,
                    coalesce(
                        {is_at_the_end} AND {keeps_extremes} AND standing.formula_version = {version}
                        AND NOT {were_let_go} AND spans.asset_id <> all(%(waiting)s),
                        false
                    ) AS is_foldable
                FROM spans
                INNER JOIN moved AS opening
                    ON spans.asset_id = opening.asset_id AND spans.first_bucket = opening.bucket
                INNER JOIN moved AS closing
                    ON spans.asset_id = closing.asset_id AND spans.last_bucket = closing.bucket
                LEFT JOIN {table} AS standing
                    ON spans.asset_id = standing.asset_id AND standing.bucket = %(bucket)s
            ),

            incoming AS (
                SELECT
                    %(bucket)s::timestamptz AS bucket, asset_id, open_usd, high_usd, low_usd, {figures},
                    samples, expected_samples, first_at, last_at, {version}::smallint AS formula_version
                FROM touched
                WHERE is_foldable
            ),
            """
        ).format(
            notes=_notes(grain),
            length=length_of(grain),
            last_figures=_list(LAST_FIGURES, prefix="closing"),
            figures=_list(LAST_FIGURES),
            table=_name(CLOSES[grain]),
            version=sql.Literal(FORMULA_VERSION),
            is_at_the_end=_IS_AT_THE_END,
            keeps_extremes=_KEEPS_EXTREMES,
            were_let_go=were_let_go(grain),
        )
        + update_steps(CLOSES[grain])
        + sql.SQL(
            """
            SELECT
                (SELECT count(*) FROM merged),
                (SELECT coalesce(array_agg(asset_id), '{}') FROM touched WHERE NOT is_foldable)
            """
        )
    )


# The first of the moved rows is the last finer row that the bucket was built from, or comes after it; so the others do.
_IS_AT_THE_END: Final = sql.SQL(
    """(
        CASE
            WHEN opening.was_there THEN opening.was_last_at = standing.last_at
            ELSE opening.first_at > standing.last_at
        END
        AND spans.known_samples = opening.was_there::int
    )"""
)
# A row that was the highest and is so no more leaves the height to another, which only reading them all finds.
_KEEPS_EXTREMES: Final = sql.SQL(
    """(
        NOT opening.was_there
        OR (
            (spans.high_usd >= standing.high_usd OR opening.was_high_usd < standing.high_usd)
            AND (spans.low_usd <= standing.low_usd OR opening.was_low_usd > standing.low_usd)
        )
    )"""
)


def were_let_go(grain: Grain) -> sql.Composable:
    """Whether the finer rows of the bucket were let go: what came to it afterwards is not the whole."""
    if CADENCES[grain].built_from is not Grain.MINUTE:
        return sql.SQL("false")
    return sql.SQL(
        "EXISTS (SELECT 1 FROM ops.archives AS gone WHERE gone.table_name = {table}"
        " AND gone.day = (%(bucket)s::timestamptz AT TIME ZONE 'UTC')::date)"
    ).format(table=sql.Literal(str(minute_close)))


def _notes(grain: Grain) -> sql.Identifier:
    finer = CADENCES[grain].built_from
    assert finer is not None
    name = notes_of(CLOSES[finer])
    assert name is not None
    return name


def _name(table: sa.Table) -> sql.Identifier:
    return sql.Identifier(str(table.schema), table.name)


def _list(names: Sequence[str], *, prefix: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in names)
