"""`cryptoflow import-candles`, `candles`, `certificate` and `gaps` of candles, as a person or a program uses them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow_tests.candles_model import MINUTE, candle, expected_coarse, rows, stored_coarse

DAY = datetime(2024, 3, 1, tzinfo=UTC)
HEADER = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_base,taker_quote,ignore"


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A migrated warehouse that the settings name; the working folder is the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    return database_url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def said(result: Result) -> str:
    """What was printed, or the error that main would print."""
    return result.output + (str(result.exception) if result.exception else "")


def importing(*files: Path | str, **options: str) -> Result:
    named = {"exchange": "binance", "symbol": "BTCUSDT", "base": "BTC", "quote": "USDT"} | options
    return run("import-candles", *(f"--{name}={value}" for name, value in named.items()), *map(str, files))


def line(minute: int, *, unit: int = 1, columns: int = 12, price: str = "10", volume: str = "1") -> str:
    opens = int((DAY + minute * MINUTE).timestamp()) * 1000
    close = (opens + 60_000) * unit - 1
    fields = [opens * unit, price, price, price, price, volume, close, "10", 1, "0.5", "5", 0]
    return ",".join(map(str, fields[:columns]))


def file(name: str, *lines: str) -> Path:
    path = Path(name)
    path.write_text("".join(f"{one}\n" for one in lines))
    return path


def zipped(name: str, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as bundle:
        for member, text in members.items():
            bundle.writestr(member, text)
    return Path(name)


def closes(url: str) -> list[tuple[int, Decimal]]:
    found = rows(url, "SELECT open_time, close FROM candles.minute_candles ORDER BY 1")
    return [((at - DAY) // MINUTE, close) for at, close in found]


def test_files_of_every_spelling_become_the_same_minutes(url: str) -> None:
    other_days = [line(minute, price="12") for minute in (1440, 1441)]
    files = [
        file("plain.csv", line(0), line(1)),
        file("header.csv", HEADER, line(2), line(3)),
        file("micro.csv", line(4, unit=1000)),
        file("short.csv", "open_time_ms,open,high,low,close,volume", line(5, columns=6)),
        Path("crlf.csv"),
        zipped("several.zip", {"b.csv": other_days[1], "a.csv": f"{HEADER}\n{other_days[0]}\n", "__MACOSX/a.csv": "x"}),
    ]
    files[4].write_bytes(
        b"\xef\xbb\xbf\r\n" + line(6, columns=11).encode() + b"\r\n\r\n" + line(7, columns=11).encode()
    )
    result = importing(*files)
    assert result.exit_code == 0, said(result)
    assert closes(url) == [(step, Decimal(10)) for step in range(8)] + [(1440, Decimal(12)), (1441, Decimal(12))]
    ledger = rows(url, "SELECT part, kind, state, rows_received, rows_stored, starts FROM candles.candle_backfills")
    assert sorted(ledger)[-1] == ("short.csv", "file", "done", 1, 1, DAY + 5 * MINUTE)
    assert rows(url, "SELECT candle_count FROM analytics.symbol_summary") == [(10,)]
    assert rows(url, "SELECT DISTINCT source, is_final FROM candles.minute_candles") == [("archive", True)]


def test_larger_candles_follow_and_the_same_file_is_passed_over(url: str) -> None:
    path = file("days.csv", *(line(step, volume=str(step % 3)) for step in range(0, 3000, 7)))
    assert importing(path).exit_code == 0
    told = {"quote_volume": Decimal(10), "trade_count": 1, "taker_base_volume": Decimal("0.5")}
    expected = [
        candle(DAY + step * MINUTE, "10", str(step % 3), taker_quote_volume=Decimal(5), **told)
        for step in range(0, 3000, 7)
    ]
    assert stored_coarse(url) == expected_coarse(expected)
    before = rows(url, "SELECT x::text FROM candles.minute_candles AS x ORDER BY 1")
    assert f"days.csv: is in already ({len(expected)} rows)" in importing(path).output
    assert rows(url, "SELECT x::text FROM candles.minute_candles AS x ORDER BY 1") == before
    again = json.loads(run_json(path))
    assert (again[0]["rows"], again[0]["stored"], again[0]["refused"], again[0]["already"]) == (429, 0, 0, False)


def run_json(path: Path) -> str:
    result = run(
        "import-candles", "--exchange=binance", "--symbol=BTCUSDT", "--base=BTC", "--quote=USDT", "--again", "--json",
        str(path),
    )  # fmt: skip
    return result.stdout


def test_lines_that_do_not_fit_are_named_and_the_rest_is_stored(url: str) -> None:
    opens = line(0).split(",")[0]
    bad = {
        "decodes": line(1, price="ten"),
        "columns": line(2, columns=11),
        "mixed_units": line(3, unit=1000),
        "high_is_highest": line(4).replace(",10,10,10,10,", ",10,1,20,10,"),
        "volume": line(5, volume="-3"),
        "closes_after_it_opens": line(6).replace(line(6).split(",")[6], str(int(opens) - 365 * 86_400_000)),
        "not_from_the_future": line(60 * 24 * 365 * 20),
        "repeated_with_other_values": line(0, price="11"),
    }
    result = importing(file("mixed.csv", line(0), *bad.values(), line(9)))
    assert result.exit_code == 0, said(result)
    assert "mixed.csv: 10 rows, 2 say something new, 8 refused (see ops.quarantine)" in result.output
    assert closes(url) == [(0, Decimal(10)), (9, Decimal(10))]
    kept = rows(url, "SELECT rule, reason, row_text, payload_sha256 FROM ops.quarantine")
    assert {rule for rule, *_ in kept} == set(bad)
    digest = hashlib.sha256(Path("mixed.csv").read_bytes()).digest()
    assert {payload for *_, payload in kept} == {digest}
    texts = {rule: (reason, text) for rule, reason, text, _ in kept}
    assert texts["decodes"] == ("BTCUSDT, mixed.csv, line 2: open 'ten' is not a number", bad["decodes"])
    assert texts["columns"][0].endswith("line 3: it has 11 columns, the first of the file has 12")
    assert Decimal(json.loads(texts["volume"][1])["volume"]) == -3


def refused_files() -> dict[str, Path]:
    """Files that are something else as a whole, by a word of what is said of each."""
    wrong = zipped("wrong.zip", {"a.csv": line(0)})
    Path("wrong.zip.CHECKSUM").write_text(f"{'0' * 64}  wrong.zip\n")
    damaged = zipped("damaged.zip", {"a.csv": "\n".join(line(step) for step in range(500))})
    body = bytearray(damaged.read_bytes())
    body[len(body) // 2] ^= 0xFF
    damaged.write_bytes(body)
    endless = Path("endless.csv")
    endless.write_text("1" * 100_000)
    cut = Path("cut.zip")
    cut.write_bytes(b"PK\x03\x04\r\x00 the rest of it is missing")
    return {
        "its checksum file says 0000": wrong,
        "it is damaged or locked": damaged,
        "columns instead of 6 to 12": file("thirteen.csv", line(0) + ",7"),
        "it holds no candle": file("empty.csv"),
        "it holds no candle.": file("header_only.csv", HEADER),
        "there is no CSV in it": zipped("other.zip", {"readme.txt": "hello"}),
        "could not be read": Path("absent.csv"),
        "do not fit, the first in line 1": file("words.csv", *(f"a{n},b,c,d,e,1" for n in range(300))),
        "its candles are 5 minutes apart": file("coarse.csv", *(line(5 * step, columns=6) for step in range(20))),
        "lines that are too long": endless,
        "its first line does not fit: it is no line of CSV": cut,
    }


def test_a_file_that_is_something_else_is_refused_by_name_and_the_others_go_in(url: str) -> None:
    files = refused_files()
    good = file("good.csv", line(0))
    result = importing(*files.values(), good)
    assert result.exit_code == 1
    for words, path in files.items():
        (told,) = [one for one in result.output.splitlines() if one.startswith(str(path))]
        assert words in told
        assert "Nothing of it was stored." in told
    assert "good.csv: 1 rows, 1 say something new." in result.output
    assert closes(url) == [(0, Decimal(10))]
    failed = rows(url, "SELECT part, error FROM candles.candle_backfills WHERE state = 'failed'")
    assert {part for part, _ in failed} == {path.name for path in files.values()}
    assert importing(file("good.csv", line(0), line(1)), *files.values()).exit_code == 1


def test_the_right_checksum_beside_a_file_is_no_obstacle(url: str) -> None:
    path = zipped("right.zip", {"a.csv": line(0)})
    Path("right.zip.CHECKSUM").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest().upper()}  right.zip\n")
    assert importing(path).exit_code == 0
    assert closes(url) == [(0, Decimal(10))]


def test_words_that_do_not_fit_together_are_refused(url: str) -> None:
    good = file("good.csv", line(0))
    assert "Candles of 5m are not stored" in said(importing(good, interval="5m"))
    assert importing(good).exit_code == 0
    assert "is known as BTC in USDT, not as ETH in USDT" in said(importing(good, base="ETH"))
    assert "Did you mean BTCUSDT?" in said(run("gaps", "--dataset=price_candles", *of("BTCUSD")))
    assert "Add --exchange and --symbol" in said(run("gaps", "--dataset=price_candles"))
    assert "There is no interval '7m'" in said(run("candles", "verify", *of(), "--interval=7m", str(good)))
    absent = said(run("candles", "explain", *of(), "--interval=5m", "2024-03-01T01:00Z"))
    assert "has no candle of 5m at 2024-03-01 01:00 UTC. Its minutes: 5 pending." in absent


def of(symbol: str = "BTCUSDT") -> tuple[str, str]:
    return "--exchange=binance", f"--symbol={symbol}"


def test_the_exchange_s_own_candles_are_compared(url: str) -> None:
    importing(file("minutes.csv", *(line(step, price=str(10 + step)) for step in range(10))))
    theirs = [f"{line(0).split(',')[0]},10,14,10,14,5", f"{line(5).split(',')[0]},15,19,15,19,5"]
    same = run("candles", "verify", *of(), "--interval=5m", str(file("five.csv", *theirs)))
    assert (same.exit_code, "five.csv: 2 candles compared, 0 differ." in same.output) == (0, True)
    other = run("candles", "verify", *of(), "--interval=5m", str(file("off.csv", theirs[0], theirs[1] + "1")))
    assert (other.exit_code, "off.csv: 2 candles compared, 1 differ." in other.output) == (1, True)
    assert rows(url, "SELECT field, ours, theirs FROM candles.candle_differences") == [("volume", 5, 51)]
    odd = run("candles", "verify", *of(), "--interval=5m", str(file("odd.csv", theirs[0], "x,1,1,1,1,1")))
    assert "odd.csv, line 2: open time 'x' is not a whole number" in said(odd)


def test_gaps_explanations_corrections_and_certificates_are_told(url: str) -> None:
    importing(file("first.csv", *(line(step) for step in range(0, 10, 2))))
    told = json.loads(run("gaps", "--dataset=price_candles", *of(), "--json").stdout)
    assert [(one["starts"], one["minutes"], one["state"]) for one in told] == [
        (f"2024-03-01T00:0{step}:00Z", 1, "pending") for step in (1, 3, 5, 7)
    ]
    assert "00:01" in run("gaps", "--dataset=price_candles", *of(), "--to=2024-03-01T00:02Z").output
    since = rows(url, "SELECT clock_timestamp()")[0][0].isoformat()
    importing(file("second.csv", *(line(step, price="11") for step in range(0, 10, 2))))
    explained = run("candles", "explain", *of(), "--interval=5m", "2024-03-01T00:03Z").output
    assert "candles.coarse_candles binance BTCUSDT 5m 2024-03-01 00:00 UTC: revised" in explained
    assert "Earlier versions: 1" in explained
    minute = json.loads(run("candles", "explain", *of(), "--interval=1m", "2024-03-01T00:02:30Z", "--json").stdout)
    assert (minute["close"]["close"], minute["close"]["source"]) == (11, "archive")
    corrected = json.loads(run("candles", "corrections", f"--since={since}", "--json").stdout)
    assert len([one for one in corrected if one["interval"] == "1m"]) == 5
    assert "old_close" in run("candles", "corrections", f"--since={since}").output

    issued = run("certificate", "issue", *of(), "--day=2024-03-01", "--output=day.json", "--rows=day.csv")
    assert issued.exit_code == 0, said(issued)
    shown = run("certificate", "issue", *of(), "--day=2024-03-01", "--rows=day.parquet").output
    assert json.loads(shown)["observed_minutes"] == json.loads(Path("day.json").read_text())["observed_minutes"] == 5
    for name in ("day.csv", "day.parquet"):
        checked = run("certificate", "check", "day.json", name)
        assert (checked.exit_code, checked.output) == (0, "The rows are what the certificate says.\n")
    Path("day.csv").write_text(Path("day.csv").read_text().replace(",11,", ",11.1,", 1))
    checked = run("certificate", "check", "day.json", "day.csv")
    assert (checked.exit_code, "the hash over the rows is" in checked.output) == (1, True)


def test_what_cannot_be_checked_is_named(url: str) -> None:
    importing(file("first.csv", line(0)))
    run("certificate", "issue", *of(), "--day=2024-03-01", "--output=day.json")
    rows_file = file("rows.csv", "open_time,open", "2024-03-01T00:00Z,1")
    assert "rows.csv has no column 'high'" in said(run("certificate", "check", "day.json", str(rows_file)))
    assert "absent.csv could not be read" in said(run("certificate", "check", "day.json", "absent.csv"))
    assert "is neither .csv nor .parquet" in said(run("certificate", "check", "day.json", "rows.txt"))
    assert "is no Parquet" in said(run("certificate", "check", "day.json", str(file("no.parquet", "x"))))
    assert "is no certificate" in said(run("certificate", "check", str(file("no.json", "{}")), str(rows_file)))
    early = run("certificate", "issue", *of(), "--day=2024-02-28")
    assert "Nothing is expected of BTCUSDT on binance on 2024-02-28" in said(early)


MEASURE = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from cryptoflow.collect.candle_import import import_local_file
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import ensure_symbol

url, path = sys.argv[1], Path(sys.argv[2])
now = datetime.now(UTC)
with transaction(url) as connection:
    pair = ensure_symbol(connection, exchange="binance", symbol="BTCUSDT", base="BTC", quote="USDT", seen_at=now)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
imported = import_local_file(url, path, symbol=pair, received_at=now)
print(imported.stored, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_file_takes_little_memory(url: str) -> None:
    """An eighth of a year in one file; what grows with a file would be an eighth of 300 MB and more."""
    start, count = int(DAY.timestamp()) * 1000, 65_700
    with zipfile.ZipFile("year.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        tail = "40000.12345678," * 4 + "1.23456789"
        lines = (
            f"{start + step * 60_000},{tail},{start + step * 60_000 + 59_999},49382.6,17,0.6,24691.3,0\n"
            for step in range(count)
        )
        bundle.writestr("year.csv", "".join(lines))
    done = subprocess.run([sys.executable, "-c", MEASURE, url, "year.zip"], capture_output=True, text=True, check=True)
    stored, grown_kb = map(int, done.stdout.split())
    assert stored == count
    assert grown_kb < 150_000
    days = rows(url, "SELECT count(*), min(coverage) FROM candles.coarse_candles WHERE interval = '1d'")
    assert days == [(46, Decimal("0.625"))]
