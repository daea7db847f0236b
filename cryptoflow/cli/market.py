"""`cryptoflow refine`, `replay`, `explain` and `corrections`: the market's closes, worked on and asked about by hand.

What does not belong here: how closes are built, written or explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cryptoflow.cli.options import HomeOption, JsonOption, instant_of
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.settings import load_settings

if TYPE_CHECKING:
    from cryptoflow.collect.rebuild import Drained
    from cryptoflow.collect.snapshots import SnapshotReport
    from cryptoflow.warehouse.explaining import Explanation

app = typer.Typer()


class Close(StrEnum):
    """The tables of closes, by the grain that each holds."""

    MINUTE = "minute_close"
    HOUR = "hourly_close"
    DAY = "daily_close"
    WEEK = "weekly_close"
    MONTH = "monthly_close"


@app.command()
def refine(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Go on batch by batch until nothing is marked; else build one batch.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Build now the coarse buckets whose finer rows changed, without waiting for the scheduler."""
    from cryptoflow.runtime.session import database_for_command

    with database_for_command(load_settings(home=home)) as endpoints:
        drained = _refined(endpoints.database_url, until_idle=until_idle)
    typer.echo(f"{drained.built} buckets built, {drained.changed} of them say something new.")
    if drained.left:
        typer.echo(f"{drained.left} buckets are still marked; --until-idle goes on until none is.")


def _refined(database_url: str, *, until_idle: bool) -> Drained:
    from cryptoflow.collect.rebuild import Drained, drain_in_batches

    drained = Drained(built=0, changed=0, left=0)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Building", total=None)
        for drained in drain_in_batches(database_url):
            progress.update(task, completed=drained.built, total=drained.built + drained.left)
            if not until_idle:
                break
    return drained


@app.command()
def replay(
    provider: Annotated[str, typer.Argument(help="Whose answers they are: coingecko or coinmarketcap.")],
    endpoint: Annotated[str, typer.Argument(help="What was asked: coins/markets or listings/latest.")],
    files: Annotated[list[Path], typer.Argument(help="Files with one recorded answer each, as it came.")],
    fetched_at: Annotated[str, typer.Option("--fetched-at", help="When they were received, e.g. 2026-01-31T12:00Z.")],
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Store recorded answers by the same path as live ones, whatever their date."""
    from cryptoflow.collect.replay import replay_snapshots
    from cryptoflow.runtime.session import database_for_command

    instant = instant_of(fetched_at)
    settings = load_settings(home=home)
    with database_for_command(settings) as endpoints:
        report = replay_snapshots(
            endpoints.database_url,
            files,
            provider=provider,
            endpoint=endpoint,
            fetched_at=instant,
            world="simulated" if endpoints.simulator_url or settings.simulator_url else "real",
        )
    if json:
        print_json(asdict(report))
    else:
        _say_replayed(report)


def _say_replayed(report: SnapshotReport) -> None:
    written = report.written
    closes = ", ".join(f"{built.changed} {built.grain}" for built in written.built)
    typer.echo(
        f"Slot {report.slot:%Y-%m-%d %H:%M} UTC: {written.stored} samples stored, {report.refused} rows refused."
    )
    typer.echo(
        f"{report.new_assets} assets are new. Closes that say something new: {written.minutes} minute, {closes}."
    )
    if report.refused:
        typer.echo("The refused rows are in ops.quarantine, each with the rule that it broke.")


@app.command()
def explain(
    dataset: Annotated[Close, typer.Argument(help="Table of the close.")],
    slug: Annotated[str, typer.Argument(help="Slug of the asset, e.g. bitcoin.")],
    instant: Annotated[str, typer.Argument(help="Any instant within the bucket, e.g. 2026-01-31T12:00Z.")],
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Say where a close comes from: its value, its inputs, the rule, and what it said before."""
    from cryptoflow.cadence import Grain
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.explaining import explain_close
    from cryptoflow.warehouse.pool import transaction

    moment = instant_of(instant)
    with database_for_command(load_settings(home=home)) as endpoints, transaction(endpoints.database_url) as connection:
        explanation = explain_close(connection, Grain[dataset.name], slug=slug, instant=moment)
    if json:
        print_json(asdict(explanation))
    else:
        say_explained(explanation)


def say_explained(explanation: Explanation) -> None:
    """Print where a value comes from, for people."""
    version = explanation.close["formula_version"]
    typer.echo(
        f"{explanation.dataset} {explanation.slug} {explanation.bucket:%Y-%m-%d %H:%M} UTC: {explanation.status}"
    )
    _print_records([{"figure": name, "value": value} for name, value in explanation.close.items()])
    typer.echo(f"\nRule, version {version}: {explanation.formula}")
    typer.echo(f"\nBuilt from {explanation.inputs_from}; rows still kept: {len(explanation.inputs)}")
    _print_records(explanation.inputs)
    typer.echo(f"\nEarlier versions: {len(explanation.earlier_versions) or 'none'}")
    _print_records(explanation.earlier_versions)


def _print_records(records: Sequence[dict[str, object]]) -> None:
    if records:
        rows = Rows(columns=list(records[0]), rows=[list(record.values()) for record in records])
        print_rows(rows, form=Format.TABLE)


@app.command()
def corrections(
    since: Annotated[str, typer.Option("--since", help="From this instant on, e.g. 2026-01-31T12:00Z.")],
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List what was corrected after it was final: table, bucket, asset, old and new price, and when."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.corrections import Correction, corrections_since
    from cryptoflow.warehouse.pool import transaction

    instant = instant_of(since)
    with database_for_command(load_settings(home=home)) as endpoints, transaction(endpoints.database_url) as connection:
        found = [asdict(one) for one in corrections_since(connection, instant)]
    if json:
        print_json(found)
    else:
        names = list(Correction.__dataclass_fields__)
        rows = [[", ".join(row[name]) if name == "changed" else row[name] for name in names] for row in found]
        print_rows(Rows(columns=names, rows=rows), form=Format.TABLE)
