"""Runs that nobody carries on: found, and given back to Dagster, which fails them and starts them anew (`run_retries`).

A run changes hands four times: it is made, queued, handed to the broker, begun by a worker. When the database, the
broker or a worker goes away between two of these, nobody has it. Dagster itself notices that after ten minutes only,
and a tick that is not over keeps the ticks after it from being started.
What does not belong here: who looks, and when (worker_app).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from celery import Celery
from celery.exceptions import WorkerLostError
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

logger = logging.getLogger(__name__)

# On a busy machine seconds pass between two hands, and a moment of the database's restart.
BETWEEN_TWO_HANDS: Final = timedelta(seconds=60)
_ON_ITS_WAY: Final = {
    DagsterRunStatus.NOT_STARTED: "made but not queued",
    DagsterRunStatus.STARTING: "queued but not handed to the broker",
}
_HELD: Final = [*_ON_ITS_WAY, DagsterRunStatus.STARTED]
_ENDED: Final = frozenset({"SUCCESS", "FAILURE"})


def give_back(app: Celery, instance: DagsterInstance, *, is_lost: Callable[[str], bool], now: datetime) -> None:
    """Fail what nobody carries on. Several workers may do it at once: a run that failed twice is started anew once."""
    for record in instance.get_run_records(RunsFilter(statuses=_HELD)):
        run = record.dagster_run
        task_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task_id is not None:
            _give_back_task(app, instance, run, task_id, is_lost=is_lost)
        elif reason := _why_nobody_has(record, now=now):
            _fail(instance, run, reason)


def _why_nobody_has(record: RunRecord, *, now: datetime) -> str:
    """Why a run that the broker has no task for is lost; empty while it may still be on its way."""
    what = _ON_ITS_WAY.get(record.dagster_run.status)
    if what is None or now - record.update_timestamp < BETWEEN_TWO_HANDS:
        return ""
    return f"The run was {what}: the database or the broker went away in between, or who did it ended."


def _give_back_task(
    app: Celery, instance: DagsterInstance, run: DagsterRun, task_id: str, *, is_lost: Callable[[str], bool]
) -> None:
    """Go by what Celery says of the run's task.

    A task that began on a worker which was killed says STARTED for ever: nobody is left to say otherwise. It is marked
    as failed, on which Dagster's own monitoring fails the run.
    """
    meta = app.backend.get_task_meta(task_id, cache=False)
    state = meta.get("status")
    worker = (meta.get("result") or {}).get("hostname") if state == "STARTED" else None
    if worker and is_lost(worker):
        app.backend.mark_as_failure(task_id, WorkerLostError(f"The worker {worker} ended while it executed this run."))
        logger.warning("Run %s was given back: its worker %s ended.", run.run_id, worker)
    elif state in _ENDED and run.status == DagsterRunStatus.STARTING:
        _fail(instance, run, "A worker took the run and let go of it before it began: it did not reach the database.")


def _fail(instance: DagsterInstance, run: DagsterRun, reason: str) -> None:
    """Fail it, unless it went on since it was read."""
    current = instance.get_run_by_id(run.run_id)
    if current is not None and current.status == run.status:
        instance.report_run_failed(current, f"{reason} It is started anew.")
        logger.warning("Run %s of %s was given back. %s", run.run_id, run.job_name, reason)
