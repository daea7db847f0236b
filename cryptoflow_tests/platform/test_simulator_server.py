"""The simulator as a server: faults as a client meets them, limits, the control plane, the process, the commands."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cryptoflow.cli import simulate
from cryptoflow.errors import PermanentError, TransientError
from cryptoflow.resources import resource_path
from cryptoflow.simulator.client import SimulatorClient
from cryptoflow.simulator.faults import FAULTS
from cryptoflow.simulator.server import SimulatorServer

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
MARKETS = "/coingecko/api/v3/coins/markets?vs_currency=usd&per_page=20"
CHART = "/coingecko/api/v3/coins/bitcoin/market_chart?vs_currency=usd&days=30"
LISTINGS = "/coinmarketcap/v1/cryptocurrency/listings/latest?limit=20"
DEMO_KEY = {"x-cg-demo-api-key": "SIM-DEMO-1", "x-cmc_pro_api_key": "SIM-1"}


def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait for the condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition did not come"
        time.sleep(0.01)


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
    until(lambda: [seen.status for seen in simulator.world.traffic.last(provider="coingecko")] == [0])
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
    until(lambda: control.faults().active == [])
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


# Limits of the others --------------------------------------------------------------------------------------------


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


# The control plane -----------------------------------------------------------------------------------------------


def test_the_clock_is_set_through_the_control_plane(control: SimulatorClient, web: httpx.Client) -> None:
    assert control.set_clock(now=NOON + 3_600.0).frozen
    assert web.get(MARKETS).headers["date"] == "Thu, 01 Jan 2026 13:00:00 GMT"
    assert control.set_clock(speed=60.0, freeze=False).speed == 60.0
    until(lambda: control.state().clock.now > NOON + 3_610.0)


def test_the_state_says_who_used_what(control: SimulatorClient, web: httpx.Client) -> None:
    web.get(MARKETS)
    web.get(LISTINGS)
    control.add_fault("latency", provider="mempool", rate=0.5, for_seconds=60)
    state = control.state()
    assert [(fault.name, fault.provider, fault.rate) for fault in state.faults] == [("latency", "mempool", 0.5)]
    used = {user.provider: user for user in state.limits.usage}
    assert used["coingecko"].plan == "demo"
    assert used["coingecko"].windows["month"].used == 1
    assert used["coinmarketcap"].windows["month"].used == 1
    assert state.requests["coingecko"].routes == {"/api/v3/coins/markets": 1}
    assert state.requests["coingecko"].statuses == {"200": 1}


def test_the_requests_are_recorded_without_secrets(control: SimulatorClient, web: httpx.Client) -> None:
    web.get(MARKETS + "&x_cg_demo_api_key=SIM-DEMO-SECRET", headers={"user-agent": "collector/1"})
    web.get("/coingecko/api/v3/coins/nothing")
    first, second = control.requests(provider="coingecko")
    assert (first.method, first.status, first.plan) == ("GET", 200, "demo")
    assert first.path == "/coingecko/api/v3/coins/markets"
    assert first.headers["user-agent"] == "collector/1"
    assert "SECRET" not in repr(first)
    assert second.status == 404
    control.forget_requests()
    assert control.requests() == []


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("clock", '{"now": 1767268800000}', "not milliseconds"),
        ("clock", '{"speed": 0}', "cannot run at speed"),
        ("clock", '{"sped": 1}', "Fields: now, speed, freeze"),
        ("clock", "{", "not JSON"),
        ("faults", '{"name": "latenci"}', "Did you mean 'latency'?"),
        ("faults", '{"name": "latency", "provider": "binanse"}', "Did you mean 'binance'?"),
        ("faults", '{"name": "latency", "rate": 7}', "cannot have the rate"),
        ("faults", "{}", "missing required field"),
        ("limits", '{"provider": "coingecko", "quota": 5}', "needs a provider, a plan and a window"),
        ("limits", '{"provider": "kraken", "plan": "ip", "window": "day", "quota": 5}', "plays no provider"),
    ],
)
def test_an_order_that_cannot_be_carried_out_says_why(
    simulator: SimulatorServer, path: str, body: str, words: str
) -> None:
    answer = httpx.post(f"{simulator.url}/_control/{path}", content=body, trust_env=False)
    assert answer.status_code == 400
    assert words in f"{answer.json()['error']} {answer.json()['cure']}"


def test_the_client_turns_a_refusal_into_an_error_with_a_cure(control: SimulatorClient) -> None:
    with pytest.raises(PermanentError, match=r"no fault named 'hangs'.*Did you mean 'hang'\?"):
        control.add_fault("hangs")


def test_the_client_says_that_nobody_is_there(silent_url: str) -> None:
    with SimulatorClient(silent_url) as client:
        assert not client.is_healthy()
        with pytest.raises(TransientError, match="No simulator answers"):
            client.state()


# The commands ----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    result = CliRunner().invoke(simulate.app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_commands_steer_a_running_simulator(
    simulator: SimulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endpoints.json").write_text(json.dumps({"simulator_url": simulator.url}), encoding="utf-8")
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path))
    assert "latency on coingecko, 20% of the requests, for 300 s more" in run(
        "fault", "latency", "--provider", "coingecko", "--for", "5m", "--rate", "0.2"
    )
    listed = run("faults")
    assert all(name in listed for name in FAULTS)
    assert "latency on coingecko" in listed
    assert json.loads(run("faults", "--json"))["active"][0]["name"] == "latency"
    assert "2026-01-01T12:00:00+00:00 (frozen)" in run("clock")
    assert "2025-06-01T00:00:00+00:00" in run("clock", "--now", "2025-06-01")
    assert "speed 60" in run("clock", "--speed", "60", "--run")
    assert "latency on coingecko" in run("state", "--url", simulator.url)
    assert json.loads(run("state", "--json"))["seed"] == 1
    assert run("clear").strip() == "Cleared 1 fault."
    assert simulator.world.faults.active() == []


def test_a_command_with_a_mistyped_name_helps(simulator: SimulatorServer) -> None:
    result = CliRunner().invoke(simulate.app, ["fault", "latancy", "--url", simulator.url])
    assert isinstance(result.exception, PermanentError)
    assert "Did you mean 'latency'?" in str(result.exception)


def test_the_faults_are_listed_without_a_simulator(
    silent_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endpoints.json").write_text(json.dumps({"simulator_url": silent_url}), encoding="utf-8")
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path))
    assert "No simulator is running here." in run("faults")


# The process -----------------------------------------------------------------------------------------------------


@pytest.fixture
def process(unused_port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    command = [sys.executable, "-m", "cryptoflow.simulator.server", "--port", str(unused_port), "--assets", "250"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": "default"})
    try:
        yield child, f"http://127.0.0.1:{unused_port}"
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_process_serves_and_ends_cleanly_while_a_connection_hangs(
    process: tuple[subprocess.Popen[bytes], str],
) -> None:
    child, url = process
    with SimulatorClient(url) as control:
        until(control.is_healthy, seconds=30.0)
        control.add_fault("hang", provider="coingecko")
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5.0) as raw:
            raw.sendall(b"GET /coingecko/api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
            child.send_signal(signal.SIGTERM)
            assert child.wait(timeout=10.0) == 0
    assert child.stderr is not None
    assert child.stderr.read() == b""


def test_a_port_that_is_taken_is_one_clear_sentence(silent_url: str) -> None:
    port = silent_url.rpartition(":")[2]
    command = [sys.executable, "-m", "cryptoflow.simulator.server", "--port", port, "--assets", "12"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30.0, check=False)
    assert ended.returncode == 2
    assert ended.stderr == (
        f"The simulator cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Choose another with --port, or stop what holds it.\n"
    )
