"""`cryptoflow backfill`: history fetched by hand, with its plan and cost before the first call.

What does not belong here: what is asked for, and asking (collect.history).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cryptoflow.cli import backfill_candles
from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import print_json
from cryptoflow.settings import load_settings

if TYPE_CHECKING:
    from cryptoflow.collect.history import HistoryPlan, HistoryReport
    from cryptoflow.collect.history_run import HistoryRun

app = typer.Typer(no_args_is_help=True, help="Fetch history.")
app.add_typer(backfill_candles.app)

# A run of the platform lasts less than a minute: a command waits for it instead of failing beside it.
_WAIT_SECONDS = 120.0


@app.callback()
def _family() -> None:
    """Fetch history."""


@app.command()
def market(
    days: Annotated[
        int, typer.Option("--days", min=1, max=365, help="How far back; the last day comes in steps of 5 minutes.")
    ] = 90,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Only so many of the largest assets; default: the universe.")
    ] = None,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Fetch prices of the past from CoinGecko's charts: first history, and what ticks missed. Asks nothing twice."""
    from cryptoflow.collect.history import collect_history, plan_history
    from cryptoflow.refine.history_plan import depths_of
    from cryptoflow.runtime.session import database_for_command

    settings = load_settings(home=home)
    depths = depths_of(days)
    with database_for_command(settings) as endpoints:
        settings = settings.model_copy(update={"simulator_url": endpoints.simulator_url or settings.simulator_url})
        plan = plan_history(
            settings, endpoints.database_url, endpoints.redis_url, now=datetime.now(UTC), depths=depths, top=top
        )
        if not json:
            _say_plan(plan)
        console = Console(stderr=True)
        with _progress(console) as progress:
            task = progress.add_task("Asking", total=len(plan.requests), calls=0, points=0)

            def on_progress(run: HistoryRun) -> None:
                done = run.answered + run.without_points + run.refused_requests + run.failed
                progress.update(task, completed=done, total=len(run.plan), calls=run.tally.calls, points=run.points)

            report = collect_history(
                settings,
                now=datetime.now(UTC),
                database_url=endpoints.database_url,
                redis_url=endpoints.redis_url,
                depths=depths,
                top=top,
                collection_type="manual",
                wait_seconds=_WAIT_SECONDS,
                on_progress=on_progress,
            )
    if json:
        print_json(_fields(report))
    else:
        _say_done(report)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("charts, {task.fields[calls]} calls, {task.fields[points]} points stored,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _say_plan(plan: HistoryPlan) -> None:
    """What will be asked, what it costs, and how long that takes."""
    if not plan.assets:
        typer.echo("No asset is known yet: history follows the first tick, a minute after `cryptoflow up`.")
        return
    if not plan.requests:
        typer.echo("Nothing is left to ask for.")
        return
    kinds = Counter(
        "missed minutes" if request.first_days is None else f"first history of {_days(request.first_days)}"
        for request in plan.requests
    )
    wanted, paid = len(plan.requests), plan.budget.affordable(len(plan.requests))
    typer.echo(f"{wanted} charts to ask for: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}.")
    length = timedelta(minutes=-(-paid // plan.budget.calls_per_minute))
    typer.echo(
        f"They cost a call each, {plan.budget.calls_per_minute} a minute beside the ticks:"
        f" {paid} calls, about {length}."
    )
    if paid < wanted:
        until = f" until {plan.budget.until:%Y-%m-%d %H:%M} UTC" if plan.budget.until else ""
        typer.echo(f"The reserve of the quota pays for {paid} of them{until}; the rest is asked for by itself then.")


def _days(days: int) -> str:
    return "a day" if days == 1 else f"{days} days"


def _say_done(report: HistoryReport) -> None:
    if not report.wanted and not report.slots_told:
        return
    typer.echo(
        f"{report.answered} charts brought {report.points} points in {report.calls} calls: {report.stored} stored,"
        f" {report.minutes} minutes closed."
    )
    apart = (
        ("without a point", report.without_points),
        ("refused for good", report.refused_requests),
        ("failed, tried again later", report.failed),
        ("rows in ops.quarantine", report.quarantined),
    )
    for words, count in apart:
        if count:
            typer.echo(f"{count} {words}.")
    for state, count in report.slots_told.items():
        typer.echo(f"{count} missed slots are told as {state}.")
    if report.left and report.stopped_by:
        when = f" It goes on from {report.goes_on_at:%Y-%m-%d %H:%M:%S} UTC." if report.goes_on_at else ""
        typer.echo(f"{report.left} charts are left: {report.stopped_by.rstrip('.')}.{when}")
        typer.echo("The platform asks for them by itself; the same command goes on by hand.")


def _fields(report: HistoryReport) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(report) | {
        "left": report.left,
        "points_by_hour": {hour.isoformat(): count for hour, count in report.points_by_hour.items()},
    }
