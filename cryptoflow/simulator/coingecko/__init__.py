"""CoinGecko's API v3 over the simulated market.

What belongs here: its routes, shapes, caches, keys and errors. What does not: quotas (limits.py), faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World


def routes(world: World) -> list[BaseRoute]:
    """All routes, without the provider's prefix."""
    # Imported here, or the policy of this package could not be read without its routes.
    from cryptoflow.simulator.coingecko import charts, coin, lists, markets
    from cryptoflow.simulator.responses import endpoint

    del world
    base = "/api/v3"
    return [
        endpoint(f"{base}/ping", lists.ping),
        endpoint(f"{base}/key", lists.key_usage),
        endpoint(f"{base}/coins/list", lists.coins_list),
        endpoint(f"{base}/coins/markets", markets.coins_markets),
        endpoint(f"{base}/simple/price", markets.simple_price),
        endpoint(f"{base}/global", markets.global_data),
        endpoint(f"{base}/coins/{{id}}/history", coin.coin_history),
        endpoint(f"{base}/coins/{{id}}/market_chart", charts.market_chart),
        endpoint(f"{base}/coins/{{id}}/market_chart/range", charts.market_chart_range),
        endpoint(f"{base}/coins/{{id}}/ohlc", charts.ohlc),
        endpoint(f"{base}/coins/{{id}}", coin.coin_by_id),
    ]
