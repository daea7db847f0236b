"""Room by example: how fast it goes, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cryptoflow.ops.room import RoomSample, bytes_a_day, judge_room

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
GIB = 1024**3
FOLDER = Path("/")


def measured(*free_gib: float, every: timedelta = timedelta(hours=6)) -> list[RoomSample]:
    """Measurements of what was free, the last one now."""
    starts = NOW - every * (len(free_gib) - 1)
    return [
        RoomSample(
            measured_at=starts + number * every, free_bytes=int(gib * GIB), warehouse_bytes=1, dagster_bytes=1
        )
        for number, gib in enumerate(free_gib)
    ]  # fmt: skip


def test_the_pace_is_that_of_most_measurements() -> None:
    assert bytes_a_day(measured(100, 99, 98, 97, 96)) == pytest.approx(4 * GIB)
    # A copy of 40 GiB that was made and removed does not bend it.
    assert bytes_a_day(measured(100, 99, 58, 97, 96, 95, 94)) == pytest.approx(4 * GIB, rel=0.1)
    assert bytes_a_day(measured(90, 91, 92)) == pytest.approx(-4 * GIB)


@pytest.mark.parametrize("samples", [[], measured(5), measured(9, 8, 7, every=timedelta(hours=5))])
def test_hours_are_too_little_to_tell_from(samples: list[RoomSample]) -> None:
    assert bytes_a_day(samples) is None
    said = judge_room(FOLDER, 50 * GIB, samples, now=NOW)
    assert said.state == "ok"
    assert "can be told after 12 hours" in said.what


@pytest.mark.parametrize(
    ("free_gib", "state", "full_on"),
    [
        (11, "broken", "2026-11-04"),
        (13, "warning", "2026-11-04"),
        (55, "warning", "2026-11-15"),
        (57, "ok", "2026-11-15"),
    ],
)
def test_the_day_on_which_it_ends(free_gib: int, state: str, full_on: str) -> None:
    said = judge_room(FOLDER, free_gib * GIB, measured(100, 99, 98, 97, 96), now=NOW)
    assert said.state == state
    assert said.what.endswith(f"{free_gib}.0 GiB free in /, 4.00 GiB less every day: full on {full_on}")
    assert (said.cure is None) == (state == "ok")


def test_room_that_stays_or_lasts_for_decades_has_no_end() -> None:
    for samples in (measured(50, 50, 50, 50), measured(40, 45, 50), measured(50, 49.99999, 49.99998)):
        assert judge_room(FOLDER, 50 * GIB, samples, now=NOW).what == "50.0 GiB free in /, and it does not get less"


def test_little_room_is_broken_however_slowly_it_goes() -> None:
    assert judge_room(FOLDER, GIB, measured(1, 1, 1), now=NOW).state == "broken"
