"""Dagster's clockwork by example: what ticks too late, what fails, and which runs hang or wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cryptoflow.ops.clockwork import Ticker, UnfinishedRun, judge_runs, judge_ticks

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALIVE = [("SCHEDULER", NOW - MINUTE), ("SENSOR", NOW)]
EVERY_MINUTE = Ticker(
    name="minute_tick", kind="schedule", is_on=True, ticked_at=NOW - MINUTE, usual_gap_seconds=60.0, failed=0,
    error=None,
)  # fmt: skip
RUN = UnfinishedRun(
    run_id="0123456789abcdef", job="tick_job", status="STARTED", created_at=NOW - MINUTE, started_at=NOW - MINUTE,
    changed_at=NOW - MINUTE, most_seconds=None,
)  # fmt: skip


def ticks(*tickers: Ticker) -> list[tuple[str, str]]:
    return [(finding.state, finding.what) for finding in judge_ticks(tickers, ALIVE, now=NOW)]


def runs(*unfinished: UnfinishedRun) -> list[tuple[str, str]]:
    return [(finding.state, finding.what) for finding in judge_runs(unfinished, now=NOW)]


def test_what_ticks_is_counted() -> None:
    daily = replace(EVERY_MINUTE, name="daily", ticked_at=NOW - timedelta(days=2), usual_gap_seconds=86_400.0)
    never = replace(EVERY_MINUTE, name="never", ticked_at=None, usual_gap_seconds=None)
    once = replace(EVERY_MINUTE, name="once", ticked_at=NOW - timedelta(days=5), usual_gap_seconds=None)
    assert ticks(EVERY_MINUTE, daily, never, once) == [("ok", "3 schedules and sensors tick")]
    assert ticks() == [("ok", "0 schedules and sensors tick")]


@pytest.mark.parametrize(("minutes", "is_late"), [(5, False), (5.1, True)])
def test_what_left_out_two_of_its_ticks_is_late(minutes: float, is_late: bool) -> None:
    late = replace(EVERY_MINUTE, ticked_at=NOW - timedelta(minutes=minutes))
    told = ticks(late)
    assert (told[0][0] == "broken") == is_late
    assert told[0][1].endswith("though it did every 0:01:00") == is_late


def test_what_is_switched_off_is_told_and_not_awaited() -> None:
    off = replace(EVERY_MINUTE, is_on=False, ticked_at=NOW - timedelta(days=1), failed=9)
    assert ticks(off) == [("warning", "the schedule minute_tick is switched off")]


def test_three_failures_in_a_row_are_told_in_their_own_words() -> None:
    failing = replace(EVERY_MINUTE, failed=3, error="\n  DagsterUserCodeUnreachableError: no code\nand more")
    assert ticks(failing) == [
        ("broken", "the last 3 ticks of the schedule minute_tick failed: DagsterUserCodeUnreachableError: no code")
    ]
    assert ticks(replace(failing, failed=2))[0][0] == "ok"
    assert ticks(replace(failing, error=None))[0][1].endswith("no reason was given")


WHY = "CheckError: no run_key"


@pytest.mark.parametrize("gap_seconds", [None, 3_600.0])
def test_one_failure_of_what_ticks_seldom_is_told(gap_seconds: float | None) -> None:
    failed = replace(EVERY_MINUTE, usual_gap_seconds=gap_seconds, failed=1, error=f"\n  {WHY}\nand more")
    ((state, said),) = ticks(failed)
    assert state == "warning"
    assert said == f"the newest tick of the schedule minute_tick, at {NOW - MINUTE:%Y-%m-%d %H:%M} UTC, failed: {WHY}"
    assert ticks(replace(failed, failed=0))[0][0] == "ok"


def test_silent_daemons_are_the_cause_of_everything_that_does_not_tick() -> None:
    late = replace(EVERY_MINUTE, ticked_at=NOW - timedelta(hours=1))
    silent = [("SENSOR", NOW), ("SCHEDULER", NOW - timedelta(minutes=7))]
    (told,) = judge_ticks([late], silent, now=NOW)
    assert told.state == "broken"
    assert told.what == "1 of Dagster's daemons are silent since 2026-11-01 11:53 UTC: SCHEDULER"


@pytest.mark.parametrize(
    ("status", "most_seconds", "minutes", "hangs"),
    [
        ("STARTED", None, 184, False),
        ("STARTED", None, 186, True),
        ("STARTED", 600.0, 14, False),
        ("STARTED", 600.0, 16, True),
        ("STARTING", 600.0, 11, False),
        ("STARTING", 600.0, 13, True),
        ("NOT_STARTED", None, 13, True),
        ("CANCELING", None, 4, False),
        ("CANCELING", None, 6, True),
        ("QUEUED", 60.0, 900, False),
    ],
)
def test_a_run_hangs_when_dagster_should_have_ended_it(
    status: str, most_seconds: float | None, minutes: int, hangs: bool
) -> None:
    since = NOW - timedelta(minutes=minutes)
    run = replace(RUN, status=status, most_seconds=most_seconds, started_at=since, changed_at=since)
    assert run.hangs(NOW) == hangs
    if hangs:
        assert runs(run)[0] == ("broken", f"1 runs hang: tick_job 01234567 ({status} since {since:%H:%M} UTC)")


def test_a_queue_that_nobody_empties() -> None:
    waiting = replace(RUN, status="QUEUED", started_at=None)
    assert runs(RUN, waiting) == [("ok", "1 runs wait in the queue, 1 are under way")]
    long = replace(waiting, created_at=NOW - timedelta(minutes=16), changed_at=NOW - timedelta(minutes=16))
    ((state, what),) = runs(long, waiting, RUN)
    assert state == "warning"
    assert what.startswith("2 runs wait in the queue; ")
    assert what.endswith("; the longest waiting: tick_job 01234567 (QUEUED since 11:44 UTC)")
