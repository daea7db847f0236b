"""Runs that nobody carries on are failed, so that Dagster starts them anew; those on their way are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from celery import Celery
from dagster._core.utils import make_new_run_id
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from cryptoflow.defs.platform.lost_runs import BETWEEN_TWO_HANDS, give_back
from cryptoflow_tests.platform.test_dagster_pruning import instance_on

TASK = "a-task"
DEAD = "worker-1@here"
LONG = BETWEEN_TWO_HANDS + timedelta(seconds=1)
SHORT = BETWEEN_TWO_HANDS - timedelta(seconds=10)
NOT_STARTED = dg.DagsterRunStatus.NOT_STARTED
STARTING, STARTED = dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED
FAILURE = dg.DagsterRunStatus.FAILURE
# Celery's own use of an old command; nothing here can change it.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")


@dataclass(frozen=True, slots=True)
class Hands:
    """Dagster's record, and the broker with what it knows of tasks."""

    instance: dg.DagsterInstance
    url: str
    app: Celery

    def run(self, status: dg.DagsterRunStatus, *, since: timedelta, task_id: str | None = None) -> str:
        """A run that stands like this for so long; returns its id."""
        run_id = make_new_run_id()
        tags = {DAGSTER_CELERY_TASK_ID_TAG: task_id} if task_id else {}
        self.instance.run_storage.add_run(dg.DagsterRun(run_id=run_id, job_name="some_job", status=status, tags=tags))
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "UPDATE runs SET update_timestamp = update_timestamp - %s WHERE run_id = %s", (since, run_id)
            )
        return run_id

    def give_back(self) -> None:
        """One round of a worker's watch."""
        give_back(self.app, self.instance, is_lost=DEAD.__eq__, now=datetime.now(UTC))

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        """How it stands now."""
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def last_words(self, run_id: str) -> str:
        """What its log ends with."""
        return self.instance.all_logs(run_id)[-1].message


@pytest.fixture
def hands(empty_database_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Hands]:
    with instance_on(empty_database_url, tmp_path) as instance:
        yield Hands(instance, empty_database_url, Celery("hands", broker=valkey_url, backend=valkey_url))


@pytest.mark.parametrize(
    ("status", "what"),
    [(NOT_STARTED, "made but not queued"), (STARTING, "queued but not handed to the broker")],
)
def test_between_two_hands_a_run_is_failed_when_it_takes_too_long(
    hands: Hands, status: dg.DagsterRunStatus, what: str
) -> None:
    lost, on_its_way = hands.run(status, since=LONG), hands.run(status, since=SHORT)
    hands.give_back()
    assert hands.status(lost) == FAILURE
    assert what in hands.last_words(lost)
    assert hands.status(on_its_way) == status
    assert hands.instance.all_logs(on_its_way) == []


@pytest.mark.parametrize("status", [STARTED, FAILURE])
def test_what_is_carried_on_or_over_is_left_alone(hands: Hands, status: dg.DagsterRunStatus) -> None:
    run_id = hands.run(status, since=LONG)
    hands.give_back()
    assert hands.status(run_id) == status
    assert hands.instance.all_logs(run_id) == []


@pytest.mark.parametrize("ended", ["SUCCESS", "FAILURE"])
def test_a_run_whose_task_ended_before_it_began_is_failed(hands: Hands, ended: str) -> None:
    hands.app.backend.store_result(TASK, OSError("no server") if ended == "FAILURE" else 1, ended)
    run_id = hands.run(STARTING, since=timedelta(0), task_id=TASK)
    hands.give_back()
    assert hands.status(run_id) == FAILURE
    assert "before it began" in hands.last_words(run_id)


def test_a_run_that_waits_in_the_broker_is_left_alone(hands: Hands) -> None:
    run_id = hands.run(STARTING, since=LONG, task_id=TASK)
    hands.give_back()
    assert hands.status(run_id) == STARTING


def test_a_run_that_went_on_meanwhile_is_left_alone(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    hands.app.backend.store_result(TASK, 0, "SUCCESS")
    run_id = hands.run(STARTING, since=timedelta(0), task_id=TASK)
    asked = hands.app.backend.get_task_meta

    def after_it_ended(*words: object, **named: object) -> object:
        run = hands.instance.get_run_by_id(run_id)
        hands.instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name), run_id=run_id
        )
        return asked(*words, **named)

    monkeypatch.setattr(hands.app.backend, "get_task_meta", after_it_ended)
    hands.give_back()
    assert hands.status(run_id) == dg.DagsterRunStatus.SUCCESS


@pytest.mark.parametrize(("worker", "state"), [(DEAD, "FAILURE"), ("worker-2@here", "STARTED")])
def test_the_task_of_a_dead_worker_is_marked_as_failed(hands: Hands, worker: str, state: str) -> None:
    hands.app.backend.store_result(TASK, {"hostname": worker}, "STARTED")
    run_id = hands.run(STARTED, since=LONG, task_id=TASK)
    hands.give_back()
    assert hands.app.backend.get_task_meta(TASK, cache=False)["status"] == state
    assert hands.status(run_id) == STARTED, "its monitoring fails it, with what the worker left"
