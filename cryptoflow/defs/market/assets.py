"""Assets of the market domain: the catalog of assets, and the minute tick that feeds snapshots and closes."""

from datetime import UTC, datetime

import dagster as dg

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.catalog import CatalogReport, collect_catalog
from cryptoflow.collect.planning import calls_of_slot
from cryptoflow.collect.snapshots import SnapshotReport, collect_snapshots
from cryptoflow.contracts import close_quality, closes, market, velocity
from cryptoflow.defs.contracted import contract_spec
from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.market.rollups import COARSE, close_asset
from cryptoflow.defs.platform.resources import WarehouseResource

CATALOG = dg.AssetKey("asset_catalog")


@dg.multi_asset(
    name="asset_catalog",
    specs=[contract_spec("asset_catalog", market.assets, sources=("coingecko", "coinmarketcap"))],
    retry_policy=RETRIES,
    pool="catalog",
)
def asset_catalog(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """Ask every provider which assets it lists, and bring identities and aliases to that."""
    with told_to_dagster():
        report = collect_catalog(
            warehouse.settings(),
            database_url=warehouse.database_url,
            redis_url=warehouse.redis_url,
            collection_type="manual" if context.run.tags.get("dagster/from_ui") else "complete",
            run_id=context.run_id,
        )
    for warning in report.warnings:
        context.log.warning(warning)
    for provider in report.providers:
        if provider.error:
            context.log.warning(provider.error)
    yield dg.MaterializeResult(asset_key=CATALOG, metadata=catalog_metadata(report))


hourly_close, daily_close, weekly_close, monthly_close = (close_asset(grain) for grain in COARSE)

SNAPSHOTS = dg.AssetKey("market_snapshots")
MINUTE_CLOSE = dg.AssetKey("minute_close")
CLOSE_QUALITY = dg.AssetKey("close_quality")
VELOCITY = dg.AssetKey("velocity")
SLOT_TAG = "cryptoflow/slot"


@dg.multi_asset(
    name="market_tick",
    specs=[
        contract_spec(
            "market_snapshots", closes.market_snapshots, sources=("coingecko", "coinmarketcap"), deps=[CATALOG]
        ),
        contract_spec("minute_close", closes.minute_close, deps=[SNAPSHOTS]),
        contract_spec("close_quality", close_quality.close_quality, deps=[SNAPSHOTS]),
        contract_spec("velocity", velocity.velocity, deps=[MINUTE_CLOSE]),
    ],
    pool="market_tick",
)
def market_tick(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """Ask the providers for the slot that the run is due for; store, close the minutes, move the open buckets on."""
    with told_to_dagster():
        settings, now = warehouse.settings(), datetime.now(UTC)
        slot = slot_of(context.run.tags, now=now)
        scheduled = SLOT_TAG in context.run.tags
        report = collect_snapshots(
            settings,
            slot=slot,
            database_url=warehouse.database_url,
            redis_url=warehouse.redis_url,
            calls=calls_of_slot(settings, warehouse.database_url, slot=slot, now=now) if scheduled else None,
            collection_type="continuous" if scheduled else "manual",
            run_id=context.run_id,
        )
    for error in report.errors:
        context.log.warning(error)
    metadata = tick_metadata(report)
    yield dg.MaterializeResult(asset_key=SNAPSHOTS, metadata=metadata)
    yield dg.MaterializeResult(asset_key=MINUTE_CLOSE, metadata=metadata)
    yield dg.MaterializeResult(asset_key=CLOSE_QUALITY, metadata=metadata)
    yield dg.MaterializeResult(asset_key=VELOCITY, metadata=metadata)


def slot_of(tags: dict[str, str], *, now: datetime) -> datetime:
    """The slot that the schedule gave the run, however late the run is; the current minute for a run by hand."""
    given = tags.get(SLOT_TAG)
    return datetime.fromisoformat(given) if given else bucket_start(now, Grain.MINUTE)


def tick_metadata(report: SnapshotReport) -> dict[str, object]:
    """What an engineer wants to see of one tick."""
    written = report.written
    lag = datetime.now(UTC) - report.slot
    return {
        "slot": report.slot.isoformat(),
        "received": written.received,
        "stored": written.stored,
        "minutes closed": written.minutes,
        "quarantined": report.refused,
        "new assets": report.new_assets,
        "velocity rows": written.moved.rows,
        "velocity hours waiting": written.moved.hours_waiting,
        "calls": report.calls,
        "lag, seconds": dg.FloatMetadataValue(lag.total_seconds()),
        **{f"{built.grain} buckets built": built.changed for built in written.built},
    }


def catalog_metadata(report: CatalogReport) -> dict[str, object]:
    """What an engineer wants to see of one collection."""
    return {
        "dagster/row_count": report.assets,
        "active": report.active,
        "created": report.created,
        "updated": report.updated,
        "renamed": report.renamed,
        "gone": report.gone,
        "providers": dg.MarkdownMetadataValue(_providers_table(report)),
        "warnings": dg.MarkdownMetadataValue("\n".join(f"- {line}" for line in report.warnings) or "none"),
    }


def _providers_table(report: CatalogReport) -> str:
    lines = ["| provider | listed | refused | calls | raw answers (SHA-256) | error |", "|---|---|---|---|---|---|"]
    for provider in report.providers:
        answers = " ".join(f"`{payload[:12]}`" for payload in provider.payloads)
        error = (provider.error or "").replace("|", "\\|")
        lines.append(
            f"| {provider.provider} | {provider.listed} | {provider.refused} | {provider.calls} | {answers} | {error} |"
        )
    return "\n".join(lines)
