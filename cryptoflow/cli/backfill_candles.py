"""`cryptoflow backfill candles`: history of candles from the exchange's archive, and by asking for what is missing.

What does not belong here: fetching and storing.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from cryptoflow.cli.options import HomeOption, JsonOption, instant_of
from cryptoflow.cli.output import print_json
from cryptoflow.errors import UsageError
from cryptoflow.settings import Settings, load_settings

if TYPE_CHECKING:
    from cryptoflow.collect import candle_backfill
    from cryptoflow.warehouse.symbols import KnownSymbol

app = typer.Typer()


class _Rate(ProgressColumn):
    """Minutes of history in a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} minutes/s")


@app.command(name="candles")
def backfill_candles(
    exchange: Annotated[str, typer.Option("--exchange", help="The exchange, e.g. binance.")],
    start: Annotated[str, typer.Option("--from", help="First instant, e.g. 2024-01-01.")],
    end: Annotated[str | None, typer.Option("--to", help="First instant after it. Default: now.")] = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", help="The exchange's names of the pairs, by comma, e.g. BTCUSDT,ETHUSDT.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Instead: the main pairs of so many of the largest assets.")
    ] = None,
    interval: Annotated[str, typer.Option("--interval", help="Interval of the candles.")] = "1m",
    again: Annotated[
        bool, typer.Option("--again", help="Fetch files anew that are in already: the archive may have corrected them.")
    ] = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Fetch history: the archive's files, then each minute that is still missing. Cut off, it goes on from there."""
    from cryptoflow.collect.candle_backfill import CandleBackfill
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.sources.exchanges import check_exchange
    from cryptoflow.sources.http import run_sync

    if interval != "1m":
        raise UsageError(
            f"Candles of {interval} are not fetched.",
            cure="Fetch the minutes; every larger candle is built from them.",
        )
    if (symbols is None) == (top is None):
        raise UsageError("Which pairs are meant is not clear.", cure="Give either --symbols or --top.")
    check_exchange(exchange)
    starts, ends = instant_of(start), instant_of(end) if end else None
    if ends is not None and ends <= starts:
        raise UsageError("The span ends before it begins.", cure="Give --to an instant after that of --from.")
    with database_for_command(load_settings(home=home)) as endpoints:
        settings = load_settings(home=home, simulator_url=endpoints.simulator_url)
        redis_url = endpoints.redis_url
        pairs = _pairs(settings, endpoints.database_url, redis_url, exchange, symbols=symbols, top=top)
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(exchange, total=None)

            def show(now: candle_backfill.Progress) -> None:
                progress.update(task, description=now.what, completed=now.done, total=now.total)

            backfill = CandleBackfill(
                settings,
                exchange,
                pairs,
                start=starts,
                end=ends,
                database_url=endpoints.database_url,
                redis_url=redis_url,
                again=again,
                on_progress=show,
            )
            reports = run_sync(backfill.run())
    if json:
        print_json([asdict(report) for report in reports])
    else:
        for report in reports:
            _say(report)
    if any(report.errors for report in reports):
        raise typer.Exit(1)


def _pairs(
    settings: Settings,
    database_url: str,
    redis_url: str | None,
    exchange: str,
    *,
    symbols: str | None,
    top: int | None,
) -> list[KnownSymbol]:
    """The pairs that are meant; the exchange's list is asked for when it was never taken over."""
    from cryptoflow.collect.following import followed_pairs
    from cryptoflow.collect.symbols import collect_symbols
    from cryptoflow.warehouse.pool import transaction
    from cryptoflow.warehouse.symbols import find_symbol, symbols_of

    with transaction(database_url) as connection:
        is_listed = any(one.status != "unknown" for one in symbols_of(connection, exchange).values())
    if not is_listed:
        only = settings.model_copy(update={"candle_exchanges": exchange})
        collect_symbols(only, database_url=database_url, redis_url=redis_url, collection_type="manual")
    with transaction(database_url) as connection:
        if symbols is not None:
            names = dict.fromkeys(name.strip() for name in symbols.split(",") if name.strip())
            return [find_symbol(connection, exchange=exchange, symbol=name) for name in names]
        only = settings.model_copy(update={"candle_symbols": ""})
        pairs = followed_pairs(connection, only, exchange, top=top)
    if not pairs:
        raise UsageError(
            f"No pair of {exchange} belongs to a known asset.",
            cure="Collect the asset catalog first (the asset `asset_catalog`), or name the pairs with --symbols.",
        )
    return pairs


def _say(report: candle_backfill.PairBackfill) -> None:
    span = f"{report.starts:%Y-%m-%d %H:%M} to {report.ends:%Y-%m-%d %H:%M} UTC"
    known = f", {report.files_known} in before" if report.files_known else ""
    absent = f", {report.files_absent} not there" if report.files_absent else ""
    refused = f", {report.refused} refused (see ops.quarantine)" if report.refused else ""
    typer.echo(
        f"{report.symbol}, {span}: {report.files} files read{known}{absent}; {report.asked} spans asked; "
        f"{report.rows} rows, {report.stored} say something new{refused}."
    )
    for error in report.errors:
        typer.echo(f"  {error}", err=True)
