"""When the sensor asks for history, and what a run shows of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cryptoflow.defs.market.history import REST_AFTER_FAILURE, HistoryStanding, decide_history
from cryptoflow.defs.plots import bars

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("snapshots", "running", "left", "goes_on_at", "last_failure", "asks", "says"),
    [
        (False, False, None, None, None, False, "no snapshot yet"),
        (True, False, None, None, None, True, "no history was asked"),
        (True, True, None, None, None, False, "it runs"),
        (True, False, 5, NOW, None, True, "5 charts are left"),
        (True, False, 5, SOON, None, False, "from 2026-11-10 12:02:00 UTC on"),
        (True, False, 5, None, None, False, "by the schedule"),
        (True, False, 0, None, None, False, "no history is left"),
        (True, False, 5, NOW, NOW - timedelta(minutes=9), False, "brought nothing"),
        (True, False, 5, NOW, NOW - REST_AFTER_FAILURE, True, "5 charts are left"),
    ],
)
def test_a_run_is_asked_for_only_when_there_is_something_to_ask_now(
    snapshots: bool,
    running: bool,
    left: int | None,
    goes_on_at: datetime | None,
    last_failure: datetime | None,
    asks: bool,
    says: str,
) -> None:
    standing = HistoryStanding(
        has_snapshots=snapshots, is_running=running, left=left, goes_on_at=goes_on_at, last_failure=last_failure
    )
    asked, reason = decide_history(standing, now=NOW)
    assert asked is asks
    assert says in reason


def test_numbers_as_bars() -> None:
    assert bars([0, 1, 4, 8]) == " ▁▄█"
    assert bars([0, 0]) == "  "
    assert bars([]) == ""
