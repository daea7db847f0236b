"""What came out: ratios, their table, and the files with those of the runs that were kept.

What does not belong here: measuring; the page and its plots (performance, plots).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from rich import box
from rich.table import Table

from bench.contest import Goal, Measure
from cryptoflow.errors import UsageError

RESULTS_FILE: Final = Path(__file__).with_name("results.json")
STEPS_FILE: Final = Path(__file__).with_name("steps.json")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Ours beside one other side. Figures are medians; the ratio is in the direction of the goal."""

    name: str
    """`<bench> / <the other side>`, with what is measured in brackets when it is not seconds."""
    ours: float
    beside: float
    ratio: float
    goal: str
    met: bool

    @classmethod
    def of(cls, bench: str, other: str, goal: Goal, measure: Measure, *, ours: float, beside: float) -> Result:
        """From two medians."""
        ratio = goal.ratio(ours=ours, beside=beside)
        return cls(
            name=f"{bench} / {other}" + (f" ({measure})" if measure else ""),
            ours=round(ours, 6),
            beside=round(beside, 6),
            ratio=round(ratio, 3),
            goal=str(goal),
            met=goal.is_met(ratio),
        )

    @property
    def bench(self) -> str:
        """The bench that it is of."""
        return self.name.partition(" / ")[0]

    @property
    def other(self) -> str:
        """Who stands beside us."""
        return self.name.partition(" / ")[2]

    @property
    def measure(self) -> Measure:
        """What is compared."""
        return next((one for one in Measure if one and self.name.endswith(f"({one})")), Measure.SECONDS)


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of a bench's work goes: the median seconds of each step, in the order of the work."""

    bench: str
    seconds: dict[str, float]


T = TypeVar("T", Result, Steps)


def read_results(file: Path = RESULTS_FILE) -> list[Result]:
    """The results that were kept."""
    return msgspec.json.decode(file.read_bytes(), type=list[Result])


def read_steps(file: Path = STEPS_FILE) -> list[Steps]:
    """The steps that were kept."""
    return msgspec.json.decode(file.read_bytes(), type=list[Steps])


def renewed(kept: Sequence[T], fresh: Sequence[T], *, order: Sequence[str]) -> list[T]:
    """What was kept with the benches that were measured anew replaced, in the order of the benches that there are."""
    again = {one.bench for one in fresh}
    every = [one for one in kept if one.bench not in again] + list(fresh)
    return sorted((one for one in every if one.bench in order), key=lambda one: order.index(one.bench))


def write_results(results: Sequence[Result] | Sequence[Steps], file: Path) -> None:
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
        met = "yes" if result.met else "[bold red]no[/]"
        ours, beside = (shown(figure, result.measure) for figure in (result.ours, result.beside))
        table.add_row(result.bench, result.other, ours, beside, f"{result.ratio:.2f} x", result.goal, met)
    return table


def table_of_steps(steps: Steps) -> Table:
    """Where the time goes, for a person."""
    table = Table(title=f"{steps.bench}, step by step", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("step")
    table.add_column("time", justify="right")
    table.add_column("share", justify="right")
    whole = sum(steps.seconds.values())
    for name, seconds in steps.seconds.items():
        table.add_row(name, shown(seconds, Measure.SECONDS), f"{seconds / whole:.0%}")
    return table


def shown(figure: float, measure: Measure) -> str:
    """A figure with its unit."""
    if measure is Measure.SECONDS:
        return f"{figure:,.1f} s" if figure >= 10 else _digits(figure * 1000) + " ms"
    return _digits(figure) + (" s" if measure is Measure.CPU else " MB")


def _digits(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
