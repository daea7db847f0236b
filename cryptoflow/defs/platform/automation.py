"""Housekeeping of the platform: partitions are made ahead; what is past its retention goes, records and days."""

from datetime import UTC, datetime

import dagster as dg

from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.runtime.home import Home
from cryptoflow.warehouse.ahead import make_partitions_ahead
from cryptoflow.warehouse.forgetting import forget_expired
from cryptoflow.warehouse.retention import retain


@dg.op(retry_policy=RETRIES)
def forget_old_records(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Remove the records that are past the retention of their contracts: raw answers, calls, collections, slots."""
    with told_to_dagster():
        removed = forget_expired(warehouse.database_url, warehouse.settings(), now=datetime.now(UTC))
    context.add_output_metadata(removed)


@dg.op(retry_policy=RETRIES)
def make_partitions(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Make the partitions of the next days, months and years, so that no tick at midnight has to."""
    with told_to_dagster():
        made = make_partitions_ahead(warehouse.database_url, now=datetime.now(UTC))
    context.add_output_metadata({"partitions made": ", ".join(made) or "none"})


@dg.op(retry_policy=RETRIES)
def let_go_of_old_minutes(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Archive and drop the days of samples and minutes that are past their retention and proven."""
    with told_to_dagster():
        folder = Home(warehouse.settings().home_path).archive
        days = retain(warehouse.database_url, now=datetime.now(UTC), folder=folder)
    kept = [day for day in days if day.kept_because]
    for day in kept:
        context.log.warning(f"{day.day} is past its retention and stays: {day.kept_because}")
    gone = [day for day in days if not day.kept_because]
    context.add_output_metadata(
        {
            "days gone": ", ".join(str(day.day) for day in gone) or "none",
            "rows archived": sum(part.rows for day in gone for part in day.parts if part.part),
            "files": "\n".join(str(part.archive) for day in gone for part in day.parts if part.archive) or "none",
            "days unproven": len(kept),
        }
    )


@dg.job(
    description="Makes partitions ahead, and removes what is past its retention: raw answers, records, days.",
    tags={"dagster/max_runtime": "3600"},
)
def housekeeping_job() -> None:
    """One op per kind of thing that is made ready or forgotten."""
    make_partitions()
    forget_old_records()
    let_go_of_old_minutes()


housekeeping_daily = dg.ScheduleDefinition(
    job=housekeeping_job,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day, at a quiet hour.",
)
