"""`cryptoflow candles ...`, `cryptoflow certificate ...` and the gaps of candles: what is known of them, and its proof.

What does not belong here: how candles are compared, certified and checked.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cryptoflow.cadence import CANDLE_INTERVALS
from cryptoflow.cli.candles import ExchangeOption, SymbolOption
from cryptoflow.cli.market import say_corrected, say_explained
from cryptoflow.cli.options import HomeOption, JsonOption, SinceOption, instant_of
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.errors import UsageError
from cryptoflow.settings import load_settings

if TYPE_CHECKING:
    from cryptoflow.refine.candle_proof import Certificate, ProofRow

candles_app = typer.Typer(help="Candles of exchanges, proven.", no_args_is_help=True)
certificate_app = typer.Typer(help="Certificates of days of candles.", no_args_is_help=True)

_WHAT_ROWS = "Give the rows that were exported beside the certificate, as CSV or Parquet."


@candles_app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Files of the exchange's own candles, in the archive's layout.")],
    exchange: ExchangeOption,
    symbol: SymbolOption,
    interval: Annotated[str, typer.Option("--interval", help="Interval of the candles in the files, e.g. 1h.")],
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Compare our candles with the exchange's own; exit 1 when any differs. The differences are kept."""
    from cryptoflow.collect.candle_verification import compare_file
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.pool import transaction
    from cryptoflow.warehouse.symbols import find_symbol

    _require_interval(interval)
    with database_for_command(load_settings(home=home)) as endpoints:
        with transaction(endpoints.database_url) as connection:
            pair = find_symbol(connection, exchange=exchange, symbol=symbol)
        found_at = datetime.now(UTC)
        compared = {
            path: compare_file(endpoints.database_url, path, symbol=pair, interval=interval, found_at=found_at)
            for path in files
        }
    if json:
        print_json([{"path": str(path), **asdict(one)} for path, one in compared.items()])
    else:
        for path, one in compared.items():
            typer.echo(f"{path}: {one.compared} candles compared, {one.differing} differ.")
    if any(one.differing for one in compared.values()):
        typer.echo("candles.candle_differences has every difference.", err=True)
        raise typer.Exit(1)


@candles_app.command()
def explain(
    instant: Annotated[str, typer.Argument(help="Any instant within the bucket, e.g. 2026-01-31T12:00Z.")],
    exchange: ExchangeOption,
    symbol: SymbolOption,
    interval: Annotated[str, typer.Option("--interval", help="Interval of the candle, e.g. 1h.")] = "1h",
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Say where a candle comes from: its value, its inputs, the rule, and what it said before."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.candle_origins import explain_candle
    from cryptoflow.warehouse.pool import transaction
    from cryptoflow.warehouse.symbols import find_symbol

    _require_interval(interval)
    moment = instant_of(instant)
    with database_for_command(load_settings(home=home)) as endpoints, transaction(endpoints.database_url) as connection:
        pair = find_symbol(connection, exchange=exchange, symbol=symbol)
        explanation = explain_candle(connection, pair, interval, moment)
    if json:
        print_json(asdict(explanation))
    else:
        say_explained(explanation)


@candles_app.command()
def corrections(since: SinceOption, json: JsonOption = False, home: HomeOption = None) -> None:
    """List the candles that were corrected after they were final: old and new close, what changed, and when."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.candle_origins import CandleCorrection, candle_corrections_since
    from cryptoflow.warehouse.pool import transaction

    instant = instant_of(since)
    with database_for_command(load_settings(home=home)) as endpoints, transaction(endpoints.database_url) as connection:
        found = [asdict(one) for one in candle_corrections_since(connection, instant)]
    say_corrected(found, columns=list(CandleCorrection.__dataclass_fields__), json=json)


@certificate_app.command()
def issue(
    exchange: ExchangeOption,
    symbol: SymbolOption,
    day: Annotated[str, typer.Option("--day", help="The UTC day, e.g. 2026-01-31.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the certificate to this file.")] = None,
    rows: Annotated[
        Path | None, typer.Option("--rows", help="Write the rows of the day to this .csv or .parquet too.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Certify a day of minutes as it stands now: how many, which are missing and why, and the hash over the rows."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.candle_certificates import certified_rows, issue_certificate
    from cryptoflow.warehouse.pool import snapshot
    from cryptoflow.warehouse.symbols import find_symbol

    instant = instant_of(day)
    form = _form_of(rows) if rows else None
    # Certificate and rows are of one instant.
    with database_for_command(load_settings(home=home)) as endpoints, snapshot(endpoints.database_url) as connection:
        pair = find_symbol(connection, exchange=exchange, symbol=symbol)
        certificate = issue_certificate(connection, pair, instant, now=datetime.now(UTC))
        columns, values = certified_rows(connection, pair, instant)
    if rows and form:
        print_rows(Rows(columns=columns, rows=values), form=form, output=rows)
    if output is None:
        print_json(certificate)
    else:
        _write(output, msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n")


@certificate_app.command()
def check(
    certificate: Annotated[Path, typer.Argument(help="The certificate, as JSON.")],
    rows: Annotated[Path, typer.Argument(help="The rows of the day, as CSV or Parquet.")],
) -> None:
    """Check rows against a certificate: no database, no network. Exit 1 when they are not what it says."""
    from cryptoflow.refine.candle_proof import problems

    found = problems(_certificate(certificate), list(_rows(rows)))
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo("The rows are what the certificate says.")


def tell_candle_gaps(
    *, exchange: str | None, symbol: str | None, start: str | None, end: str | None, json: bool, home: Path | None
) -> None:
    """Print every stretch of minutes of a symbol without a final candle, with its state and reason."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.candle_gaps import find_candle_gaps
    from cryptoflow.warehouse.pool import transaction
    from cryptoflow.warehouse.symbols import find_symbol

    if exchange is None or symbol is None:
        raise UsageError("Candles are of a symbol.", cure="Add --exchange and --symbol, e.g. binance and BTCUSDT.")
    with database_for_command(load_settings(home=home)) as endpoints, transaction(endpoints.database_url) as connection:
        pair = find_symbol(connection, exchange=exchange, symbol=symbol)
        found = find_candle_gaps(
            connection,
            pair.symbol_id,
            now=datetime.now(UTC),
            start=instant_of(start) if start else None,
            end=instant_of(end) if end else None,
        )
    if json:
        print_json([asdict(gap) | {"minutes": gap.minutes} for gap in found])
        return
    values = [(gap.starts, gap.ends, gap.minutes, gap.state, gap.reason, gap.times_asked) for gap in found]
    columns = ("from", "to", "minutes", "state", "reason", "times asked")
    print_rows(Rows(columns=columns, rows=values), form=Format.TABLE)


def _require_interval(interval: str) -> None:
    if interval not in CANDLE_INTERVALS:
        raise UsageError(f"There is no interval {interval!r}.", cure=f"Known: {', '.join(CANDLE_INTERVALS)}.")


def _certificate(path: Path) -> Certificate:
    from cryptoflow.refine.candle_proof import Certificate

    try:
        return msgspec.json.decode(_read(path), type=Certificate)
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{path} is no certificate: {error}.", cure="Give one that `cryptoflow certificate issue` has written."
        ) from None


def _rows(path: Path) -> Iterator[ProofRow]:
    from cryptoflow.refine.candle_proof import ROW_FIELDS, ProofRow

    records = _csv_records(path) if _form_of(path) is Format.CSV else _parquet_records(path)
    try:
        for record in records:
            opens = record["open_time"]
            instant = opens if isinstance(opens, datetime) else instant_of(str(opens))
            figures = tuple(None if record[name] in {None, ""} else Decimal(str(record[name])) for name in ROW_FIELDS)
            yield ProofRow(open_time=instant.astimezone(UTC), figures=figures)
    except KeyError as error:
        raise UsageError(f"{path} has no column {error}.", cure=_WHAT_ROWS) from None
    except InvalidOperation:
        raise UsageError(f"{path} has a figure that is no number.", cure=_WHAT_ROWS) from None


def _csv_records(path: Path) -> Iterator[dict[str, Any]]:
    return iter(csv.DictReader(_read(path).decode("utf-8-sig", "replace").splitlines()))


def _parquet_records(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return iter(pq.read_table(pa.BufferReader(_read(path))).to_pylist())
    except pa.ArrowException as error:
        raise UsageError(f"{path} is no Parquet: {error}.", cure=_WHAT_ROWS) from None


def _form_of(path: Path) -> Format:
    form = {".csv": Format.CSV, ".parquet": Format.PARQUET}.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{path} is neither .csv nor .parquet.", cure="Name a file with one of these endings.")
    return form


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} could not be read: {error.strerror}.", cure="Check its name.") from None


def _write(path: Path, body: bytes) -> None:
    try:
        path.write_bytes(body)
    except OSError as error:
        raise UsageError(f"{path} could not be written: {error.strerror}.", cure="Choose another --output.") from None
