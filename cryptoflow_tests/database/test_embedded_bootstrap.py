"""What must exist before the first migration, and servers that cannot give it, against a real server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
import redis
from psycopg import sql

from cryptoflow.errors import CryptoflowError, PermanentError, TransientError
from cryptoflow.runtime import external
from cryptoflow.runtime.bootstrap import READER_ROLE, bootstrap, dagster_url_beside
from cryptoflow.runtime.external import check_database, check_redis
from cryptoflow.runtime.ports import first_free
from cryptoflow.runtime.urls import ServerAddress, database_url, parse_database_url, with_database


@pytest.fixture
def fresh_url(postgres_admin_url: str) -> Iterator[str]:
    """The URL of a database that does not exist yet; whatever a test makes of it is dropped."""
    url = with_database(postgres_admin_url, f"cryptoflow_test_{secrets.token_hex(6)}")
    yield url
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        for name in (parse_database_url(url).name, parse_database_url(dagster_url_beside(url)).name):
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def plain_user(postgres_admin_url: str) -> Iterator[ServerAddress]:
    """A user with a password and no special right."""
    server = parse_database_url(postgres_admin_url).address
    name, password = f"cryptoflow_test_{secrets.token_hex(6)}", "p@ss/w:rd%"
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        role = sql.Identifier(name)
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        yield ServerAddress(host=server.host, port=server.port, user=name, password=password)
        admin.execute(sql.SQL("DROP OWNED BY {}").format(role))
        admin.execute(sql.SQL("DROP ROLE {}").format(role))


def extensions(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT extname FROM pg_extension")}


def test_it_makes_both_databases_extensions_and_the_reader(fresh_url: str) -> None:
    made = bootstrap(fresh_url)
    assert made.absent_extensions == ()
    assert extensions(fresh_url) >= {"btree_gist", "pg_trgm", "pg_stat_statements", "amcheck"}
    with psycopg.connect(made.dagster_database_url) as connection:
        assert connection.info.dbname == parse_database_url(fresh_url).name + "_dagster"
    with psycopg.connect(fresh_url) as connection:
        row = connection.execute(
            "SELECT rolcanlogin, rolinherit, rolsuper FROM pg_roles WHERE rolname = %s", (READER_ROLE,)
        ).fetchone()
        assert row is not None
        assert not row[0]
        assert not row[2]
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(READER_ROLE)))


def test_it_can_be_repeated(fresh_url: str) -> None:
    assert bootstrap(fresh_url) == bootstrap(fresh_url)


def test_a_user_without_rights_is_told_what_an_administrator_must_run(
    empty_database_url: str, plain_user: ServerAddress
) -> None:
    mine = database_url(plain_user, parse_database_url(empty_database_url).name)
    with pytest.raises(PermanentError, match=r"btree_gist is not installed") as refusal:
        bootstrap(mine, dagster_database_url=mine)
    assert f'GRANT {READER_ROLE} TO "{plain_user.user}";' in refusal.value.cure
    assert str(plain_user.password) not in str(refusal.value)


def test_a_missing_database_that_the_user_may_not_create_is_named(fresh_url: str, plain_user: ServerAddress) -> None:
    mine = database_url(plain_user, parse_database_url(fresh_url).name)
    for attempt in (check_database, bootstrap):
        with pytest.raises(PermanentError, match=r"has no database 'cryptoflow_test_") as refusal:
            attempt(mine)
        assert "CREATE DATABASE" in refusal.value.cure


def test_a_missing_database_that_can_be_created_is_no_obstacle(fresh_url: str) -> None:
    assert check_database(fresh_url).exists is False


def test_a_user_who_may_not_create_schemas_is_told_so(empty_database_url: str, plain_user: ServerAddress) -> None:
    mine = database_url(plain_user, parse_database_url(empty_database_url).name)
    with pytest.raises(PermanentError, match="may not create schemas") as refusal:
        check_database(mine)
    assert "GRANT CREATE ON DATABASE" in refusal.value.cure


def test_a_good_database_passes(empty_database_url: str) -> None:
    facts = check_database(empty_database_url)
    assert facts.exists
    assert facts.version_number >= 180_000


def test_a_server_that_is_too_old_is_refused(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "MINIMUM_POSTGRES_MAJOR", 999)
    with pytest.raises(PermanentError, match="999 or newer is needed"):
        check_database(empty_database_url)


def test_a_database_that_is_not_utf8_is_refused(postgres_admin_url: str, fresh_url: str) -> None:
    name = parse_database_url(fresh_url).name
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc"
            ).format(sql.Identifier(name))
        )
    with pytest.raises(PermanentError, match="SQL_ASCII, not UTF8"):
        check_database(fresh_url)


def test_a_wrong_password_is_named_and_not_shown(empty_database_url: str) -> None:
    address = parse_database_url(empty_database_url).address
    wrong = database_url(
        ServerAddress(host=address.host, port=address.port, user=address.user, password="hunter2"), "postgres"
    )
    with pytest.raises(PermanentError, match="wrong user name or password") as refusal:
        check_database(wrong)
    assert "hunter2" not in str(refusal.value)


def test_a_server_that_is_not_there_is_a_passing_fault(empty_database_url: str) -> None:
    address = parse_database_url(empty_database_url).address
    nobody = database_url(
        ServerAddress(host="127.0.0.1", port=first_free(20_000), user=address.user, password=address.password), "x"
    )
    with pytest.raises(TransientError, match="does not answer"):
        check_database(nobody)


def test_a_good_cache_passes(valkey_url: str) -> None:
    assert check_redis(valkey_url)


def test_a_cache_with_another_password_is_named_and_the_password_not_shown(valkey_url: str) -> None:
    wrong = "redis://:hunter2@" + valkey_url.rpartition("@")[2]
    with redis.Redis.from_url(valkey_url) as client:
        if not client.config_get("requirepass").get("requirepass"):
            pytest.skip("the given server asks for no password")
    with pytest.raises(PermanentError, match="refused the password") as refusal:
        check_redis(wrong)
    assert "hunter2" not in str(refusal.value)


def test_a_cache_that_is_too_old_is_refused(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "MINIMUM_REDIS", (999, 0))
    with pytest.raises(CryptoflowError, match="is needed"):
        check_redis(valkey_url)


def test_a_cache_that_is_not_there_is_a_passing_fault(valkey_url: str) -> None:
    assert valkey_url
    with pytest.raises(TransientError, match="does not answer"):
        check_redis(f"redis://:hunter2@127.0.0.1:{first_free(20_000)}/0")
