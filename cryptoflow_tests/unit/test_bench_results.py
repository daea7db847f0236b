"""Which results are kept when some benches are measured anew."""

from __future__ import annotations

from bench.contest import Measure, at_most
from bench.results import Result, renewed


def test_a_run_of_some_benches_leaves_the_others_results_as_they_were() -> None:
    def result(bench: str, ours: float) -> Result:
        return Result.of(bench, "theirs", at_most(2), Measure.SECONDS, ours=ours, beside=1.0)

    kept = [result("a", 1), result("b", 1), result("c", 1), result("gone", 1)]
    fresh = renewed(kept, [result("b", 3), result("d", 1)], order=["d", "a", "b", "c"])
    assert [(one.bench, one.ours, one.met) for one in fresh] == [
        ("d", 1, True),
        ("a", 1, True),
        ("b", 3, False),
        ("c", 1, True),
    ]
