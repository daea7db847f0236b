"""Checks of the market domain: what must hold of the catalog after each collection."""

from datetime import timedelta

import dagster as dg

from cryptoflow.defs.market.assets import CATALOG
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.warehouse.catalog_proof import missing_keys, newest_sighting_age, orphaned_assets

# The catalog is collected daily; a day and a grace without a sighting means that collecting stopped working.
OLDEST_SIGHTING = timedelta(hours=30)


@dg.asset_check(asset=CATALOG, description="Every active asset has at least one provider's key in force.")
def active_assets_have_keys(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """An active asset without a key can be asked of nobody."""
    orphans = orphaned_assets(warehouse.database_url)
    return dg.AssetCheckResult(
        passed=not orphans,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"assets without a key": len(orphans), "sample": ", ".join(orphans[:10]) or "none"},
    )


@dg.asset_check(asset=CATALOG, description="Every asset that a provider listed last time has a key in force.")
def listed_assets_are_known(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Fewer keys in force than assets listed means that some were lost on the way into the catalog."""
    missing = missing_keys(warehouse.database_url)
    return dg.AssetCheckResult(
        passed=not any(missing.values()),
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={f"missing from {provider}": count for provider, count in missing.items()},
    )


@dg.asset_check(asset=CATALOG, description="Some provider's answer was seen within the last 30 hours.")
def catalog_is_fresh(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Looks at the data themselves, not at when the asset was materialized."""
    age = newest_sighting_age(warehouse.database_url)
    return dg.AssetCheckResult(
        passed=age is not None and age <= OLDEST_SIGHTING,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"newest sighting, seconds ago": dg.FloatMetadataValue(age.total_seconds()) if age else "never"},
    )
