"""A tick that comes again unchanged: after a crash, from a second worker, by hand.

Nothing of it is new, so it should cost less than it did at first, and log next to nothing. Two warehouses get the same
minutes; in one of them each minute has been written before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.contest import Bench, Beside, Contest, Measure, Side, at_most
from bench.room import Room
from bench.ticks import Past, Ticks, open_ticks
from cryptoflow.sources.ledger import RawAnswer

_PAST: Final = Past(dense_minutes=10)


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    with open_ticks(room, assets=items, past=_PAST) as again, open_ticks(room, assets=items, past=_PAST) as first:
        pages: list[RawAnswer] = []

        def write_once() -> None:
            nonlocal pages
            pages = again.next_minute()
            again.write(pages)

        def write(ticks: Ticks) -> None:
            ticks.write(pages)

        def follow() -> None:
            first.now = again.now

        beside = Side(name="its first write", work=lambda: write(first), rows=lambda _: first.rows(), before=follow)
        yield Contest(
            ours=Side(work=lambda: write(again), rows=lambda _: again.rows(), before=write_once),
            beside=(
                Beside(side=beside, goal=at_most(1)),
                Beside(side=beside, goal=at_most(0.2), measure=Measure.WAL),
            ),
            wal_position=room.wal_position,
        )


BENCHES: Final = (Bench(name="replay", about="assets, a tick that was written before", items=10_000, open=_open),)
