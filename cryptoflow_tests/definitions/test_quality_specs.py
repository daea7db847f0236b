"""Suites as asset checks: which checks there are, which of them block, on which assets."""

from __future__ import annotations

from cryptoflow.definitions import defs
from cryptoflow.defs.quality.checks import check_specs
from cryptoflow.quality.suites import suite_of, suites


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
