"""Asking over real HTTP: every fault gives its error after the right number of attempts, and is accounted."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from cryptoflow.sources.breaker import BreakerPolicy
from cryptoflow.sources.errors import (
    BadRequest,
    BodyCut,
    BodyTooLarge,
    CircuitOpen,
    KeyRejected,
    NotFound,
    NotJson,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    ProviderUnreachable,
    QuotaSpent,
    RateLimited,
)
from cryptoflow.sources.http import HttpBounds, ProviderClient
from cryptoflow.sources.ledger import MemoryLedger, RawAnswer
from cryptoflow.sources.providers import Provider
from cryptoflow.sources.verdicts import judge_coingecko, judge_coinmarketcap
from cryptoflow_tests.platform import scripted_server
from cryptoflow_tests.platform.scripted_server import Reply, ScriptedServer, reply

T = TypeVar("T")
GOOD = reply(body=b'[{"id": "alpha"}]', Content_Type="application/json", ETag='W/"1"')
BOUNDS = HttpBounds(
    connect_seconds=1.0, read_seconds=0.3, total_seconds=0.8, attempts=3, max_body_bytes=100_000,
    patience_seconds=8.0, backoff_base_seconds=0.01, backoff_cap_seconds=0.02,
)  # fmt: skip
SECRET = "Key-7f3a9c/+=41"


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with scripted_server.running() as server:
        yield server


@pytest.fixture
def deaf_url() -> Iterator[str]:
    """An address whose port is taken by nobody who listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def provider_at(url: str, **changes: Any) -> Provider:
    sample = Provider(
        name="sample", plan="test", base_url=url, rate_per_window=60_000, burst=1_000, limited_wait_seconds=0.1,
        judge=judge_coingecko,
    )  # fmt: skip
    return replace(sample, **changes)


def ask(provider: Provider, ledger: MemoryLedger, *, times: int = 1, **options: Any) -> RawAnswer:
    """Ask once (or several times, through one client) and return the last answer."""

    async def run() -> RawAnswer:
        client = ProviderClient(provider, ledger=ledger, payloads=ledger, bounds=BOUNDS, contact="mail@example.org")
        async with client:
            for _ in range(times - 1):
                await client.ask("coins/list", **options)
            return await client.ask("coins/list", **options)

    return asyncio.run(run())


def outcomes(ledger: MemoryLedger) -> list[tuple[int, str, int | None]]:
    return [(call.attempt, call.outcome, call.status) for call in ledger.calls]


def test_a_good_answer_is_kept_and_accounted(scripted: ScriptedServer) -> None:
    scripted.say(GOOD)
    ledger = MemoryLedger()
    answer = ask(provider_at(scripted.url), ledger, times=2, params={"page": 2, "include": True, "ids": None})
    assert (answer.body, answer.status, answer.attempts) == (b'[{"id": "alpha"}]', 200, 1)
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.url_redacted == f"{scripted.url}/coins/list?page=2&include=true"
    assert list(ledger.answers) == [answer.payload_sha256]
    assert outcomes(ledger) == [(1, "ok", 200)] * 2
    assert ledger.calls[0].params == {"page": 2, "include": True}
    path, headers = scripted.requests[0]
    assert path == "/coins/list?page=2&include=true"
    assert headers["User-Agent"].startswith("cryptoflow/")
    assert "mail@example.org" in headers["User-Agent"]
    assert headers["Accept-Encoding"] == "gzip"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(b"[" + b"0," * 20_000_000 + b"0]")
PAGE = b"<html><title>Just a moment</title></html>"

FAULTS: dict[str, tuple[Reply, type[ProviderError], int, str, int | None]] = {
    "hang_before_head": (Reply([], end="hang"), ProviderTimeout, 3, "failed", None),
    "hang_mid_body": (Reply([HEAD + b"Content-Length: 9\r\n\r\n[1,"], end="hang"), ProviderTimeout, 3, "failed", 200),
    "drip": (
        Reply([HEAD + b"Content-Length: 99\r\n\r\n[", *[b"1,"] * 40], pause_seconds=0.1),
        ProviderTimeout, 3, "failed", 200,
    ),
    "closed_without_answer": (Reply([]), ProviderUnreachable, 3, "failed", None),
    "reset_mid_body": (Reply([HEAD + b"Content-Length: 9\r\n\r\n[1,"], end="reset"), BodyCut, 3, "failed", 200),
    "shorter_than_stated": (reply(body=b"[1]", length=50), BodyCut, 3, "failed", 200),
    "chunks_cut": (Reply([HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1,"]), BodyCut, 3, "failed", 200),
    "truncated_json": (reply(body=b'[{"id": "al'), BodyCut, 3, "failed", 200),
    "empty": (reply(body=b""), BodyCut, 3, "failed", 200),
    "gzip_cut": (reply(body=gzip.compress(b"[1]")[:-5], Content_Encoding="gzip"), BodyCut, 3, "failed", 200),
    "gzip_damaged": (reply(body=b"not gzip at all", Content_Encoding="gzip"), BodyCut, 3, "failed", 200),
    "html_for_json": (reply(body=PAGE, Content_Type="application/json"), NotJson, 3, "failed", 200),
    "html_refusal": (reply(403, PAGE, Content_Type="text/html"), NotJson, 3, "failed", 403),
    "plain_text": (reply(body=b"upstream connect error"), NotJson, 3, "failed", 200),
    "status_500": (reply(500, b"{}"), ProviderUnavailable, 3, "failed", 500),
    "status_502_page": (reply(502, PAGE), ProviderUnavailable, 3, "failed", 502),
    "status_429": (reply(429, b'{"error": "Throttled"}'), RateLimited, 3, "limited", 429),
    "limited_with_200": (
        reply(200, b'{"status": {"error_code": 429, "error_message": "slow down"}}'), RateLimited, 3, "limited", 200,
    ),
    "status_400": (reply(400, b'{"error": "bad"}'), BadRequest, 1, "failed", 400),
    "status_404": (reply(404, b'{"error": "coin not found"}'), NotFound, 1, "failed", 404),
    "month_spent": (reply(429, b'{"error": "monthly credit limit reached"}'), QuotaSpent, 1, "limited", 429),
    "huge_by_length": (reply(body=b"[1]", length=10**12), BodyTooLarge, 1, "failed", 200),
    "huge_unannounced": (Reply([HEAD + b"\r\n", b"[" + b"1," * 100_000]), BodyTooLarge, 1, "failed", 200),
    "gzip_bomb": (reply(body=BOMB, Content_Encoding="gzip"), BodyTooLarge, 1, "failed", 200),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_gives_its_error_and_is_accounted(scripted: ScriptedServer, name: str) -> None:
    said, error_type, attempts, outcome, status = FAULTS[name]
    scripted.say(said)
    ledger = MemoryLedger()
    with pytest.raises(error_type) as caught:
        ask(provider_at(scripted.url), ledger)
    assert type(caught.value) is error_type
    assert caught.value.cure
    assert caught.value.status == status
    assert outcomes(ledger) == [(number, outcome, status) for number in range(1, attempts + 1)]
    assert all(call.error and call.credits == 1 and call.payload_sha256 is None for call in ledger.calls)
    assert ledger.answers == {}


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault[2] > 1])
def test_a_fault_that_passes_costs_one_attempt(scripted: ScriptedServer, name: str) -> None:
    scripted.say(FAULTS[name][0], GOOD)
    ledger = MemoryLedger()
    assert ask(provider_at(scripted.url), ledger).attempts == 2
    assert [call.outcome for call in ledger.calls] == [FAULTS[name][3], "ok"]


def test_nobody_listens(deaf_url: str) -> None:
    ledger = MemoryLedger()
    with pytest.raises(ProviderUnreachable):
        ask(provider_at(deaf_url), ledger)
    assert outcomes(ledger) == [(number, "failed", None) for number in (1, 2, 3)]


def test_a_body_that_is_not_strict_json_is_left_to_the_decoder(scripted: ScriptedServer) -> None:
    scripted.say(reply(body=b'[{"price": NaN}]'))
    assert ask(provider_at(scripted.url), MemoryLedger()).body == b'[{"price": NaN}]'


def test_text_is_not_checked_for_json(scripted: ScriptedServer) -> None:
    scripted.say(reply(body=b"878123"))
    assert ask(provider_at(scripted.url), MemoryLedger(), expect="text").body == b"878123"


def test_packed_answers_are_unpacked(scripted: ScriptedServer) -> None:
    scripted.say(reply(body=gzip.compress(b"[1, 2]"), Content_Encoding="gzip"))
    assert ask(provider_at(scripted.url), MemoryLedger()).body == b"[1, 2]"


def test_an_unchanged_answer_is_not_kept_again(scripted: ScriptedServer) -> None:
    scripted.say(Reply([b'HTTP/1.1 304 Not Modified\r\nETag: W/"1"\r\nConnection: close\r\n\r\n']))
    ledger = MemoryLedger()
    answer = ask(provider_at(scripted.url), ledger, etag='W/"1"')
    assert (answer.status, answer.body, ledger.answers) == (304, b"", {})
    assert scripted.requests[0][1]["If-None-Match"] == 'W/"1"'
    assert outcomes(ledger) == [(1, "ok", 304)]


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(scripted: ScriptedServer, form: str, status: int) -> None:
    wait = "1" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    scripted.say(reply(status, b"{}", Retry_After=wait), GOOD)
    started = time.monotonic()
    assert ask(provider_at(scripted.url), MemoryLedger()).attempts == 2
    assert 0.95 <= time.monotonic() - started < 4.0


def test_retry_after_on_a_good_answer_means_nothing(scripted: ScriptedServer) -> None:
    scripted.say(reply(Retry_After="60"))
    started = time.monotonic()
    ask(provider_at(scripted.url), MemoryLedger(), times=2)
    assert time.monotonic() - started < 1.0


def test_a_wait_beyond_the_patience_is_not_begun(scripted: ScriptedServer) -> None:
    scripted.say(reply(429, b"{}", Retry_After="120"))
    ledger = MemoryLedger()
    started = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        ask(provider_at(scripted.url), ledger)
    assert time.monotonic() - started < 1.0
    assert caught.value.retry_after_seconds == 120.0
    assert outcomes(ledger) == [(1, "limited", 429)]


def test_a_pause_beyond_the_patience_is_not_begun(scripted: ScriptedServer) -> None:
    scripted.say(reply(503, b"{}", Retry_After="12"))
    ledger = MemoryLedger()
    started = time.monotonic()
    with pytest.raises(ProviderUnavailable):
        ask(provider_at(scripted.url), ledger)
    assert time.monotonic() - started < 1.0
    assert outcomes(ledger) == [(1, "failed", 503)]


def test_the_circuit_opens_and_spares_the_provider(scripted: ScriptedServer) -> None:
    scripted.say(reply(500, b"{}"))
    ledger = MemoryLedger()
    policy = BreakerPolicy(failures_to_open=2, cool_down_seconds=60)

    async def run() -> None:
        client = ProviderClient(
            provider_at(scripted.url), ledger=ledger, payloads=ledger, bounds=BOUNDS, breaker_policy=policy
        )
        async with client:
            with pytest.raises(ProviderUnavailable):
                await client.ask("coins/list")
            with pytest.raises(CircuitOpen) as caught:
                await client.ask("coins/list")
            assert caught.value.until > datetime.now(UTC)

    asyncio.run(run())
    assert len(scripted.requests) == len(ledger.calls) == 2


def test_coinmarketcap_says_it_with_200_and_tells_the_cost(scripted: ScriptedServer) -> None:
    spent = {"status": {"error_code": 1010, "error_message": "month", "credit_count": 0}}
    good = {"status": {"error_code": 0, "error_message": None, "credit_count": 7}, "data": []}
    scripted.say(reply(body=json.dumps(good).encode()), reply(body=json.dumps(spent).encode()))
    ledger = MemoryLedger()
    provider = provider_at(scripted.url, unit="credits", per_month=1_000, judge=judge_coinmarketcap)

    async def run() -> None:
        async with ProviderClient(provider, ledger=ledger, payloads=ledger, bounds=BOUNDS) as client:
            await client.ask("listings", units=3)
            for _ in range(2):
                with pytest.raises(QuotaSpent):
                    await client.ask("listings", units=3)

    asyncio.run(run())
    assert [(call.outcome, call.credits) for call in ledger.calls] == [("ok", 7), ("limited", 0)]
    assert len(scripted.requests) == 2


def test_a_key_is_never_shown(scripted: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    echo = json.dumps({"error": f"the key {SECRET} is wrong"}).encode()
    scripted.say(reply(401, echo), reply(body=b'["%s"]' % SECRET.encode(), ETag=SECRET))
    provider = provider_at(scripted.url, key=SecretStr(SECRET), key_header="x-sample-key")
    ledger = MemoryLedger()
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(KeyRejected) as caught:
            ask(provider, ledger, params={"api_key": SECRET})
        answer = ask(provider, ledger, params={"note": SECRET})
    assert scripted.requests[0][1]["x-sample-key"] == SECRET
    shown = "".join(map(repr, (caught.value, str(caught.value), ledger.calls, ledger.answers, answer, provider)))
    logged = caplog.text
    assert "HTTP Request" in logged
    for text in (shown, logged):
        assert SECRET not in text
        assert "Key-7f3a9c%2F" not in text


def test_a_key_does_not_follow_a_redirect(scripted: ScriptedServer) -> None:
    scripted.say(reply(302, b"", Location=f"{scripted.url}/elsewhere"))
    with pytest.raises(NotFound, match="moved to"):
        ask(provider_at(scripted.url, key=SecretStr(SECRET), key_header="x-sample-key"), MemoryLedger())
    assert len(scripted.requests) == 1


def test_a_call_that_was_given_up_is_in_the_ledger(scripted: ScriptedServer) -> None:
    scripted.say(Reply([], end="hang"))
    ledger = MemoryLedger()

    async def run() -> None:
        bounds = replace(BOUNDS, read_seconds=20, total_seconds=20)
        async with ProviderClient(provider_at(scripted.url), ledger=ledger, payloads=ledger, bounds=bounds) as client:
            task = asyncio.create_task(client.ask("coins/list"))
            await eventually(lambda: bool(scripted.requests))
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    asyncio.run(run())
    assert outcomes(ledger) == [(1, "failed", None)]


def test_a_ledger_or_store_that_is_down_is_not_hidden(scripted: ScriptedServer) -> None:
    class Down(MemoryLedger):
        def keep(self, answer: RawAnswer) -> None:
            raise ConnectionError(f"no room for {answer.endpoint}")

    scripted.say(GOOD)
    ledger = Down()
    with pytest.raises(ConnectionError, match="no room for coins/list"):
        ask(provider_at(scripted.url), ledger)
    assert outcomes(ledger) == [(1, "ok", 200)]


async def eventually(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


# Two processes, one rate.

ASKER = """
import asyncio, sys, time
from cryptoflow.sources.ledger import MemoryLedger
from cryptoflow.sources.limits import Limiter
from cryptoflow.sources.providers import Provider
from cryptoflow.sources.valkey import open_valkey

async def main(url):
    provider = Provider(
        name="sample", plan="test", base_url="http://127.0.0.1:9", rate_per_window=20, window_seconds=1.0, burst=5
    )
    async with open_valkey(url) as redis:
        limiter = Limiter(provider, redis, ledger=MemoryLedger())
        print("ready", flush=True)
        sys.stdin.readline()
        until = time.time() + 2.5
        while time.time() < until:
            await limiter.acquire(endpoint="e")
            print(time.time(), flush=True)

asyncio.run(main(sys.argv[1]))
"""


def test_two_processes_share_one_rate(valkey_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", ASKER, valkey_url]
    askers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for asker in askers:
        assert asker.stdout is not None
        assert asker.stdout.readline() == "ready\n"
    for asker in askers:
        assert asker.stdin is not None
        asker.stdin.write("go\n")
        asker.stdin.flush()
    told = [asker.communicate(timeout=30) for asker in askers]
    assert [(asker.returncode, errors) for asker, (_, errors) in zip(askers, told, strict=True)] == [(0, "")] * 2
    shares = [[float(line) for line in out.split()] for out, _ in told]
    assert min(map(len, shares)) >= 5
    together = sorted(at for share in shares for at in share)
    # The times are those of the replies, which come a little after the grants.
    assert max(sum(start <= at < start + 0.95 for at in together) for start in together) <= 20
    assert 30 <= len(together) <= 62
