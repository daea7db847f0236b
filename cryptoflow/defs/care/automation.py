"""When the platform looks after itself: alerts by the minute, pruning and health by the hour, tables once a day."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.defs.care.assets import HEALTH
from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.ops.dagster_pruning import prune
from cryptoflow.ops.event_log import measure_event_log
from cryptoflow.ops.table_care import care_for_tables

# Short enough that the minute tick waits for it at most once or twice; what is left goes an hour later.
PRUNING_SECONDS = 60.0
# Nothing is begun after it; what was begun is finished.
CARE_SECONDS = 600.0


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


@dg.op(retry_policy=RETRIES)
def care_for_warehouse(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Vacuum, analyze and build indexes anew where statistics say that it is needed."""
    with told_to_dagster():
        cared = care_for_tables(warehouse.database_url, now=datetime.now(UTC), seconds=CARE_SECONDS)
    for care in cared.left:
        context.log.warning(f"Left for the next time, because it is in use or time ran out: {care}")
    done = "\n".join(f"- {care}" for care in cared.done) or "nothing was needed"
    context.add_output_metadata({"done": dg.MarkdownMetadataValue(done), "left": len(cared.left)})


@dg.job(
    description="Vacuums, analyzes and reindexes what needs it.",
    tags={"dagster/max_runtime": "7200", "dagster/priority": "-1"},
)
def table_care_job() -> None:
    """One op: one thing after the other."""
    care_for_warehouse()


table_care_daily = dg.ScheduleDefinition(
    name="table_care_daily",
    job=table_care_job,
    cron_schedule="10 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day, after housekeeping has removed what is past its retention.",
)

platform_health_job = dg.define_asset_job(
    "platform_health_job",
    selection=dg.AssetSelection.assets(HEALTH),
    description="Measures database, cache and event log, and judges them by thresholds.",
    tags={"dagster/max_runtime": "300", "dagster/priority": "-1"},
)

platform_health_schedule = dg.ScheduleDefinition(
    name="platform_health_quarter_hourly",
    job=platform_health_job,
    cron_schedule="7,22,37,52 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Four times an hour, beside the other schedules.",
)


@dg.sensor(
    name="alerts_every_minute",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks the doctor, and tells what is broken for long enough, once, to those whom the settings name.",
)
def alerts_every_minute(warehouse: WarehouseResource) -> dg.SkipReason:
    """A sensor and no job: when no worker takes runs, that is what must be told. It launches nothing."""
    from cryptoflow.ops.alert_sinks import sinks_of
    from cryptoflow.ops.alerts import go_round
    from cryptoflow.ops.doctor import examine

    settings = warehouse.settings()
    done = go_round(
        warehouse.database_url,
        lambda: examine(settings),
        sinks_of(settings),
        now=datetime.now(UTC),
        after=settings.alert_after,
        level=settings.alert_level,
    )
    named = ", ".join(alert.subject for alert in done.open) or "nothing"
    problems = "; ".join(done.failures)
    return dg.SkipReason(f"open: {named}; {done.messages} messages sent" + (f"; {problems}" if problems else ""))
