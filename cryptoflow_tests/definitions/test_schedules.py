"""Schedules as the daemon has them evaluated: each has an answer that Dagster accepts when its time has come."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from cryptoflow.definitions import defs
from cryptoflow.defs.quality.automation import LOOKING
from cryptoflow.defs.quality.checks import check_specs
from cryptoflow.quality.suites import suites
from cryptoflow_tests.definitions.compose_file import ROOT

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def evaluated(name: str, instance: dg.DagsterInstance, *, due: datetime) -> ScheduleExecutionData:
    """What a schedule says, as the daemon has it evaluated: with all that Dagster demands of an answer."""
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=due, repository_def=defs.get_repository_def()
    )
    return defs.resolve_schedule_def(name).evaluate_tick(context)


# Of Dagster's own schedules over partitions.
@pytest.mark.filterwarnings("ignore:Function `JobDefinition.run_request_for_partition` is deprecated")
@pytest.mark.parametrize("name", [schedule.name for schedule in defs.get_repository_def().schedule_defs])
def test_every_schedule_has_an_answer_when_its_time_has_come(name: str) -> None:
    with dg.instance_for_test() as instance:
        said = evaluated(name, instance, due=NOON)
    assert said.run_requests or said.skip_message


def test_a_look_is_a_run_for_each_table_and_no_check_is_left_out() -> None:
    with dg.instance_for_test() as instance:
        asked = evaluated("quality_hourly", instance, due=NOON).run_requests or []
    assert len({request.run_key for request in asked}) == len(asked)
    assert [request.tags[LOOKING] for request in asked] == list(suites())
    looked_at = [key for request in asked for key in request.asset_check_keys]
    wanted = [spec.key for suite in suites().values() for spec in check_specs(suite)]
    assert sorted(looked_at) == sorted(wanted)
    limits = yaml.safe_load((ROOT / "dagster.yaml").read_text())["concurrency"]["runs"]["tag_concurrency_limits"]
    assert {"key": LOOKING, "limit": 1} in limits
