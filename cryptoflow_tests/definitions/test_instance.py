"""dagster.yaml and workspace.yaml are code: what they must hold, with what goes wrong otherwise."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG

from cryptoflow.ops import clockwork
from cryptoflow.resources import resource_path
from cryptoflow.runtime import queues

Config = dict[str, Any]
INSTANCE: Config = yaml.safe_load(resource_path("dagster.yaml").read_text())
LONGEST_RUN_SECONDS = 10_800


def database(config: Config) -> Config:
    """Where Dagster keeps its record."""
    found: Config = config["storage"]["custom"]["config"]["postgres_db"]
    return found


def storage_speaks_psycopg2(config: Config) -> bool:
    """With psycopg 3 Dagster's notifications fail, and runs stay NOT_STARTED for ever."""
    return database(config)["scheme"] == "postgresql+psycopg2"


def credentials_come_from_the_environment(config: Config) -> bool:
    """Dagster puts this configuration on the command lines of its children."""
    values = database(config)
    places = [values[name] for name in ("username", "password", "hostname", "port", "db_name")]
    places += [config["run_launcher"]["config"][name] for name in ("broker", "backend")]
    return all(isinstance(place, dict) and place.keys() == {"env"} for place in places)


def runs_are_monitored(config: Config) -> bool:
    """Off by default; then a run whose worker died is 'running' for ever."""
    monitoring = config["run_monitoring"]
    return monitoring["enabled"] is True and monitoring["poll_interval_seconds"] <= 30


def pool_slots_are_freed(config: Config) -> bool:
    """No default; then a cancelled run keeps its slots for ever."""
    return config["run_monitoring"].get("free_slots_after_run_end_seconds", 0) > 0


def runs_cannot_last_for_ever(config: Config) -> bool:
    """A stuck run would hold a worker and its pool."""
    return 0 < config["run_monitoring"]["max_runtime_seconds"] <= LONGEST_RUN_SECONDS


def a_lost_run_is_started_anew_and_not_twice(config: Config) -> bool:
    """A resumed run would begin in the middle with nothing in memory; a step's own failure has had its retries."""
    retries = config["run_retries"]
    anew = retries["enabled"] and retries["max_retries"] >= 1 and not retries["retry_on_asset_or_op_failure"]
    return bool(anew) and config["run_monitoring"]["max_resume_run_attempts"] == 0


def workers_hold_no_run_that_they_do_not_execute(config: Config) -> bool:
    """A worker that is killed would take the runs it had fetched ahead with it until the broker offers them again."""
    source = config["run_launcher"]["config"]["config_source"]
    return source["worker_disable_prefetch"] is True and source["broker_transport_options"]["visibility_timeout"] <= 300


def ticks_are_purged(config: Config) -> bool:
    """Kept for ever by default: 525,600 a year for every minute schedule."""
    kinds = ("schedule", "sensor", "auto_materialize")
    days = [config["retention"][kind]["purge_after_days"] for kind in kinds]
    return all(1 <= one[state] <= 30 for one in days for state in ("skipped", "failure", "success", "started"))


def nothing_is_sent_home(config: Config) -> bool:
    """The owner's platform talks to the providers and to nobody else."""
    return config["telemetry"]["enabled"] is False


def the_queue_is_looked_at_every_second(config: Config) -> bool:
    """The default of 5 s would be most of the latency of a minute job."""
    return config["run_coordinator"]["config"]["dequeue_interval_seconds"] == 1


# Each rule with a change that breaks it: a rule that cannot fail would prove nothing.
RULES: list[tuple[Callable[[Config], bool], Callable[[Config], None]]] = [
    (storage_speaks_psycopg2, lambda c: database(c).update(scheme="postgresql")),
    (credentials_come_from_the_environment, lambda c: database(c).update(password="x")),
    (runs_are_monitored, lambda c: c["run_monitoring"].update(enabled=False)),
    (pool_slots_are_freed, lambda c: c["run_monitoring"].pop("free_slots_after_run_end_seconds")),
    (runs_cannot_last_for_ever, lambda c: c["run_monitoring"].update(max_runtime_seconds=0)),
    (a_lost_run_is_started_anew_and_not_twice, lambda c: c["run_retries"].update(enabled=False)),
    (
        workers_hold_no_run_that_they_do_not_execute,
        lambda c: c["run_launcher"]["config"]["config_source"].update(worker_disable_prefetch=False),
    ),
    (ticks_are_purged, lambda c: c["retention"]["sensor"]["purge_after_days"].update(success=-1)),
    (nothing_is_sent_home, lambda c: c["telemetry"].update(enabled=True)),
    (the_queue_is_looked_at_every_second, lambda c: c["run_coordinator"]["config"].update(dequeue_interval_seconds=5)),
]


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES], ids=lambda rule: rule.__name__)
def test_the_instance_keeps_the_rule(rule: Callable[[Config], bool]) -> None:
    assert rule(INSTANCE), rule.__doc__


@pytest.mark.parametrize(("rule", "spoil"), RULES, ids=[rule.__name__ for rule, _ in RULES])
def test_the_rule_can_fail(rule: Callable[[Config], bool], spoil: Callable[[Config], None]) -> None:
    spoiled = deepcopy(INSTANCE)
    spoil(spoiled)
    assert not rule(spoiled)


def test_dagster_itself_accepts_the_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster.yaml").write_text(resource_path("dagster.yaml").read_text())
    for name in ("HOST", "USER", "PASSWORD", "DB"):
        monkeypatch.setenv(f"CRYPTOFLOW_DAGSTER_PG_{name}", "given")
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_PG_PORT", "5432")
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", "redis://127.0.0.1:1/0")
    ref = InstanceRef.from_dir(str(tmp_path))
    assert ref.run_launcher_data is not None
    assert ref.run_launcher_data.class_name == "CeleryRunLauncher"
    assert ref.settings["concurrency"] == INSTANCE["concurrency"]


def test_runs_wait_in_queues_that_the_workers_take_from() -> None:
    assert INSTANCE["run_launcher"]["config"]["default_queue"] == queues.RUNS
    assert queues.IN_TICKS == {DAGSTER_CELERY_QUEUE_TAG: queues.TICKS}


def test_the_doctor_calls_no_run_stuck_that_dagster_still_allows() -> None:
    monitoring = INSTANCE["run_monitoring"]
    assert clockwork.MOST_RUNTIME.total_seconds() == monitoring["max_runtime_seconds"]
    assert clockwork.STARTING_LONG.total_seconds() > monitoring["start_timeout_seconds"]
    assert clockwork.CANCELING_LONG.total_seconds() > monitoring["cancel_timeout_seconds"]
