"""`cryptoflow alerts`: what is broken and told, and a trial of who is told.

What does not belong here: when to tell, how to send.
"""

from __future__ import annotations

import platform
from dataclasses import asdict

import typer

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.settings import load_settings

app = typer.Typer(help="What is broken and who was told.", invoke_without_command=True)

EXIT_NOT_TAKEN = 1
_SETS = ("told_to", "told_over_to")


@app.callback()
def alerts(context: typer.Context, json: JsonOption = False, home: HomeOption = None) -> None:
    """Print what is broken or suspected now, and what was within a week."""
    if context.invoked_subcommand is not None:
        return
    from cryptoflow.ops.alerts import recent_alerts
    from cryptoflow.runtime.session import database_for_command

    with database_for_command(load_settings(home=home)) as endpoints:
        found = recent_alerts(endpoints.database_url)
    if json:
        print_json([asdict(alert) | {name: sorted(getattr(alert, name)) for name in _SETS} for alert in found])
        return
    columns = ("subject", "state", "since", "ended", "extent", "cause", "cure", "told")
    rows = [
        (
            one.subject,
            one.state,
            one.since,
            one.ended_at,
            one.extent,
            one.cause,
            one.cure,
            ", ".join(sorted(one.told_to)),
        )
        for one in found
    ]
    print_rows(Rows(columns=columns, rows=rows), form=Format.TABLE)


@app.command(name="test")
def try_out(home: HomeOption = None) -> None:
    """Send a trial message to everyone who would be told. Exit code 1 when one did not take it."""
    from cryptoflow.ops.alert_sinks import sinks_of
    from cryptoflow.ops.alerts import try_sinks

    outcome = try_sinks(sinks_of(load_settings(home=home)), host=platform.node())
    for sink, problem in outcome.items():
        typer.echo(f"{sink}: {problem or 'taken'}")
    if any(outcome.values()):
        raise typer.Exit(EXIT_NOT_TAKEN)
