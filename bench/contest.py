"""What a bench is: one piece of work, done by our code and by others, and how the times should compare.

What does not belong here: running it (runner.py), showing it (results.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from bench.room import Room

R = TypeVar("R")
Row = tuple[object, ...]


def nothing() -> None:
    """No preparation."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """How our time should compare with another: at most so many times as long, or at least so many times faster."""

    direction: Literal["at_most", "faster"]
    bound: float

    def ratio(self, *, ours_seconds: float, beside_seconds: float) -> float:
        """The ratio in the goal's own direction."""
        if self.direction == "at_most":
            return ours_seconds / beside_seconds
        return beside_seconds / ours_seconds

    def is_met(self, ratio: float) -> bool:
        """Whether the ratio is on the right side of the bound."""
        return ratio <= self.bound if self.direction == "at_most" else ratio >= self.bound

    def __str__(self) -> str:
        return f"<= {self.bound:g} x" if self.direction == "at_most" else f">= {self.bound:g} x faster"


def at_most(bound: float) -> Goal:
    """Ours takes at most `bound` times as long."""
    return Goal(direction="at_most", bound=bound)


def faster(bound: float) -> Goal:
    """Ours is at least `bound` times faster."""
    return Goal(direction="faster", bound=bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A peer, or a limit that nothing can pass, and the goal beside it."""

    side: Side[Any]
    goal: Goal
    ours_as: Callable[[Row], Row] | None = None
    """For a side that loses something: what a row of ours becomes when it loses the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The sides of a bench, ready to work."""

    ours: Side[Any]
    beside: Sequence[Beside]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A bench by name. `open` sets up everything that is made once; its end clears up."""

    name: str
    about: str
    items: int
    """How many items the full size has."""
    open: Callable[[Room, int], AbstractContextManager[Contest]]

    def items_at(self, size: float) -> int:
        """How many items a part (or a multiple) of the full size has."""
        return max(1, round(self.items * size))
