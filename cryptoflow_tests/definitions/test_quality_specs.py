"""Suites as asset checks: which checks there are, which of them block, on which assets."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from cryptoflow.definitions import defs
from cryptoflow.defs.quality.automation import LOOKING
from cryptoflow.defs.quality.checks import check_specs
from cryptoflow.quality.suites import suite_of, suites
from cryptoflow_tests.definitions.compose_file import ROOT

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def test_the_rules_of_a_suite_are_checks_and_the_grave_ones_block() -> None:
    blocking = {spec.name: spec.blocking for spec in check_specs(suite_of("hourly_close"))}
    assert blocking == {
        "contract": True,
        "coverage": False,
        "group_means_continue": True,
        "jumps_have_volume": False,
        "supplies_chain": False,
        "prices_order": True,
        "reconciles": True,
        "is_fresh": False,
    }


def test_every_suite_is_on_an_asset_that_there_is() -> None:
    # An asset of which only checks speak is made up by Dagster; ours say which table they are.
    graph = defs.resolve_asset_graph()
    assets = {key for key in graph.get_all_asset_keys() if "dagster/table_name" in graph.get(key).metadata}
    keys = [spec.key for suite in suites().values() for spec in check_specs(suite)]
    assert {key.asset_key for key in keys} <= set(assets)
    assert len(set(keys)) == len(keys)


def test_no_other_job_waits_for_expectations() -> None:
    """Dagster takes every check of an asset into the asset's jobs, unless the job says otherwise."""
    # The job of everything, by which runs from the UI are made, is nobody's schedule.
    jobs = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    looking = {job.name for job in jobs if "expectations" in {node.name for node in job.nodes}}
    assert looking == {"quality_job"}
    own = {key.name for key in defs.resolve_job_def("candle_tick_job").asset_layer.asset_graph.asset_check_keys}
    assert own == {"minutes_are_fresh"}


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
