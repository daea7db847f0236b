"""`cryptoflow simulate`: run the simulated providers, and steer running ones.

What belongs here: options, words on the terminal, finding the running simulator.
What does not: what the simulator does.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import print_json
from cryptoflow.errors import CryptoflowError, UsageError

if TYPE_CHECKING:
    from cryptoflow.simulator.client import FaultView, SimulatorClient

app = typer.Typer(
    help="Run the simulated providers, or steer those that run: faults, clock, state.", no_args_is_help=False
)

Url = Annotated[
    str | None, typer.Option("--url", help="The running simulator. Default: the one of this home.", show_default=False)
]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, None: 1.0}


@app.callback(invoke_without_command=True)
def simulate(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default=False)] = None,
    assets: Annotated[int | None, typer.Option(help="Assets in the market.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same world.", show_default=False)] = None,
    speed: Annotated[float, typer.Option(help="How fast simulated time runs.")] = 1.0,
) -> None:
    """Serve every simulated provider until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    from cryptoflow.settings import load_settings

    settings = load_settings(bind_host=host, simulator_port=port, simulator_assets=assets, simulator_seed=seed)
    _serve(
        settings.bind_host,
        settings.simulator_port,
        settings.simulator_assets,
        settings.simulator_seed,
        speed,
    )


def _serve(host: str, port: int, assets: int, seed: int, speed: float) -> None:
    from cryptoflow.simulator.server import serve

    typer.echo(f"Simulating {assets} assets (seed {seed}) at http://{host}:{port}; Ctrl-C stops.", err=True)
    serve(host=host, port=port, asset_count=assets, seed=seed, speed=speed)


@app.command()
def fault(
    name: Annotated[str, typer.Argument(help="One of `cryptoflow simulate faults`.")],
    provider: Annotated[
        str | None, typer.Option("--provider", "-p", help="Hit only this one.", show_default=False)
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="End after e.g. 30s, 5m or 1h.", show_default=False)
    ] = None,
    rate: Annotated[float, typer.Option(help="Share of the requests that are hit.")] = 1.0,
    amount: Annotated[
        float | None, typer.Option(help="How much, for the faults that have a measure.", show_default=False)
    ] = None,
    field: Annotated[
        str | None, typer.Option(help="Which field, for field_vanishes and field_changes_type.", show_default=False)
    ] = None,
    url: Url = None,
    home: HomeOption = None,
) -> None:
    """Put a fault in force."""
    for_seconds = None if duration is None else parse_duration(duration)
    with _client(url, home) as client:
        view = client.add_fault(name, provider=provider, rate=rate, for_seconds=for_seconds, amount=amount, field=field)
    typer.echo(f"In force: {_in_words(view)}.")


@app.command()
def faults(url: Url = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List every fault with one line, and those in force."""
    from cryptoflow.simulator.faults import describe_faults

    active: list[FaultView] | None
    try:
        with _client(url, home) as client:
            active = client.faults().active
    except CryptoflowError:
        # The list of faults needs no running simulator, unless one was named.
        if url is not None:
            raise
        active = None
    if as_json:
        known = [{"name": name, "description": text} for name, text in describe_faults()]
        print_json({"known": known, "active": active})
        return
    width = max(len(name) for name, _ in describe_faults())
    for name, text in describe_faults():
        typer.echo(f"{name:<{width}}  {text}")
    typer.echo("")
    if active is None:
        typer.echo("No simulator is running here.")
        return
    typer.echo("In force:" if active else "In force: none.")
    for view in active:
        typer.echo(f"  {_in_words(view)}")


@app.command()
def clear(
    name: Annotated[str | None, typer.Argument(help="Only faults of this name.", show_default=False)] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", "-p", help="Only faults of this one.", show_default=False)
    ] = None,
    url: Url = None,
    home: HomeOption = None,
) -> None:
    """End faults."""
    with _client(url, home) as client:
        count = client.clear_faults(name=name, provider=provider)
    typer.echo(f"Cleared {count} fault{'' if count == 1 else 's'}.")


@app.command()
def clock(
    now: Annotated[
        str | None, typer.Option(help="Set to this instant: ISO (UTC) or unix seconds.", show_default=False)
    ] = None,
    speed: Annotated[float | None, typer.Option(help="How fast time runs.", show_default=False)] = None,
    freeze: Annotated[
        bool | None, typer.Option("--freeze/--run", help="Stop the clock, or let it run.", show_default=False)
    ] = None,
    url: Url = None,
    home: HomeOption = None,
) -> None:
    """Show or change the simulated time."""
    instant = None if now is None else parse_instant(now)
    with _client(url, home) as client:
        view = client.set_clock(now=instant, speed=speed, freeze=freeze)
    moment = datetime.fromtimestamp(view.now, UTC).isoformat(timespec="seconds")
    typer.echo(f"{moment} ({'frozen' if view.frozen else f'speed {view.speed:g}'})")


@app.command()
def state(url: Url = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show clock, faults, used limits and counts of requests."""
    with _client(url, home) as client:
        view = client.state()
        where = client.url
    if as_json:
        print_json(view)
        return
    moment = datetime.fromtimestamp(view.clock.now, UTC).isoformat(timespec="seconds")
    pace = "frozen" if view.clock.frozen else f"speed {view.clock.speed:g}"
    typer.echo(f"{where}: seed {view.seed}, {moment} ({pace})")
    typer.echo("Faults: " + ("; ".join(map(_in_words, view.faults)) or "none"))
    for user in view.limits.usage:
        windows = ", ".join(
            f"{use.used}/{'unlimited' if use.quota is None else use.quota} per {window}"
            for window, use in user.windows.items()
        )
        typer.echo(f"Used: {user.provider} ({user.plan}, {user.user}): {windows}")
    for provider, counts in view.requests.items():
        statuses = ", ".join(f"{status} x{count}" for status, count in sorted(counts.statuses.items()))
        typer.echo(f"Requests: {provider}: {sum(counts.routes.values())} ({statuses})")


def find_url(url: str | None, *, home: Path | None = None) -> str:
    """The running simulator: as named, else of the settings, else of this home, else the default address."""
    from cryptoflow.settings import load_settings
    from cryptoflow.simulator.client import DEFAULT_URL

    if url is not None:
        return url
    settings = load_settings(home=home)
    if settings.simulator_url:
        return settings.simulator_url
    try:
        endpoints = json.loads((settings.home_path / "endpoints.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return DEFAULT_URL
    found = endpoints.get("simulator_url") if isinstance(endpoints, dict) else None
    return found if isinstance(found, str) and found else DEFAULT_URL


def parse_duration(text: str) -> float:
    """`30s`, `5m`, `1h`, or plain seconds, in seconds."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"{text!r} is not a time span.", cure="Write 30s, 5m or 1h, for instance.")
    return float(match.group(1)) * _UNIT_SECONDS[match.group(2)]


def parse_instant(text: str) -> float:
    """ISO time (UTC when it names no zone) or unix seconds, in unix seconds."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not an instant.", cure="Write 2026-01-31T12:00:00 (UTC) or unix seconds."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _client(url: str | None, home: Path | None) -> SimulatorClient:
    from cryptoflow.simulator.client import SimulatorClient

    return SimulatorClient(find_url(url, home=home))


def _in_words(view: FaultView) -> str:
    share = "" if view.rate == 1 else f", {view.rate:.0%} of the requests"
    rest = "until cleared" if view.seconds_left is None else f"for {view.seconds_left:.0f} s more"
    return f"{view.name} on {view.provider or 'every provider'}{share}, {rest}"
