"""Housekeeping of the platform: what is past its retention goes, old records and days of minutes."""

from datetime import UTC, datetime

import dagster as dg

from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.warehouse.forgetting import forget_expired
from cryptoflow.warehouse.retention import expired_days, retain


@dg.op(retry_policy=RETRIES)
def forget_old_records(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Remove the records that are past the retention of their contracts: raw answers, calls, collections, slots."""
    with told_to_dagster():
        removed = forget_expired(warehouse.database_url, warehouse.settings(), now=datetime.now(UTC))
    context.add_output_metadata(removed)


@dg.op(retry_policy=RETRIES)
def let_go_of_old_minutes(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Drop the days of snapshots and minutes that are past their retention and proven to be in the hours."""
    now = datetime.now(UTC)
    with told_to_dagster():
        gone = retain(warehouse.database_url, now=now)
        kept = expired_days(warehouse.database_url, now=now)
    for day in kept:
        context.log.warning(f"{day.starts:%Y-%m-%d} is past its retention and stays: {day.kept_because}")
    context.add_output_metadata(
        {"days gone": ", ".join(f"{day.starts:%Y-%m-%d}" for day in gone) or "none", "days unproven": len(kept)}
    )


@dg.job(
    description="Removes what is past its retention: raw answers, old records, days of snapshots and minutes.",
    tags={"dagster/max_runtime": "3600"},
)
def housekeeping_job() -> None:
    """One op per kind of thing that is forgotten."""
    forget_old_records()
    let_go_of_old_minutes()


housekeeping_daily = dg.ScheduleDefinition(
    job=housekeeping_job,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day, at a quiet hour.",
)
