"""`cryptoflow import-candles`: history of candles from local files.

What does not belong here: how files are read, minutes stored, larger candles built.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import print_json
from cryptoflow.errors import CryptoflowError, PermanentError, UsageError
from cryptoflow.settings import load_settings

if TYPE_CHECKING:
    from cryptoflow.collect.candle_import import ImportedFile
    from cryptoflow.warehouse.symbols import KnownSymbol

app = typer.Typer()

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)

ExchangeOption = Annotated[str, typer.Option("--exchange", help="The exchange, e.g. binance.")]
SymbolOption = Annotated[str, typer.Option("--symbol", help="The exchange's own name of the pair, e.g. BTCUSDT.")]


@app.command(name="import-candles")
def import_candles(
    files: Annotated[list[Path], typer.Argument(help="CSVs or zips in the layout of Binance's public archive.")],
    exchange: ExchangeOption,
    symbol: SymbolOption,
    base: Annotated[str, typer.Option("--base", help="What is traded, e.g. BTC.")],
    quote: Annotated[str, typer.Option("--quote", help="What it is paid in, e.g. USDT.")],
    interval: Annotated[str, typer.Option("--interval", help="Interval of the candles in the files.")] = "1m",
    again: Annotated[bool, typer.Option("--again", help="Read files anew that are in already.")] = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Store minutes from local files, each file wholly or not at all, and build the larger candles from them."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.pool import transaction
    from cryptoflow.warehouse.symbols import ensure_symbol, refresh_symbol_summary
    from cryptoflow.warehouse.world import settle_world

    if interval != "1m":
        raise UsageError(
            f"Candles of {interval} are not stored.",
            cure="Import the minutes; every larger candle is built from them.",
        )
    settings = load_settings(home=home)
    with database_for_command(settings) as endpoints:
        simulated = endpoints.simulator_url or settings.simulator_url
        settle_world(endpoints.database_url, "simulated" if simulated else "real")
        with transaction(endpoints.database_url) as connection:
            pair = ensure_symbol(
                connection, exchange=exchange, symbol=symbol, base=base, quote=quote, seen_at=datetime.now(UTC)
            )
        results = [(path, _imported(endpoints.database_url, path, pair, again=again)) for path in files]
        with transaction(endpoints.database_url) as connection:
            refresh_symbol_summary(connection)
    if json:
        print_json([_told(path, result) for path, result in results])
    else:
        for path, result in results:
            typer.echo(_in_words(path, result))
    if any(isinstance(result, CryptoflowError) for _, result in results):
        raise typer.Exit(1)


def _imported(database_url: str, path: Path, pair: KnownSymbol, *, again: bool) -> ImportedFile | PermanentError:
    """A file that is refused does not stop the others; a database that breaks off does."""
    from cryptoflow.collect.candle_import import import_local_file

    console = Console(stderr=True)
    with Progress(*_COLUMNS, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(path.name, total=None)
        try:
            return import_local_file(
                database_url,
                path,
                symbol=pair,
                received_at=datetime.now(UTC),
                again=again,
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        except PermanentError as error:
            return error


def _told(path: Path, result: ImportedFile | PermanentError) -> dict[str, object]:
    if isinstance(result, PermanentError):
        return {"path": str(path), "error": result.what, "cure": result.cure}
    return asdict(result) | {"path": str(path), "error": None}


def _in_words(path: Path, result: ImportedFile | PermanentError) -> str:
    if isinstance(result, PermanentError):
        return f"{result.what} {result.cure}"
    if result.already:
        return f"{path}: is in already ({result.rows} rows); --again reads it anew."
    refused = f", {result.refused} refused (see ops.quarantine)" if result.refused else ""
    return f"{path}: {result.rows} rows, {result.stored} say something new{refused}."
