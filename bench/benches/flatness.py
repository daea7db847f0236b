"""The tick stays what it is: whatever history there is, and right after a checkpoint.

`flat-history`: the same minutes into a warehouse with 90 days and into one with a little over one day. What lies far
back is thin (three hours of each day); it tells in partitions and in the depth of indexes, not in memory.
`flat-checkpoint`: the first change of a page after a checkpoint logs the whole page. Keys that lead with time touch few
pages, so that a tick right after a checkpoint logs little more than the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bench.contest import Bench, Beside, Contest, Measure, Row, Side, at_most, nothing
from bench.room import Room
from bench.ticks import Past, Ticks, open_ticks
from cryptoflow.sources.ledger import RawAnswer

_A_DAY: Final = Past(dense_minutes=30, hours=26)
_NINETY_DAYS: Final = Past(dense_minutes=30, hours=26, days=90)
# Only a week of history knows it.
_OF_THE_WEEK: Final = ("velocity_7d", "unavailable")


@contextmanager
def _open_history(room: Room, items: int) -> Iterator[Contest]:
    with _two(room, items, _NINETY_DAYS, _A_DAY) as (ours, theirs):
        yield Contest(
            ours=ours.side("ours"),
            beside=(Beside(side=theirs.side("one day of history"), goal=at_most(1.1)),),
        )


@contextmanager
def _open_checkpoint(room: Room, items: int) -> Iterator[Contest]:
    with _two(room, items, _A_DAY, _A_DAY) as (ours, theirs):

        def settle(lane: _Lane) -> None:
            """A tick before the one that counts, so that both sides have changed their newest pages."""
            lane.go_on()
            lane.write()
            lane.go_on()

        def checkpoint() -> None:
            settle(ours)
            room.checkpoint()

        yield Contest(
            ours=ours.side("ours", before=checkpoint),
            beside=(
                Beside(
                    side=theirs.side("a tick after a tick", before=lambda: settle(theirs)),
                    goal=at_most(1.3),
                    measure=Measure.WAL,
                ),
            ),
            wal_position=room.wal_position,
        )


class _Lane:
    """One of two warehouses that get the same minutes. The second is handed the pages that the first asked for."""

    def __init__(self, ticks: Ticks, *, leader: _Lane | None = None) -> None:
        self.ticks = ticks
        self._leader = leader
        self._asked: list[list[RawAnswer]] = []
        self._pages: list[RawAnswer] = []

    def go_on(self) -> None:
        """To the next minute."""
        self._pages = self._leader.handed_on() if self._leader else self._ask()
        if self._leader:
            self.ticks.now = self._pages[0].fetched_at

    def handed_on(self) -> list[RawAnswer]:
        """The oldest minute that the other has not had."""
        return self._asked.pop(0)

    def write(self) -> None:
        """The tick."""
        self.ticks.write(self._pages)

    def side(self, name: str, *, before: Callable[[], None] = nothing) -> Side[None]:
        """The minute's work."""
        return Side(
            name=name,
            work=self.write,
            rows=lambda _: self._rows(),
            before=self.go_on if before is nothing else before,
        )

    def _ask(self) -> list[RawAnswer]:
        pages = self.ticks.next_minute()
        self._asked.append(pages)
        return pages

    def _rows(self) -> list[Row]:
        return self.ticks.rows(without=_OF_THE_WEEK)


@contextmanager
def _two(room: Room, items: int, ours: Past, theirs: Past) -> Iterator[tuple[_Lane, _Lane]]:
    with open_ticks(room, assets=items, past=ours) as one, open_ticks(room, assets=items, past=theirs) as other:
        lane = _Lane(one)
        yield lane, _Lane(other, leader=lane)


BENCHES: Final = (
    Bench(name="flat-history", about="assets, a tick on 90 days", items=2_000, open=_open_history),
    Bench(name="flat-checkpoint", about="assets, a tick after a checkpoint", items=10_000, open=_open_checkpoint),
)
