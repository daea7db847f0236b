"""Assets of the market domain: the catalog of assets, from which everything else takes its identities."""

import dagster as dg

from cryptoflow.collect.catalog import CatalogReport, collect_catalog
from cryptoflow.contracts import market
from cryptoflow.defs.contracted import contract_spec
from cryptoflow.defs.failures import RETRIES, told_to_dagster
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
