"""Running a bench: in each round every side works once, in turn; only the work is measured, what they made compared.

What does not belong here: what a bench does, how results are shown.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median
from typing import Any, Final

from bench.contest import Bench, Beside, Contest, Measure, Row, Side, at_most
from bench.results import Result, Steps
from bench.room import Room
from cryptoflow.errors import PermanentError
from cryptoflow.runtime.garbage import spare_what_stays


class SidesDiffer(PermanentError):
    """Two sides of a bench did not make the same rows, so their times say nothing about each other."""

    def __init__(self, beside: str, *, at: int, ours: Row | None, theirs: Row | None) -> None:
        super().__init__(
            f"{beside!r} did not make the same rows as ours; the first difference is in row {at}: "
            f"{ours!r} is ours, {theirs!r} is theirs.",
            cure="Find out which of the two is wrong; no time of this bench counts until then.",
        )


Costs = Mapping[Measure, float]
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One round: what each side's work cost, ours first, and the seconds of our steps."""

    costs: Sequence[Costs]
    steps: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the rounds of a bench came to."""

    results: Sequence[Result]
    steps: Steps | None


def measure(bench: Bench, room: Room, *, size: float, rounds: int, after_round: Callable[[], None]) -> Measured:
    """The medians of the rounds, ours beside each other side's."""
    with bench.open(room, bench.items_at(size)) as contest:
        played = []
        for _ in range(rounds):
            played.append(play_round(contest))
            after_round()
    ours, *others = ([one.costs[side] for one in played] for side in range(1 + len(contest.beside)))
    results = [
        Result.of(
            bench.name,
            beside.side.name,
            beside.goal,
            beside.measure,
            ours=median(costs[beside.measure] for costs in ours),
            beside=median(costs[beside.measure] for costs in theirs),
        )
        for beside, theirs in zip(contest.beside, others, strict=True)
    ]
    results += [
        Result.of(
            bench.name,
            bound.name,
            at_most(1),
            bound.measure,
            ours=median(costs[bound.measure] for costs in ours),
            beside=bound.figure,
        )
        for bound in contest.within
    ]
    return Measured(results=results, steps=_steps(bench.name, played))


def play_round(contest: Contest) -> Played:
    """Every side once, ours first, even one that is compared in several ways. Raises on rows other than ours."""
    costs, ours, steps = _measured(contest, contest.ours)
    every = [costs]
    played: dict[int, tuple[Costs, Sequence[Row]]] = {}
    for beside in contest.beside:
        if id(beside.side) not in played:
            theirs_cost, made, _ = _measured(contest, beside.side, with_steps=False)
            played[id(beside.side)] = theirs_cost, made
        theirs_cost, made = played[id(beside.side)]
        every.append(theirs_cost)
        _compare(beside, ours, made)
    return Played(costs=every, steps=steps)


def _measured(
    contest: Contest, side: Side[Any], *, with_steps: bool = True
) -> tuple[Costs, Sequence[Row], Mapping[str, float]]:
    side.before()
    with _clean_heap():
        log_start = contest.wal_position() if contest.wal_position else 0
        start = time.perf_counter()
        made = side.work()
        costs = {Measure.SECONDS: time.perf_counter() - start}
    if contest.wal_position:
        costs[Measure.WAL] = (contest.wal_position() - log_start) / _MEGABYTE
    steps = contest.steps(made) if contest.steps and with_steps else {}
    return {**costs, **side.figures(made)}, side.rows(made), steps


def _steps(bench: str, played: Sequence[Played]) -> Steps | None:
    """The median of each step, and what is left of the whole."""
    if not played[0].steps:
        return None
    seconds = {name: median(one.steps[name] for one in played) for name in played[0].steps}
    whole = median(one.costs[0][Measure.SECONDS] for one in played)
    return Steps(bench=bench, seconds=seconds | {"the rest": max(whole - sum(seconds.values()), 0.0)})


@contextmanager
def _clean_heap() -> Iterator[None]:
    """The collector neither finds the litter of the side before, nor walks through what others still hold.

    Beyond that it works as in the platform's workers, for every side.
    """
    spare_what_stays()
    try:
        yield
    finally:
        gc.unfreeze()


def _compare(beside: Beside, ours: Sequence[Row], theirs: Sequence[Row]) -> None:
    if beside.ours_as:
        ours = beside.ours_as(ours)
    if not ours:
        raise SidesDiffer(beside.side.name, at=0, ours=None, theirs=next(iter(theirs), None))
    for at, (our_row, their_row) in enumerate(zip_longest(ours, theirs)):
        if our_row != their_row:
            raise SidesDiffer(beside.side.name, at=at, ours=our_row, theirs=their_row)
