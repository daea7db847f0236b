"""`cryptoflow up`, `down` and `status`: options in, words out.

What does not belong here: running the platform (runtime).
"""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.settings import load_settings

app = typer.Typer(add_completion=False, no_args_is_help=True)

EXIT_BROKEN = 1
EXIT_NOT_RUNNING = 3


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Collect from the simulated upstreams.")] = False,
    home: HomeOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Run in the background; return when everything is well.")
    ] = False,
) -> None:
    """Start the platform: database, cache, Dagster, workers."""
    from cryptoflow.runtime.detached import start_detached
    from cryptoflow.runtime.plan_words import plan_text
    from cryptoflow.runtime.platform import run_platform
    from cryptoflow.runtime.view import view_for, welcome

    settings = load_settings(home=home)
    console = Console()
    view = view_for(console)
    if not detach:
        run_platform(settings, demo=demo, view=view)
        return
    with view:
        endpoints = start_detached(settings, demo=demo, on_progress=view.show)
    view.say(
        plan_text(
            settings,
            database_url=endpoints.database_url,
            redis_url=endpoints.redis_url,
            simulator_url=endpoints.simulator_url,
        )
    )
    view.say(welcome(endpoints, home=str(settings.home_path), detached=True))


@app.command()
def down(home: HomeOption = None) -> None:
    """Stop the platform, and whatever is left of one that was killed."""
    from cryptoflow.runtime.home import Home
    from cryptoflow.runtime.status import stop_platform

    path = load_settings(home=home).home_path
    stopped = stop_platform(Home(path))
    typer.echo(f"Stopped {', '.join(stopped)}." if stopped else f"Nothing runs in {path}.")


@app.command()
def status(
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show the parts. Exit code 0: all well; 1: something is broken; 3: nothing runs."""
    from cryptoflow.runtime.home import Home
    from cryptoflow.runtime.status import masked, report
    from cryptoflow.runtime.view import status_table

    found = report(Home(load_settings(home=home).home_path))
    if json:
        shown = msgspec.structs.asdict(masked(found.endpoints)) if found.endpoints else None
        typer.echo(msgspec.json.format(msgspec.json.encode({**_fields(found), "endpoints": shown}), indent=2).decode())
    else:
        if found.running:
            Console().print(status_table(found.parts, now=time.time()))
        else:
            typer.echo(f"Nothing runs in {found.home}.")
        for problem in found.problems:
            typer.echo(problem)
    if not found.healthy:
        raise typer.Exit(EXIT_BROKEN if found.running else EXIT_NOT_RUNNING)


def _fields(found: object) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(found)
    return fields
