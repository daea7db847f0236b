"""`cryptoflow quarantine`: what was refused and waits, one thing of it in full, and deciding what becomes of it.

What does not belong here: what is refused, how it is stored after all.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from cryptoflow.cli.options import HomeOption, JsonOption, instant_of
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.errors import UsageError
from cryptoflow.settings import load_settings

if TYPE_CHECKING:
    from cryptoflow.collect.releasing import Decided
    from cryptoflow.collect.snapshot_questions import Figures
    from cryptoflow.warehouse.quarantine_decisions import HeldAnswer, HeldRow

app = typer.Typer(help="What was refused and waits for somebody to decide: list, show, release, discard.")
_ROWS_SHOWN = 5
_MOST_LISTED = 200
# Of a row of an answer: shown under other names, or with the answer.
_UNTOLD = {"listing", "payload_sha256", "fetched_at"}

AlikeOption = Annotated[
    bool, typer.Option("--alike", help="And every other answer of the same provider that waits for the same reason.")
]
IdsArgument = Annotated[list[str], typer.Argument(help="b7 is a whole answer, r12 a row.")]


@app.command(name="list")
def list_held(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Of one table, e.g. raw.market_snapshots.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="Of one provider.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Refused since this instant, e.g. 2026-01-31T12:00Z.")
    ] = None,
    decided: Annotated[bool, typer.Option("--all", help="Also what was released or discarded.")] = False,
    most: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = _MOST_LISTED,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List what waits in quarantine: whole answers that changed their nature, and rows that broke a rule."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.pool import transaction
    from cryptoflow.warehouse.quarantine_decisions import Held, held_things

    instant = instant_of(since) if since else None
    with database_for_command(load_settings(home=home)) as endpoints, transaction(endpoints.database_url) as connection:
        found, in_all = held_things(
            connection, dataset=dataset, provider=provider, since=instant, waiting_only=not decided, most=most
        )
    if json:
        print_json([asdict(held) for held in found])
    elif found:
        names = tuple(Held.__dataclass_fields__)
        rows = [[_shown(getattr(held, name)) for name in names] for held in found]
        print_rows(Rows(columns=[name.replace("_", " ") for name in names], rows=rows), form=Format.TABLE)
    else:
        typer.echo("Nothing waits in quarantine." if not decided else "Nothing is in quarantine.")
    if in_all > len(found):
        typer.echo(f"{in_all - len(found)} more; --limit shows more of them, --provider and --since fewer.", err=True)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="b7 is a whole answer, r12 a row.")],
    payload: Annotated[
        bool, typer.Option("--payload", help="Write the answer itself, byte for byte as it came.")
    ] = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show one thing in quarantine: the rule, the reason, its rows, the answer that held it, and what to do."""
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.payloads import PostgresPayloads
    from cryptoflow.warehouse.pool import transaction
    from cryptoflow.warehouse.quarantine_decisions import held_thing

    with database_for_command(load_settings(home=home)) as endpoints:
        with transaction(endpoints.database_url) as connection:
            held = held_thing(connection, name)
        if payload:
            if held.payload_sha256 is None:
                raise UsageError(f"{held.id} came in no answer that is kept.", cure=f"See `show {held.id}` without it.")
            sys.stdout.buffer.write(PostgresPayloads(endpoints.database_url).read(held.payload_sha256))
            sys.stdout.buffer.flush()
            return
        told = _told(endpoints.database_url, held)
    if json:
        print_json(told)
    else:
        _say(told)


def _told(database_url: str, held: HeldAnswer | HeldRow) -> dict[str, object]:
    """Everything about it, in the order in which it is read."""
    from cryptoflow.collect.releasing import rows_of
    from cryptoflow.refine.batch_samples import CURES
    from cryptoflow.warehouse.quarantine_decisions import HeldAnswer

    is_answer = isinstance(held, HeldAnswer)
    commands = f"`cryptoflow quarantine release {held.id}` or `cryptoflow quarantine discard {held.id} --reason ...`"
    hint = CURES.get(held.rule) if is_answer else "A row that breaks a hard rule is never stored; the rule may change."
    first: list[object] = []
    if isinstance(held, HeldAnswer):
        if held.body_bytes is not None:
            first = [_row_of(one) for one in rows_of(database_url, held)[:_ROWS_SHOWN]]
    else:
        first = [held.row_text]
    described = {name: value for name, value in asdict(held).items() if name not in ("payload_sha256", "row_text")}
    return {
        **described,
        "payload_sha256": held.payload_sha256.hex() if held.payload_sha256 else None,
        "payload_kept": held.body_bytes is not None,
        "first_rows": first,
        "what_to_do": f"{hint or ''} {commands}".strip() if held.state == "waiting" else "Nothing: it is decided.",
    }


def _row_of(figures: Figures) -> dict[str, object]:
    named: dict[str, object] = {"key": figures.listing.key, "name": figures.listing.name}
    return named | {name: value for name, value in msgspec.structs.asdict(figures).items() if name not in _UNTOLD}


def _say(told: dict[str, object]) -> None:
    first = told.pop("first_rows")
    rows = [[name.replace("_", " "), _shown(value)] for name, value in told.items() if value is not None]
    print_rows(Rows(columns=["what", "value"], rows=rows), form=Format.TABLE)
    assert isinstance(first, list)
    if first and isinstance(first[0], dict):
        typer.echo(f"\nIts first rows, of {told['row_count']}:")
        print_rows(Rows(columns=list(first[0]), rows=[list(row.values()) for row in first]), form=Format.TABLE)
    elif first:
        typer.echo(f"\nThe row as it came:\n{first[0]}")
    else:
        typer.echo("\nIts answer is no longer kept.")


@app.command()
def release(
    names: IdsArgument,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record.")] = None,
    with_alike: AlikeOption = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Store it after all, by the path that everything takes. Hard rules still hold; who did it and why is kept."""
    from cryptoflow.collect.releasing import all_alike
    from cryptoflow.collect.releasing import release as let_in
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.quarantine_decisions import Decision

    decision = Decision(state="released", by=_somebody(), reason=reason)
    done: list[Decided] = []
    console = Console(stderr=True)
    with (
        database_for_command(load_settings(home=home)) as endpoints,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        names = all_alike(endpoints.database_url, names) if with_alike else names
        task = progress.add_task("Releasing", total=len(names))
        try:
            for one in let_in(endpoints.database_url, names, decision=decision):
                done.append(one)
                progress.update(task, advance=1)
        finally:
            # What was released before one that cannot be stays released.
            _tell(done, json=json)


@app.command()
def discard(
    names: IdsArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    with_alike: AlikeOption = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Decide that it is never stored. What it was, who decided and why stay on record."""
    from cryptoflow.collect.releasing import all_alike
    from cryptoflow.collect.releasing import discard as leave_out
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.quarantine_decisions import Decision

    if not reason.strip():
        raise UsageError("A discard needs a reason.", cure="Say in --reason why nobody will ever want it.")
    decision = Decision(state="discarded", by=_somebody(), reason=reason)
    with database_for_command(load_settings(home=home)) as endpoints:
        names = all_alike(endpoints.database_url, names) if with_alike else names
        _tell(leave_out(endpoints.database_url, names, decision=decision), json=json)


def _tell(done: Sequence[Decided], *, json: bool) -> None:
    if json:
        print_json([asdict(one) for one in done])
        return
    for one in done:
        if one.state == "discarded":
            typer.echo(f"{one.id} discarded: {_counted(one.rows, 'row')} will not be stored.")
            continue
        typer.echo(
            f"{one.id} released: {one.stored} of {_counted(one.rows, 'row')} stored,"
            f" {_counted(one.minutes, 'minute close')} say something new."
        )
        if one.refused:
            rules = ", ".join(f"{rule} {count}" for rule, count in one.refused.items())
            typer.echo(f"Rows that break a hard rule wait in quarantine as rows: {rules}.")


def _counted(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _shown(value: object) -> object:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else value


def _somebody() -> str:
    """Who types this, as the machine knows it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
