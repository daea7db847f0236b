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
