"""What a bench is: one piece of work, done by our code and by others, and how the figures should compare.

What does not belong here: running it (runner.py), showing it (results.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from bench.room import Room

R = TypeVar("R")
Row = tuple[object, ...]


class Measure(StrEnum):
    """What is compared. The value is how a result's name tells what its figures are; seconds go without saying."""

    SECONDS = ""
    WAL = "MB of WAL"
    MEMORY = "MB of memory"
    CPU = "CPU-seconds a minute"


def nothing() -> None:
    """No preparation."""


def no_figures(_: Any) -> Mapping[Measure, float]:
    """What the work costs is measured from outside."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side(Generic[R]):
    """One way to do the work."""

    name: str = "ours"
    work: Callable[[], R]
    """The only part that is timed."""
    rows: Callable[[R], Sequence[Row]]
    """What the work made, from what it returned, in the form and order that all sides share."""
    before: Callable[[], None] = nothing
    """Brings everything back to where the work starts."""
    figures: Callable[[R], Mapping[Measure, float]] = no_figures
    """What the work itself measured: it replaces what is measured from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """How our figure should compare with another: at most so many times as much, or at least so many times less."""

    direction: Literal["at_most", "faster"]
    bound: float

    def ratio(self, *, ours: float, beside: float) -> float:
        """The ratio in the goal's own direction."""
        return ours / beside if self.direction == "at_most" else beside / ours

    def is_met(self, ratio: float) -> bool:
        """Whether the ratio is on the right side of the bound."""
        return ratio <= self.bound if self.direction == "at_most" else ratio >= self.bound

    def __str__(self) -> str:
        return f"<= {self.bound:g} x" if self.direction == "at_most" else f">= {self.bound:g} x faster"


def at_most(bound: float) -> Goal:
    """Ours takes at most `bound` times as much."""
    return Goal(direction="at_most", bound=bound)


def faster(bound: float) -> Goal:
    """Ours is at least `bound` times faster."""
    return Goal(direction="faster", bound=bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A peer, or a limit that nothing can pass, and the goal beside it."""

    side: Side[Any]
    goal: Goal
    measure: Measure = Measure.SECONDS
    ours_as: Callable[[Sequence[Row]], Sequence[Row]] | None = None
    """For a side that loses something: what the rows of ours become when they lose the same."""


def each(change: Callable[[Row], Row]) -> Callable[[Sequence[Row]], Sequence[Row]]:
    """For a loss that is the same in every row."""
    return lambda rows: [change(row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A bound that no other side sets, in the unit of its measure: it stands beside us as a figure."""

    name: str
    figure: float
    measure: Measure = Measure.SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The sides of a bench, ready to work."""

    ours: Side[Any]
    beside: Sequence[Beside]
    within: Sequence[Within] = ()
    wal_position: Callable[[], int] | None = None
    """Where the server's log ends, in bytes; without it no WAL is measured."""
    steps: Callable[[Any], Mapping[str, float]] | None = None
    """From what our work returned: the seconds of its steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A bench by name. `open` sets up everything that is made once; its end clears up."""

    name: str
    about: str
    items: int
    """How many items the full size has."""
    open: Callable[[Room, int], AbstractContextManager[Contest]]
    on_request: bool = False
    """Starts the whole platform and takes minutes: runs only by its name, once, and repeats its work itself."""

    def items_at(self, size: float) -> int:
        """How many items a part (or a multiple) of the full size has."""
        return max(1, round(self.items * size))
