"""`cryptoflow doctor`: what is broken right now, since when, and what to do."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import print_json
from cryptoflow.settings import load_settings

app = typer.Typer()

EXIT_BROKEN = 1
_STYLES = {"ok": "green", "warning": "yellow", "broken": "red"}


@app.command()
def doctor(json: JsonOption = False, home: HomeOption = None) -> None:
    """Look at every part and say what is broken and what to do. Exit code 1 when something is."""
    from cryptoflow.ops.doctor import examine

    findings = examine(load_settings(home=home))
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        table = Table(show_edge=False, header_style="bold")
        for name in ("subject", "state", "since", "what", "cure"):
            table.add_column(name, overflow="fold")
        for finding in findings:
            state = Text(finding.state, style=_STYLES[finding.state])
            # Text, because square brackets in a plain string would be taken for markup.
            since = f"{finding.since:%Y-%m-%d %H:%M}" if finding.since else ""
            table.add_row(Text(finding.subject), state, since, Text(finding.what), Text(finding.cure or ""))
        Console().print(table)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(EXIT_BROKEN)
