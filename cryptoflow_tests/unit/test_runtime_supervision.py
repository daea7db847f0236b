"""The supervisor's arithmetic: waits, orders, judgments."""

from __future__ import annotations

import signal

import psutil
import pytest

from cryptoflow.runtime.child import describe_exit
from cryptoflow.runtime.health import daemon_complaint
from cryptoflow.runtime.home import Endpoints
from cryptoflow.runtime.leftovers import leftover_children
from cryptoflow.runtime.part import Step, start_order, stop_levels
from cryptoflow.runtime.status import STALE_AFTER_SECONDS, problems_of
from cryptoflow.runtime.supervisor import PartStatus, PlatformStatus, State, backoff_seconds
from cryptoflow.runtime.view import change_line, duration


def step(name: str, *depends_on: str) -> Step:
    return Step(name=name, action=lambda: None, depends_on=depends_on)


def test_waits_double_up_to_the_longest() -> None:
    assert [backoff_seconds(n) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 15, 15]


def test_a_very_long_row_of_failures_waits_no_longer() -> None:
    assert backoff_seconds(10_000) == 15


def test_dependencies_start_first() -> None:
    members = [step("web", "code"), step("code", "schema"), step("database"), step("schema", "database")]
    assert [m.name for m in start_order(members)] == ["database", "schema", "code", "web"]


def test_dependents_stop_first_and_equals_together() -> None:
    members = [step("database"), step("code", "database"), step("web", "code"), step("daemon", "code")]
    assert stop_levels(members) == [["web", "daemon"], ["code"], ["database"]]


def test_nothing_to_stop_is_no_level() -> None:
    assert stop_levels([]) == []


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circular dependency among a, b"):
        start_order([step("a", "b"), step("b", "a")])


def test_an_unknown_dependency_is_refused() -> None:
    with pytest.raises(ValueError, match="web depends on database"):
        start_order([step("web", "database")])


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exited with code 0"),
        (3, "exited with code 3"),
        (-signal.SIGKILL, "killed by SIGKILL"),
        (-99, "killed by signal 99"),
    ],
)
def test_exits_are_described(code: int, text: str) -> None:
    assert describe_exit(code) == text


@pytest.mark.parametrize(
    ("beaten_at", "complaint"),
    [(90.0, "no heartbeat since its start"), (101.0, "no heartbeat for 99 s"), (199.0, None)],
)
def test_the_daemon_is_judged_by_its_newest_heartbeat(beaten_at: float, complaint: str | None) -> None:
    assert daemon_complaint(beaten_at, started_at=100.0, now=200.0, silent_after_seconds=60.0) == complaint


def status(*parts: PartStatus, updated_at: float = 1000.0) -> PlatformStatus:
    return PlatformStatus(supervisor_pid=1, updated_at=updated_at, parts=list(parts))


def test_well_parts_are_no_problem() -> None:
    found = status(PartStatus(name="web", state=State.HEALTHY), PartStatus(name="schema", state=State.DONE))
    assert problems_of(found, now=1001.0) == []


def test_a_broken_part_is_named_with_its_reason() -> None:
    found = status(PartStatus(name="web", state=State.BACKOFF, last_problem="killed by SIGKILL"))
    assert problems_of(found, now=1001.0) == ["web is backoff: killed by SIGKILL"]


def test_a_silent_supervisor_is_a_problem() -> None:
    problems = problems_of(status(), now=1000.0 + STALE_AFTER_SECONDS + 1)
    assert problems == ["The supervisor has not reported for 31 s."]


def test_no_report_at_all_is_a_problem() -> None:
    assert problems_of(None, now=0.0) == ["The platform is starting and has not reported yet."]


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (59, "59s"), (61, "1m 1s"), (3_661, "1h 1m"), (90_000, "1d 1h")]
)
def test_spans_show_their_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_change_is_told_in_one_line() -> None:
    part = PartStatus(name="web", state=State.BACKOFF, restarts=2, last_problem="exited with code 1")
    assert change_line(part) == "web: backoff (2 restarts, exited with code 1)"


def test_a_number_that_another_process_has_now_is_left_alone() -> None:
    mine = psutil.Process()
    endpoints = Endpoints(
        database_url="postgresql://me@db/x",
        dagster_database_url="postgresql://me@db/y",
        children={"web": mine.pid},
        children_started_at={"web": mine.create_time() - 60},
    )
    assert leftover_children(endpoints) == {}
