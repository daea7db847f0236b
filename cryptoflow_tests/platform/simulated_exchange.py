"""What the tests of the simulated exchanges share: when they begin, and asking."""

from __future__ import annotations

from typing import Any

import httpx

from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.simulator.world import make_world

NOW = instant("2026-11-20T12:34:56")
NOW_MS = int(NOW) * 1000
DAY_MS = 86_400_000


def exchange_server(*, asset_count: int = 60, speed: float = 1.0) -> SimulatorServer:
    """A simulator, not yet started, whose clock begins at NOW."""
    return SimulatorServer(world=make_world(asset_count=asset_count, clock=SimClock(now=NOW, speed=speed)))


def reset(server: SimulatorServer) -> SimulatorServer:
    """Back to NOW with a standing clock, no faults and nothing used up."""
    server.world.clock.set(now=NOW, speed=1.0, freeze=True)
    server.world.faults.clear()
    server.world.limits.reset_usage()
    return server


def rest_client(server: SimulatorServer) -> httpx.Client:
    """A client of the REST API."""
    return httpx.Client(base_url=f"{server.url}/binance/api/v3", timeout=30)


def ask(client: httpx.Client, path: str, **params: Any) -> Any:
    """The body of an answer that must be good."""
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()
