"""The plots of docs/performance.md, as SVG: ratios with their goals, and where the time of a work goes.

The same results give the same bytes, so that a plot changes in version control only when its figures did.
What does not belong here: which results there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.results import Result, Steps

_WIDTH: Final = 8.0
_MET: Final = "#2e7d5b"
_MISSED: Final = "#c0392b"
_GOAL: Final = "#444444"
_STEP_COLOURS: Final = "tab20"
_STYLE: Final[Any] = {"svg.hashsalt": "bench", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}


def draw_results(results: Sequence[Result], file: Path) -> None:
    """One bar for each other side: its ratio, in the direction of its goal, and where the goal is."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 0.9 + 0.45 * len(results)), layout="constrained")
        axes = figure.subplots()
        places = range(len(results), 0, -1)
        ratios = [result.ratio for result in results]
        axes.barh(places, ratios, height=0.6, color=[_MET if result.met else _MISSED for result in results])
        for place, result in zip(places, results, strict=True):
            goal = float(result.goal.split()[1])
            axes.plot([goal, goal], [place - 0.42, place + 0.42], color=_GOAL, linewidth=2)
            axes.annotate(
                f"{result.ratio:.2f} x (goal {result.goal})",
                (max(result.ratio, goal), place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(places, [f"beside {result.other}" for result in results])
        axes.set_xlim(0, 1.8 * max(max(result.ratio, float(result.goal.split()[1])) for result in results))
        axes.set_xlabel("ratio; the mark is the goal, red is a goal that is missed")
        axes.spines[["top", "right"]].set_visible(False)
        _save(figure, file)


def draw_steps(steps: Steps, file: Path) -> None:
    """One bar, divided."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 2.4), layout="constrained")
        axes = figure.subplots()
        left = 0.0
        colours = mpl.colormaps[_STEP_COLOURS].resampled(max(len(steps.seconds), 2))
        for number, (name, seconds) in enumerate(steps.seconds.items()):
            milliseconds = seconds * 1000
            axes.barh([0], [milliseconds], left=left, color=[colours(number)], label=f"{name}: {milliseconds:,.0f} ms")
            left += milliseconds
        axes.set_yticks([])
        axes.set_xlabel("ms")
        axes.spines[["top", "right", "left"]].set_visible(False)
        figure.legend(loc="outside upper center", ncols=4, frameon=False)
        _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
