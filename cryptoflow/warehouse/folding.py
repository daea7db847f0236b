"""Folding: what moved at the end of a standing bucket is added to it, without reading the bucket's other finer rows.

That is what a tick does: its minute is the newest of the hour, its hour the newest of the day. Open stays, high and low
are widened, the close is the newest one's, new finer rows are counted. Whatever else happened to a bucket is left to be
built anew (rollups): finer rows that came before its end, an extreme that was taken back, a bucket that does not stand
yet, another formula. Both ways give the same rows.
What does not belong here: building anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.contracts.closes import CLOSES, minute_close
from cryptoflow.warehouse.buckets import bucket_of, length_of
from cryptoflow.warehouse.marks import Key
from cryptoflow.warehouse.merge import written_steps
from cryptoflow.warehouse.moves import LAST_FIGURES, notes_of
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.planner import joined_at_once
from cryptoflow.warehouse.pool import Connection

FORMULA_VERSION: Final = 1
# A tick touches the newest bucket, at its turn two. What moved in older ones is late data.
_FOLDED_BUCKETS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Buckets that were folded, how many of them say something new, and the touched ones that must be built anew."""

    folded: int
    changed: int
    left: Sequence[Key]


def fold_moves(connection: Connection, grain: Grain, *, marked: Collection[Key], recorded_at: datetime) -> Folded:
    """Fold what moved in the finer grain within this transaction. Buckets that are marked are left to be built."""
    touched: list[tuple[datetime, list[int], int]] = connection.execute(_touched_statement(grain)).fetchall()
    folded, changed = 0, 0
    left = [(bucket, asset) for bucket, assets, _ in touched[:-_FOLDED_BUCKETS] for asset in assets]
    for bucket, assets, rows in touched[-_FOLDED_BUCKETS:]:
        waiting = [asset for of, asset in marked if of == bucket]
        with joined_at_once(connection, len(assets)):
            row = connection.execute(
                _fold_statement(grain, one_each=rows == len(assets)),
                {"bucket": bucket, "waiting": waiting, "recorded_at": recorded_at},
            ).fetchone()
        assert row is not None
        changed += row[0]
        left += [(bucket, asset) for asset in row[1]]
        folded += len(assets) - len(row[1])
    return Folded(folded=folded, changed=changed, left=left)


@cache
def _touched_statement(grain: Grain) -> sql.Composed:
    return sql.SQL("SELECT {bucket}, array_agg(DISTINCT asset_id), count(*) FROM {notes} GROUP BY 1 ORDER BY 1").format(
        bucket=bucket_of(grain, "bucket"), notes=_notes(grain)
    )


@cache
def _fold_statement(grain: Grain, *, one_each: bool) -> bytes:
    """Fold one bucket; returns (how many rows changed, the assets that must be built anew).

    `one_each`: one finer row of each asset moved, as in a tick, so that the first of them is the last as well.
    """
    table = CLOSES[grain]
    values = _folded_values()
    changing = list(values)
    is_foldable = sql.SQL(
        "{is_at_the_end} AND {keeps_extremes} AND known.formula_version = {version} AND NOT {were_let_go}"
        " AND spans.asset_id <> all(%(waiting)s)"
    ).format(
        is_at_the_end=_IS_AT_THE_END,
        keeps_extremes=_KEEPS_EXTREMES,
        version=sql.Literal(FORMULA_VERSION),
        were_let_go=were_let_go(grain, sql.SQL("%(bucket)s")),
    )
    writing = sql.SQL(
        """
        UPDATE {table} AS known
            SET ({changing}, recorded_at) = ROW({values}, %(recorded_at)s)
            FROM spans
            WHERE
                known.bucket = %(bucket)s
                AND known.asset_id = spans.asset_id
                AND {is_foldable}
                AND ({values}) IS DISTINCT FROM ({stands})
        """
    ).format(
        table=table_name(table),
        changing=column_list(changing),
        values=sql.SQL(", ").join(values.values()),
        stands=column_list(changing, of="known"),
        is_foldable=is_foldable,
    )
    return (
        sql.SQL("WITH spans AS MATERIALIZED ({}), ").format(_spans_of_one(grain) if one_each else _spans(grain))
        + written_steps(table, writing)
        + sql.SQL(
            """
            SELECT
                (SELECT count(*) FROM merged),
                (
                    SELECT coalesce(array_agg(spans.asset_id), '{{}}')
                    FROM spans
                    LEFT JOIN merged ON spans.asset_id = merged.key_asset_id
                    -- As it stood before; what is foldable and not merged says the same as before.
                    LEFT JOIN {table} AS known ON known.bucket = %(bucket)s AND spans.asset_id = known.asset_id
                    WHERE merged.key_asset_id IS NULL AND ({is_foldable}) IS NOT TRUE
                )
            """
        ).format(table=table_name(table), is_foldable=is_foldable)
    ).as_bytes()


def _folded_values() -> dict[str, sql.Composable]:
    """What a standing bucket says when what moved is added to it, by column."""
    return {
        "open_usd": sql.SQL("CASE WHEN spans.first_at <= known.first_at THEN spans.open_usd ELSE known.open_usd END"),
        "high_usd": sql.SQL("greatest(known.high_usd, spans.high_usd)"),
        "low_usd": sql.SQL("least(known.low_usd, spans.low_usd)"),
        **{name: sql.Identifier("spans", name) for name in LAST_FIGURES},
        "samples": sql.SQL("known.samples + spans.new_samples"),
        "first_at": sql.SQL("least(known.first_at, spans.first_at)"),
        "last_at": sql.SQL("spans.last_at"),
    }


def _spans_of_one(grain: Grain) -> sql.Composed:
    return sql.SQL(
        """
        SELECT
            asset_id, open_usd, high_usd, low_usd, {figures}, first_at, last_at,
            (NOT was_there)::int AS new_samples, was_there::int AS known_samples,
            was_there, was_last_at, was_high_usd, was_low_usd
        FROM {notes}
        WHERE bucket >= %(bucket)s AND bucket < %(bucket)s + {length}
        """
    ).format(figures=column_list(LAST_FIGURES), notes=_notes(grain), length=length_of(grain))


def _spans(grain: Grain) -> sql.Composed:
    """Of each asset what its moved rows span together; `was_...` is of the first of them."""
    return sql.SQL(
        """
        WITH moved AS MATERIALIZED (
            SELECT * FROM {notes} WHERE bucket >= %(bucket)s AND bucket < %(bucket)s + {length}
        ),

        together AS (
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
        )

        SELECT
            together.asset_id, opening.open_usd, together.high_usd, together.low_usd, {figures},
            opening.first_at, closing.last_at,
            together.new_samples, together.known_samples,
            opening.was_there, opening.was_last_at, opening.was_high_usd, opening.was_low_usd
        FROM together
        INNER JOIN moved AS opening
            ON together.asset_id = opening.asset_id AND together.first_bucket = opening.bucket
        INNER JOIN moved AS closing
            ON together.asset_id = closing.asset_id AND together.last_bucket = closing.bucket
        """
    ).format(notes=_notes(grain), length=length_of(grain), figures=column_list(LAST_FIGURES, of="closing"))


# The first of the moved rows is the last finer row that the bucket was built from, or comes after it; so the others do.
_IS_AT_THE_END: Final = sql.SQL(
    """(
        CASE
            WHEN spans.was_there THEN spans.was_last_at = known.last_at
            ELSE spans.first_at > known.last_at
        END
        AND spans.known_samples = spans.was_there::int
    )"""
)
# A row that was the highest and is so no more leaves the height to another, which only reading them all finds.
_KEEPS_EXTREMES: Final = sql.SQL(
    """(
        NOT spans.was_there
        OR (
            (spans.high_usd >= known.high_usd OR spans.was_high_usd < known.high_usd)
            AND (spans.low_usd <= known.low_usd OR spans.was_low_usd > known.low_usd)
        )
    )"""
)


def were_let_go(grain: Grain, instant: sql.SQL) -> sql.Composable:
    """Whether the finer rows of the day that holds the instant were let go: what came afterwards is not the whole."""
    if CADENCES[grain].built_from is not Grain.MINUTE:
        return sql.SQL("false")
    return sql.SQL(
        "EXISTS (SELECT 1 FROM ops.archives AS gone WHERE gone.table_name = {table}"
        " AND gone.day = ({instant}::timestamptz AT TIME ZONE 'UTC')::date)"
    ).format(table=sql.Literal(str(minute_close)), instant=instant)


def _notes(grain: Grain) -> sql.Identifier:
    finer = CADENCES[grain].built_from
    assert finer is not None
    name = notes_of(CLOSES[finer])
    assert name is not None
    return name
