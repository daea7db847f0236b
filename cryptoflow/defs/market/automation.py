"""When the catalog is collected: daily, and at once on an installation that has none yet."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.defs.first_time import Standing, decide, standing_of
from cryptoflow.defs.market.assets import CATALOG

catalog_job = dg.define_asset_job(
    "asset_catalog_job",
    selection=dg.AssetSelection.assets(CATALOG),
    description="Collect the asset catalog and check it.",
    tags={"dagster/max_runtime": "900"},
)

# Past the first minutes of the day, in which the providers themselves roll over.
catalog_daily = dg.ScheduleDefinition(
    name="asset_catalog_daily",
    job=catalog_job,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The universe and its identities, once a day.",
)


@dg.sensor(
    name="asset_catalog_first_time",
    job=catalog_job,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Collects the catalog at once while there is none; sleeps when there is.",
)
def catalog_first_time(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Everything waits for identities, so an empty installation does not wait for midnight."""
    standing: Standing = standing_of(context.instance, asset=CATALOG, job_name=catalog_job.name)
    ask, reason = decide(standing, now=datetime.now(UTC), pause=timedelta(minutes=2))
    return dg.RunRequest(tags={"cryptoflow/reason": reason}) if ask else dg.SkipReason(reason)
