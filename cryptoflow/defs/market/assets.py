"""Assets of the market domain: the catalog of assets, and the minute tick that feeds snapshots and closes."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.allowances import refresh_allowances
from cryptoflow.collect.catalog import CatalogReport, collect_catalog
from cryptoflow.collect.planning import DATASET, SlotPlan, plan_slot
from cryptoflow.collect.snapshots import TICK_REQUEST_SECONDS, SnapshotReport, collect_snapshots
from cryptoflow.contracts import close_quality, closes, market, velocity
from cryptoflow.defs.contracted import contract_spec
from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.market.rollups import COARSE, close_asset
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.defs.plots import bars
from cryptoflow.warehouse.slots import coverage_by_slot

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
        for trouble in refresh_allowances(
            warehouse.settings(),
            database_url=warehouse.database_url,
            redis_url=warehouse.redis_url,
            now=datetime.now(UTC),
            run_id=context.run_id,
            every=timedelta(0),
        ):
            context.log.warning(trouble)
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
A_SLOT = timedelta(minutes=1)
LAST_HOUR = timedelta(hours=1)


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
        slot, planned = slot_of(context.run.tags, now=datetime.now(UTC)), None
        if SLOT_TAG in context.run.tags:
            planned = planned_tick(context, warehouse, slot=slot)
        report = collect_tick(context, warehouse, slot=slot, planned=planned)
    for trouble in (*report.errors, *report.warnings):
        context.log.warning(trouble)
    coverage = coverage_by_slot(
        warehouse.database_url, dataset=DATASET, starts=slot - LAST_HOUR + A_SLOT, ends=slot + A_SLOT
    )
    metadata = tick_metadata(report, planned) | coverage_metadata(coverage, slot=slot)
    yield dg.MaterializeResult(asset_key=SNAPSHOTS, metadata=metadata)
    yield dg.MaterializeResult(asset_key=MINUTE_CLOSE, metadata=metadata)
    yield dg.MaterializeResult(asset_key=CLOSE_QUALITY, metadata=metadata)
    yield dg.MaterializeResult(asset_key=VELOCITY, metadata=metadata)


def planned_tick(context: dg.AssetExecutionContext, warehouse: WarehouseResource, *, slot: datetime) -> SlotPlan:
    """The plan for the slot, from what the keys allow now; each change of it is told."""
    settings, database_url, redis_url = warehouse.settings(), warehouse.database_url, warehouse.redis_url
    now = datetime.now(UTC)
    for trouble in refresh_allowances(
        settings, database_url=database_url, redis_url=redis_url, now=now, run_id=context.run_id
    ):
        context.log.warning(trouble)
    planned = plan_slot(settings, database_url, redis_url, slot=slot, now=now)
    for sentence in planned.changes:
        context.log.warning(sentence)
    return planned


def collect_tick(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, *, slot: datetime, planned: SlotPlan | None
) -> SnapshotReport:
    """Collect what is planned; a run by hand collects the whole universe."""
    given = (
        {"collection_type": "manual"}
        if planned is None
        else {
            "calls": planned.calls,
            "collection_type": planned.kinds,
            "idle": planned.idle,
            "request_seconds": TICK_REQUEST_SECONDS,
        }
    )
    return collect_snapshots(
        warehouse.settings(),
        slot=slot,
        database_url=warehouse.database_url,
        redis_url=warehouse.redis_url,
        run_id=context.run_id,
        **given,
    )


def slot_of(tags: dict[str, str], *, now: datetime) -> datetime:
    """The slot that the schedule gave the run, however late the run is; the current minute for a run by hand."""
    given = tags.get(SLOT_TAG)
    return datetime.fromisoformat(given) if given else bucket_start(now, Grain.MINUTE)


def tick_metadata(report: SnapshotReport, planned: SlotPlan | None) -> dict[str, object]:
    """What an engineer wants to see of one tick."""
    plan = planned.in_force.words if planned else ["by hand: the whole universe, whatever the plan"]
    written = report.written
    lag = datetime.now(UTC) - report.slot
    return {
        "slot": report.slot.isoformat(),
        "received": written.received,
        "stored": written.stored,
        "minutes closed": written.minutes,
        "quarantined": report.refused,
        "new assets": report.new_assets,
        "velocity rows": written.moved,
        "marked buckets built afterwards": report.caught_up.built,
        "buckets still marked": report.caught_up.left,
        "calls": report.calls,
        "due and not come": report.absent,
        "warnings": dg.MarkdownMetadataValue(_listed(report.warnings)),
        "plan": dg.MarkdownMetadataValue(_listed(plan)),
        "plan changed": dg.MarkdownMetadataValue(_listed(planned.changes if planned else ())),
        "lag, seconds": dg.FloatMetadataValue(lag.total_seconds()),
        **{f"{built.grain} buckets built": built.changed for built in written.built},
    }


def coverage_metadata(coverage: dict[datetime, tuple[int, int]], *, slot: datetime) -> dict[str, object]:
    """How much of what was due came: in this slot as a share, in each slot of the last hour as a bar."""
    expected, observed = coverage.get(slot, (0, 0))
    slots = [slot - back * A_SLOT for back in reversed(range(LAST_HOUR // A_SLOT))]
    came = [coverage.get(one, (0, 0))[1] for one in slots]
    return {
        "coverage": dg.FloatMetadataValue(observed / expected if expected else 0.0),
        "assets observed, last hour": dg.MarkdownMetadataValue(
            f"`{bars(came)}` {slots[0]:%H:%M} to {slot:%H:%M} UTC, at most {max(came)} in a slot"
        ),
    }


def _listed(sentences) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences) or "none"


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
        "warnings": dg.MarkdownMetadataValue(_listed(report.warnings)),
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
