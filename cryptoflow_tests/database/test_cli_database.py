"""`cryptoflow sql` and `cryptoflow migrate` against a server by URL, as a person types them."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cryptoflow.cli.main import app, main
from cryptoflow.runtime.urls import mask_url, parse_database_url

QUERY = """
SELECT * FROM (
    VALUES (1, 0.0000000012::numeric, 'a', '{"deep": [1, null]}'::jsonb), (2, NULL, '', NULL)
) AS sample (id, price, word, document)
"""


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A migrated warehouse that the settings name."""
    return settled(database_url, monkeypatch, tmp_path)


@pytest.fixture
def empty_url(empty_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A database without anything that the settings name."""
    return settled(empty_database_url, monkeypatch, tmp_path)


def settled(url: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", url)
    # Dagster's database is made beside the warehouse; here the same one serves.
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(folder / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return url


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=answer)


@pytest.mark.usefixtures("url")
def test_sql_as_json(tmp_path: Path) -> None:
    assert run("sql", QUERY, "--format", "json", "-o", "out.json").exit_code == 0
    told = json.loads((tmp_path / "out.json").read_text(), parse_float=Decimal)
    assert told == [
        {"id": 1, "price": Decimal("0.0000000012"), "word": "a", "document": {"deep": [1, None]}},
        {"id": 2, "price": None, "word": "", "document": None},
    ]


@pytest.mark.usefixtures("url")
def test_sql_as_csv(tmp_path: Path) -> None:
    assert run("sql", QUERY, "--format", "csv", "-o", "out.csv").exit_code == 0
    text = (tmp_path / "out.csv").read_text()
    assert list(csv.reader(text.splitlines())) == [
        ["id", "price", "word", "document"],
        ["1", "0.0000000012", "a", '{"deep":[1,null]}'],
        ["2", "", "", ""],
    ]
    assert text.splitlines()[2] == '2,,"",'


@pytest.mark.usefixtures("url")
def test_sql_as_parquet(tmp_path: Path) -> None:
    assert run("sql", QUERY, "--format", "parquet", "-o", "out.parquet").exit_code == 0
    assert pq.read_table(tmp_path / "out.parquet").to_pydict() == {
        "id": [1, 2],
        "price": [Decimal("0.0000000012"), None],
        "word": ["a", ""],
        "document": ['{"deep":[1,null]}', None],
    }


@pytest.mark.usefixtures("url")
def test_sql_as_a_table(tmp_path: Path) -> None:
    assert run("sql", QUERY, "-o", "out.txt").exit_code == 0
    text = (tmp_path / "out.txt").read_text()
    assert "0.0000000012" in text
    assert '{"deep":[1,null]}' in text
    assert text == run("sql", QUERY).stdout


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("form", ["json", "csv"])
def test_sql_prints_what_it_writes(form: str, tmp_path: Path) -> None:
    run("sql", QUERY, "--format", form, "-o", "out")
    assert run("sql", QUERY, "--format", form).stdout == (tmp_path / "out").read_text()


def test_a_refused_query_is_one_sentence_with_its_cure_and_exit_code_2(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("sql", "DELETE FROM market.assets") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "This command only reads" in told.err
    assert "Traceback" not in told.err
    assert url not in told.err


@pytest.mark.usefixtures("url")
def test_an_unknown_format_is_told_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("sql", "SELECT 1", "--format", "xml") == 2
    assert "parquet" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["mysql://me:s3cret@db/x", "postgresql://me:s3cret@127.0.0.1:1/x"])
def test_a_wrong_url_is_one_sentence_without_the_password(
    url: str, wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", wrong)
    for command in (("sql", "SELECT 1"), ("migrate", "current"), ("migrate", "up")):
        assert exit_code(*command) == 2
        told = capsys.readouterr().err
        assert "CRYPTOFLOW_DATABASE_URL" in told
        assert "s3cret" not in told
        assert "Traceback" not in told


def test_a_wrong_password_is_told_without_it(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    password = parse_database_url(url).address.password
    assert password is not None
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", url.replace(password, "s3cret"))
    assert exit_code("sql", "SELECT 1") == 2
    told = capsys.readouterr().err
    assert "wrong user name or password" in told
    assert "s3cret" not in told


def test_migrate_up_current_and_down(empty_url: str) -> None:
    assert run("migrate", "current").stdout == "No migration is in force; `cryptoflow migrate up` applies them.\n"
    assert re.match(r"\d{4}_\w+ \(.+\), applied 2", run("migrate", "up").stdout)
    assert run("migrate", "current").stdout.endswith(" UTC\n")
    assert run("migrate", "check").stdout == "The database is what the contracts say.\n"
    assert run("migrate", "down", "base", "--yes").stdout.startswith("No migration is in force")
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('market.assets')").fetchone() == (None,)


def test_migrate_down_asks_first(url: str) -> None:
    refused = run("migrate", "down", "base", answer="n\n")
    assert refused.exit_code != 0
    assert "is dropped with its data" in refused.output
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('market.assets') IS NOT NULL").fetchone() == (True,)
    assert run("migrate", "down", "base", answer="y\n").exit_code == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('market.assets') IS NULL").fetchone() == (True,)


@pytest.mark.usefixtures("url")
def test_migrate_history_for_people_and_programs() -> None:
    steps = json.loads(run("migrate", "history", "--json").stdout)
    assert steps[0]["version"] == "0001_identity_and_control"
    assert all(step["applied_at"].endswith("Z") for step in steps)
    table = run("migrate", "history").stdout
    assert [step for step in steps if step["version"] not in table] == []


@pytest.mark.usefixtures("empty_url")
def test_migrate_history_of_an_empty_database() -> None:
    steps = json.loads(run("migrate", "history", "--json").stdout)
    assert {step["applied_at"] for step in steps} == {None}


def test_migrate_check_names_each_difference(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE market.assets ADD COLUMN spare int")
    told = run("migrate", "check")
    assert told.exit_code == 1
    assert "column market.assets.spare is in no contract" in told.stdout


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("command", [("migrate", "up", "0042"), ("migrate", "down", "0042", "--yes")])
def test_an_unknown_revision_is_one_sentence(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*command) == 2
    assert "There is no migration '0042'" in capsys.readouterr().err


def test_a_masked_url_is_what_people_see(url: str) -> None:
    password = parse_database_url(url).address.password
    assert password is not None
    assert password not in mask_url(url)


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code
