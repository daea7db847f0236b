"""What the doctor says of Dagster's event log, from its figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cryptoflow.ops.event_log import LATE, MOST_BYTES, EventLog, judge_event_log

NOW = datetime(2026, 3, 4, tzinfo=UTC)
KEEP = timedelta(days=3)


def log(*, event_log_bytes: int = 10, oldest: timedelta | None = timedelta(days=1)) -> EventLog:
    return EventLog(
        database_bytes=20,
        event_log_bytes=event_log_bytes,
        events_estimated=5,
        runs=2,
        oldest_success=NOW - oldest if oldest else None,
    )


@pytest.mark.parametrize("found", [log(), log(oldest=None), log(oldest=KEEP + LATE), log(event_log_bytes=MOST_BYTES)])
def test_a_log_that_is_pruned_is_well(found: EventLog) -> None:
    assert judge_event_log(found, keep=KEEP, now=NOW).state == "ok"


def test_a_log_that_is_not_pruned_is_told_before_it_is_large() -> None:
    finding = judge_event_log(log(oldest=KEEP + LATE + timedelta(hours=1)), keep=KEEP, now=NOW)
    assert finding.state == "warning"
    assert "2026-02-26, though runs are kept 3 days" in finding.what


def test_a_large_log_is_told() -> None:
    finding = judge_event_log(log(event_log_bytes=MOST_BYTES + 1), keep=KEEP, now=NOW)
    assert finding.state == "warning"
    assert "CRYPTOFLOW_RUN_RETENTION_DAYS" in (finding.cure or "")
