"""Where the time of a work goes: how long named functions of the platform take while the work runs.

The functions are put behind a clock where their callers find them. A name that is no longer there is an error, so that
a step cannot disappear from the figures unnoticed.
What does not belong here: the time of the whole (runner).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from types import ModuleType
from typing import Any
from unittest.mock import patch

Place = tuple[ModuleType, str]
"""A module, and the name under which it calls the function."""


@contextmanager
def timed_steps(steps: Mapping[str, Sequence[Place]]) -> Iterator[dict[str, float]]:
    """Yields the seconds of each step so far. A step must not happen within another, or its time counts twice."""
    seconds = dict.fromkeys(steps, 0.0)
    with ExitStack() as stack:
        for step, places in steps.items():
            for module, name in places:
                stack.enter_context(patch.object(module, name, _timed(getattr(module, name), step, seconds)))
        yield seconds


def _timed(function: Callable[..., Any], step: str, seconds: dict[str, float]) -> Callable[..., Any]:
    @wraps(function)
    def with_clock(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[step] += time.perf_counter() - start

    return with_clock
