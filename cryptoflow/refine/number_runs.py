"""Which numbers are there, as runs without a gap: trades come doubled, out of order and with holes, and are numbered.

Pure arithmetic. What does not belong here: trades, fetching what is missing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The numbers from `first` to `last`, both included."""

    first: int
    last: int


class NumberRuns:
    """A growing set of numbers from `start` on, kept as its runs: memory grows with the holes, not the numbers."""

    def __init__(self, *, start: int) -> None:
        self.start = start
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    @property
    def next_missing(self) -> int:
        """The first number from `start` on that is not there."""
        return self._lasts[0] + 1 if self._firsts and self._firsts[0] <= self.start else self.start

    @property
    def newest(self) -> int | None:
        """The highest number that is there."""
        return self._lasts[-1] if self._lasts else None

    def add(self, first: int, last: int) -> None:
        """Take the numbers from `first` to `last` in; those before `start` do not count."""
        first = max(first, self.start)
        if last < first:
            return
        # Every run that touches or overlaps [first, last] becomes one with it.
        low = bisect_left(self._lasts, first - 1)
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def has(self, number: int) -> bool:
        """Whether the number is there, or lies before the start and so is none of ours."""
        at = bisect_right(self._firsts, number) - 1
        return number < self.start or (at >= 0 and number <= self._lasts[at])

    def copy(self) -> NumberRuns:
        """Another set of the same numbers."""
        other = NumberRuns(start=self.start)
        other._firsts, other._lasts = list(self._firsts), list(self._lasts)
        return other

    def first_hole(self) -> Run | None:
        """The first numbers that are missing before some that are there; None when nothing is."""
        missing = self.next_missing
        after = next((first for first in self._firsts if first > missing), None)
        return None if after is None else Run(first=missing, last=after - 1)
