"""`python -m bench`: measure, show, and keep when asked to. What does not belong here: the measuring itself."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.benches import find_benches, names_in_order
from bench.performance import render
from bench.results import (
    RESULTS_FILE,
    STEPS_FILE,
    Result,
    Steps,
    read_results,
    read_steps,
    renewed,
    table_of,
    table_of_steps,
    write_results,
)
from bench.room import open_room
from bench.runner import Measured, measure
from cryptoflow.errors import CryptoflowError, UsageError

FULL_SIZE: Final = 1.0
FULL_ROUNDS: Final = 5
QUICK_SIZE: Final = 0.1
QUICK_ROUNDS: Final = 1
EXIT_ERROR: Final = 2
EXIT_TERMINATED: Final = 143


def main() -> None:
    """Run the command line; exit 2 with one clear sentence when it cannot be done."""
    # A termination unwinds, or it would leave the server of the benches behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        typer.run(command)
    except CryptoflowError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), style="red", markup=False)
        sys.exit(EXIT_ERROR)


def command(
    only: Annotated[str | None, typer.Option(help="Only this bench, or the benches of this file.")] = None,
    size: Annotated[float | None, typer.Option(help="So many times the full size; 0.1 is a tenth.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="How often each side works.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One round at a tenth of the size: does it run?")] = False,
    write: Annotated[
        bool | None, typer.Option(help="Keep the results and render the page; a full run does so by itself.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Also write the results to this file.")] = None,
) -> None:
    """Measure the real code paths, with their peers and limits beside them in the same run."""
    size = (QUICK_SIZE if quick else FULL_SIZE) if size is None else size
    rounds = (QUICK_ROUNDS if quick else FULL_ROUNDS) if rounds is None else rounds
    if size <= 0:
        raise UsageError(f"A size of {size:g} is none.", cure="Give a factor above 0.")
    is_full = size == FULL_SIZE and rounds >= FULL_ROUNDS
    if write and not is_full:
        raise UsageError(
            "Only a full run is kept: at full size, in five rounds or more.",
            cure="Leave out --size, --rounds and --quick, or leave out --write.",
        )
    results: list[Result] = []
    steps: list[Steps] = []
    for measured in run(only=only, size=size, rounds=rounds):
        results += measured.results
        steps += [measured.steps] if measured.steps else []
        if is_full and write is not False:
            keep(measured)
    console = Console()
    console.print(table_of(results, title=f"Medians of {rounds}, at {size:g} x the full size"))
    for one in steps:
        console.print(table_of_steps(one))
    if is_full and write is not False:
        render()
    if output:
        write_results(results, output)


def run(*, only: str | None, size: float, rounds: int) -> Iterator[Measured]:
    """Measure one bench after the other, showing progress."""
    benches = find_benches(only)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress, open_room() as room:
        for bench in benches:
            times = 1 if bench.on_request else rounds
            task = progress.add_task(f"{bench.name}: {bench.items_at(size):,} {bench.about}", total=times)
            try:
                yield measure(bench, room, size=size, rounds=times, after_round=partial(progress.advance, task))
            except ModuleNotFoundError as error:
                raise UsageError(
                    f"The bench {bench.name} needs {error.name}, which is not installed.",
                    cure="`make bench` installs the peers first; so does `make .venv/.bench`.",
                ) from None


def keep(measured: Measured) -> None:
    """Put the results of one bench in the place of those that were kept before."""
    order = names_in_order()
    write_results(renewed(read_results(), measured.results, order=order), RESULTS_FILE)
    write_results(renewed(read_steps(), [measured.steps] if measured.steps else [], order=order), STEPS_FILE)


if __name__ == "__main__":
    main()
