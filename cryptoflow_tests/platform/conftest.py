"""The simulator for tests of itself: a small frozen world, a client of it, and its control plane.

Tests of single providers have servers of their own, by the same names.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from cryptoflow.simulator.client import SimulatorClient
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow_tests.platform.simulated_server import DEMO_KEY, NOON


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(asset_count=60) as server:
        server.world.clock.set(now=NOON, freeze=True)
        yield server


@pytest.fixture
def web(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, headers=DEMO_KEY, trust_env=False, timeout=10.0) as client:
        yield client


@pytest.fixture
def control(simulator: SimulatorServer) -> Iterator[SimulatorClient]:
    with SimulatorClient(simulator.url) as client:
        yield client


@pytest.fixture
def silent_url() -> Iterator[str]:
    """An address that is taken, but where nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
