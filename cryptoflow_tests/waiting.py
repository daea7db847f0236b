"""Waiting in tests: for a condition with a deadline, never for a time. What does not belong here: conditions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_LOOK_EVERY_SECONDS = 0.05


def wait_for(condition: Callable[[], T | None], *, seconds: float, what: str) -> T:
    """Ask until the condition gives something true; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; the last answer was {found!r}")
        time.sleep(_LOOK_EVERY_SECONDS)
