"""The Celery application of the warm workers: `celery -A cryptoflow.defs.platform.worker_app worker`.

It is the launcher's own application with Dagster's two tasks on it, plus four habits: the definitions are imported
before the first run arrives, what a run left behind is freed after it, a heartbeat tells that the worker lives, and
runs that nobody carries on are given back to Dagster. Nothing happens at import: Celery asks for `app`, and only then
is it built.
"""

from __future__ import annotations

import gc
import importlib
import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from celery import Celery, signals
from dagster import DagsterInstance
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from cryptoflow.defs.platform.lost_runs import give_back
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
    give_back(app, instance, is_lost=lambda worker: worker == heartbeat.worker, now=datetime.now(UTC))
    next_reap = time.monotonic() + REAP_PERIOD_SECONDS
    while True:
        time.sleep(HEARTBEAT_PERIOD_SECONDS)
        try:
            heartbeat.beat()
            if time.monotonic() >= next_reap:
                next_reap = time.monotonic() + REAP_PERIOD_SECONDS
                give_back(app, instance, is_lost=lambda worker: not heartbeat.is_alive(worker), now=datetime.now(UTC))
        except Exception:
            # Broker or database away: the supervisor restarts them, and the next round finds them again.
            logger.warning("The watch over lost runs missed a round.", exc_info=True)
