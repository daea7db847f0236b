"""Checks of the candles domain: what must hold of minutes, larger candles and live trades."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.collect.candle_rebuild import verify_sample
from cryptoflow.defs.candles.assets import COARSE_CANDLES, MINUTE_CANDLES
from cryptoflow.defs.failures import told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.warehouse.candle_reach import newest_minute_age
from cryptoflow.warehouse.pool import transaction

PAIRS_EACH = 3
OLDEST_MINUTE = timedelta(minutes=15)


@dg.asset_check(
    asset=COARSE_CANDLES,
    description="Yesterday's larger candles of a few pairs equal the exchange's own of the same interval.",
)
def coarse_candles_equal_the_exchanges(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """Each day other pairs; every difference is kept in candles.candle_differences until it is settled."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with told_to_dagster():
        verified = verify_sample(
            warehouse.settings(),
            day=today - timedelta(days=1),
            pairs_each=PAIRS_EACH,
            database_url=warehouse.database_url,
            redis_url=warehouse.redis_url,
            run_id=context.run.run_id,
        )
    lines = ["| exchange | pair | interval | compared | differing |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.exchange} | {one.symbol} | {one.interval} | {one.comparison.compared} | {one.comparison.differing} |"
        for one in verified
    ]
    return dg.AssetCheckResult(
        passed=not any(one.comparison.differing for one in verified),
        # A day that was only partly collected differs too; its coverage stands beside each difference.
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"verified": dg.MarkdownMetadataValue("\n".join(lines)), "pairs": len(verified)},
    )


@dg.asset_check(asset=MINUTE_CANDLES, description="The newest confirmed minute is younger than a quarter of an hour.")
def minutes_are_fresh(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Looks at the data themselves, not at when the asset was materialized."""
    with transaction(warehouse.database_url) as connection:
        age = newest_minute_age(connection, now=datetime.now(UTC))
    return dg.AssetCheckResult(
        passed=age is not None and age <= OLDEST_MINUTE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"newest minute, seconds ago": dg.FloatMetadataValue(age.total_seconds()) if age else "never"},
    )
