"""Housekeeping of the platform: raw answers are forgotten when their time is over."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.warehouse.payloads import forget_answers


@dg.op(retry_policy=RETRIES)
def forget_raw_answers(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Remove bodies and fetch records that are past CRYPTOFLOW_PAYLOAD_RETENTION_DAYS."""
    days = warehouse.settings().payload_retention_days
    with told_to_dagster():
        forgotten = forget_answers(warehouse.database_url, before=datetime.now(UTC) - timedelta(days=days))
    context.add_output_metadata({"payloads": forgotten.payloads, "fetches": forgotten.fetches, "days kept": days})


@dg.job(
    description="Removes what is past its retention: raw answers and the records of fetching them.",
    tags={"dagster/max_runtime": "3600"},
)
def housekeeping_job() -> None:
    """One op per kind of thing that is forgotten."""
    forget_raw_answers()


housekeeping_daily = dg.ScheduleDefinition(
    job=housekeeping_job,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day, at a quiet hour.",
)
