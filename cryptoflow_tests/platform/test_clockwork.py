"""The clockwork as Dagster itself records it: ticks, switches, heartbeats and runs in its own database."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_run_id
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo

from cryptoflow.ops.clockwork import look_at_clockwork
from cryptoflow_tests.platform.test_dagster_pruning import instance_on

NOW = datetime.now(UTC)
REPOSITORY = RemoteRepositoryOrigin(
    ManagedGrpcPythonEnvCodeLocationOrigin(
        loadable_target_origin=LoadableTargetOrigin(module_name="any"), location_name="cryptoflow"
    ),
    "__repository__",
)


@pytest.fixture
def record(empty_database_url: str, tmp_path: Path) -> dg.DagsterInstance:
    """Dagster's own record, empty, in a database of the test's own."""
    with instance_on(empty_database_url, tmp_path) as instance:
        yield instance


def schedule(
    instance: dg.DagsterInstance,
    name: str,
    *,
    status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE,
    minutes_ago: list[int],
    failed: int = 0,
) -> None:
    """A schedule with ticks, of which the newest failed."""
    origin = RemoteInstigatorOrigin(REPOSITORY, name)
    state = InstigatorState(origin, InstigatorType.SCHEDULE, status, ScheduleInstigatorData("* * * * *"))
    instance.add_instigator_state(state)
    for place, minutes in enumerate(sorted(minutes_ago)):
        is_failed = place < failed
        instance.create_tick(
            TickData(
                instigator_origin_id=origin.get_id(),
                selector_id=state.selector_id,
                instigator_name=name,
                instigator_type=InstigatorType.SCHEDULE,
                status=TickStatus.FAILURE if is_failed else TickStatus.SUCCESS,
                timestamp=(NOW - timedelta(minutes=minutes)).timestamp(),
                run_ids=[],
                error=SerializableErrorInfo(f"no code {place}\n", [], None) if is_failed else None,
            )
        )


def beat(instance: dg.DagsterInstance, *, minutes_ago: int) -> None:
    instance.add_daemon_heartbeat(
        DaemonHeartbeat((NOW - timedelta(minutes=minutes_ago)).timestamp(), "SCHEDULER", "one", [])
    )


def test_a_record_in_which_nothing_is_yet(empty_database_url: str, record: dg.DagsterInstance) -> None:
    assert record.all_instigator_state() == []
    told = look_at_clockwork(empty_database_url, now=NOW)
    assert [(finding.subject, finding.state) for finding in told] == [("schedules", "ok"), ("runs", "ok")]


def test_ticks_and_switches_are_read_as_dagster_writes_them(
    empty_database_url: str, record: dg.DagsterInstance
) -> None:
    beat(record, minutes_ago=0)
    schedule(record, "steady", minutes_ago=[0, 1, 2, 3])
    schedule(record, "late", minutes_ago=[30, 31, 32, 33])
    schedule(record, "gone", minutes_ago=[60 * 24 * 8, 60 * 24 * 8 + 1])
    schedule(record, "off", status=InstigatorStatus.STOPPED, minutes_ago=[100, 101])
    schedule(record, "failing", minutes_ago=[0, 1, 2, 3, 4], failed=3)
    told = {finding.what: finding for finding in look_at_clockwork(empty_database_url, now=NOW)}
    assert list(told) == [
        "the schedule off is switched off",
        f"the schedule late has not ticked since {NOW - timedelta(minutes=30):%Y-%m-%d %H:%M} UTC, though it did every"
        " 0:01:00",
        "the last 3 ticks of the schedule failing failed: no code 0",
        "0 runs wait in the queue, 0 are under way",
    ]


def test_a_daemon_that_is_silent(empty_database_url: str, record: dg.DagsterInstance) -> None:
    beat(record, minutes_ago=6)
    schedule(record, "late", minutes_ago=[30, 31, 32])
    told = [finding.what for finding in look_at_clockwork(empty_database_url, now=NOW)]
    assert told[0] == (
        f"1 of Dagster's daemons are silent since {NOW - timedelta(minutes=6):%Y-%m-%d %H:%M} UTC: SCHEDULER"
    )


def test_runs_that_hang_and_runs_that_wait(empty_database_url: str, record: dg.DagsterInstance) -> None:
    for status, tags in (
        (dg.DagsterRunStatus.STARTED, {"dagster/max_runtime": "60"}),
        (dg.DagsterRunStatus.STARTED, {"dagster/max_runtime": "as long as it takes"}),
        (dg.DagsterRunStatus.QUEUED, {}),
        (dg.DagsterRunStatus.SUCCESS, {}),
    ):
        record.run_storage.add_run(
            dg.DagsterRun(
                run_id=make_new_run_id(),
                job_name="some_job",
                status=status,
                tags=tags,
                remote_job_origin=RemoteJobOrigin(REPOSITORY, "some_job"),
            )
        )
    assert [finding.state for finding in look_at_clockwork(empty_database_url, now=datetime.now(UTC))] == ["ok", "ok"]
    later = datetime.fromtimestamp(time.time() + 20 * 60, tz=UTC)
    hanging, waiting = look_at_clockwork(empty_database_url, now=later)[1:]
    assert hanging.what.startswith("1 runs hang: some_job ")
    assert waiting.what.startswith("1 runs wait in the queue; the longest waiting: some_job ")
