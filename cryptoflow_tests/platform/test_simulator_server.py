"""The simulator as a server: faults as a client meets them, and the world that it plays."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cryptoflow.resources import resource_path
from cryptoflow.simulator.client import SimulatorClient
from cryptoflow.simulator.faults import FAULTS
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow_tests.platform.simulated_server import CHART, DEMO_KEY, LISTINGS, MARKETS, NOON
from cryptoflow_tests.waiting import wait_for


def read_until_reset(raw: socket.socket, got: bytearray) -> None:
    while chunk := raw.recv(65_536):
        got += chunk


# Faults of the connection ----------------------------------------------------------------------------------------


def test_latency_delays_the_answer_and_leaves_it_whole(web: httpx.Client, control: SimulatorClient) -> None:
    before = web.get(MARKETS).json()
    control.add_fault("latency", amount=0.3)
    started = time.monotonic()
    assert web.get(MARKETS).json() == before
    assert time.monotonic() - started >= 0.3


def test_hang_sends_no_byte_until_the_client_goes(
    simulator: SimulatorServer, web: httpx.Client, control: SimulatorClient
) -> None:
    control.add_fault("hang", provider="coingecko")
    with pytest.raises(httpx.ReadTimeout):
        web.get(MARKETS, timeout=0.2)
    seen = simulator.world.traffic.last
    wait_for(lambda: [one.status for one in seen(provider="coingecko")] == [0], seconds=60, what="the client is gone")
    assert web.get(LISTINGS).status_code == 200


def test_hang_ends_with_the_fault(web: httpx.Client, control: SimulatorClient) -> None:
    control.add_fault("hang", for_seconds=0.3)
    started = time.monotonic()
    assert web.get(MARKETS).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_reset_mid_body_cuts_the_connection(simulator: SimulatorServer, control: SimulatorClient) -> None:
    control.add_fault("reset_mid_body")
    host, port = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5.0) as raw:
        raw.sendall(f"GET {MARKETS} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        got = bytearray()
        with pytest.raises(ConnectionResetError):
            read_until_reset(raw, got)
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    stated = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    assert 0 < len(body) < stated


def test_a_client_library_sees_the_reset_as_a_broken_read(web: httpx.Client, control: SimulatorClient) -> None:
    control.add_fault("reset_mid_body")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        web.get(MARKETS)
    control.clear_faults()
    assert web.get(MARKETS).status_code == 200


# Faults of the answer --------------------------------------------------------------------------------------------


def test_http_429_speaks_as_each_provider_does(web: httpx.Client, control: SimulatorClient) -> None:
    control.add_fault("http_429")
    gecko, cap, binance = (web.get(path) for path in (MARKETS, LISTINGS, "/binance/api/v3/time"))
    assert [answer.status_code for answer in (gecko, cap, binance)] == [429, 429, 429]
    assert gecko.json()["status"]["error_code"] == 429
    assert cap.json()["status"]["error_code"] == 1008
    assert binance.json()["code"] == -1003
    assert "retry-after" not in gecko.headers
    assert binance.headers["retry-after"] == "60"


def test_http_5xx_draws_a_status_or_takes_the_given_one(web: httpx.Client, control: SimulatorClient) -> None:
    control.add_fault("http_5xx")
    drawn = {web.get(MARKETS).status_code for _ in range(30)}
    assert drawn <= {500, 502, 503, 504}
    assert len(drawn) > 1
    control.clear_faults()
    control.add_fault("http_5xx", amount=502)
    assert {web.get(MARKETS).status_code for _ in range(5)} == {502}


def test_html_comes_where_json_should_be(web: httpx.Client, control: SimulatorClient) -> None:
    control.add_fault("html_for_json")
    answer = web.get(MARKETS)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_truncated_json_has_a_matching_length(web: httpx.Client, control: SimulatorClient) -> None:
    whole = web.get(MARKETS).content
    control.add_fault("truncated_json")
    answer = web.get(MARKETS)
    assert whole.startswith(answer.content)
    assert int(answer.headers["content-length"]) == len(answer.content) < len(whole)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


# Faults of the body ----------------------------------------------------------------------------------------------


def prices(answer: httpx.Response) -> list[Any]:
    return [row.get("current_price") for row in answer.json()]


def test_faults_of_values_and_fields(web: httpx.Client, control: SimulatorClient) -> None:
    sound = prices(web.get(MARKETS))
    checks: dict[str, Callable[[list[Any]], bool]] = {
        "field_vanishes": lambda found: found == [None] * 20,
        "field_changes_type": lambda found: all(isinstance(price, dict) for price in found),
        "unit_jump_value": lambda found: found == pytest.approx([price * 1000 for price in sound]),
        "negative_price": lambda found: sum(price < 0 for price in found) == 4,
        "zero_price": lambda found: found.count(0) == 4,
    }
    for name, check in checks.items():
        control.add_fault(name)
        assert check(prices(web.get(MARKETS))), name
        control.clear_faults()
    assert prices(web.get(MARKETS)) == sound


def test_nan_is_written_bare(web: httpx.Client, control: SimulatorClient) -> None:
    control.add_fault("nan_values", provider="coingecko")
    assert web.get(MARKETS).text.count('"current_price":NaN') == 4
    assert "NaN" not in web.get(LISTINGS).text


def test_times_jump_and_skew(web: httpx.Client, control: SimulatorClient) -> None:
    sound = web.get(CHART).json()["prices"]
    control.add_fault("unit_jump_time")
    assert [point[0] for point in web.get(CHART).json()["prices"]] == [point[0] * 1000 for point in sound]
    control.clear_faults()
    control.add_fault("clock_skew", amount=-3600)
    skewed = web.get(CHART)
    assert skewed.json()["prices"][0] == [sound[0][0] - 3_600_000, sound[0][1]]
    assert skewed.headers["date"] == "Thu, 01 Jan 2026 11:00:00 GMT"


def test_frozen_values_do_not_follow_the_market(
    simulator: SimulatorServer, web: httpx.Client, control: SimulatorClient
) -> None:
    control.add_fault("frozen_values")
    first = web.get(MARKETS).json()
    simulator.world.clock.set(now=NOON + 7_200.0)
    later = {row["id"]: row for row in web.get(MARKETS).json()}
    known = [row for row in first if row["id"] in later]
    assert len(known) > 15
    assert all(later[row["id"]]["current_price"] == row["current_price"] for row in known)
    assert all(later[row["id"]]["last_updated"] > row["last_updated"] for row in known)
    control.clear_faults()
    assert prices(web.get(MARKETS)) != [row["current_price"] for row in first]


def test_duplicated_rows_missing_and_repeated_pages(web: httpx.Client, control: SimulatorClient) -> None:
    control.add_fault("duplicated_rows")
    ids = [row["id"] for row in web.get(MARKETS).json()]
    assert (len(ids), len(set(ids))) == (25, 20)
    control.clear_faults()
    control.add_fault("missing_page")
    assert [len(web.get(f"{MARKETS}&page={page}").json()) for page in (1, 2)] == [20, 0]
    start = {page: web.get(f"{LISTINGS}&start={page}").json()["data"] for page in (1, 21)}
    assert [len(rows) for rows in start.values()] == [20, 0]
    control.clear_faults()
    control.add_fault("repeated_page")
    first, second = (web.get(f"{MARKETS}&page={page}").json() for page in (1, 2))
    assert [row["id"] for row in first] == [row["id"] for row in second]


def test_restated_history_differs_in_the_past_only_and_stays(web: httpx.Client, control: SimulatorClient) -> None:
    sound = web.get(CHART).json()["prices"]
    control.add_fault("restated_history")
    first, second = (web.get(CHART).json()["prices"] for _ in range(2))
    changed = sum(one != other for one, other in zip(first, sound, strict=True))
    assert first == second
    assert 0.2 * len(sound) < changed < 0.5 * len(sound)
    assert first[-1] == sound[-1]


def test_a_rate_hits_a_share_and_repeats_on_a_server_with_the_same_seed(
    web: httpx.Client, control: SimulatorClient
) -> None:
    def statuses(client: httpx.Client) -> list[int]:
        return [client.get(MARKETS).status_code for _ in range(60)]

    control.add_fault("http_5xx", rate=0.3)
    here = statuses(web)
    with SimulatorServer(asset_count=60) as twin, SimulatorClient(twin.url) as twin_control:
        twin.world.clock.set(now=NOON, freeze=True)
        twin_control.add_fault("http_5xx", rate=0.3)
        with httpx.Client(base_url=twin.url, headers=DEMO_KEY, trust_env=False) as other:
            assert statuses(other) == here
    assert 8 <= sum(status != 200 for status in here) <= 30


def test_a_fault_is_over_after_its_time(web: httpx.Client, control: SimulatorClient) -> None:
    control.add_fault("http_5xx", for_seconds=0.2)
    assert web.get(MARKETS).status_code >= 500
    wait_for(lambda: control.faults().active == [], seconds=60, what="the fault is over")
    assert web.get(MARKETS).status_code == 200


def test_a_damaged_answer_never_shares_its_tag_with_the_sound_one(web: httpx.Client, control: SimulatorClient) -> None:
    tag = web.get(MARKETS).headers["etag"]
    assert web.get(MARKETS, headers={"if-none-match": tag}).status_code == 304
    control.add_fault("zero_price")
    damaged = web.get(MARKETS, headers={"if-none-match": tag})
    assert damaged.status_code == 200
    assert damaged.headers["etag"] != tag


# The world -------------------------------------------------------------------------------------------------------


def test_two_servers_with_one_seed_and_clock_answer_the_same(simulator: SimulatorServer, web: httpx.Client) -> None:
    paths = (MARKETS, CHART, LISTINGS, "/coingecko/api/v3/coins/ethereum", "/coinmarketcap/v2/cryptocurrency/info?id=1")
    with SimulatorServer(asset_count=60) as twin, SimulatorServer(asset_count=60, seed=2) as stranger:
        for server in (twin, stranger):
            server.world.clock.set(now=NOON, freeze=True)
        for path in paths:
            here, there, elsewhere = (
                httpx.get(f"{base}{path}", headers=DEMO_KEY, trust_env=False).content
                for base in (simulator.url, twin.url, stranger.url)
            )
            assert here == there, path
            if "info" not in path:
                assert here != elsewhere, path


def test_every_provider_is_there(simulator: SimulatorServer, web: httpx.Client, control: SimulatorClient) -> None:
    paths = {
        "binance": "/binance/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=3",
        "binance_archive": "/binance_archive/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12-30.zip.CHECKSUM",
        "coinbase": "/coinbase/products",
        "defillama": "/defillama/v2/chains",
        "llama_coins": "/llama_coins/prices/current/coingecko:bitcoin",
        "blockchain_info": "/blockchain_info/stats",
        "mempool": "/mempool/api/blocks/tip/height",
        "beaconchain": "/beaconchain/api/v1/ethstore/latest",
        "alternative_me": "/alternative_me/fng/?limit=3",
        "reddit": "/reddit/r/Bitcoin/about.json",
        "coindesk": "/coindesk/arc/outboundfeeds/rss",
        "cointelegraph": "/cointelegraph/rss",
        "decrypt": "/decrypt/feed",
        "theblock": "/theblock/rss.xml",
    }
    for name, path in paths.items():
        answer = web.get(path, headers={"user-agent": "collector/1 (by /u/nobody)"})
        assert answer.status_code == 200, (name, answer.text)
    rpc = web.post("/solana", json={"jsonrpc": "2.0", "id": 1, "method": "getEpochInfo"})
    assert rpc.json()["id"] == 1
    others = {"coingecko", "coinmarketcap", "binance_stream", "coinbase_stream", "solana", "github"}
    assert {*paths, *others} == set(control.state().providers)


def test_the_guide_lists_every_fault_provider_and_default_quota(control: SimulatorClient) -> None:
    guide = resource_path("docs/simulator.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in guide.splitlines() if line.startswith("| `")]
    assert [cells[1].strip(" `") for cells in rows if cells[1].strip(" `") in FAULTS] == list(FAULTS)
    state = control.state()
    assert [name for name in state.providers if f"/{name}`" not in guide and f"/{name}/" not in guide] == []
    quotas = [quota for plans in state.limits.quotas.values() for plan in plans.values() for quota in plan.values()]
    assert [quota for quota in quotas if quota is not None and f" {quota:,}" not in guide] == []


def test_a_mistyped_prefix_names_the_nearest(web: httpx.Client) -> None:
    answer = web.get("/coingeko/api/v3/ping")
    assert answer.status_code == 404
    assert "Did you mean 'coingecko'?" in answer.json()["cure"]
