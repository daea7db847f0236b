"""The health asset on real servers: figures as metadata, every threshold a check."""

from __future__ import annotations

import dagster as dg
import pytest

from cryptoflow.defs.care.assets import platform_health
from cryptoflow.defs.care.automation import table_care_job
from cryptoflow.defs.platform.resources import resources
from cryptoflow.ops.health_figures import VERDICTS
from cryptoflow_tests.platform.test_dagster_pruning import instance_on


def test_figures_become_metadata_and_thresholds_checks(
    database_url: str,
    empty_database_url: str,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", valkey_url)
    with instance_on(empty_database_url, tmp_path_factory.mktemp("dagster")) as instance:
        for _ in range(2):
            done = dg.materialize([platform_health], resources=resources(), instance=instance)
            assert done.success
        metadata = done.asset_materializations_for_node("platform_health")[0].metadata
        assert metadata["connections"].value > 0
        assert metadata["cache_used_bytes"].value > 0
        assert metadata["event_log_bytes"].value > 0
        evaluations = {one.check_name: one for one in done.get_asset_check_evaluations()}
        assert list(evaluations) == list(VERDICTS)
        assert evaluations["connections_have_room"].passed
        assert evaluations["cache_has_room"].metadata["what to do"].value
        assert table_care_job.execute_in_process(instance=instance, resources=resources()).success
