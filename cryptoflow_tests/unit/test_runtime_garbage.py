"""The collector of garbage passes over what was there, and still frees what comes later."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from cryptoflow.defs.platform.worker_app import _clear_up
from cryptoflow.runtime.garbage import spare_what_stays


class Knot:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_what_is_there_is_not_looked_at_any_more() -> None:
    there = Knot()
    spare_what_stays()
    assert gc.get_freeze_count() > 1_000
    assert all(one is not there for one in gc.get_objects())


def test_what_comes_later_is_freed_all_the_same() -> None:
    spare_what_stays()
    gone = weakref.ref(Knot())
    gc.collect()
    assert gone() is None


def test_a_batch_of_rows_is_not_walked_through_again_and_again() -> None:
    spare_what_stays()
    before = [generation["collections"] for generation in gc.get_stats()]
    rows = [[number] for number in range(20_000)]
    assert [generation["collections"] for generation in gc.get_stats()] == before
    assert len(rows) == 20_000


def test_a_worker_frees_what_a_run_left_behind() -> None:
    spare_what_stays()
    left = weakref.ref(Knot())
    assert left() is not None, "the collector comes by itself after many more objects"
    _clear_up(task_id="some", state="SUCCESS")
    assert left() is None
