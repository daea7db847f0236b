"""From nothing to first rows: `make demo` in an empty home, on an environment that is made.

It starts the whole platform, several times, and asks the warehouse until closes are there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Final

from bench.contest import Bench, Contest, Measure, Side, Within
from bench.platforms import running_platform
from bench.room import Room

_COMMAND: Final = ("make", "demo")
_FIRST_ROWS: Final = "SELECT 1 FROM market.minute_close LIMIT 1"
_PATIENCE_SECONDS: Final = 600.0


@contextmanager
def _open(_: Room, items: int) -> Iterator[Contest]:
    yield Contest(
        ours=Side(
            work=lambda: [_start() for _ in range(items)],
            rows=lambda made: [(1,) for _ in made],
            figures=_figures,
        ),
        beside=(),
        within=(Within(name="a minute", figure=60.0),),
    )


def _start() -> float:
    began = time.monotonic()
    with running_platform(_COMMAND) as platform:
        platform.wait_for(lambda: platform.ask(_FIRST_ROWS), seconds=_PATIENCE_SECONDS, what="first closes")
        return time.monotonic() - began


def _figures(seconds: Sequence[float]) -> Mapping[Measure, float]:
    return {Measure.SECONDS: median(seconds)}


BENCHES: Final = (Bench(name="cold-start", about="starts of the whole platform", items=5, open=_open, on_request=True),)
