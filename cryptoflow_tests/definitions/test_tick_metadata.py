"""What an engineer sees of a tick: how much of what was due came, now and in the last hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptoflow.defs.market.assets import coverage_metadata

SLOT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_coverage_is_of_the_slot_and_the_bars_are_of_the_hour() -> None:
    told = coverage_metadata({SLOT: (200, 150), SLOT - MINUTE: (200, 200), SLOT - 59 * MINUTE: (200, 25)}, slot=SLOT)
    assert told["coverage"].value == 0.75
    assert told["assets observed, last hour"].value == (
        "`▁" + 57 * " " + "█▆` 11:01 to 12:00 UTC, at most 200 in a slot"
    )


def test_a_slot_in_which_nothing_was_due_has_no_coverage() -> None:
    assert coverage_metadata({}, slot=SLOT)["coverage"].value == 0.0
