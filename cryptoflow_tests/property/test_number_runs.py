"""Runs of numbers: whatever the order, the doubling and the overlaps, they say what a set of the numbers says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cryptoflow.refine.number_runs import NumberRuns, Run

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=25)


def runs_of(start: int, spans: list[tuple[int, int]]) -> NumberRuns:
    runs = NumberRuns(start=start)
    for first, more in spans:
        runs.add(first, first + more)
    return runs


@given(st.integers(0, 40), SPANS)
def test_runs_say_what_a_set_says(start: int, spans: list[tuple[int, int]]) -> None:
    there = {n for first, more in spans for n in range(first, first + more + 1) if n >= start}
    runs = runs_of(start, spans)
    missing = next(n for n in range(start, 200) if n not in there)
    assert runs.next_missing == missing
    assert runs.newest == (max(there) if there else None)
    assert all(runs.has(n) == (n < start or n in there) for n in range(90))
    beyond = [n for n in there if n > missing]
    assert runs.first_hole() == (Run(first=missing, last=min(beyond) - 1) if beyond else None)


@given(st.integers(0, 40), SPANS, st.randoms())
def test_the_order_does_not_matter(start: int, spans: list[tuple[int, int]], random: object) -> None:
    shuffled = list(spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = runs_of(start, spans), runs_of(start, shuffled + spans)
    assert (one._firsts, one._lasts) == (other._firsts, other._lasts)


@given(st.integers(0, 40), SPANS)
def test_filling_the_holes_one_by_one_leaves_one_run(start: int, spans: list[tuple[int, int]]) -> None:
    runs = runs_of(start, spans)
    while hole := runs.first_hole():
        runs.add(hole.first, hole.last)
    assert runs.newest is None or runs.next_missing == runs.newest + 1
    assert len(runs._firsts) <= 1
