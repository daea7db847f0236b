"""The SQL files: named by what they do, headed by what they need and touch, and every one in use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cryptoflow
from cryptoflow.errors import PermanentError
from cryptoflow.warehouse.statements import statement

PACKAGE = Path(cryptoflow.__file__).parent
SQL = PACKAGE.parent / "sql"
STATEMENTS = {
    str(path.relative_to(SQL).with_suffix("")): path.read_text()
    for path in sorted(SQL.glob("*/*.sql"))
    if path.parent.name != "migrations"
}
MIGRATIONS = {path.name: path.read_text() for path in sorted((SQL / "migrations" / "statements").glob("*.sql"))}
SOURCES = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
VERBS = {
    "cancel", "claim", "close", "count", "delete", "describe", "fold", "forget", "insert", "keep", "mark", "merge",
    "open", "quarantine", "read", "record", "refresh", "revise", "select", "stage", "sum", "take", "update", "upsert",
}  # fmt: skip
# Dagster's own tags begin like the statements on its database.
DOMAINS = "raw|market|ops|candles|onchain|sentiment|news|forecast|dagster(?=/(?:select|delete)_)"
PARAMETER = re.compile(r"%\((\w+)\)s")
WRITING = re.compile(r"^\s*(INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE)\s+(?:ONLY\s+)?(\S+)", re.MULTILINE)
READING = re.compile(r"\b(?:FROM|JOIN)\s+((?:raw|market|candles|onchain|sentiment|news|forecast|ops|auth)\.\w+)")


def header(text: str) -> str:
    """The comment lines at the top, without their dashes."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return "\n".join(lines)


def body(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))


def test_there_are_statements() -> None:
    assert len(STATEMENTS) > 15
    assert MIGRATIONS


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_header_says_the_purpose_and_what_is_touched(name: str) -> None:
    words = header(STATEMENTS[name])
    assert re.match(r"Purpose: \S.*", words)
    assert "Reads:" in words or "Writes:" in words


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_header_tells_the_truth_about_what_is_touched(name: str) -> None:
    words, code = header(STATEMENTS[name]), body(STATEMENTS[name])
    written = {table for _, table in WRITING.findall(code)}
    named = re.search(r"Writes: (.*)\.", words)
    assert named is not None
    if not written:
        assert named[1] == "nothing"
        told = re.search(r"Reads: (.*?)\.(?: Writes|$)", words, re.MULTILINE)
        assert told is not None
        assert set(READING.findall(code)) == set(told[1].split(", ")) - {"the system catalogs", "Dagster's own tables"}
    else:
        assert set(named[1].split(", ")) == written


@pytest.mark.parametrize("name", [name for name, text in STATEMENTS.items() if WRITING.search(body(text))])
def test_what_writes_says_whether_and_why_it_is_idempotent(name: str) -> None:
    assert re.search(r"^Idempotent: \S.{10,}", header(STATEMENTS[name]), re.MULTILINE)


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_parameter_is_named_in_the_header_and_no_other(name: str) -> None:
    used = set(PARAMETER.findall(body(STATEMENTS[name])))
    told = re.search(r"^Parameters: (.*)\.$", header(STATEMENTS[name]), re.MULTILINE)
    if told and told[1].startswith("the columns of"):
        assert used
        return
    # Words in brackets explain a parameter.
    named = re.sub(r"\s*\(.*?\)", "", told[1]).split(", ") if told else []
    assert set(named) == used


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_percent_sign_stands_for_a_parameter_only(name: str) -> None:
    assert "%" not in PARAMETER.sub("", STATEMENTS[name])


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_name_says_what_the_statement_does(name: str) -> None:
    verb, separator, noun = name.partition("/")[2].partition("_")
    assert verb in VERBS
    assert separator
    assert re.fullmatch(r"[a-z][a-z0-9_]*", noun)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_file_holds_one_statement(name: str) -> None:
    code = re.sub(r"'[^']*'", "''", body(STATEMENTS[name])).strip()
    assert code.endswith(";")
    assert code.count(";") == 1


def test_every_file_is_used_and_every_used_one_is_there() -> None:
    used = set()
    for text in SOURCES.values():
        used |= set(re.findall(rf"""["']((?:{DOMAINS})/\w+)["']""", text))
    assert used == set(STATEMENTS)


@pytest.mark.parametrize("name", MIGRATIONS)
def test_a_migration_says_its_purpose_and_has_a_way_back(name: str) -> None:
    assert header(MIGRATIONS[name]).startswith("Purpose: ")
    assert "Idempotent: " in header(MIGRATIONS[name])
    revision, direction, _ = name.rsplit(".", 2)
    assert f"{revision}.{'down' if direction == 'up' else 'up'}.sql" in MIGRATIONS


def test_a_statement_is_read_as_it_is() -> None:
    assert statement("market/count_assets") == (SQL / "market" / "count_assets.sql").read_bytes()


def test_a_statement_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(PermanentError, match=r"'sql/market/count_nothing\.sql' is missing"):
        statement("market/count_nothing")
