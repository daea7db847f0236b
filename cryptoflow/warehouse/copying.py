"""Rows into a table by COPY, written as PostgreSQL's own text: every value exact, without a conversion by the driver.

Most values are written as Python writes them, which PostgreSQL reads as the same: decimals with all their digits, whole
numbers, instants with their offset. Texts and bytes need care, and get it.
What does not belong here: what the rows mean, the tables that they go to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from psycopg import sql
from psycopg.adapt import PyFormat, Transformer

from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.pool import Connection

# What Python writes for None; a text that says so is written otherwise.
_NULL: Final = "None"
_ROWS_AT_ONCE: Final = 1_000
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_PLAIN: Final = (sa.Numeric, sa.Integer, sa.DateTime, sa.Date, sa.Boolean)


def copy_rows(
    connection: Connection,
    table: sql.Identifier,
    columns: Sequence[sa.Column[Any]],
    rows: Iterable[Sequence[object]],
) -> int:
    """Write the rows, each with a value per column; returns how many."""
    copy = sql.SQL("COPY {} ({}) FROM STDIN (NULL {})").format(
        table, column_list(column.name for column in columns), sql.Literal(_NULL)
    )
    line = "\t".join(["%s"] * len(columns)) + "\n"
    careful = [(place, written) for place, column in enumerate(columns) if (written := _writer_of(column))]
    count = 0
    with connection.cursor() as cursor, cursor.copy(copy) as stream:
        for some in _chunks(rows):
            stream.write("".join([line % _with_care(row, careful) for row in some]).encode())
            count += len(some)
    return count


Careful = Sequence[tuple[int, Callable[[Any], str]]]


def _with_care(row: Sequence[object], careful: Careful) -> tuple[object, ...]:
    values = list(row)
    for place, written in careful:
        values[place] = written(values[place])
    return tuple(values)


def _writer_of(column: sa.Column[Any]) -> Callable[[Any], str] | None:
    """How values of the column are written; None: as Python writes them."""
    if isinstance(column.type, _PLAIN):
        return None
    if isinstance(column.type, sa.Text):
        return _text
    if isinstance(column.type, sa.LargeBinary):
        return _bytes
    return _adapted


def _adapted(value: object) -> str:
    """Documents, arrays, ranges: as the driver writes them."""
    if value is None:
        return _NULL
    written = Transformer().get_dumper(value, PyFormat.TEXT).dump(value)
    return "" if written is None else bytes(written).decode().translate(_ESCAPES)


# The same few texts and hashes come again and again.
@lru_cache(maxsize=4096)
def _text(value: str | None) -> str:
    if value is None:
        return _NULL
    return f"\\{value}" if value == _NULL else value.translate(_ESCAPES)


@lru_cache(maxsize=4096)
def _bytes(value: bytes | None) -> str:
    return _NULL if value is None else f"\\\\x{value.hex()}"


def _chunks(rows: Iterable[Sequence[object]]) -> Iterator[list[Sequence[object]]]:
    source = iter(rows)
    while some := list(islice(source, _ROWS_AT_ONCE)):
        yield some
