"""Who is simulated: the path prefixes of the providers, and where each one's routes are made.

What belongs here: names.
What does not: mounting (app.py), importing a provider (that happens when the application is made).
"""

from __future__ import annotations

from cryptoflow.errors import UsageError
from cryptoflow.simulator.nearest import did_you_mean

ROUTE_FACTORIES: dict[str, str] = {
    "coingecko": "cryptoflow.simulator.coingecko:routes",
    "coinmarketcap": "cryptoflow.simulator.coinmarketcap:routes",
    "binance": "cryptoflow.simulator.binance:rest_routes",
    "binance_stream": "cryptoflow.simulator.binance:stream_routes",
    "binance_archive": "cryptoflow.simulator.binance:archive_routes",
    "coinbase": "cryptoflow.simulator.coinbase:rest_routes",
    "coinbase_stream": "cryptoflow.simulator.coinbase:stream_routes",
    "defillama": "cryptoflow.simulator.onchain.defillama:routes",
    "llama_coins": "cryptoflow.simulator.onchain.llama_coins:routes",
    "blockchain_info": "cryptoflow.simulator.onchain.blockchain_info:routes",
    "mempool": "cryptoflow.simulator.onchain.mempool:routes",
    "beaconchain": "cryptoflow.simulator.onchain.beaconchain:routes",
    "solana": "cryptoflow.simulator.onchain.solana:routes",
    "alternative_me": "cryptoflow.simulator.community.alternative_me:routes",
    "reddit": "cryptoflow.simulator.community.reddit:routes",
    "github": "cryptoflow.simulator.community.github:routes",
    "coindesk": "cryptoflow.simulator.news.coindesk:routes",
    "cointelegraph": "cryptoflow.simulator.news.cointelegraph:routes",
    "decrypt": "cryptoflow.simulator.news.decrypt:routes",
    "theblock": "cryptoflow.simulator.news.theblock:routes",
}
"""Provider name -> `module:function` that makes its routes. The name is also its path prefix, and faults go by it."""

ALIASES: dict[str, str] = {"coingecko_pro": "coingecko"}
"""Further path prefixes of a provider: a second host of the same service."""

PROVIDER_NAMES: tuple[str, ...] = tuple(ROUTE_FACTORIES)


def check_provider(name: str) -> str:
    """The name, or an error that names the nearest one."""
    if name in ROUTE_FACTORIES:
        return name
    raise UsageError(
        f"The simulator plays no provider named {name!r}.",
        cure=did_you_mean(name, PROVIDER_NAMES),
    )
