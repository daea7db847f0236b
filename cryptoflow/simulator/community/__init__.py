"""The simulated sources of mood and community: the fear and greed index, Reddit, GitHub.

What belongs here: these three providers. What does not: news (news), limits and their headers
(the middleware).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptoflow.simulator.community import alternative_me, github, reddit

if TYPE_CHECKING:
    from cryptoflow.simulator.world import RouteFactory

PROVIDERS: Final[dict[str, RouteFactory]] = {
    "alternative_me": alternative_me.routes,
    "reddit": reddit.routes,
    "github": github.routes,
}
"""Provider name -> its routes."""
