"""A stretch of a table as a Parquet file, and back: streamed, in memory that does not grow with it, every value exact.

Numbers of the type NUMERIC have no bound on their digits, which no decimal of Parquet has room for: they are texts with
all their digits, as PostgreSQL writes them. Bytes are texts in hexadecimal, documents are texts in JSON. Instants are
microseconds in UTC. The type that a column has in PostgreSQL is told with each column of the file.
What does not belong here: which rows, where files lie, what is recorded of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql

from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.pool import Connection

# So much text is turned into one group of rows at a time.
_CHUNK_BYTES: Final = 8 * 1024 * 1024
_TYPE_KEY: Final = b"postgresql_type"
_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]
_INSTANT: Final = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How a kind of column travels: as which text out of PostgreSQL, read as what, kept as what, and back."""

    out: str
    read: pa.DataType
    kept: pa.DataType


_TEXT: Final = _Form(out="{}", read=pa.string(), kept=pa.string())
_FORMS: Final[dict[type[Any], _Form]] = {
    sa.Numeric: _TEXT,
    sa.Text: _TEXT,
    postgresql.JSONB: _TEXT,
    sa.SmallInteger: _Form(out="{}", read=pa.int16(), kept=pa.int16()),
    sa.BigInteger: _Form(out="{}", read=pa.int64(), kept=pa.int64()),
    sa.Integer: _Form(out="{}", read=pa.int32(), kept=pa.int32()),
    sa.DateTime: _Form(out="(extract(EPOCH FROM {}) * 1000000)::bigint", read=pa.int64(), kept=_INSTANT),
    sa.LargeBinary: _Form(out="encode({}, 'hex')", read=pa.string(), kept=pa.string()),
}


def archived_columns(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that travel: all but those that the database computes."""
    return [column for column in table.columns if column.computed is None]


def write_parquet(connection: Connection, table: sa.Table, where: sql.Composable, path: Path) -> int:
    """Write the rows of the table that satisfy the condition; returns how many. The file is on the disk afterwards."""
    columns = archived_columns(table)
    query = sql.SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT (FORMAT csv)").format(
        sql.SQL(", ").join(_outgoing(column) for column in columns),
        table_name(table),
        where,
    )
    rows = 0
    with path.open("wb") as file:
        with pq.ParquetWriter(file, _schema(columns), compression="zstd") as writer:
            for chunk in _chunks(connection, query):
                group = _group(chunk, columns)
                writer.write_table(group)
                rows += group.num_rows
        file.flush()
        os.fsync(file.fileno())
    return rows


def count_rows(path: Path) -> int:
    """Read a file through, and count what is in it."""
    with pq.ParquetFile(path) as file:
        return sum(batch.num_rows for batch in file.iter_batches())


def copy_parquet(connection: Connection, path: Path, target: sql.Identifier) -> int:
    """Copy every row of a file into the target, column by column of the same names; returns how many."""
    rows = 0
    with pq.ParquetFile(path) as file:
        kinds = {field.name: (field.metadata or {}).get(_TYPE_KEY, b"") for field in file.schema_arrow}
        copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(target, column_list(kinds))
        with connection.cursor() as cursor, cursor.copy(copy) as stream:
            for batch in file.iter_batches():
                stream.write(_incoming(batch, kinds))
                rows += batch.num_rows
    return rows


def columns_in(path: Path) -> list[str]:
    """The names of the columns that a file holds."""
    return list(pq.read_schema(path).names)


def _form(column: sa.Column[Any]) -> _Form:
    for kind in type(column.type).__mro__:
        if kind in _FORMS:
            return _FORMS[kind]
    raise TypeError(f"{column} cannot be archived: no form is known for {column.type}")


def _outgoing(column: sa.Column[Any]) -> sql.Composed:
    before, after = _form(column).out.split("{}")
    return sql.SQL(before) + sql.Identifier(column.name) + sql.SQL(after)


def _schema(columns: Sequence[sa.Column[Any]]) -> pa.Schema:
    return pa.schema(
        [
            pa.field(
                column.name,
                _form(column).kept,
                metadata={_TYPE_KEY: column.type.compile(dialect=_DIALECT).lower().encode()},
            )
            for column in columns
        ]
    )


def _chunks(connection: Connection, query: sql.Composed) -> Iterator[bytes]:
    """The rows as text, some megabytes at a time; a row is never cut."""
    held, size = [], 0
    with connection.cursor() as cursor, cursor.copy(query) as stream:
        for row in stream:
            held.append(bytes(row))
            size += len(row)
            if size >= _CHUNK_BYTES:
                yield b"".join(held)
                held, size = [], 0
    if held:
        yield b"".join(held)


def _group(chunk: bytes, columns: Sequence[sa.Column[Any]]) -> pa.Table:
    read = pa.csv.read_csv(
        pa.BufferReader(chunk),
        read_options=pa.csv.ReadOptions(column_names=[column.name for column in columns], use_threads=False),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types={column.name: _form(column).read for column in columns},
            # As PostgreSQL writes it: NULL is nothing at all, an empty text is a pair of quotes.
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return read.cast(_schema(columns))


def _incoming(batch: pa.RecordBatch, kinds: dict[str, bytes]) -> bytes:
    arrays = [
        pc.binary_join_element_wise("\\x", array, "") if kinds[name] == b"bytea" else array
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
    ]
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(pa.record_batch(arrays, names=batch.schema.names), sink, pa.csv.WriteOptions(include_header=False))
    return bytes(sink.getvalue())
