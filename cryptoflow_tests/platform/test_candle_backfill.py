"""History from the simulated archive and exchanges into a real warehouse: exact, whatever breaks on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from cryptoflow.cli.main import main
from cryptoflow.collect.candle_backfill import CandleBackfill, PairBackfill, Progress
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.sources.http import run_sync
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import find_symbol
from cryptoflow_tests.exchange_truth import TRIED
from cryptoflow_tests.platform.candle_bench import MINUTE, CandleBench, new_world, wait_until

# January is there as a month, February as days, and today has none yet. The archive changes to microseconds in 2025.
NOW = instant("2025-02-11T05:58:30")
PROGRAM = str(Path(sys.executable).with_name("cryptoflow"))
MOST_BYTES = 300 * 1024 * 1024


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=60)


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str) -> Iterator[CandleBench]:
    with SimulatorServer(world=new_world(market, at=NOW)) as server:
        bench = CandleBench(server, database_url, valkey_url)
        bench.sync_symbols()
        yield bench


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def backfill(
    bench: CandleBench, exchange: str, *symbols: str, start: datetime, end: datetime | None = None, **options: Any
) -> list[PairBackfill]:
    with transaction(bench.database_url) as connection:
        pairs = [find_symbol(connection, exchange=exchange, symbol=symbol) for symbol in symbols]
    work = CandleBackfill(
        bench.settings(),
        exchange,
        pairs,
        start=start,
        end=end,
        database_url=bench.database_url,
        redis_url=bench.valkey_url,
        **options,
    )
    return run_sync(work.run())


def assert_true(
    bench: CandleBench, exchange: str, symbol: str, start: datetime, end: datetime, *, but: set[datetime] | None = None
) -> None:
    known = TRIED[exchange].figures
    truth = bench.true_minutes(exchange, symbol, start, end)
    stored = bench.stored_minutes(exchange, symbol, finals=True)
    assert {at: row[:known] for at, row in stored.items() if start <= at < end} == {
        at: row[:known] for at, row in truth.items() if at.replace(hour=0, minute=0) not in (but or set())
    }


def ledger(bench: CandleBench) -> dict[str, str]:
    return dict(bench.rows("SELECT part, state FROM candles.candle_backfills ORDER BY part"))


def test_months_then_days_then_asking_and_a_second_time_nothing(bench: CandleBench) -> None:
    seen: list[Progress] = []
    start, end = day("2025-01-20"), bench.now.replace(second=0, microsecond=0)
    (report,) = backfill(bench, "binance", "SUSHIBTC", start=start, on_progress=seen.append)
    assert_true(bench, "binance", "SUSHIBTC", start, end)
    assert report.errors == []
    assert [name for name in ledger(bench) if name.count("-") == 3] == ["SUSHIBTC-1m-2025-01.zip"]
    assert set(ledger(bench).values()) == {"done"}
    assert (report.files, report.asked) == (1 + 10, 1)
    assert seen[-1].done == seen[-1].total == (end - start) // MINUTE
    query = "SELECT source, count(*) FROM candles.minute_candles WHERE open_time >= %s GROUP BY 1"
    assert bench.rows(query, day("2025-02-11")) == [("rest", 358)]
    before = bench.rows("SELECT count(*), max(recorded_at) FROM candles.minute_candles")
    (again,) = backfill(bench, "binance", "SUSHIBTC", start=start)
    assert (again.files, again.files_known, again.stored) == (0, 11, 0)
    assert bench.rows("SELECT count(*), max(recorded_at) FROM candles.minute_candles") == before


def test_an_exchange_without_an_archive_is_asked_and_quiet_minutes_are_explained(bench: CandleBench) -> None:
    start, end = day("2025-02-08"), day("2025-02-10")
    (report,) = backfill(bench, "coinbase", "SUSHI-USD", start=start, end=end)
    assert_true(bench, "coinbase", "SUSHI-USD", start, end)
    assert (report.files, report.errors) == (0, [])
    quiet = bench.rows("SELECT sum(ends - starts) FROM candles.candle_slots WHERE state = 'confirmed_empty'")[0][0]
    assert quiet // MINUTE == 2 * 1440 - len(bench.true_minutes("coinbase", "SUSHI-USD", start, end))
    (again,) = backfill(bench, "coinbase", "SUSHI-USD", start=start, end=end)
    assert again.asked == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("archive_checksum", "its checksum says"),
        ("archive_columns", "do not fit"),
        ("archive_cut", "was refused"),
    ],
)
def test_a_bad_file_is_named_the_rest_goes_on_and_asking_fills_its_place(
    bench: CandleBench, fault: str, said: str
) -> None:
    bench.world.faults.add(fault, provider="binance_archive", field="2025-02-08")
    start = day("2025-02-07")
    (report,) = backfill(bench, "binance", "SUSHIBTC", start=start)
    (error,) = report.errors
    assert "SUSHIBTC-1m-2025-02-08.zip" in error
    assert said in error
    assert {name: state for name, state in ledger(bench).items() if state != "done"} == {
        "SUSHIBTC-1m-2025-02-08.zip": "failed"
    }
    assert_true(bench, "binance", "SUSHIBTC", start, bench.now.replace(second=0, microsecond=0))
    bench.world.faults.clear()
    (again,) = backfill(bench, "binance", "SUSHIBTC", start=start)
    assert (again.files, again.errors) == (1, [])
    assert set(ledger(bench).values()) == {"done"}


def test_a_corrected_archive_revises_what_was_stored(bench: CandleBench) -> None:
    start, end = day("2025-01-01"), day("2025-02-01")
    backfill(bench, "binance", "SUSHIBTC", start=start, end=end)
    bench.world.faults.add("restated_history", provider="binance_archive")
    (unasked,) = backfill(bench, "binance", "SUSHIBTC", start=start, end=end)
    assert unasked.stored == 0
    (report,) = backfill(bench, "binance", "SUSHIBTC", start=start, end=end, again=True)
    assert 1 <= report.stored <= 3
    old = bench.rows("SELECT count(*) FROM candles.minute_candles_revisions")
    assert old == [(report.stored,)]
    assert bench.rows("SELECT count(*) > 0 FROM candles.coarse_candles_revisions WHERE interval = '1w'") == [(True,)]


def test_a_pair_is_fetched_from_its_beginning_on(bench: CandleBench) -> None:
    with transaction(bench.database_url) as connection:
        connection.execute("UPDATE candles.symbols SET listed_at = NULL")
    _, _, pair = bench.venue("binance", "SUSHIBTC")
    listed = datetime.fromtimestamp(pair.listed_at, UTC)
    end = listed + timedelta(days=2)
    (report,) = backfill(bench, "binance", "SUSHIBTC", start=day("2014-01-01"), end=end)
    assert listed - MINUTE < report.starts < listed + timedelta(days=1)
    assert_true(bench, "binance", "SUSHIBTC", report.starts, end)
    assert ledger(bench) == {report_part(report): "done"}


def report_part(report: PairBackfill) -> str:
    return f"{report.symbol}-1m-{report.starts:%Y-%m}.zip"


def given_settings(bench: CandleBench) -> dict[str, str]:
    return {
        "CRYPTOFLOW_DATABASE_URL": bench.database_url,
        "CRYPTOFLOW_REDIS_URL": bench.valkey_url,
        "CRYPTOFLOW_SIMULATOR_URL": bench.server.url,
    }


def command(bench: CandleBench, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, "backfill", "candles", *words],
        env={**os.environ, **given_settings(bench)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_killed_in_the_middle_it_goes_on_from_there_in_bounded_memory(bench: CandleBench) -> None:
    words = ("--exchange", "binance", "--symbols", "SUSHIBTC", "--from", "2025-01-01", "--to", "2025-02-05")
    first = command(bench, *words)
    try:
        wait_until(lambda: list(ledger(bench).values()).count("done") >= 1, "a file is in", seconds=240)
        os.kill(first.pid, signal.SIGKILL)
    finally:
        first.communicate()
    assert first.returncode == -signal.SIGKILL
    done = [name for name, state in ledger(bench).items() if state == "done"]
    assert 1 <= len(done) < 5
    second = command(bench, *words, "--json")
    watched = psutil.Process(second.pid)
    most = 0

    def ended() -> bool:
        nonlocal most
        with_status = second.poll() is not None
        if not with_status:
            most = max(most, watched.memory_info().rss)
        return with_status

    wait_until(ended, "the second run has ended", seconds=180)
    out, _ = second.communicate()
    assert second.returncode == 0, out
    assert '"files_known"' in out
    assert 0 < most < MOST_BYTES
    assert_true(bench, "binance", "SUSHIBTC", day("2025-01-01"), day("2025-02-05"))
    changed = bench.rows("SELECT count(*) FROM candles.minute_candles_revisions")
    assert changed == [(0,)], "nothing was stored twice with other values"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--exchange", "binanse", "--symbols", "X"), "Did you mean 'binance'?"),
        (("--exchange", "binance", "--symbols", "BTCUSD"), "Did you mean"),
        (("--exchange", "binance"), "either --symbols or --top"),
        (("--exchange", "binance", "--top", "3", "--interval", "5m"), "Fetch the minutes"),
        (("--exchange", "binance", "--symbols", "BTCUSDT", "--to", "2023-01-01"), "ends before it begins"),
    ],
)
def test_words_that_make_no_sense_are_refused_with_a_cure(
    bench: CandleBench,
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in given_settings(bench).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["backfill", "candles", *words, "--from", "2024-01-01"])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
