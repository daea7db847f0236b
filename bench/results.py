"""What came out: ratios, their table, and results.json with those of the last full run.

What does not belong here: measuring.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich import box
from rich.table import Table

from bench.contest import Beside
from cryptoflow.errors import UsageError

RESULTS_FILE: Final = Path(__file__).with_name("results.json")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Ours beside one other side. Times are medians in seconds; the ratio is in the direction of the goal."""

    name: str
    """`<bench> / <the other side>`."""
    ours: float
    beside: float
    ratio: float
    goal: str
    met: bool

    @classmethod
    def of(cls, bench: str, beside: Beside, *, ours_seconds: float, beside_seconds: float) -> Result:
        """From two medians."""
        ratio = beside.goal.ratio(ours_seconds=ours_seconds, beside_seconds=beside_seconds)
        return cls(
            name=f"{bench} / {beside.side.name}",
            ours=round(ours_seconds, 6),
            beside=round(beside_seconds, 6),
            ratio=round(ratio, 3),
            goal=str(beside.goal),
            met=beside.goal.is_met(ratio),
        )


def write_results(results: Sequence[Result], file: Path) -> None:
    """Replace the file."""
    try:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    except OSError as error:
        raise UsageError(f"{file} could not be written: {error.strerror}.", cure="Choose another file.") from None


def table_of(results: Sequence[Result], *, title: str) -> Table:
    """The results for a person."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("bench", no_wrap=True)
    table.add_column("beside", min_width=12)
    for heading in ("ours", "theirs", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("goal", justify="right")
    table.add_column("met")
    for result in results:
        bench, _, beside = result.name.partition(" / ")
        met = "yes" if result.met else "[bold red]no[/]"
        table.add_row(bench, beside, _ms(result.ours), _ms(result.beside), f"{result.ratio:.2f} x", result.goal, met)
    return table


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.3g} ms"
