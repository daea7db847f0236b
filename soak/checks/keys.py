"""No duplicate: of every table the rows are as many as its different keys, and a valid unique index holds each key.

Rows are counted without any index: one that is broken would confirm itself. What does not belong here: what rows say.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts import contracts
from cryptoflow.contracts.candles import price_ticks
from cryptoflow.warehouse.naming import column_list, table_name
from soak.checks.verdict import Verdict, verdict

Connection = psycopg.Connection[tuple[object, ...]]
# A trade has its time in its key, because the table is partitioned by it; the exchange's number alone is unique too.
_NUMBERED = ((price_ticks, ("symbol_id", "trade_id")),)
_INDEXED = """
SELECT array_agg(columns.attname::text ORDER BY columns.attname)
FROM pg_index AS indexes
CROSS JOIN LATERAL unnest(indexes.indkey[0 : indexes.indnkeyatts - 1]) AS keyed (attnum)
INNER JOIN pg_attribute AS columns ON indexes.indrelid = columns.attrelid AND keyed.attnum = columns.attnum
WHERE
    indexes.indrelid = %s::regclass AND indexes.indisunique AND indexes.indisvalid AND indexes.indimmediate
    AND indexes.indpred IS NULL
GROUP BY indexes.indexrelid
"""


def keys_are_unique(database_url: str) -> Verdict:
    """Look at every key of every contracted table."""
    breaks: list[str] = []
    rows = 0
    with psycopg.connect(database_url) as connection:
        for name in ("indexscan", "indexonlyscan", "bitmapscan"):
            connection.execute(f"SET LOCAL enable_{name} = off".encode())
        for table in contracts():
            indexed = {tuple(columns) for (columns,) in connection.execute(_INDEXED, (str(table),))}
            for key in _keys(table):
                if tuple(sorted(key)) not in indexed:
                    breaks.append(f"{table}: no valid unique index holds the key ({', '.join(key)})")
                count, doubles = _doubles(connection, table, key)
                rows += count
                breaks += doubles
        for table, key in _NUMBERED:
            breaks += _doubles(connection, table, key)[1]
    return verdict("no duplicate", breaks, looked_at=rows, unit="rows")


def _keys(table: sa.Table) -> Iterator[tuple[str, ...]]:
    for constraint in table.constraints:
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint) and len(constraint.columns):
            yield tuple(column.name for column in constraint.columns)


def _doubles(connection: Connection, table: sa.Table, key: tuple[str, ...]) -> tuple[int, list[str]]:
    """How many rows there are, and a sentence for each key that several of them have."""
    columns = column_list(key)
    given = sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(sql.Identifier(name)) for name in key)
    name = table_name(table)
    (count,) = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone() or (0,)
    found = connection.execute(
        sql.SQL("SELECT {0}, count(*) FROM {1} WHERE {2} GROUP BY {0} HAVING count(*) > 1 ORDER BY {0}").format(
            columns, name, given
        )
    )
    doubles = [
        f"{table}: {times} rows have ({', '.join(key)}) = ({', '.join(map(str, values))})" for *values, times in found
    ]
    assert isinstance(count, int)
    return count, doubles
