"""Old versions of rows beside the ones that followed them: what corrections of every kind of table are read from.

What does not belong here: what is told of a correction (corrections, candle_origins), keeping old versions (merge).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts.contract import revisions_table
from cryptoflow.warehouse.naming import column_list, table_name


def superseded(
    table: sa.Table, figures: Sequence[str], *, of: sql.Composable, what: Sequence[sql.Composable]
) -> sql.Composed:
    """Rows that were superseded since an instant: `what`, and `changed`, the names of those of the figures that differ.

    The relation `old` is the version that ended, `new` the one that became known at that instant; `of` joins what the
    row is about. Parameter: since.
    """
    key = [column.name for column in table.primary_key]
    return sql.SQL(
        """
        SELECT
            old.superseded_at, {what},
            array_remove(ARRAY[{changed}], NULL) AS changed
        FROM {revisions} AS old
        {of}
        INNER JOIN LATERAL (
            SELECT {figures} FROM {table} WHERE ({key}) = ({old_key}) AND recorded_at = old.superseded_at
            UNION ALL
            SELECT {figures} FROM {revisions} WHERE ({key}) = ({old_key}) AND recorded_at = old.superseded_at
        ) AS new ON true
        WHERE old.superseded_at >= %(since)s
        """
    ).format(
        what=sql.SQL(", ").join(what),
        of=of,
        changed=sql.SQL(", ").join(
            sql.SQL("CASE WHEN old.{0} IS DISTINCT FROM new.{0} THEN {1} END").format(
                sql.Identifier(name), sql.Literal(name)
            )
            for name in figures
        ),
        revisions=table_name(revisions_table(table)),
        table=table_name(table),
        figures=column_list(figures),
        key=column_list(key),
        old_key=column_list(key, of="old"),
    )
