"""`cryptoflow sql` and `cryptoflow migrate`: asking the warehouse, and changing its shape."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.settings import load_settings

app = typer.Typer()
migrate_app = typer.Typer(help="Change the shape of the warehouse, and say what it is.", no_args_is_help=True)
app.add_typer(migrate_app, name="migrate")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SQL statement; it is run by a role that can only read.")],
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead.")] = None,
    home: HomeOption = None,
) -> None:
    """Ask the warehouse, e.g. cryptoflow sql "SELECT slug, symbol FROM market.assets LIMIT 5"."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.reader import read

    with database_for_command(load_settings(home=home)) as endpoints:
        answer = read(endpoints.database_url, query)
    print_rows(Rows(columns=answer.columns, rows=answer.rows), form=form, output=output)


@migrate_app.command()
def up(revision: Annotated[str, typer.Argument(help="Where to stop.")] = "head", home: HomeOption = None) -> None:
    """Apply the migrations that are missing, and make the partitions of the next days."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse import migrations
    from cryptoflow.warehouse.ahead import make_partitions_ahead

    with database_for_command(load_settings(home=home), migrate=False) as endpoints:
        migrations.migrate_up(endpoints.database_url, revision)
        if revision == "head":
            make_partitions_ahead(endpoints.database_url, now=datetime.now(UTC))
        _say_current(migrations.current(endpoints.database_url))


@migrate_app.command()
def down(
    revision: Annotated[str, typer.Argument(help="The revision to return to; `base` takes back all.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the data of what is taken back are lost.")] = False,
    home: HomeOption = None,
) -> None:
    """Take migrations back, with the data in what they made."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse import migrations

    if not yes:
        typer.confirm(f"Everything made after {revision!r} is dropped with its data. Go on?", abort=True)
    with database_for_command(load_settings(home=home), migrate=False) as endpoints:
        migrations.migrate_down(endpoints.database_url, revision)
        _say_current(migrations.current(endpoints.database_url))


@migrate_app.command()
def current(home: HomeOption = None) -> None:
    """Print the newest migration in force."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse import migrations

    with database_for_command(load_settings(home=home), migrate=False) as endpoints:
        _say_current(migrations.current(endpoints.database_url))


@migrate_app.command()
def history(json: JsonOption = False, home: HomeOption = None) -> None:
    """Print every migration with the time it was applied."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse import migrations

    with database_for_command(load_settings(home=home), migrate=False) as endpoints:
        steps = migrations.history(endpoints.database_url)
    rows = [(step.version, step.name, step.applied_at) for step in steps]
    if json:
        print_json([{"version": version, "name": name, "applied_at": at} for version, name, at in rows])
    else:
        print_rows(Rows(columns=("version", "name", "applied at"), rows=rows), form=Format.TABLE)


@migrate_app.command()
def check(home: HomeOption = None) -> None:
    """Compare the database with the contracts; exit 1 and name each difference when they are not equal."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.schema_check import differences

    with database_for_command(load_settings(home=home)) as endpoints:
        found = differences(endpoints.database_url)
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo("The database is what the contracts say.")


def _say_current(migration: object) -> None:
    from cryptoflow.warehouse.migrations import Migration

    if isinstance(migration, Migration):
        typer.echo(f"{migration.version} ({migration.name}), applied {migration.applied_at:%Y-%m-%d %H:%M:%S %Z}")
    else:
        typer.echo("No migration is in force; `cryptoflow migrate up` applies them.")
