"""The simulated newspapers: four RSS feeds and their article pages, each with its own marks.

What belongs here: stories invented over the simulated market, and how each feed tells them. What does not: limits and
faults (the middleware).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptoflow.simulator.news import coindesk, cointelegraph, decrypt, theblock

if TYPE_CHECKING:
    from cryptoflow.simulator.world import RouteFactory

PROVIDERS: Final[dict[str, RouteFactory]] = {
    "coindesk": coindesk.routes,
    "cointelegraph": cointelegraph.routes,
    "decrypt": decrypt.routes,
    "theblock": theblock.routes,
}
"""Provider name -> its routes."""
