"""docs/performance.md and its plots, from the results that were kept. `python -m bench.performance` renders them.

What does not belong here: measuring; drawing (plots).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from bench.contest import Measure
from bench.results import Result, Steps, read_results, read_steps, shown

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "performance.md"
IMAGES: Final = ROOT / "docs" / "images" / "bench"
_HEAD: Final = """# Performance

Measured, not promised: the real code paths, each beside what a user would pick instead and beside the least that could
be done at all, in the same run. `make bench` measures on your machine and renders this page; how to read it is in
[bench/README.md](../bench/README.md), and the head of each file in `bench/benches/` says what its peers leave out.

Only the ratios are worth comparing between machines. A goal that is missed stays in the tables.
"""


def render() -> None:
    """Write the page and its plots."""
    from bench.plots import draw_results, draw_steps

    results, steps = read_results(), read_steps()
    IMAGES.mkdir(parents=True, exist_ok=True)
    for old in IMAGES.glob("*.svg"):
        old.unlink()
    for subject, of_subject in _subjects(results):
        draw_results(of_subject, IMAGES / f"{subject}.svg")
    for one in steps:
        draw_steps(one, IMAGES / f"{one.bench}-steps.svg")
    PAGE.write_text(page_of(results, steps))


def page_of(results: Sequence[Result], steps: Sequence[Steps]) -> str:
    """The page as text."""
    met = sum(result.met for result in results)
    parts = [_HEAD, f"{met} of {len(results)} goals are met.\n"]
    for subject, of_subject in _subjects(results):
        parts.append("\n".join(_section(subject, of_subject)))
        parts += ["\n".join(_steps_of(one)) for one in steps if one.bench == subject]
    return "\n".join(parts)


def _section(subject: str, results: Sequence[Result]) -> Iterator[str]:
    yield f"## {subject}\n"
    yield f"![{subject}: ratios and goals](images/bench/{subject}.svg)\n"
    yield "| beside | ours | theirs | ratio | goal | met |"
    yield "|---|---|---|---|---|---|"
    for one in results:
        ours, beside = (shown(figure, one.measure) for figure in (one.ours, one.beside))
        yield f"| {one.other} | {ours} | {beside} | {one.ratio:.2f} x | {one.goal} | {'yes' if one.met else '**no**'} |"
    yield ""


def _steps_of(steps: Steps) -> Iterator[str]:
    whole = sum(steps.seconds.values())
    yield f"![{steps.bench}: the share of each step](images/bench/{steps.bench}-steps.svg)\n"
    yield "| step | time | share |"
    yield "|---|---|---|"
    for name, seconds in steps.seconds.items():
        yield f"| {name} | {shown(seconds, Measure.SECONDS)} | {seconds / whole:.0%} |"
    yield ""


def _subjects(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    return [(bench, list(of_bench)) for bench, of_bench in groupby(results, key=lambda one: one.bench)]


if __name__ == "__main__":
    render()
