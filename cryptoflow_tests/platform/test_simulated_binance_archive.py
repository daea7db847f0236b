"""The simulated bulk archive: files, checksums, editions, and agreement with REST."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

import httpx
import pytest

from cryptoflow.simulator.binance.restated import restated_day
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow_tests.platform.simulated_exchange import DAY_MS, ask, exchange_server, reset, rest_client


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with exchange_server() as running:
        yield running


@pytest.fixture
def simulator(server: SimulatorServer) -> SimulatorServer:
    return reset(server)


@pytest.fixture
def rest(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with rest_client(simulator) as client:
        yield client


@pytest.fixture
def archive(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{simulator.url}/binance_archive/data/spot", timeout=60) as client:
        yield client


def _csv(content: bytes) -> tuple[str, list[list[str]]]:
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        (name,) = bundle.namelist()
        return name, [line.split(",") for line in bundle.read(name).decode().splitlines()]


def test_an_archived_day_is_the_same_as_rest_in_its_own_units(rest: httpx.Client, archive: httpx.Client) -> None:
    for day, factor in (("2024-12-31", 1), ("2025-01-01", 1000)):
        content = archive.get(f"/daily/klines/BTCUSDT/15m/BTCUSDT-15m-{day}.zip").content
        name, rows = _csv(content)
        assert name == f"BTCUSDT-15m-{day}.csv"
        start = int(instant(f"{day}T00:00:00")) * 1000
        asked = ask(rest, "/klines", symbol="BTCUSDT", interval="15m", startTime=start, endTime=start + DAY_MS - 1)
        assert [[int(row[0]), *row[1:6], row[7], int(row[8])] for row in rows] == [
            [row[0] * factor, *row[1:6], row[7], row[8]] for row in asked
        ]
        assert [int(row[6]) for row in rows] == [(row[6] + 1) * factor - 1 for row in asked]


def test_archived_trades_are_those_of_rest(rest: httpx.Client, archive: httpx.Client) -> None:
    _, rows = _csv(archive.get("/monthly/aggTrades/SUSHIBTC/SUSHIBTC-aggTrades-2026-10.zip").content)
    asked = ask(rest, "/aggTrades", symbol="SUSHIBTC", fromId=int(rows[0][0]), limit=1000)[: len(rows)]
    assert [row[:5] for row in rows[:1000]] == [
        [str(row["a"]), row["p"], row["q"], str(row["f"]), str(row["l"])] for row in asked
    ]
    assert {row[6] for row in rows} == {"True", "False"}
    _, trades = _csv(archive.get("/daily/trades/SUSHIBTC/SUSHIBTC-trades-2026-10-01.zip").content)
    assert [int(row[0]) for row in trades] == list(range(int(rows[0][3]), int(rows[0][3]) + len(trades)))
    assert len(trades[0]) == 7


def test_a_month_of_months_has_one_row_and_its_own_name(rest: httpx.Client, archive: httpx.Client) -> None:
    name, rows = _csv(archive.get("/monthly/klines/ETHUSDT/1mo/ETHUSDT-1mo-2024-05.zip").content)
    assert name == "ETHUSDT-1mo-2024-05.csv"
    start = int(instant("2024-05-01T00:00:00")) * 1000
    (asked,) = ask(rest, "/klines", symbol="ETHUSDT", interval="1M", startTime=start, limit=1)
    assert rows == [[str(cell) for cell in asked]]


def test_files_are_the_same_bytes_every_time_and_match_their_checksum(archive: httpx.Client) -> None:
    path = "/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-11-18.zip"
    content = archive.get(path).content
    assert content == archive.get(path).content
    digest, separator, name = archive.get(f"{path}.CHECKSUM").text.rstrip("\n").partition("  ")
    assert separator == "  "
    assert name == "BTCUSDT-1m-2026-11-18.zip"
    assert digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "path",
    [
        "/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-11-20.zip",
        "/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2027-01-01.zip",
        "/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2017-08-16.zip",
        "/daily/klines/XMRUSDT/1m/XMRUSDT-1m-2024-02-21.zip",
        "/daily/klines/BTCUSDT/1M/BTCUSDT-1M-2024-02-21.zip",
        "/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02-30.zip",
        "/daily/klines/BTCUSDT/1m/ETHUSDT-1m-2024-02-21.zip",
        "/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-11.zip",
        "/monthly/klines/NOPE/1m/NOPE-1m-2024-11.zip.CHECKSUM",
        "/daily/nothing",
    ],
)
def test_what_does_not_exist_is_an_xml_404(archive: httpx.Client, path: str) -> None:
    answer = archive.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/xml")
    assert "<Code>NoSuchKey</Code>" in answer.text


def test_a_file_appears_with_the_next_day(archive: httpx.Client, simulator: SimulatorServer) -> None:
    path = "/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-11-20.zip"
    assert archive.get(path).status_code == 404
    simulator.world.clock.set(now=instant("2026-11-21T02:00:00"))
    assert archive.get(path).status_code == 200
    monthly = "/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2026-11.zip"
    simulator.world.clock.set(now=instant("2026-12-06T23:00:00"))
    assert archive.get(monthly).status_code == 404
    simulator.world.clock.set(now=instant("2026-12-07T02:00:00"))
    assert archive.get(monthly).status_code == 200


def test_a_second_edition_differs_on_its_day_only(archive: httpx.Client, simulator: SimulatorServer) -> None:
    corrected = restated_day("BTCUSDT", 2026, 10)
    paths = [f"/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-10-{day:02d}.zip" for day in range(1, 32)]
    first = [archive.get(path).content for path in paths]
    simulator.world.faults.add("restated_history", provider="binance_archive")
    second = [archive.get(path).content for path in paths]
    assert [day for day in range(1, 32) if first[day - 1] != second[day - 1]] == [corrected]
    before, after = _csv(first[corrected - 1])[1], _csv(second[corrected - 1])[1]
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert 1 <= len(changed) <= 3
    assert all(float(new[5]) > float(old[5]) for old, new in changed)
    checksum = archive.get(f"{paths[corrected - 1]}.CHECKSUM").text
    assert checksum.startswith(hashlib.sha256(second[corrected - 1]).hexdigest())
