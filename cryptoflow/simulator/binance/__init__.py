"""The simulated Binance spot exchange: REST, websocket streams and the bulk archive, over one tape of trades.

What belongs here: Binance's words, shapes and rules. What does not: the trades themselves (simulator/market).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World


def rest_routes(world: World) -> list[BaseRoute]:
    """Routes of `/binance`."""
    from cryptoflow.simulator.binance import rest

    return rest.routes(world)


def stream_routes(world: World) -> list[BaseRoute]:
    """Routes of `/binance_stream`."""
    from cryptoflow.simulator.binance import stream

    return stream.routes(world)


def archive_routes(world: World) -> list[BaseRoute]:
    """Routes of `/binance_archive`."""
    from cryptoflow.simulator.binance import archive

    return archive.routes(world)
