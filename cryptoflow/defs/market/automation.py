"""When the market is collected: the catalog daily and at once when there is none, prices every minute."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.defs.first_time import Standing, decide, is_running, standing_of
from cryptoflow.defs.market.assets import CATALOG, CLOSE_QUALITY, MINUTE_CLOSE, SLOT_TAG, SNAPSHOTS, VELOCITY
from cryptoflow.defs.market.rollups import COARSE, close_schedule
from cryptoflow.defs.quality.checks import without_expectations
from cryptoflow.runtime.queues import IN_TICKS

catalog_job = dg.define_asset_job(
    "asset_catalog_job",
    selection=without_expectations(CATALOG),
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


tick_job = dg.define_asset_job(
    "market_tick_job",
    selection=without_expectations(SNAPSHOTS, MINUTE_CLOSE, CLOSE_QUALITY, VELOCITY),
    description="One tick: ask, store, close the minutes, move the open buckets on.",
    tags={"dagster/max_runtime": "300", **IN_TICKS},
)


@dg.schedule(
    job=tick_job,
    name="market_tick_every_minute",
    cron_schedule="* * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Prices of the universe, every minute; skipped while the tick before it still runs.",
)
def tick_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """A run carries the slot that it is due for, so that a late one does not write into another."""
    slot = context.scheduled_execution_time.astimezone(UTC)
    if is_running(context.instance, job_name=tick_job.name):
        return dg.SkipReason("the tick before it still runs")
    return dg.RunRequest(run_key=slot.isoformat(), tags={SLOT_TAG: slot.isoformat()})


hourly_closed, daily_closed, weekly_closed, monthly_closed = (close_schedule(grain) for grain in COARSE)
