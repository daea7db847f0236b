"""Items read ahead are the items that there are; what reading raises is raised where they are used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from cryptoflow.warehouse.reading_ahead import read_ahead


def test_all_items_come_in_their_order() -> None:
    assert list(read_ahead(iter(range(1, 50)))) == list(range(1, 50))
    assert list(read_ahead(iter([]))) == []


def test_the_next_is_made_while_one_is_used() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    with closing(read_ahead(items())) as ahead:
        assert next(ahead) == 1
        assert made.wait(timeout=10)
        assert list(ahead) == [2]


def test_what_reading_raises_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("the second is not there")

    ahead = read_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(LookupError, match="the second is not there"):
        next(ahead)


def test_who_stops_early_leaves_no_thread() -> None:
    with closing(read_ahead(iter(range(1, 50)))) as ahead:
        assert next(ahead) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
