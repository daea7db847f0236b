"""`cryptoflow refine`, `replay`, `explain` and `corrections`: the market's closes, worked on and asked about by hand.

What does not belong here: how closes are built, written or explained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from cryptoflow.cli.options import HomeOption, JsonOption, SinceOption, instant_of
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.errors import UsageError
from cryptoflow.settings import Settings, load_settings

if TYPE_CHECKING:
    from cryptoflow.collect.rebuild import Drained
    from cryptoflow.collect.replay_raw import Rebuilding
    from cryptoflow.collect.snapshots import SnapshotReport
    from cryptoflow.warehouse.explaining import Explanation
    from cryptoflow.warehouse.explaining_velocity import VelocityExplanation

app = typer.Typer()
_READINGS_SHOWN = 12


class Explained(StrEnum):
    """The tables whose rows can be explained: closes by the grain that each holds, and velocity."""

    MINUTE = "minute_close"
    HOUR = "hourly_close"
    DAY = "daily_close"
    WEEK = "weekly_close"
    MONTH = "monthly_close"
    VELOCITY = "velocity"


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

    drained = Drained()
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
    files: Annotated[list[Path] | None, typer.Argument(help="Files with one recorded answer each, as it came.")] = None,
    fetched_at: Annotated[
        str | None, typer.Option("--fetched-at", help="When they were received, e.g. 2026-01-31T12:00Z.")
    ] = None,
    from_raw: Annotated[
        bool, typer.Option("--from-raw", help="Rebuild from the raw answers that are kept, instead of from files.")
    ] = False,
    start: Annotated[
        str | None, typer.Option("--from", help="With --from-raw: answers received from this instant on.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="With --from-raw: and before this one.")] = None,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Store recorded answers by the same path as live ones, whatever their date."""
    settings = load_settings(home=home)
    if from_raw:
        if files or fetched_at:
            raise UsageError(
                "--from-raw takes no files and no --fetched-at.", cure="The kept answers know when they were received."
            )
        span = {name: instant_of(text) if text else None for name, text in (("start", start), ("until", until))}
        _rebuild(settings, provider=provider, endpoint=endpoint, span=span, json=json)
        return
    if not files or not fetched_at or start or until:
        raise UsageError(
            "Recorded answers need files and --fetched-at, and no --from or --to.",
            cure="Give both, or --from-raw to rebuild from the answers that are kept.",
        )
    _replay_files(settings, files, provider=provider, endpoint=endpoint, instant=instant_of(fetched_at), json=json)


def _replay_files(
    settings: Settings, files: Sequence[Path], *, provider: str, endpoint: str, instant: datetime, json: bool
) -> None:
    from cryptoflow.collect.replay import replay_snapshots
    from cryptoflow.runtime.session import database_for_command

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


def _rebuild(
    settings: Settings, *, provider: str, endpoint: str, span: Mapping[str, datetime | None], json: bool
) -> None:
    from cryptoflow.collect.replay_raw import Rebuilding, rebuild_from_raw
    from cryptoflow.runtime.session import database_for_command

    rebuilt = Rebuilding()
    console = Console(stderr=True)
    with (
        database_for_command(settings) as endpoints,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("Replaying", total=None)
        for rebuilt in rebuild_from_raw(
            endpoints.database_url, provider=provider, endpoint=endpoint, start=span["start"], until=span["until"]
        ):
            progress.update(task, completed=rebuilt.answers, total=rebuilt.answers_in_all)
    if json:
        print_json(asdict(rebuilt))
    else:
        _say_rebuilt(rebuilt)


def _say_rebuilt(rebuilt: Rebuilding) -> None:
    if not rebuilt.answers_in_all:
        typer.echo("No answer was received then; raw.fetches has every call.")
        return
    typer.echo(
        f"{rebuilt.answers} answers replayed: {rebuilt.received} samples read, {rebuilt.stored} stored, "
        f"{rebuilt.refused} rows refused."
    )
    closes = ", ".join(f"{count} {grain}" for grain, count in rebuilt.closes.items())
    typer.echo(f"Closes that say something new: {rebuilt.minutes} minute{', ' if closes else ''}{closes}.")
    if rebuilt.gone:
        typer.echo(f"{rebuilt.gone} answers are no longer kept (CRYPTOFLOW_PAYLOAD_RETENTION_DAYS).")
    if rebuilt.unreadable:
        typer.echo(f"{rebuilt.unreadable} answers cannot be read, as they could not when they came.")


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
    dataset: Annotated[Explained, typer.Argument(help="Table of the row.")],
    slug: Annotated[str, typer.Argument(help="Slug of the asset, e.g. bitcoin.")],
    instant: Annotated[str, typer.Argument(help="Any instant within the bucket, e.g. 2026-01-31T12:00Z.")],
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Say where a close or a velocity comes from: its value, its inputs, the rule, and what it said before."""
    from cryptoflow.cadence import Grain
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.explaining import explain_close
    from cryptoflow.warehouse.explaining_velocity import VelocityExplanation, explain_velocity
    from cryptoflow.warehouse.pool import transaction

    moment = instant_of(instant)
    explanation: Explanation | VelocityExplanation
    with database_for_command(load_settings(home=home)) as endpoints, transaction(endpoints.database_url) as connection:
        if dataset is Explained.VELOCITY:
            explanation = explain_velocity(connection, slug=slug, instant=moment)
        else:
            explanation = explain_close(connection, Grain[dataset.name], slug=slug, instant=moment)
    if json:
        print_json(asdict(explanation))
    elif isinstance(explanation, VelocityExplanation):
        _say_velocity_explained(explanation)
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


def _say_velocity_explained(explanation: VelocityExplanation) -> None:
    typer.echo(
        f"{explanation.dataset} {explanation.slug} {explanation.bucket:%Y-%m-%d %H:%M} UTC: {explanation.status}"
    )
    _print_records([asdict(figure) for figure in explanation.figures])
    typer.echo(f"\nRule, version {explanation.formula_version}: {explanation.formula}")
    shown = explanation.readings[-_READINGS_SHOWN:]
    typer.echo(f"\nBuilt from {len(explanation.readings)} minute closes; the last {len(shown)} (--json has all):")
    _print_records(shown)
    typer.echo(f"\nand from {len(explanation.hours)} hour closes:")
    _print_records(explanation.hours)
    typer.echo(f"\nEarlier versions: {len(explanation.earlier_versions) or 'none'}")
    _print_records(explanation.earlier_versions)


def _print_records(records: Sequence[dict[str, object]]) -> None:
    if records:
        rows = Rows(columns=list(records[0]), rows=[list(record.values()) for record in records])
        print_rows(rows, form=Format.TABLE)


@app.command()
def corrections(since: SinceOption, json: JsonOption = False, home: HomeOption = None) -> None:
    """List what was corrected after it was final: table, bucket, asset, old and new value, and when."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.corrections import Correction, corrections_since
    from cryptoflow.warehouse.pool import transaction

    instant = instant_of(since)
    with database_for_command(load_settings(home=home)) as endpoints, transaction(endpoints.database_url) as connection:
        found = [asdict(one) for one in corrections_since(connection, instant)]
    say_corrected(found, columns=list(Correction.__dataclass_fields__), json=json)


def say_corrected(found: Sequence[Mapping[str, Any]], *, columns: Sequence[str], json: bool) -> None:
    """Print corrections: which row, what of it changed, and when."""
    if json:
        print_json(found)
        return
    rows = [[", ".join(row[name]) if name == "changed" else row[name] for name in columns] for row in found]
    print_rows(Rows(columns=columns, rows=rows), form=Format.TABLE)
