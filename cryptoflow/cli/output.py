"""How results are printed: tables for people, JSON, CSV and Parquet for programs.

Decimals leave exactly as they are stored: as numbers with all their digits in JSON, as text in CSV, as decimals in
Parquet. What is not a number (NaN, Infinity) is null where the form has no word for it.
What does not belong here: where rows come from.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from io import StringIO
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cryptoflow.errors import UsageError

_WIDEST_TABLE = 10_000
_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class Format(StrEnum):
    """What a result is printed as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A result: names of columns, and rows of values."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    sys.stdout.write(msgspec.json.format(_ENCODER.encode(value), indent=2).decode() + "\n")


def print_rows(result: Rows, *, form: Format, output: Path | None = None) -> None:
    """Print the rows, or write them to the file."""
    if form is Format.TABLE and output is None and sys.stdout.isatty():
        _print_table(result)
        return
    body = {
        Format.TABLE: _table_text,
        Format.JSON: _json,
        Format.CSV: _csv,
        Format.PARQUET: _parquet,
    }[form](result)
    if output is None:
        if form is Format.PARQUET and sys.stdout.isatty():
            raise UsageError("Parquet is binary and would spoil the terminal.", cure="Add --output FILE, or a pipe.")
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(body)
    except OSError as error:
        raise UsageError(f"{output} could not be written: {error.strerror}.", cure="Choose another --output.") from None


def _print_table(result: Rows) -> None:
    console = Console()
    console.print(_table(result))
    count = len(result.rows)
    console.print(f"{count} row{'' if count == 1 else 's'}", style="dim", highlight=False)


def _table(result: Rows) -> Table:
    table = Table(show_edge=False, header_style="bold")
    for name in result.columns:
        table.add_column(Text(name), overflow="fold")
    for row in result.rows:
        # Text, because square brackets in a plain string would be taken for markup.
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


def _table_text(result: Rows) -> bytes:
    stream = StringIO()
    Console(file=stream, width=_WIDEST_TABLE).print(_table(result))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).encode() + b"\n"


def _cell(value: object) -> str:
    """A value as text: decimals with all their digits, documents as JSON, bytes in hexadecimal."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict | list):
        return _ENCODER.encode(value).decode()
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def _json(result: Rows) -> bytes:
    _require_distinct_names(result)
    rows = [dict(zip(result.columns, map(_finite, row), strict=True)) for row in result.rows]
    return msgspec.json.format(_ENCODER.encode(rows), indent=2) + b"\n"


def _csv(result: Rows) -> bytes:
    lines = [map(_csv_field, row) for row in (result.columns, *result.rows)]
    return "".join(",".join(line) + "\n" for line in lines).encode()


def _csv_field(value: object) -> str:
    """As PostgreSQL writes CSV: NULL is nothing at all, an empty text is a pair of quotes."""
    text = _cell(value)
    needs_quotes = value is not None and (not text or any(mark in text for mark in ',"\r\n'))
    return '"' + text.replace('"', '""') + '"' if needs_quotes else text


def _parquet(result: Rows) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    _require_distinct_names(result)
    arrays = []
    for place, name in enumerate(result.columns):
        try:
            arrays.append(pa.array([_parquet_value(row[place]) for row in result.rows]))
        except pa.ArrowException as error:
            raise UsageError(
                f"Parquet cannot hold the column {name!r}: {error}.",
                cure=f"Ask for {name}::text, or for another format.",
            ) from None
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, names=list(result.columns)), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _parquet_value(value: object) -> object:
    """JSON documents and ranges have no type in Parquet that every reader knows; they travel as text."""
    if isinstance(value, dict | list):
        return _ENCODER.encode(value).decode()
    is_plain = value is None or isinstance(value, str | bytes | int | float | Decimal | date)
    return _finite(value) if is_plain else str(value)


def _finite(value: object) -> object:
    """Neither JSON nor Parquet has a decimal that is not a number."""
    return None if isinstance(value, Decimal) and not value.is_finite() else value


def _require_distinct_names(result: Rows) -> None:
    shared = next((name for name in result.columns if list(result.columns).count(name) > 1), None)
    if shared is not None:
        raise UsageError(
            f"Several columns of the answer are called {shared!r}.", cure="Name them apart with AS, or ask for CSV."
        )
