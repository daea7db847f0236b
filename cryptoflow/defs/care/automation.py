"""When the platform looks after itself: Dagster's record is pruned every hour."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.ops.dagster_pruning import prune
from cryptoflow.ops.event_log import measure_event_log

# Short enough that the minute tick waits for it at most once or twice; what is left goes an hour later.
PRUNING_SECONDS = 60.0


@dg.op(retry_policy=RETRIES)
def prune_dagster(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Remove runs that are past their time, with their events; what the UI tells from stays."""
    settings, url = warehouse.settings(), warehouse.dagster_database_url
    with told_to_dagster():
        gone = prune(
            url,
            now=datetime.now(UTC),
            keep=timedelta(days=settings.run_retention_days),
            keep_failed=timedelta(days=settings.failed_run_retention_days),
            seconds=PRUNING_SECONDS,
        )
        size = measure_event_log(url)
    if not gone.complete:
        context.log.warning("Time ran out before everything past its time was gone; the next round goes on.")
    context.add_output_metadata(
        {
            "runs gone": gone.runs,
            "events gone": gone.events,
            "checks gone": gone.checks,
            "ticks gone": gone.ticks,
            "event log, bytes": size.event_log_bytes,
            "runs kept": size.runs,
        }
    )


@dg.job(
    description="Prunes Dagster's own record: runs past their time, with events, checks and stray ticks.",
    tags={"dagster/max_runtime": "900", "dagster/priority": "-1"},
)
def dagster_pruning_job() -> None:
    """One op: it is one database."""
    prune_dagster()


dagster_pruning_hourly = dg.ScheduleDefinition(
    name="dagster_pruning_hourly",
    job=dagster_pruning_job,
    cron_schedule="42 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour, a minute's worth.",
)
