"""The world that every simulated provider sees: the market, the time, what is broken, and who used how much.

What does not belong here: HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.faults import FaultBoard
from cryptoflow.simulator.limits import LimitBook
from cryptoflow.simulator.traffic import Traffic

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.market.model import Market


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One simulated world; all of it can be shared between threads."""

    market: Market
    clock: SimClock = field(default_factory=SimClock)
    faults: FaultBoard = field(default_factory=FaultBoard)
    limits: LimitBook = field(default_factory=LimitBook)
    traffic: Traffic = field(default_factory=Traffic)
    seed: int = 1


RouteFactory = Callable[[World], "list[BaseRoute]"]
"""What a provider package offers: its routes, without the provider's prefix."""


def make_world(*, seed: int = 1, asset_count: int = 250, clock: SimClock | None = None) -> World:
    """A world with the market of `seed`."""
    # Imported here: the market brings numpy, which commands that only talk to a running server do not need.
    from cryptoflow.simulator.market.model import Market

    return World(
        market=Market(seed=seed, asset_count=asset_count),
        clock=clock or SimClock(),
        faults=FaultBoard(seed=seed),
        seed=seed,
    )
