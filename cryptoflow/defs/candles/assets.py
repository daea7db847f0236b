"""Assets of the candles domain: the exchanges' lists, minutes, their history, larger candles, live trades."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.collect.candle_certifying import certify_days
from cryptoflow.collect.candle_rebuild import rebuild_candles
from cryptoflow.collect.candle_tail import CandleReport, collect_holes, collect_tail
from cryptoflow.collect.symbols import collect_symbols
from cryptoflow.contracts import candle_records, candles
from cryptoflow.defs.contracted import contract_spec
from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.market.assets import CATALOG, SLOT_TAG, slot_of
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.sources.exchanges import exchange_names

EXCHANGES = exchange_names()
SYMBOLS = dg.AssetKey("symbols")
MINUTE_CANDLES = dg.AssetKey("minute_candles")
COARSE_CANDLES = dg.AssetKey("coarse_candles")
CANDLE_CERTIFICATES = dg.AssetKey("candle_certificates")
CANDLE_HISTORY = dg.AssetKey("candle_backfills")
PRICE_TICKS = dg.AssetKey("price_ticks")
# Simulated and real history begin here; earlier partitions would be empty for ever.
FIRST_DAY = "2024-01-01"
# Holes are asked for less often than the newest minutes.
HOLES_EVERY_MINUTES = 10

DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC")
MONTHS = dg.MonthlyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC")


@dg.multi_asset(
    name="symbols",
    specs=[contract_spec("symbols", candles.symbols, sources=EXCHANGES, deps=[CATALOG])],
    retry_policy=RETRIES,
    pool="symbols",
)
def exchange_symbols(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """Ask every exchange for its pairs; what is new, changed or gone is dated."""
    with told_to_dagster():
        reports = collect_symbols(
            warehouse.settings(),
            database_url=warehouse.database_url,
            redis_url=warehouse.redis_url,
            collection_type="manual" if context.run.tags.get("dagster/from_ui") else "complete",
            run_id=context.run.run_id,
        )
    for report in reports:
        if report.error:
            context.log.warning(report.error)
    synced = [report for report in reports if report.synced]
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(report.synced.listed for report in synced),
            "new": sum(report.synced.new for report in synced),
            "changed": sum(report.synced.changed for report in synced),
            "closed": sum(report.synced.closed for report in synced),
            "quarantined": sum(report.refused for report in reports),
            "exchanges": ", ".join(report.exchange for report in synced),
        }
    )


@dg.multi_asset(
    name="candle_tick",
    specs=[contract_spec("minute_candles", candles.minute_candles, sources=EXCHANGES, deps=[SYMBOLS])],
    pool="candle_tick",
)
def candle_tick(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """The newest minutes of the followed pairs; now and then the holes behind them too."""
    slot = slot_of(context.run.tags, now=datetime.now(UTC))
    given = {
        "database_url": warehouse.database_url,
        "redis_url": warehouse.redis_url,
        "run_id": context.run.run_id,
    }
    with told_to_dagster():
        scheduled = SLOT_TAG in context.run.tags
        reports = collect_tail(warehouse.settings(), collection_type="continuous" if scheduled else "manual", **given)
        if slot.minute % HOLES_EVERY_MINUTES == 0:
            reports += collect_holes(warehouse.settings(), **given)
    for report in reports:
        for error in report.errors:
            context.log.warning(f"{report.exchange}: {error}")
    yield dg.MaterializeResult(asset_key=MINUTE_CANDLES, metadata=tick_metadata(slot, reports))


def tick_metadata(slot: datetime, reports: list[CandleReport]) -> dict[str, object]:
    """What an engineer wants to see of one tick."""
    lines = ["| exchange | spans | received | new | refused | empty minutes | calls |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {one.exchange} | {one.spans} | {one.received} | {one.stored} | {one.refused} | {one.empty} | {one.calls} |"
        for one in reports
    ]
    return {
        "slot": slot.isoformat(),
        "received": sum(one.received for one in reports),
        "stored": sum(one.stored for one in reports),
        "quarantined": sum(one.refused for one in reports),
        "empty minutes told": sum(one.empty for one in reports),
        "failed": sum(len(one.errors) for one in reports),
        "exchanges": dg.MarkdownMetadataValue("\n".join(lines)),
        "lag, seconds": dg.FloatMetadataValue((datetime.now(UTC) - slot).total_seconds()),
    }


@dg.multi_asset(
    name="candle_history",
    specs=[contract_spec("candle_backfills", candle_records.candle_backfills, sources=EXCHANGES, deps=[SYMBOLS])],
    partitions_def=MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=RETRIES,
    pool="candle_history",
)
def candle_history(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """The followed pairs' minutes of whole months: archives first, then every minute that is still missing."""
    # Reading files brings pyarrow, which the code server and every other run do without.
    from cryptoflow.collect.candle_history import collect_history

    window = context.partition_time_window
    with told_to_dagster():
        reports = collect_history(
            warehouse.settings(),
            start=window.start,
            end=window.end,
            database_url=warehouse.database_url,
            redis_url=warehouse.redis_url,
            run_id=context.run.run_id,
        )
    for report in reports:
        for error in report.errors:
            context.log.warning(f"{report.symbol}: {error}")
    yield dg.MaterializeResult(
        metadata={
            "pairs": len(reports),
            "files read": sum(report.files for report in reports),
            "files in before": sum(report.files_known for report in reports),
            "spans asked": sum(report.asked for report in reports),
            "rows": sum(report.rows for report in reports),
            "stored": sum(report.stored for report in reports),
            "quarantined": sum(report.refused for report in reports),
            "failed": sum(len(report.errors) for report in reports),
        }
    )


@dg.multi_asset(
    name="coarse_candles",
    specs=[contract_spec("coarse_candles", candles.coarse_candles, deps=[MINUTE_CANDLES, CANDLE_HISTORY])],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=RETRIES,
    pool="candle_rollups",
)
def coarse_candles(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """Every larger candle over whole days, built once more from the minutes that are there by now."""
    window = context.partition_time_window
    with told_to_dagster():
        rebuilt = rebuild_candles(warehouse.database_url, start=window.start, end=window.end)
    yield dg.MaterializeResult(metadata={"pairs": rebuilt.symbols, "candles that changed": rebuilt.changed})


@dg.multi_asset(
    name="candle_certificates",
    specs=[
        contract_spec("candle_certificates", candle_records.candle_certificates, deps=[MINUTE_CANDLES, CANDLE_HISTORY])
    ],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=RETRIES,
    pool="candle_certificates",
)
def candle_certificates(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """Of every pair and whole day: what was expected, what is there, what is known of the rest, and a hash."""
    window = context.partition_time_window
    with told_to_dagster():
        certified = certify_days(
            warehouse.settings(),
            start=window.start,
            end=window.end,
            database_url=warehouse.database_url,
            run_id=context.run.run_id,
        )
    yield dg.MaterializeResult(
        metadata={
            "certificates": certified.certificates,
            "every minute accounted for": certified.without_unknown,
            **{f"minutes, {name}": minutes for name, minutes in certified.minutes.items()},
        }
    )


# The collector, a process of its own, stores them; what it says of itself is reported here by a sensor.
price_ticks = contract_spec("price_ticks", candles.price_ticks, sources=EXCHANGES, deps=[SYMBOLS]).replace_attributes(
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=10), warn_window=timedelta(minutes=3))
)
