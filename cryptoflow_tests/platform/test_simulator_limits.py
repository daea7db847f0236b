"""Limits of the simulated providers, as each of them states, counts and refuses."""

from __future__ import annotations

import json

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cryptoflow.simulator.client import SimulatorClient
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow_tests.platform.simulated_server import NOON


def test_binance_weights_are_counted_refused_and_ignoring_the_refusal_is_banned(
    simulator: SimulatorServer, web: httpx.Client, control: SimulatorClient
) -> None:
    control.set_quota(provider="binance", plan="ip", window="minute", quota=5)
    klines = "/binance/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=3"
    assert [web.get(klines).headers["x-mbx-used-weight-1m"] for _ in range(2)] == ["2", "4"]
    refused = web.get(klines)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    banned = [web.get(klines).status_code for _ in range(6)]
    assert banned[-1] == 418
    simulator.world.clock.set(now=NOON + 61.0)
    assert web.get(klines).status_code == 418
    simulator.world.clock.set(now=NOON + 121.0)
    assert web.get(klines).status_code == 200


def test_beaconchain_states_its_limits(web: httpx.Client) -> None:
    path = "/beaconchain/api/v1/ethstore/latest"
    first, second = web.get(path), web.get(path)
    assert first.headers["x-ratelimit-remaining-month"] == "999"
    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("1", "0")
    assert second.status_code == 429


def test_blockchain_info_rehearses_its_limit_on_a_200(web: httpx.Client) -> None:
    answers = [web.get("/blockchain_info/stats") for _ in range(61)]
    assert "retry-after" not in answers[0].headers
    assert (answers[40].status_code, answers[40].headers["retry-after"]) == (200, "60")
    assert answers[40].headers["cf-rate-limit-action"] == "simulate"
    assert answers[60].status_code == 429


def test_solana_refuses_with_retry_after(web: httpx.Client, control: SimulatorClient) -> None:
    control.set_quota(provider="solana", plan="ip", window="ten_seconds", quota=1)
    call = {"jsonrpc": "2.0", "id": 1, "method": "getEpochInfo"}
    assert web.post("/solana", json=call).status_code == 200
    refused = web.post("/solana", json=call)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")


def test_reddit_counts_in_headers_and_blocks_nameless_agents(web: httpx.Client, control: SimulatorClient) -> None:
    control.set_quota(provider="reddit", plan="ip", window="ten_minutes", quota=2)
    path, agent = "/reddit/r/Bitcoin/about.json", {"user-agent": "linux:collector:1.0 (by /u/nobody)"}
    answers = [web.get(path, headers=agent) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    stated = [tuple(answers[0].headers[f"x-ratelimit-{name}"] for name in ("used", "remaining", "reset"))]
    assert stated == [("1", "1.0", "600")]
    assert answers[2].headers["content-type"].startswith("text/html")
    blocked = web.get(path, headers={"user-agent": "python-httpx/0.28"})
    assert (blocked.status_code, blocked.headers["content-type"][:9]) == (403, "text/html")


def test_github_counts_in_headers_and_refuses_with_403(web: httpx.Client, control: SimulatorClient) -> None:
    control.set_quota(provider="github", plan="anonymous", window="hour", quota=1)
    path = "/github/repos/bitcoin/bitcoin"
    first, second = web.get(path), web.get(path)
    assert (first.status_code, first.headers["x-ratelimit-remaining"]) == (200, "0")
    assert first.headers["x-ratelimit-reset"] == str(int(NOON) + 3_600)
    assert (second.status_code, second.headers["x-ratelimit-remaining"]) == (403, "0")
    assert web.get(path, headers={"authorization": "Bearer t"}).headers["x-ratelimit-limit"] == "5000"
    assert web.get(path, headers={"user-agent": ""}).status_code == 403


def test_a_stream_opens_within_the_limit_of_connections(simulator: SimulatorServer, control: SimulatorClient) -> None:
    simulator.world.clock.set(freeze=False)
    control.set_quota(provider="binance_stream", plan="ip", window="five_minutes", quota=1)
    url = f"{simulator.websocket_url}/binance_stream/ws/btcusdt@trade"
    with connect(url, proxy=None) as stream:
        assert json.loads(stream.recv(timeout=20.0))["e"] == "trade"
    with pytest.raises(InvalidStatus, match="403"):
        connect(url, proxy=None)
    assert [seen.status for seen in control.requests(provider="binance_stream")] == [101, 403]
