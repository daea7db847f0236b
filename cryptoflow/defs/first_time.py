"""What a sensor decides by when an asset was never collected: a pure rule, and the reading of Dagster for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an asset stands: collected ever, being collected, last failed when."""

    materialized: bool
    running: bool
    last_failure: datetime | None = None


def decide(standing: Standing, *, now: datetime, pause: timedelta) -> tuple[bool, str]:
    """Whether to ask for a run now, and why. A failure is followed by a pause, so that nothing is hammered."""
    if standing.materialized:
        return False, "it was collected before; its schedule keeps it fresh"
    if standing.running:
        return False, "its first collection runs"
    if standing.last_failure is not None and now - standing.last_failure < pause:
        return False, f"its first collection failed at {standing.last_failure:%H:%M:%S}; tried again after {pause}"
    return True, "it was never collected"


def standing_of(instance: dg.DagsterInstance, *, asset: dg.AssetKey, job_name: str) -> Standing:
    """Read the standing from Dagster."""
    if instance.get_latest_materialization_event(asset) is not None:
        return Standing(materialized=True, running=False)
    newest = instance.get_run_records(dg.RunsFilter(job_name=job_name), limit=1)
    if not newest:
        return Standing(materialized=False, running=False)
    record = newest[0]
    if record.dagster_run.status in UNFINISHED:
        return Standing(materialized=False, running=True)
    ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
    return Standing(materialized=False, running=False, last_failure=ended)


def is_running(instance: dg.DagsterInstance, *, job_name: str) -> bool:
    """Whether a run of the job has not ended yet."""
    return bool(instance.get_run_ids(dg.RunsFilter(job_name=job_name, statuses=list(UNFINISHED)), limit=1))
