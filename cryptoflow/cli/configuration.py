"""`cryptoflow config` and `cryptoflow render`: what is in force and why, and the documents rendered from code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cryptoflow.cli.options import JsonOption
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.settings import explain_settings, load_settings, unknown_variables

app = typer.Typer()


@app.command()
def config(json: JsonOption = False) -> None:
    """Print every setting that is in force and where it came from; secrets are masked."""
    settings = load_settings()
    lines = explain_settings(settings)
    if json:
        print_json(
            {
                "home": str(settings.home_path),
                "settings": [{"variable": x.variable, "value": x.value, "origin": x.origin} for x in lines],
                "unknown": [{"variable": name, "nearest": nearest} for name, nearest in unknown_variables()],
            }
        )
        return
    print_rows(
        Rows(columns=("setting", "value", "from"), rows=[(x.variable, x.value, x.origin) for x in lines]),
        form=Format.TABLE,
    )
    typer.echo(f"Home in force: {settings.home_path}")
    for name, nearest in unknown_variables():
        meant = f"; did you mean {nearest}?" if nearest else "."
        typer.echo(f"{name} is set, but no setting has that name{meant}", err=True)


@app.command(hidden=True)
def render(
    folder: Annotated[Path, typer.Option("--into", help="The checkout to write into.")] = Path(),
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; exit 1 when a document is out of date.")
    ] = False,
) -> None:
    """Write docs/tables.md and .env.example anew from contracts and settings."""
    from cryptoflow.documents import documents

    stale = [name for name, text in documents().items() if not _is_current(folder / name, text)]
    for name in stale:
        typer.echo(f"{name} is out of date" if check else f"{name} written")
        if not check:
            (folder / name).write_text(documents()[name])
    if check and stale:
        typer.echo("Run `make docs`.")
        raise typer.Exit(1)


def _is_current(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text
