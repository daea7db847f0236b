"""The Celery application of the warm workers: `celery -A cryptoflow.defs.platform.worker_app worker`.

It is the launcher's own application with Dagster's two tasks on it, plus four habits: the definitions are imported
before the first run arrives, what a run left behind is freed after it, a heartbeat tells that the worker lives, and
runs whose worker died are given back to Dagster, which fails and retries them. Nothing happens at import: Celery asks
for `app`, and only then is it built.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import threading
import time
from typing import Any

from celery import Celery, signals
from celery.exceptions import WorkerLostError
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from cryptoflow.runtime.garbage import spare_what_stays
from cryptoflow.runtime.heartbeat import HEARTBEAT_PERIOD_SECONDS, Heartbeat

logger = logging.getLogger(__name__)

# Long enough that a restarting worker is not taken for dead, short enough that a run waits less than a minute.
REAP_PERIOD_SECONDS = 15.0


def __getattr__(name: str) -> Any:
    if name == "app":
        globals()["app"] = _build_app()
        return globals()["app"]
    raise AttributeError(name)


def _build_app() -> Celery:
    instance = DagsterInstance.get()
    app = instance.run_launcher.celery
    create_execute_job_task(app)
    create_resume_job_task(app)
    # Celery would replace the handlers of the root logger, and with them Dagster's.
    app.conf.worker_hijack_root_logger = False
    app.conf.worker_redirect_stdouts = False
    signals.worker_process_init.connect(_warm, weak=False)
    signals.task_postrun.connect(_clear_up, weak=False)
    signals.worker_ready.connect(_begin_watching, weak=False)
    return app


def _warm(**_: object) -> None:
    """Import in the pool process what a run needs, so that the first run is as fast as the next."""
    importlib.import_module("cryptoflow.definitions")
    spare_what_stays()


def _clear_up(**_: object) -> None:
    """Free what the run left behind, now that nobody waits: Dagster leaves cycles, and the collector comes seldom."""
    gc.collect()


def _begin_watching(sender: Any, **_: object) -> None:
    """Start the heartbeat and the watch over lost runs, in the parent process, which is idle while runs execute."""
    heartbeat = Heartbeat(
        redis_url=sender.app.conf.broker_read_url or sender.app.conf.broker_url, worker=sender.hostname
    )
    heartbeat.beat()
    threading.Thread(target=_watch, args=(sender.app, heartbeat), name="watch", daemon=True).start()


def _watch(app: Celery, heartbeat: Heartbeat) -> None:
    instance = DagsterInstance.get()
    _give_back(app, instance, lost=lambda worker: worker == heartbeat.worker)
    next_reap = time.monotonic() + REAP_PERIOD_SECONDS
    while True:
        time.sleep(HEARTBEAT_PERIOD_SECONDS)
        try:
            heartbeat.beat()
            if time.monotonic() >= next_reap:
                next_reap = time.monotonic() + REAP_PERIOD_SECONDS
                _give_back(app, instance, lost=lambda worker: not heartbeat.is_alive(worker))
        except Exception:
            # Broker or database away: the supervisor restarts them, and the next round finds them again.
            logger.warning("The watch over lost runs missed a round.", exc_info=True)


def _give_back(app: Celery, instance: DagsterInstance, *, lost: Any) -> None:
    """Mark the tasks of dead workers as failed; Dagster's run monitoring then fails their runs and retries them.

    A task that began on a worker which was killed says STARTED for ever: nobody is left to say otherwise.
    """
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTING, DagsterRunStatus.STARTED])):
        task_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task_id is None:
            continue
        meta = app.backend.get_task_meta(task_id, cache=False)
        worker = (meta.get("result") or {}).get("hostname") if meta.get("status") == "STARTED" else None
        if worker and lost(worker):
            app.backend.mark_as_failure(
                task_id, WorkerLostError(f"The worker {worker} ended while it executed this run.")
            )
            logger.warning("Run %s was given back: its worker %s (process %s) ended.", run.run_id, worker, os.getpid())
