"""`cryptoflow sql`: it reads, one statement at a time, and finds no way out of reading."""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from cryptoflow.runtime.urls import with_database
from cryptoflow.warehouse.reader import QueryRefused, read


def test_rows_come_with_the_names_of_their_columns(database_url: str) -> None:
    answer = read(database_url, "SELECT 1 AS one, NULL AS nothing, 0.10::numeric AS tenth")
    assert list(answer.columns) == ["one", "nothing", "tenth"]
    assert answer.rows == [(1, None, Decimal("0.10"))]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("VALUES (1), (2)", 1),
        ("TABLE ops.schema_migrations", "0001_identity_and_control"),
        ("SHOW timezone", "UTC"),
        ("WITH x AS (SELECT 2 AS y) SELECT y FROM x", 2),
        ("SELECT '100%' WHERE 'a' LIKE '%a'", "100%"),
        ("SELECT ';' -- ; not a second statement", ";"),
        ("SELECT 1;", 1),
    ],
)
def test_what_reads_is_accepted(database_url: str, query: str, first: object) -> None:
    assert read(database_url, query).rows[0][0] == first


def test_a_plan_can_be_explained(database_url: str) -> None:
    assert "Seq Scan" in str(read(database_url, "EXPLAIN SELECT * FROM market.assets").rows[0][0])


def test_numbers_within_documents_keep_their_digits(database_url: str) -> None:
    ((document,),) = read(database_url, """SELECT '{"price": 0.1234567890123456789012}'::jsonb""").rows
    assert document == {"price": Decimal("0.1234567890123456789012")}


@pytest.mark.parametrize("schema", ["raw", "market", "ops", "analytics"])
def test_every_schema_of_data_can_be_read(database_url: str, schema: str) -> None:
    query = f"SELECT has_schema_privilege('{schema}', 'USAGE'), has_schema_privilege('auth', 'USAGE')"
    assert read(database_url, query).rows == [(True, False)]


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO ops.schema_migrations VALUES ('x', 'y', now()) RETURNING version",
        "UPDATE market.assets SET symbol = 'X' RETURNING asset_id",
        "DELETE FROM ops.schema_migrations RETURNING version",
        "WITH gone AS (DELETE FROM ops.schema_migrations RETURNING version) SELECT * FROM gone",
        "EXPLAIN ANALYZE DELETE FROM ops.schema_migrations",
        "DELETE FROM ops.schema_migrations",
        "TRUNCATE ops.schema_migrations",
        "DROP TABLE ops.schema_migrations",
        "CREATE TABLE ops.x AS SELECT 1",
        "CREATE TEMP TABLE x (y int)",
        "SELECT * INTO ops.x FROM market.assets",
        "SELECT nextval('market.assets_asset_id_seq')",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT * FROM ops.schema_migrations FOR UPDATE",
        "COPY ops.schema_migrations FROM '/etc/passwd'",
        "VACUUM",
        "LOCK TABLE ops.schema_migrations",
    ],
)
def test_nothing_can_be_written(database_url: str, query: str) -> None:
    with psycopg.connect(database_url) as connection:
        before = connection.execute("SELECT * FROM ops.schema_migrations").fetchall()
    with pytest.raises(QueryRefused):
        read(database_url, query)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT * FROM ops.schema_migrations").fetchall() == before
        assert connection.execute("SELECT to_regclass('ops.x')").fetchone() == (None,)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM market.assets",
        "COMMIT; DELETE FROM market.assets",
        "BEGIN; SELECT 1",
    ],
)
def test_a_second_statement_is_refused(database_url: str, query: str) -> None:
    with pytest.raises(QueryRefused, match="multiple commands"):
        read(database_url, query)


@pytest.mark.parametrize(
    "query",
    [
        "DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$",
        "SET ROLE NONE",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SET transaction_read_only = off",
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "PREPARE x AS SELECT 1",
        "DECLARE x CURSOR FOR SELECT 1",
        "LISTEN x",
        "NOTIFY x",
        "COPY (SELECT 1) TO STDOUT",
        "",
        "-- only a remark",
    ],
)
def test_what_reads_no_rows_is_refused_before_it_runs(database_url: str, query: str) -> None:
    with pytest.raises(QueryRefused, match="no statement that reads rows") as caught:
        read(database_url, query)
    assert "only reads" in caught.value.cure


def test_no_program_is_started_and_no_file_written(database_url: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    copy = f"COPY (SELECT 1) TO PROGRAM ''touch {mark}''"
    attempts = [
        f"COPY (SELECT 1) TO PROGRAM 'touch {mark}'",
        f"COPY (SELECT 1) TO '{mark}'",
        f"DO $$ BEGIN EXECUTE 'RESET ROLE'; EXECUTE '{copy}'; END $$",
        f"DO $$ BEGIN PERFORM set_config('role', 'none', false); EXECUTE '{copy}'; END $$",
    ]
    os.chmod(tmp_path, 0o777)
    for query in attempts:
        with pytest.raises(QueryRefused):
            read(database_url, query)
    assert not mark.exists()


@pytest.mark.parametrize(
    "query", ["SELECT pg_read_file('PG_VERSION')", "SELECT rolpassword FROM pg_authid", "CREATE ROLE x"]
)
def test_the_role_has_no_rights_beyond_reading(database_url: str, query: str) -> None:
    with pytest.raises(QueryRefused):
        read(database_url, query)


@pytest.mark.parametrize(
    ("query", "what", "cure"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC" (at character 1)', "docs/tables.md"),
        (
            "SELECT * FROM market.nothing",
            'relation "market.nothing" does not exist (at character 15)',
            "docs/tables.md",
        ),
        ("SELECT nam FROM market.assets", 'Perhaps you meant to reference the column "assets.name"', "docs/tables.md"),
        ("SELECT 1 / 0", "division by zero", "docs/tables.md"),
        ("DELETE FROM ops.schema_migrations RETURNING 1", "read-only transaction", "This command only reads"),
        ("SELECT * FROM auth.x", "permission denied for schema auth", "may only read"),
        ("SELECT 'infinity'::timestamptz", "timestamp too large", "docs/tables.md"),
    ],
)
def test_a_refusal_says_what_and_what_to_do(database_url: str, query: str, what: str, cure: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        read(database_url, query)
    assert caught.value.what.startswith("The query was refused: ")
    assert what in caught.value.what
    assert cure in caught.value.cure


def test_a_database_that_is_not_there_is_a_clear_error(database_url: str) -> None:
    with pytest.raises(QueryRefused, match="does not exist") as caught:
        read(with_database(database_url, "no_such_database"), "SELECT 1")
    assert "cryptoflow status" in caught.value.cure


def test_the_session_is_gone_afterwards(database_url: str) -> None:
    for _ in range(3):
        read(database_url, "SELECT 1")
    with psycopg.connect(database_url) as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        row = connection.execute(others).fetchone()
    assert row is not None
    assert row[0] <= 1, "only a session that is just ending may still be seen"


def test_intervals_and_arrays_come_as_values(database_url: str) -> None:
    ((span, words),) = read(database_url, "SELECT interval '1 day 2 hours', ARRAY['a', 'b']").rows
    assert (span, words) == (timedelta(hours=26), ["a", "b"])
