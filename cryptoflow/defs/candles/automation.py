"""When exchange data are collected: lists daily, minutes every minute, larger candles after each day; trades live."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.defs.candles.assets import (
    CANDLE_CERTIFICATES,
    CANDLE_HISTORY,
    COARSE_CANDLES,
    MINUTE_CANDLES,
    PRICE_TICKS,
    SYMBOLS,
)
from cryptoflow.defs.candles.checks import coarse_candles_equal_the_exchanges
from cryptoflow.defs.first_time import decide, is_running, standing_of
from cryptoflow.defs.market.assets import CATALOG, SLOT_TAG
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.defs.quality.checks import without_expectations
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.trade_feeds import FeedSummary, summarise_feeds

symbols_job = dg.define_asset_job(
    "symbols_job",
    selection=without_expectations(SYMBOLS),
    description="Take over the exchanges' lists of pairs.",
    tags={"dagster/max_runtime": "900"},
)

symbols_daily = dg.ScheduleDefinition(
    name="symbols_daily",
    job=symbols_job,
    cron_schedule="35 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The exchanges' lists of pairs, once a day, after the catalog.",
)


@dg.sensor(
    name="symbols_first_time",
    job=symbols_job,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes over the lists at once when the catalog is there and they are not; sleeps when they are.",
)
def symbols_first_time(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Pairs belong to assets, so the catalog comes first."""
    if context.instance.get_latest_materialization_event(CATALOG) is None:
        return dg.SkipReason("the asset catalog is not there yet")
    standing = standing_of(context.instance, asset=SYMBOLS, job_name=symbols_job.name)
    ask, reason = decide(standing, now=datetime.now(UTC), pause=timedelta(minutes=2))
    return dg.RunRequest(tags={"cryptoflow/reason": reason}) if ask else dg.SkipReason(reason)


candle_tick_job = dg.define_asset_job(
    "candle_tick_job",
    selection=without_expectations(MINUTE_CANDLES),
    description="One tick: the newest minutes of the followed pairs, and holes behind them.",
    tags={"dagster/max_runtime": "300"},
)


@dg.schedule(
    job=candle_tick_job,
    name="candle_tick_every_minute",
    cron_schedule="* * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Minutes of the followed pairs, every minute; skipped while the tick before it still runs.",
)
def candle_tick_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Nothing is asked before it is known which pairs there are."""
    slot = context.scheduled_execution_time.astimezone(UTC)
    if context.instance.get_latest_materialization_event(SYMBOLS) is None:
        return dg.SkipReason("the exchanges' lists are not there yet")
    if is_running(context.instance, job_name=candle_tick_job.name):
        return dg.SkipReason("the tick before it still runs")
    return dg.RunRequest(run_key=slot.isoformat(), tags={SLOT_TAG: slot.isoformat()})


coarse_candles_job = dg.define_asset_job(
    "coarse_candles_job",
    selection=dg.AssetSelection.assets(COARSE_CANDLES) - dg.AssetSelection.checks_for_assets(COARSE_CANDLES),
    description="Builds the larger candles of a day once more.",
)
coarse_candles_daily = dg.build_schedule_from_partitioned_job(
    coarse_candles_job,
    name="coarse_candles_closed",
    hour_of_day=0,
    minute_of_hour=50,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each day, once it is over and late minutes are in.",
)

candle_certificates_job = dg.define_asset_job(
    "candle_certificates_job",
    selection=dg.AssetSelection.assets(CANDLE_CERTIFICATES),
    description="Certifies the minutes of a day, pair by pair.",
)
candle_certificates_daily = dg.build_schedule_from_partitioned_job(
    candle_certificates_job,
    name="candle_certificates_closed",
    # Until then the holes of the day were asked for several times.
    hour_of_day=2,
    minute_of_hour=10,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each day, once it is over and its holes were asked for.",
)

candle_history_job = dg.define_asset_job(
    "candle_history_job",
    selection=dg.AssetSelection.assets(CANDLE_HISTORY),
    description="Fetches a month of history of the followed pairs.",
    tags={"dagster/max_runtime": "21600"},
)
candle_history_monthly = dg.build_schedule_from_partitioned_job(
    candle_history_job,
    name="candle_history_closed",
    # The archive has a month from its first Monday on; until then its days are taken.
    day_of_month=9,
    hour_of_day=5,
    minute_of_hour=10,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each month, once the archive has it: what it corrects is taken over.",
)

verification_job = dg.define_asset_job(
    "candle_verification_job",
    selection=dg.AssetSelection.checks(coarse_candles_equal_the_exchanges),
    description="Compares a day's larger candles of some pairs with the exchanges' own.",
    tags={"dagster/max_runtime": "900"},
)
verification_daily = dg.ScheduleDefinition(
    name="candle_verification_daily",
    job=verification_job,
    cron_schedule="20 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="A sample of yesterday's candles beside the exchanges' own.",
)


@dg.sensor(
    name="price_ticks_reported",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells Dagster how the live feeds of trades stand; the collector stores them outside of it.",
)
def price_ticks_reported(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource
) -> dg.SensorResult | dg.SkipReason:
    """Reports only while feeds are live and trades go on: otherwise the asset is to become overdue."""
    with transaction(warehouse.database_url) as connection:
        feeds = summarise_feeds(connection)
    if not feeds.live or feeds.newest is None:
        return dg.SkipReason(f"{feeds.live} of {feeds.feeds} feeds are live")
    cursor = str(feeds.trades_stored)
    if cursor == context.cursor:
        return dg.SkipReason("no trade was stored since")
    event = dg.AssetMaterialization(PRICE_TICKS, metadata=feed_metadata(feeds))
    return dg.SensorResult(asset_events=[event], cursor=cursor)


def feed_metadata(feeds: FeedSummary) -> dict[str, object]:
    """What an engineer wants to see of the feeds."""
    return {
        "feeds": feeds.feeds,
        "live": feeds.live,
        "trades stored": feeds.trades_stored,
        "newest trade": feeds.newest.isoformat() if feeds.newest else "none",
        "largest lag, ms": feeds.lag_ms if feeds.lag_ms is not None else -1,
    }
