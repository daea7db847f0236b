"""`cryptoflow retain` and `cryptoflow archive`: letting go of days that are past their time, and bringing them back.

What does not belong here: what may go, how it is archived.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.errors import UsageError
from cryptoflow.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from cryptoflow.warehouse.retention import Day

app = typer.Typer()
archive_app = typer.Typer(help="Days that were archived before they were let go.", no_args_is_help=True)
app.add_typer(archive_app, name="archive")


@app.command()
def retain(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would go, and what stays and why.")
    ] = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Let go of the days of samples and minutes that are past their retention, proven and archived."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.retention import expired_days

    settings, now = load_settings(home=home), datetime.now(UTC)
    with database_for_command(settings) as endpoints:
        url = endpoints.database_url
        days = expired_days(url, now=now) if dry_run else _let_go(url, now=now, folder=_folder(settings))
    verdict = "would go" if dry_run else "gone"
    told = [_told(day, place, verdict=verdict) for day in days for place in range(len(day.parts))]
    if json:
        print_json(told)
    elif told:
        print_rows(Rows(columns=list(told[0]), rows=[list(row.values()) for row in told]), form=Format.TABLE)
    else:
        typer.echo("No day is past its retention.")


def _let_go(database_url: str, *, now: datetime, folder: Path) -> Sequence[Day]:
    from cryptoflow.warehouse.retention import retain as let_go

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Looking", total=None)
        return let_go(
            database_url,
            now=now,
            folder=folder,
            on_day=lambda day: progress.update(task, description=f"Archiving {day.day}", advance=1),
        )


def _told(day: Day, place: int, *, verdict: str) -> dict[str, object]:
    part = day.parts[place]
    return {
        "day": day.day,
        "partition": part.partition,
        "rows": part.rows,
        "bytes": part.total_bytes,
        "archive": part.archive,
        "verdict": f"stays: {day.kept_because}" if day.kept_because else verdict,
    }


@archive_app.command(name="list")
def list_archives(json: JsonOption = False, home: HomeOption = None) -> None:
    """List the archived days with their files, and whether each file is still there."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.archives import known_archives
    from cryptoflow.warehouse.pool import transaction

    settings = load_settings(home=home)
    with database_for_command(settings) as endpoints, transaction(endpoints.database_url) as connection:
        archives = known_archives(connection)
    folder = _folder(settings)
    told: list[dict[str, object]] = [
        {
            "table": one.table_name,
            "day": one.day,
            "part": one.part,
            "rows": one.row_count,
            "bytes": one.file_bytes,
            "file": str(folder / one.path),
            "is_there": (folder / one.path).is_file(),
            "sha256": one.sha256.hex(),
            "archived_at": one.archived_at,
        }
        for one in archives
    ]
    if json:
        print_json(told)
    elif told:
        print_rows(Rows(columns=list(told[0]), rows=[list(row.values()) for row in told]), form=Format.TABLE)
    else:
        typer.echo("Nothing was archived yet.")


@archive_app.command()
def restore(
    table: Annotated[str, typer.Option("--table", help="The table, e.g. market.minute_close.")],
    day: Annotated[str, typer.Option("--day", help="The UTC day, e.g. 2026-03-04.")],
    home: HomeOption = None,
) -> None:
    """Bring an archived day back into its table, every row as it was; the next `retain` lets it go again."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.archives import restore_day

    wanted, settings = _day_of(day), load_settings(home=home)
    with database_for_command(settings) as endpoints:
        rows = restore_day(endpoints.database_url, table, wanted, folder=_folder(settings))
    typer.echo(f"{rows} rows of {wanted} are in {table} again. The next `cryptoflow retain` lets them go again.")


def _folder(settings: Settings) -> Path:
    from cryptoflow.runtime.home import Home

    return Home(settings.home_path).archive


def _day_of(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text!r} is not a day.", cure="Write 2026-03-04.") from None
