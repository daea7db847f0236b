"""A provider that is down is spared, and asked again when it is back: its circuit, on the way of a tick."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import pytest
import redis

from cryptoflow.simulator.market.model import Market
from cryptoflow.sources.breaker import BreakerPolicy
from cryptoflow_tests.platform.market_bench import Bench, open_bench


@pytest.fixture
def bench(database_url: str, valkey_url: str) -> Iterator[Bench]:
    start = (time.time() // 60 - 30) * 60 + 30
    with open_bench(Market(seed=1, asset_count=40), database_url, valkey_url, start=start) as opened:
        yield opened


def circuit_said(bench: Bench) -> list[str]:
    return [finding.what for finding in bench.findings() if finding.what.startswith("left alone")]


def let_it_cool_down(bench: Bench) -> None:
    """The pause of every circuit is over."""
    with redis.Redis.from_url(bench.valkey_url) as client:
        for key in client.scan_iter("cryptoflow:source:*:circuit"):
            circuit = msgspec.json.decode(client.get(key))
            client.set(key, msgspec.json.encode(circuit | {"until": time.time() - 1}))


def test_a_provider_that_is_down_is_spared_and_asked_again_when_it_is_back(bench: Bench) -> None:
    bench.tick()
    bench.break_provider("http_5xx", "coingecko", amount=503)
    for _ in range(BreakerPolicy().failures_to_open):
        bench.advance(60)
        bench.tick(http_attempts=1)
    (said,) = circuit_said(bench)
    assert said.startswith(f"left alone after {BreakerPolicy().failures_to_open} failures in a row")

    before = bench.asked("coingecko"), bench.asked("coinmarketcap")
    bench.advance(60)
    bench.tick(http_attempts=1)
    assert bench.asked("coingecko") == before[0], "nobody asks while its circuit is open"
    assert bench.asked("coinmarketcap") > before[1]
    assert bench.slots()["coingecko"][0] == "feed_down"
    assert bench.slots()["coinmarketcap"] == ("observed", bench.whole, 0, None)

    # A probe that fails opens it again; one that is answered closes it.
    let_it_cool_down(bench)
    bench.advance(60)
    bench.tick(http_attempts=1)
    assert bench.asked("coingecko") == before[0] + 1
    assert len(circuit_said(bench)) == 1
    bench.world.faults.clear()
    let_it_cool_down(bench)
    bench.advance(60)
    bench.tick(http_attempts=1)
    assert circuit_said(bench) == []
    assert bench.slots()["coingecko"] == ("observed", bench.whole, 0, None)
