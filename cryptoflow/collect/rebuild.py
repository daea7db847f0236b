"""Building coarse closes and velocity anew: a range on request, or what is marked, whatever marked it.

Who writes samples catches up afterwards, for some seconds: what their writing only marked is built a batch a
transaction, so that a tick waits for one batch at most before its minute is seen.

What does not belong here: how a bucket is built (warehouse.rollups).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptoflow.cadence import Grain
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.rollups import (
    build_marked,
    count_marks,
    describe_range,
    lock_closes,
    mark_range,
)
from cryptoflow.warehouse.velocity import compute_marked

# One transaction builds so many buckets of each grain, so that ticks get their turn in between.
BATCH_BUCKETS: Final = 20_000
BATCH_HOURS: Final = 2_000
# A tick has a minute, of which a provider that hangs may take forty seconds.
CATCH_UP_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What stands in the range afterwards, and how much of it is new."""

    rows: int
    marked: int
    changed: int
    mean_coverage: float


def rebuild_closes(database_url: str, grain: Grain, *, start: datetime, end: datetime) -> Rebuilt:
    """Build every bucket in [start, end) from its finer grain, and what follows from it."""
    with transaction(database_url) as connection:
        lock_closes(connection)
        marked = mark_range(connection, grain, start=start, end=end)
    changed = drain(database_url)
    with transaction(database_url) as connection:
        rows, mean_coverage = describe_range(connection, grain, start=start, end=end)
    return Rebuilt(rows=rows, marked=marked, changed=changed, mean_coverage=mean_coverage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """Buckets that were built, how many of them said something new, and what is still marked."""

    built: int = 0
    changed: int = 0
    left: int = 0


def drain(database_url: str, *, on_progress: Callable[[int], None] | None = None) -> int:
    """Build all that is marked, in batches; returns how many rows said something new."""
    drained = None
    for drained in drain_in_batches(database_url):
        if on_progress:
            on_progress(drained.left)
    return drained.changed if drained else 0


def catch_up(database_url: str) -> Drained:
    """Build what is marked, batch after batch, until nothing is or some seconds are over."""
    until = time.monotonic() + CATCH_UP_SECONDS
    with transaction(database_url) as connection:
        drained = Drained(left=count_marks(connection))
    batches = drain_in_batches(database_url)
    while drained.left and time.monotonic() < until:
        drained = next(batches)
    return drained


def drain_in_batches(database_url: str) -> Iterator[Drained]:
    """Build a batch at each step until nothing is marked; says each time what was done so far."""
    built, changed = 0, 0
    while True:
        with transaction(database_url) as connection:
            recorded_at = lock_closes(connection)
            batch = build_marked(connection, recorded_at=recorded_at, most=BATCH_BUCKETS)
            velocity = compute_marked(connection, recorded_at=recorded_at, most=BATCH_HOURS)
            left = count_marks(connection)
        built += sum(one.marked for one in batch) + velocity.marked
        changed += sum(one.changed for one in batch) + velocity.changed
        yield Drained(built=built, changed=changed, left=left)
        if not left:
            return
