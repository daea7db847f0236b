"""A small packed body must not become a large one in memory."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from cryptoflow.sources.transport import BoundedBody, Incomplete, TooLarge

MEBIBYTE = 1024 * 1024


def test_unpacking_stops_at_the_cap() -> None:
    bomb = gzip.compress(bytes(40 * MEBIBYTE))
    body = BoundedBody(limit_bytes=MEBIBYTE, encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            body.feed(bomb)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * MEBIBYTE


def test_several_packed_members_are_one_body() -> None:
    body = BoundedBody(limit_bytes=100, encoding="gzip")
    body.feed(gzip.compress(b"[1, ") + gzip.compress(b"2]"))
    assert body.finish() == b"[1, 2]"


def test_an_unknown_packing_is_damage_not_data() -> None:
    body = BoundedBody(limit_bytes=100, encoding="br")
    with pytest.raises(Incomplete):
        body.feed(b"\x8b\x01\x80[1]\x03")
