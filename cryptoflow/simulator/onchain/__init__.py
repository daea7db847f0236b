"""The simulated sources of on-chain figures, each with its own form over the same few simulated networks.

What belongs here: DeFiLlama, blockchain.info, mempool.space, beaconcha.in, Solana. What does not: prices (market),
limits and faults (the middleware).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptoflow.simulator.onchain import beaconchain, blockchain_info, defillama, llama_coins, mempool, solana

if TYPE_CHECKING:
    from cryptoflow.simulator.world import RouteFactory

PROVIDERS: Final[dict[str, RouteFactory]] = {
    "defillama": defillama.routes,
    "llama_coins": llama_coins.routes,
    "blockchain_info": blockchain_info.routes,
    "mempool": mempool.routes,
    "beaconchain": beaconchain.routes,
    "solana": solana.routes,
}
"""Provider name -> its routes."""
