"""The benches: one file per subject, each with `BENCHES`. A new file here is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from bench.contest import Bench
from cryptoflow.errors import UsageError


def find_benches(only: str | None = None) -> list[Bench]:
    """All benches that run unasked; or those of one file; or one."""
    found = dict(_benches())
    chosen = [
        bench
        for subject, benches in found.items()
        for bench in benches
        if (only is None and not bench.on_request) or only in (subject, bench.name)
    ]
    if not chosen:
        names = sorted({*found, *(bench.name for benches in found.values() for bench in benches)})
        raise UsageError(f"There is no bench {only!r}.", cure=f"Choose one of {', '.join(names)}.")
    return chosen


def names_in_order() -> list[str]:
    """The names of all benches, also of those that run on request only."""
    return [bench.name for _, benches in _benches() for bench in benches]


def _benches() -> Iterator[tuple[str, tuple[Bench, ...]]]:
    for module in pkgutil.iter_modules(__path__):
        yield module.name, importlib.import_module(f"{__name__}.{module.name}").BENCHES
