"""Steering the simulator: the control plane, its client, the commands, and the process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cryptoflow.cli import simulate
from cryptoflow.errors import PermanentError, TransientError
from cryptoflow.simulator.client import SimulatorClient
from cryptoflow.simulator.faults import FAULTS
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow_tests.platform.simulated_server import LISTINGS, MARKETS, NOON
from cryptoflow_tests.waiting import wait_for


def test_the_clock_is_set_through_the_control_plane(control: SimulatorClient, web: httpx.Client) -> None:
    assert control.set_clock(now=NOON + 3_600.0).frozen
    assert web.get(MARKETS).headers["date"] == "Thu, 01 Jan 2026 13:00:00 GMT"
    assert control.set_clock(speed=60.0, freeze=False).speed == 60.0
    wait_for(lambda: control.state().clock.now > NOON + 3_610.0, seconds=60, what="the clock runs")


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
        wait_for(control.is_healthy, seconds=30, what="the simulator is well")
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
