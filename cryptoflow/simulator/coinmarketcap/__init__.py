"""CoinMarketCap's Pro API over the simulated market.

What belongs here: its routes, envelope, credits, keys and errors. What does not: quotas (limits.py), faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

EXCLUDED_PATHS = (
    "/v1/cryptocurrency/listings/historical",
    "/v2/cryptocurrency/ohlcv/historical",
    "/v2/cryptocurrency/quotes/historical",
    "/v3/cryptocurrency/quotes/historical",
)


def routes(world: World) -> list[BaseRoute]:
    """All routes, without the provider's prefix."""
    # Imported here, or the policy of this package could not be read without its routes.
    from cryptoflow.simulator.coinmarketcap import catalog, prices
    from cryptoflow.simulator.responses import endpoint

    del world
    return [
        endpoint("/v1/key/info", catalog.key_info),
        endpoint("/v1/cryptocurrency/map", catalog.id_map),
        endpoint("/v2/cryptocurrency/info", catalog.info),
        endpoint("/v1/cryptocurrency/listings/latest", prices.listings_latest),
        endpoint("/v2/cryptocurrency/quotes/latest", prices.quotes_latest),
        endpoint("/v3/cryptocurrency/quotes/latest", prices.quotes_latest_v3),
        endpoint("/v1/global-metrics/quotes/latest", prices.global_metrics),
        *(endpoint(path, catalog.excluded) for path in EXCLUDED_PATHS),
    ]
