"""Archives: a day is in a file, exact and whole, before it goes; nothing goes without; and it can come back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cryptoflow.cli.main import app, main
from cryptoflow.errors import PermanentError, UsageError
from cryptoflow.warehouse import parquet, retention
from cryptoflow.warehouse.archives import known_archives, restore_day
from cryptoflow.warehouse.locks import WorkBusy, work_lock
from cryptoflow.warehouse.policies import policies
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.retention import DAILY_TABLES, Day, expired_days, retain
from cryptoflow_tests.closes_model import FOLLOWING, held, rows, sample, store

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD = datetime(2026, 11, 10, 8, 30, 0, 123456, tzinfo=UTC)
DAY = OLD.date()
RAW, MINUTES = "raw.market_snapshots", "market.minute_close"
RAW_FILE = f"{RAW}/y=2026/m=11/d=10.parquet"
MINUTE_FILE = f"{MINUTES}/y=2026/m=11/d=10.parquet"
FOLLOWING_FILES = {f"{name}/y=2026/m=11/d=10.parquet" for name in FOLLOWING}
SMALLEST, LARGEST = Decimal("0.0000000000000000000000000012"), Decimal("999999999999999999999999999999.000000001")


@pytest.fixture
def filled(database_url: str) -> str:
    """An old day with figures of every size, another old one, and today."""
    store(
        database_url,
        sample(OLD, SMALLEST, circulating_supply=LARGEST, run_id='a, "b"\n\\c'),
        sample(OLD + timedelta(minutes=1), "1.500", run_id="", market_cap_rank=None),
        sample(OLD + timedelta(minutes=1), "2", provider="coinmarketcap", asset_id=2, volume_24h_usd=None),
        sample(OLD + timedelta(days=1), "3"),
        sample(NOW, "4"),
    )
    return database_url


def everything(database_url: str, table: str, day: date = DAY) -> list[str]:
    """The rows of a day with all that they say, also when they became known."""
    clock = "bucket" if table == MINUTES else "observed_at"
    found = rows(database_url, f"SELECT x::text FROM {table} AS x WHERE {clock}::date = %s ORDER BY 1", day)
    return [text for (text,) in found]


def let_go(database_url: str, folder: Path, now: datetime = NOW) -> list[Day]:
    return [day for day in retain(database_url, now=now, folder=folder) if not day.kept_because]


def test_a_day_goes_into_files_before_it_goes(filled: str, tmp_path: Path) -> None:
    before = everything(filled, RAW)
    assert [day.day for day in let_go(filled, tmp_path)] == [DAY, DAY + timedelta(days=1)]
    assert everything(filled, RAW) == []
    table = pq.read_table(tmp_path / RAW_FILE)
    assert table.num_rows == len(before) == 3
    assert sorted(table["price_usd"].to_pylist()) == [format(SMALLEST, "f"), "1.500", "2"]
    assert format(LARGEST, "f") in table["circulating_supply"].to_pylist()
    assert OLD in table["observed_at"].to_pylist()
    assert table.schema.field("price_usd").metadata == {b"postgresql_type": b"numeric"}
    assert pq.read_table(tmp_path / MINUTE_FILE).num_rows == 3


def test_what_was_archived_is_on_record(filled: str, tmp_path: Path) -> None:
    let_go(filled, tmp_path)
    with transaction(filled) as connection:
        found = {one.path: one for one in known_archives(connection, day=DAY)}
    assert set(found) == {RAW_FILE, MINUTE_FILE, *FOLLOWING_FILES}
    for path, one in found.items():
        body = (tmp_path / path).read_bytes()
        assert (one.row_count, one.file_bytes, one.sha256) == (3, len(body), hashlib.sha256(body).digest())
        assert (one.part, one.day) == (1, DAY)
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".partial")] == []


def told(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.fixture
def home(filled: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home whose settings name the filled warehouse."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", filled)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", filled)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_dry_run_says_exactly_what_the_run_then_does(home: Path, filled: str) -> None:
    with psycopg.connect(filled) as connection:
        # As old as the tests' clock has it, however late they run.
        connection.execute("DELETE FROM market.hourly_close WHERE bucket::date = %s", (DAY + timedelta(days=1),))
    before = held(filled)
    would = told("retain", "--dry-run")
    assert held(filled) == before
    assert not home.joinpath("archive").exists()
    done = told("retain")
    assert [row | {"verdict": row["verdict"].replace("would go", "gone")} for row in would] == done
    assert {row["verdict"] for row in done} >= {"gone", "stays: 1 hours do not hold their minutes"}
    gone = [row for row in done if row["verdict"] == "gone"]
    assert {(row["archive"], row["rows"]) for row in gone} >= {(RAW_FILE, 3), (MINUTE_FILE, 3)}
    listed = told("archive", "list")
    assert {row["file"] for row in listed} == {str(home / "archive" / row["archive"]) for row in gone}
    assert all(row["is_there"] for row in listed)
    for row in listed:
        assert pq.read_metadata(row["file"]).num_rows == row["rows"]
    still = rows(filled, "SELECT inhrelid::regclass::text FROM pg_inherits")
    assert not {row["partition"] for row in gone} & {name for (name,) in still}


@pytest.mark.usefixtures("filled")
def test_a_day_comes_back_as_it_was(home: Path, filled: str) -> None:
    before = {table: everything(filled, table) for table in (RAW, MINUTES)}
    coarse = held(filled, "market.hourly_close", "market.daily_close", "ops.dirty_buckets")
    told("retain")
    for table in (RAW, MINUTES):
        said = CliRunner().invoke(app, ["archive", "restore", "--table", table, "--day", str(DAY)])
        assert "3 rows of 2026-11-10" in said.output
        assert everything(filled, table) == before[table]
    assert held(filled, "market.hourly_close", "market.daily_close", "ops.dirty_buckets") == coarse
    assert home.joinpath("archive").exists()


def test_what_came_back_goes_again_without_a_second_file(filled: str, tmp_path: Path) -> None:
    let_go(filled, tmp_path)
    files = sorted(path for path in tmp_path.rglob("*.parquet"))
    restore_day(filled, RAW, DAY, folder=tmp_path)
    (day,) = expired_days(filled, now=NOW)
    assert [(part.archive, part.part) for part in day.parts if part.rows] == [(RAW_FILE, None)]
    assert [day.day for day in let_go(filled, tmp_path)] == [DAY]
    assert sorted(tmp_path.rglob("*.parquet")) == files
    assert everything(filled, RAW) == []


def test_what_came_back_stays_when_its_file_is_lost(filled: str, tmp_path: Path) -> None:
    let_go(filled, tmp_path)
    restore_day(filled, RAW, DAY, folder=tmp_path)
    (tmp_path / RAW_FILE).unlink()
    with pytest.raises(PermanentError, match="No such file"):
        retain(filled, now=NOW, folder=tmp_path)
    assert len(everything(filled, RAW)) == 3


def test_rows_that_came_after_a_day_was_gone_have_a_file_of_their_own(filled: str, tmp_path: Path) -> None:
    let_go(filled, tmp_path)
    hour = held(filled, "market.hourly_close")
    store(filled, sample(OLD + timedelta(minutes=5), "7"))
    assert held(filled, "market.hourly_close") == hour, "what was built while its minutes were there stands"
    with pytest.raises(UsageError, match="holds 1 rows of 2026-11-10 that are not from the archive"):
        restore_day(filled, RAW, DAY, folder=tmp_path)
    assert [day.day for day in let_go(filled, tmp_path)] == [DAY]
    later = RAW_FILE.replace("d=10", "d=10.2")
    assert pq.read_metadata(tmp_path / later).num_rows == 1
    assert restore_day(filled, RAW, DAY, folder=tmp_path) == 4


@pytest.mark.parametrize(
    ("table", "day", "complaint"),
    [
        (RAW, date(2026, 1, 1), "of 2026-01-01 was not archived"),
        ("market.hourly_close", DAY, "market.hourly_close is not archived"),
    ],
)
def test_what_was_never_archived_cannot_come_back(
    filled: str, tmp_path: Path, table: str, day: date, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        restore_day(filled, table, day, folder=tmp_path)


def test_a_file_that_was_changed_is_refused(filled: str, tmp_path: Path) -> None:
    let_go(filled, tmp_path)
    with (tmp_path / RAW_FILE).open("ab") as file:
        file.write(b"x")
    with pytest.raises(PermanentError, match="its hash differs"):
        restore_day(filled, RAW, DAY, folder=tmp_path)
    assert everything(filled, RAW) == []


def on_a_full_disk(folder: Path) -> str:
    (folder / MINUTE_FILE).parent.mkdir(parents=True)
    (folder / (MINUTE_FILE + ".partial")).symlink_to("/dev/full")
    return "No space left on device"


def where_no_folder_can_be(folder: Path) -> str:
    folder.joinpath(RAW).write_text("a file")
    return "Not a directory"


@pytest.mark.parametrize("trouble", [on_a_full_disk, where_no_folder_can_be])
def test_nothing_goes_when_it_cannot_be_archived(filled: str, tmp_path: Path, trouble: Callable[[Path], str]) -> None:
    before = held(filled)
    complaint = trouble(tmp_path)
    with pytest.raises(PermanentError, match=complaint) as caught:
        retain(filled, now=NOW, folder=tmp_path)
    assert "Nothing was let go" in caught.value.cure
    assert held(filled) == before
    assert list(tmp_path.rglob("*.parquet")) == []
    assert rows(filled, "SELECT count(*) FROM ops.archives") == [(0,)]


def test_a_file_that_does_not_hold_what_was_written_stops_it(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held(filled)
    monkeypatch.setattr(parquet, "count_rows", lambda path: 2)
    with pytest.raises(PermanentError, match="holds 2 rows where 3 were written"):
        retain(filled, now=NOW, folder=tmp_path)
    assert held(filled) == before


def test_a_day_that_changes_while_it_is_archived_stays(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = retention.write_archive

    def with_a_late_sample(*arguments: Any, **options: Any) -> Any:
        written = write(*arguments, **options)
        monkeypatch.setattr(retention, "write_archive", write)
        store(filled, sample(OLD + timedelta(minutes=5), "7", asset_id=3))
        return written

    monkeypatch.setattr(retention, "write_archive", with_a_late_sample)
    first, second = retain(filled, now=NOW, folder=tmp_path)
    assert (first.day, first.kept_because) == (DAY, "it was changed while it was archived; it goes the next time")
    assert second.kept_because is None
    assert not (tmp_path / RAW_FILE).exists()
    assert len(everything(filled, RAW)) == 4
    assert [day.day for day in let_go(filled, tmp_path)] == [DAY]
    assert pq.read_metadata(tmp_path / RAW_FILE).num_rows == 4


def test_a_drop_gives_way_to_who_reads_for_long(filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_DROP_PATIENCE", "100ms")
    with psycopg.connect(filled) as reader:
        reader.execute("SELECT count(*) FROM market.minute_close")
        days = retain(filled, now=NOW, folder=tmp_path)
        assert {day.kept_because for day in days} == {"somebody reads it for long; it goes the next time"}
    assert list(tmp_path.rglob("*.parquet*")) == []
    assert len(let_go(filled, tmp_path)) == 2


def test_one_process_at_a_time_lets_days_go(filled: str, tmp_path: Path) -> None:
    with (
        work_lock(filled, "letting go of days"),
        pytest.raises(WorkBusy, match="Another process is letting go of days"),
    ):
        retain(filled, now=NOW, folder=tmp_path)
    assert len(everything(filled, RAW)) == 3
    assert len(let_go(filled, tmp_path)) == 2


def test_many_rows_are_written_in_several_groups(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_CHUNK_BYTES", 2_000)
    store(database_url, *(sample(OLD + timedelta(seconds=n), f"{n + 1}", asset_id=n) for n in range(60)))
    before = everything(database_url, RAW)
    let_go(database_url, tmp_path)
    assert pq.read_metadata(tmp_path / RAW_FILE).num_row_groups > 3
    assert restore_day(database_url, RAW, DAY, folder=tmp_path) == 60
    assert everything(database_url, RAW) == before


def test_the_policy_in_sql_is_that_of_the_contracts(database_url: str) -> None:
    asked = rows(
        database_url,
        "SELECT table_name, clock, days_kept, setting, is_archived, drop_unit FROM analytics.retention_policy"
        ' ORDER BY table_name COLLATE "C"',
    )
    assert asked == [tuple(policy.values()) for policy in policies()]
    by_name = {row[0]: row[1:] for row in asked}
    assert by_name[MINUTES] == ("bucket", 7, None, True, "day")
    assert by_name["raw.fetches"] == ("started_at", 7, "payload_retention_days", False, "row")
    assert by_name["market.daily_close"] == ("bucket", None, None, False, None)
    assert {str(table) for table in DAILY_TABLES} == {row[0] for row in asked if row[4]}


def test_a_day_that_is_none_is_a_clear_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["archive", "restore", "--table", RAW, "--day", "yesterday"])
    assert "'yesterday' is not a day" in capsys.readouterr().err
    assert not home.joinpath("archive").exists()
