"""How results are printed: tables for people, JSON, CSV and Parquet for programs.

Decimals leave exactly as they are stored: as numbers with all their digits in JSON, as text in CSV, as decimals in
Parquet. What does not belong here: where rows come from.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from cryptoflow.errors import UsageError

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
    if form is Format.TABLE and output is None:
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
    console = Console(soft_wrap=not sys.stdout.isatty())
    console.print(_table(result))
    count = len(result.rows)
    console.print(f"{count} row{'' if count == 1 else 's'}", style="dim", highlight=False)


def _table(result: Rows) -> Table:
    table = Table(show_edge=False, header_style="bold")
    for name in result.columns:
        table.add_column(name, overflow="fold")
    for row in result.rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    return table


def _table_text(result: Rows) -> bytes:
    stream = StringIO()
    Console(file=stream, width=10_000).print(_table(result))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).encode() + b"\n"


def _json(result: Rows) -> bytes:
    names = result.columns
    return (
        msgspec.json.format(_ENCODER.encode([dict(zip(names, row, strict=True)) for row in result.rows]), indent=2)
        + b"\n"
    )


def _csv(result: Rows) -> bytes:
    stream = StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows(result.rows)
    return stream.getvalue().encode()


def _parquet(result: Rows) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [pa.array([_parquet_value(row[place]) for row in result.rows]) for place in range(len(result.columns))]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, names=list(result.columns)), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _parquet_value(value: object) -> object:
    """JSON documents and ranges have no type in Parquet that every reader knows; they travel as text."""
    if isinstance(value, dict | list):
        return _ENCODER.encode(value).decode()
    plain = (str, bytes, int, float, bool, type(None))
    return value if isinstance(value, plain) or hasattr(value, "as_tuple") or hasattr(value, "year") else str(value)
