"""Running a bench: in each round every side works once, in turn; only the work is timed, and what they made compared.

What does not belong here: what a bench does, how results are shown.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from statistics import median
from typing import Any

from bench.contest import Bench, Beside, Contest, Row, Side
from bench.results import Result
from bench.room import Room
from cryptoflow.errors import PermanentError


class SidesDiffer(PermanentError):
    """Two sides of a bench did not make the same rows, so their times say nothing about each other."""

    def __init__(self, beside: str, *, at: int, ours: Row | None, theirs: Row | None) -> None:
        super().__init__(
            f"{beside!r} did not make the same rows as ours; the first difference is in row {at}: "
            f"{ours!r} is ours, {theirs!r} is theirs.",
            cure="Find out which of the two is wrong; no time of this bench counts until then.",
        )


def measure(bench: Bench, room: Room, *, size: float, rounds: int, after_round: Callable[[], None]) -> list[Result]:
    """The medians of the rounds, ours beside each other side's."""
    with bench.open(room, bench.items_at(size)) as contest:
        times: list[list[float]] = []
        for _ in range(rounds):
            times.append(play_round(contest))
            after_round()
    ours_seconds, *beside_seconds = (median(column) for column in zip(*times, strict=True))
    return [
        Result.of(bench.name, beside, ours_seconds=ours_seconds, beside_seconds=seconds)
        for beside, seconds in zip(contest.beside, beside_seconds, strict=True)
    ]


def play_round(contest: Contest) -> list[float]:
    """Every side once, ours first; the seconds of each. Raises when one made other rows than ours."""
    ours_seconds, ours = _timed(contest.ours)
    seconds = [ours_seconds]
    for beside in contest.beside:
        beside_seconds, theirs = _timed(beside.side)
        seconds.append(beside_seconds)
        _compare(beside, ours, theirs)
    return seconds


def _timed(side: Side[Any]) -> tuple[float, Sequence[Row]]:
    side.before()
    with _clean_heap():
        start = time.perf_counter()
        made = side.work()
        seconds = time.perf_counter() - start
    return seconds, side.rows(made)


@contextmanager
def _clean_heap() -> Iterator[None]:
    """The collector neither finds the litter of the side before, nor walks through what others still hold."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _compare(beside: Beside, ours: Sequence[Row], theirs: Sequence[Row]) -> None:
    if beside.ours_as:
        ours = [beside.ours_as(row) for row in ours]
    if not ours:
        raise SidesDiffer(beside.side.name, at=0, ours=None, theirs=next(iter(theirs), None))
    for at, (our_row, their_row) in enumerate(zip_longest(ours, theirs)):
        if our_row != their_row:
            raise SidesDiffer(beside.side.name, at=at, ours=our_row, theirs=their_row)
