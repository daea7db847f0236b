"""`cryptoflow quarantine`, as a person or a program uses it."""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cryptoflow.cli.main import app, main
from cryptoflow.warehouse.reader import read
from cryptoflow_tests.database.sentinel_market import COINS, answer, market

ME = f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A warehouse that the settings name: an answer b1 waits, and a row r1 that is negative."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    sound = market(0)
    sound[0]["current_price"] = -1
    answer(database_url, tmp_path, sound, 0)
    answer(database_url, tmp_path, market(1, factor=1000), 1)
    return database_url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["quarantine", *arguments], catch_exceptions=False)


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0
    return json.loads(result.stdout, parse_float=Decimal)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says when it cannot do its work."""
    with pytest.raises(SystemExit) as caught:
        main(["quarantine", *arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.usefixtures("url")
def test_the_list_has_answers_and_rows_for_people_and_for_programs() -> None:
    lines = run("list").stdout.splitlines()
    assert [name.strip() for name in lines[0].split("┃")] == [
        "id", "dataset", "provider", "rule", "reason", "rows", "times seen", "since", "last seen at", "state",
    ]  # fmt: skip
    assert len(lines) == 4
    answer_line, row_line = told("list")
    assert (answer_line["id"], answer_line["rule"], answer_line["rows"], answer_line["state"]) == (
        "b1", "unit_jump", COINS, "waiting",
    )  # fmt: skip
    assert (row_line["id"], row_line["rule"], row_line["rows"]) == ("r1", "price_usd", 1)
    assert datetime.now(UTC) - datetime.fromisoformat(row_line["since"]) < timedelta(minutes=5)


@pytest.mark.usefixtures("url")
def test_the_list_can_be_narrowed_and_says_what_it_leaves_out() -> None:
    assert told("list", "--provider", "coinmarketcap") == []
    assert told("list", "--dataset", "candles.price_candles") == []
    assert len(told("list", "--dataset", "raw.market_snapshots", "--provider", "coingecko")) == 2
    assert told("list", "--since", (datetime.now(UTC) + timedelta(hours=1)).isoformat()) == []
    assert len(told("list", "--since", "2020-01-01")) == 2
    assert run("list", "--provider", "nobody").stdout == "Nothing waits in quarantine.\n"
    cut = run("list", "--limit", "1", "--json")
    assert len(json.loads(cut.stdout)) == 1
    assert cut.stderr == "1 more; --limit shows more of them, --provider and --since fewer.\n"


@pytest.mark.usefixtures("url")
def test_an_answer_is_shown_with_its_reason_its_first_rows_and_what_to_do() -> None:
    shown = run("show", "b1").stdout
    assert "moved by a factor of 1000 at once" in shown
    assert "Its first rows, of 30:" in shown
    assert "1001.000" in shown
    assert "`cryptoflow quarantine release b1`" in shown
    described = told("show", "b1")
    assert [row["key"] for row in described["first_rows"]] == [f"coin-{number}" for number in range(1, 6)]
    assert described["first_rows"][0]["price_usd"] == Decimal("1001.000")
    assert described["payload_kept"] is True
    body = CliRunner().invoke(app, ["quarantine", "show", "b1", "--payload"]).stdout_bytes
    assert json.loads(body)[0]["id"] == "coin-1"
    assert described["payload_sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.usefixtures("url")
def test_a_row_is_shown_as_it_came() -> None:
    assert '"price_usd": -1' in run("show", "r1").stdout
    assert json.loads(told("show", "R1")["first_rows"][0])["price_usd"] == -1


def test_an_answer_is_released_and_the_record_says_by_whom_and_why(url: str) -> None:
    said = run("release", "b1", "--reason", "announced").stdout
    assert said == f"b1 released: {COINS} of {COINS} rows stored, {COINS} minute closes say something new.\n"
    assert read(url, "SELECT count(*) FROM market.minute_close WHERE price_usd > 1000").rows == [(COINS,)]
    assert [one["id"] for one in told("list")] == ["r1"]
    assert [(one["id"], one["state"]) for one in told("list", "--all")] == [("b1", "released"), ("r1", "waiting")]
    described = told("show", "b1")
    assert (described["decided_by"], described["decision_reason"]) == (ME, "announced")
    assert described["what_to_do"] == "Nothing: it is decided."


def test_what_is_discarded_stays_on_record(url: str) -> None:
    assert run("discard", "b1", "r1", "--reason", "another unit").stdout == (
        f"b1 discarded: {COINS} rows will not be stored.\nr1 discarded: 1 row will not be stored.\n"
    )
    assert run("list").stdout == "Nothing waits in quarantine.\n"
    decided = "SELECT state, decided_by, decision_reason FROM ops.quarantine{}"
    assert read(url, decided.format("")).rows == [("discarded", ME, "another unit")]
    assert read(url, decided.format("_batches")).rows == [("discarded", ME, "another unit")]


@pytest.mark.usefixtures("url")
def test_what_cannot_be_done_is_said_with_its_cure(capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no b9 in quarantine." in refused(capsys, "release", "b9")
    assert "'7' names nothing in quarantine." in refused(capsys, "show", "7")
    said = refused(capsys, "release", "r1", "--reason", "please")
    assert "r1 still breaks the rule price_usd of raw.market_snapshots" in said
    assert "`cryptoflow quarantine discard r1 --reason ...`" in said
    assert "Missing option '--reason'" in refused(capsys, "discard", "b1")
    assert "A discard needs a reason." in refused(capsys, "discard", "b1", "--reason", " ")
    assert "'soon' is not an instant" in refused(capsys, "list", "--since", "soon")
    run("release", "b1")
    assert f"by {ME}." in refused(capsys, "release", "b1")


def test_what_was_released_before_one_that_cannot_be_is_told_and_stays(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["quarantine", "release", "b1", "r1"])
    printed = capsys.readouterr()
    assert printed.out.startswith("b1 released: ")
    assert "r1 still breaks the rule" in printed.err
    assert read(url, "SELECT state FROM ops.quarantine_batches").rows == [("released",)]
