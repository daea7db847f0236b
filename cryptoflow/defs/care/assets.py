"""The health of the platform as an asset: figures of database, cache and event log, with history and thresholds."""

from datetime import UTC, datetime

import dagster as dg

from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.ops.event_log import measure_event_log
from cryptoflow.ops.health_figures import (
    VERDICTS,
    CacheFigures,
    as_metadata,
    cache_from_metadata,
    judge,
    measure_cache,
    measure_database,
)
from cryptoflow.ops.room import RoomSample, free_bytes_in, keep_room

HEALTH = dg.AssetKey("platform_health")
_CACHE = "cache_"


@dg.multi_asset(
    name="platform_health",
    specs=[
        dg.AssetSpec(
            HEALTH,
            description="How database, cache and event log are: figures with their history, judged by thresholds.",
            owners=["team:platform"],
            group_name="ops",
            kinds={"postgres", "redis", "python"},
        )
    ],
    check_specs=[dg.AssetCheckSpec(name, asset=HEALTH, description=what) for name, what in VERDICTS.items()],
    retry_policy=RETRIES,
)
def platform_health(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """Measure and judge."""
    with told_to_dagster():
        database, cache = measure_database(warehouse.database_url), measure_cache(warehouse.redis_url)
        log = measure_event_log(warehouse.dagster_database_url)
        home = warehouse.settings().home_path
        room = RoomSample(
            measured_at=datetime.now(UTC),
            free_bytes=free_bytes_in(home),
            warehouse_bytes=database.database_bytes,
            dagster_bytes=log.database_bytes,
        )
        keep_room(warehouse.database_url, home, room)
    before = _cache_before(context.instance)
    yield dg.MaterializeResult(
        asset_key=HEALTH,
        metadata={
            **{name: _shown(value) for name, value in as_metadata(database).items()},
            **{f"{_CACHE}{name}": _shown(value) for name, value in as_metadata(cache).items()},
            "event_log_bytes": log.event_log_bytes,
            "dagster_database_bytes": log.database_bytes,
            "runs_kept": log.runs,
            "free_bytes": room.free_bytes,
        },
    )
    for verdict in judge(database, cache, before=before):
        yield dg.AssetCheckResult(
            check_name=verdict.name,
            asset_key=HEALTH,
            passed=verdict.kept,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"found": verdict.said, "what to do": verdict.cure},
        )


def _shown(value: object) -> object:
    """Decimals as plain numbers, so that Dagster plots them."""
    return value if isinstance(value, int | str) else dg.FloatMetadataValue(float(value))


def _cache_before(instance: dg.DagsterInstance) -> CacheFigures | None:
    """What the cache said when it was measured the last time."""
    event = instance.get_latest_materialization_event(HEALTH)
    if event is None or event.asset_materialization is None:
        return None
    told = event.asset_materialization.metadata
    return cache_from_metadata(
        {name.removeprefix(_CACHE): value.value for name, value in told.items() if name.startswith(_CACHE)}
    )
