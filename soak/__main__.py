"""`python -m soak`: soak, show what held, and keep what explains a break. What does not belong here: the soaking."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cryptoflow.cli.output import print_json
from cryptoflow.errors import CryptoflowError, UsageError
from cryptoflow.settings import ENV_PREFIX
from soak.report import as_json, table_of_memory, table_of_verdicts
from soak.soaking import JOURNAL, Options, Report, soak
from soak.trial import RECOVERY_SECONDS

EXIT_BROKEN: Final = 1
EXIT_ERROR: Final = 2
EXIT_TERMINATED: Final = 143
_SEEDS: Final = 1_000_000


def main() -> None:
    """Run the command line; exit 1 when an invariant is broken, 2 with one clear sentence when it cannot be done."""
    # A termination unwinds, or it would leave a whole platform behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    # No setting of the person who soaks leaks into the platform, and none of their data.
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        del os.environ[name]
    try:
        typer.run(command)
    except CryptoflowError as error:
        # What was written until then stays, in the folder that was named at the beginning.
        Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), style="red", markup=False)
        sys.exit(EXIT_ERROR)


def command(
    minutes: Annotated[float, typer.Option(help="How long it is disturbed, in minutes of ours.")] = 10.0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="What goes wrong and the world itself follow from it; default: drawn.")
    ] = None,
    speed: Annotated[float, typer.Option(help="How much faster than ours the world's time runs.")] = 60.0,
    assets: Annotated[int, typer.Option(min=12, help="Assets in the simulated market.")] = 30,
    patience: Annotated[
        float, typer.Option(help="How many seconds it may take to recover once the faults are cleared.")
    ] = RECOVERY_SECONDS,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the home even if everything holds.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Run the whole platform under random faults and kills, then check that everything still holds."""
    if minutes <= 0:
        raise UsageError(f"A soak cannot take {minutes:g} minutes.", cure="Give a number above 0.")
    drawn = secrets.randbelow(_SEEDS) if seed is None else seed
    options = Options(seed=drawn, minutes=minutes, speed=speed, assets=assets, patience_seconds=patience)
    told = Console(stderr=True, highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="cryptoflow-soak-"))
    told.print(f"Seed {drawn}; again: {options.again}", soft_wrap=True, markup=False)
    told.print(f"What is done is written to {folder / JOURNAL}", soft_wrap=True, markup=False)
    with told.status("") as status:
        report = soak(options, folder, say=lambda text: status.update(Text(text)))
    if json:
        print_json(as_json(report))
    else:
        _show(report)
    if report.holds and not keep:
        shutil.rmtree(folder)
    else:
        told.print(f"The home, the logs and the journal are kept in {folder}", soft_wrap=True, markup=False)
    if not report.holds:
        raise typer.Exit(EXIT_BROKEN)


def _show(report: Report) -> None:
    console = Console()
    tables: tuple[Table, ...] = (table_of_verdicts(report), table_of_memory(report))
    for table in tables:
        console.print(table)
    for one in report.verdicts:
        for sentence in one.breaks:
            console.print(Text(f"{one.invariant}: {sentence}", style="red"), soft_wrap=True)
    if not report.holds:
        console.print(Text(f"Again: {report.again}"), soft_wrap=True)


if __name__ == "__main__":
    main()
