"""The simulated Coinbase Exchange: public REST and the websocket feed, over a tape of trades of its own.

What belongs here: Coinbase's words, shapes and rules. What does not: the trades themselves (simulator/market).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World


def rest_routes(world: World) -> list[BaseRoute]:
    """Routes of `/coinbase`."""
    from cryptoflow.simulator.coinbase import rest

    return rest.routes(world)


def stream_routes(world: World) -> list[BaseRoute]:
    """Routes of `/coinbase_stream`."""
    from cryptoflow.simulator.coinbase import feed

    return feed.routes(world)
