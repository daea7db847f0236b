"""`cryptoflow quality`: look at the tables by their expectations, read what was found, show the pages.

What does not belong here: expectations, how they are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.errors import UsageError
from cryptoflow.settings import Settings, load_settings

if TYPE_CHECKING:
    from cryptoflow.quality.results import Result
    from cryptoflow.quality.rules import Suite

app = typer.Typer(help="What must hold of the data, and whether it does.", no_args_is_help=True)

EXIT_FAILED = 1

DatasetOption = Annotated[str | None, typer.Option("--dataset", help="One table, e.g. minute_close; default: all.")]


@app.command()
def run(dataset: DatasetOption = None, json: JsonOption = False, home: HomeOption = None) -> None:
    """Look at the tables now. Exit code 1 when an expectation of severity error does not hold."""
    from cryptoflow.quality.results import newest_results
    from cryptoflow.quality.suites import suite_of, suites
    from cryptoflow.runtime.session import database_for_command

    wanted = [suite_of(dataset)] if dataset else list(suites().values())
    settings = load_settings(home=home)
    with database_for_command(settings) as endpoints:
        _look(settings, wanted, database_url=endpoints.database_url)
        found = newest_results(endpoints.database_url, dataset=wanted[0].dataset if dataset else None)
    failed = [result for result in found if not result.success]
    if json:
        print_json([asdict(result) for result in found])
    else:
        if failed:
            _print_results(failed)
        typer.echo(f"{len(found) - len(failed)} of {len(found)} expectations hold.")
    if any(result.severity == "error" for result in failed):
        raise typer.Exit(EXIT_FAILED)


def _look(settings: Settings, wanted: Sequence[Suite], *, database_url: str) -> None:
    from cryptoflow.quality.proving import prove

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Looking", total=len(wanted))
        for _ in prove(settings, wanted, database_url=database_url):
            progress.advance(task)


@app.command()
def results(
    dataset: DatasetOption = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not hold.")] = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Print what the newest look at each table found, what failed first."""
    from cryptoflow.quality.results import newest_results
    from cryptoflow.quality.suites import suite_of
    from cryptoflow.runtime.session import database_for_command

    name = suite_of(dataset).dataset if dataset else None
    with database_for_command(load_settings(home=home)) as endpoints:
        found = newest_results(endpoints.database_url, dataset=name, failed=failed)
    if json:
        print_json([asdict(result) for result in found])
    else:
        _print_results(found)


def _print_results(found: Sequence[Result]) -> None:
    columns = ("dataset", "suite", "expectation", "severity", "holds", "rows", "against it", "what")
    rows = []
    for one in found:
        holds = "yes" if one.success else "no"
        what = one.error or one.what
        rows.append((one.dataset, one.suite, one.expectation, one.severity, holds, one.evaluated, one.unexpected, what))
    print_rows(Rows(columns=columns, rows=rows), form=Format.TABLE)


@app.command()
def docs(
    serve: Annotated[bool, typer.Option("--serve", help="Serve the pages on this machine until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port for --serve.")] = 8920,
    home: HomeOption = None,
) -> None:
    """Say where the pages of Data Docs are, or serve them."""
    from cryptoflow.quality.data_docs import index_page
    from cryptoflow.quality.proving import site_folder

    folder = site_folder(load_settings(home=home))
    page = index_page(folder)
    if not page.exists():
        raise UsageError(
            f"There are no pages in {folder} yet.",
            cure="They are written when expectations are looked at: `cryptoflow quality run`, or the hourly schedule.",
        )
    if not serve:
        typer.echo(page.as_uri())
        return
    from cryptoflow.quality.data_docs import serve as serve_site

    typer.echo(f"Data Docs at http://127.0.0.1:{port}/ until Ctrl-C.")
    serve_site(folder, port=port)
