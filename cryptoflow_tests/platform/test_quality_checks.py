"""Expectations as asset checks in Dagster: each group of rules is a check, a grave one blocks, results are kept."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from cryptoflow.defs.platform.policies import with_policies
from cryptoflow.defs.platform.resources import resources
from cryptoflow.defs.quality.checks import expectations
from cryptoflow_tests.closes_model import rows
from cryptoflow_tests.database.proven_market import sound_market

MINUTES = dg.AssetKey("minute_close")


@pytest.fixture
def market(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A sound market, in a warehouse that the settings name."""
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    sound_market(database_url, tmp_path)
    return database_url


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def look(instance: dg.DagsterInstance, *checks: str) -> tuple[bool, dict[str, dg.AssetCheckEvaluation], str]:
    """Run checks of minute_close; whether the run went well, the results by name, the run's id."""
    keys = [dg.AssetCheckKey(MINUTES, name) for name in checks]
    job = dg.define_asset_job("look", selection=dg.AssetSelection.checks(*keys))
    defs = dg.Definitions(asset_checks=[expectations], jobs=[job], resources=resources())
    done = defs.resolve_job_def("look").execute_in_process(instance=instance, raise_on_error=False)
    return done.success, {one.check_name: one for one in done.get_asset_check_evaluations()}, done.run_id


def test_a_sound_table_passes_and_what_was_looked_at_is_kept(market: str, instance: dg.DagsterInstance) -> None:
    success, found, run_id = look(instance, "contract", "is_fresh")
    assert success
    assert {name: one.passed for name, one in found.items()} == {"contract": True, "is_fresh": True}
    assert found["contract"].metadata["rows looked at"].value > 0
    assert str(found["contract"].metadata["Data Docs"].value).endswith("data_docs/index.html")
    kept = rows(market, "SELECT DISTINCT run_id, dataset, success FROM ops.quality_results")
    assert kept == [(run_id, "market.minute_close", True)]


def test_a_broken_contract_fails_the_run_with_cause_extent_and_cure(market: str, instance: dg.DagsterInstance) -> None:
    with psycopg.connect(market) as connection:
        connection.execute("UPDATE market.minute_close SET asset_id = asset_id + 1000 WHERE asset_id IN (1, 2)")
        connection.execute("UPDATE market.minute_close SET circulating_supply = 9999 WHERE asset_id = 3")
    success, found, _ = look(instance, "contract", "supplies_chain")
    assert not success
    contract, chain = found["contract"], found["supplies_chain"]
    assert (contract.passed, contract.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert (chain.passed, chain.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert contract.metadata["rows against it"].value == 2
    assert "asset_id.known" in str(contract.metadata["what failed"].value)
    assert contract.metadata["sample"].value == {"asset_id.known": [{"asset_id": 1001}, {"asset_id": 1002}]}
    assert "other asset" not in str(contract.metadata["what to do"].value)
    assert "another asset" in str(chain.metadata["what to do"].value)


def test_automation_waits_for_blocking_checks_of_what_is_upstream(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def upstream() -> None: ...

    @dg.asset(deps=[upstream], automation_condition=dg.AutomationCondition.missing())
    def downstream() -> None: ...

    broken = True

    @dg.asset_check(asset=upstream, blocking=True)
    def sound() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=not broken)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        defs = with_policies(dg.Definitions(assets=[upstream, downstream], asset_checks=[sound]))
    job = defs.resolve_implicit_global_asset_job_def()

    def requested() -> int:
        job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=[upstream.key])
        found = dg.evaluate_automation_conditions(
            defs=defs, instance=instance, asset_selection=dg.AssetSelection.assets(downstream)
        )
        return found.get_num_requested(downstream.key)

    assert requested() == 0
    broken = False
    assert requested() == 1
