"""docs/performance.md and its plots show the results that were kept, and no others."""

from __future__ import annotations

from bench.performance import IMAGES, PAGE, page_of
from bench.results import read_results, read_steps


def test_the_page_says_what_was_kept() -> None:
    results, steps = read_results(), read_steps()
    assert PAGE.read_text() == page_of(results, steps), "run `make docs`"
    plots = {file.stem: file.read_text() for file in IMAGES.glob("*.svg")}
    assert set(plots) == {one.bench for one in results} | {f"{one.bench}-steps" for one in steps}
    for one in results:
        assert f"{one.ratio:.2f} x (goal " in plots[one.bench], "run `make docs`"
