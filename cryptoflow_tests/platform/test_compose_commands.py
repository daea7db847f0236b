"""Every command and every probe of docker-compose.yml, run for real against the embedded servers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest
import redis

from cryptoflow.runtime.processes import wait_until
from cryptoflow.runtime.urls import parse_database_url, with_database
from cryptoflow_tests.definitions.compose_file import settings_of_server
from cryptoflow_tests.platform.compose_host import PASSWORDS, ComposeHost

AT_ONCE = ("simulator", "webserver", "daemon", "worker", "tick-worker", "collector")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> ComposeHost:
    """The compose file on this machine, nothing started."""
    return ComposeHost(tmp_path_factory.mktemp("compose"))


@pytest.fixture(scope="module")
def database(host: ComposeHost) -> Iterator[str]:
    """The service `database`, well by its probe; the URL that our services are given."""
    assert not host.is_well("database")
    with host.started("database"):
        url = host.environment("code")["CRYPTOFLOW_DATABASE_URL"]
        with psycopg.connect(with_database(url, "postgres"), autocommit=True) as admin:  # as POSTGRES_DB asks
            admin.execute("CREATE DATABASE cryptoflow")
        yield url


@pytest.fixture(scope="module")
def cache(host: ComposeHost) -> Iterator[str]:
    """The service `cache`; the URL that our services are given."""
    with host.running("cache") as process:
        url = host.environment("code")["CRYPTOFLOW_REDIS_URL"]
        _wait_for_cache(url)
        assert process.poll() is None, host.last_words("cache")
        yield url


@pytest.fixture(scope="module")
def schema(host: ComposeHost, database: str) -> str:
    """The service `migrate` has run; what it printed."""
    done = host.run("migrate")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def code(host: ComposeHost, schema: str, cache: str) -> Iterator[None]:
    """The service `code`, well by its probe."""
    assert not host.is_well("code")
    with host.started("code"):
        yield


def _wait_for_cache(url: str) -> None:
    from redis.backoff import ConstantBackoff
    from redis.retry import Retry

    patient = Retry(ConstantBackoff(0.1), 200, supported_errors=(redis.ConnectionError, redis.BusyLoadingError))
    with redis.Redis.from_url(url, retry=patient) as client:
        assert client.ping()


def test_database_runs_with_every_setting_of_its_command(host: ComposeHost, database: str) -> None:
    given = settings_of_server(host.services["database"])
    with psycopg.connect(database) as connection:
        in_force = {
            name: str(connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0])  # type: ignore[index]
            for name in given
        }
        checksums, provider = connection.execute(
            "SELECT current_setting('data_checksums'), datlocprovider FROM pg_database"
            " WHERE datname = current_database()"
        ).fetchone()  # type: ignore[misc]
    assert {name: _in_kilobytes(value) for name, value in in_force.items()} == {
        name: _in_kilobytes(value) for name, value in given.items()
    }
    assert (checksums, provider) == ("on", "b")


def _in_kilobytes(value: str) -> str | int:
    for unit, kilobytes in (("GB", 1 << 20), ("MB", 1 << 10), ("kB", 1)):
        number = value.removesuffix(unit)
        if number != value:
            return int(number) * kilobytes
    return value


def test_database_refuses_a_wrong_password(database: str) -> None:
    wrong = database.replace(PASSWORDS["DATABASE_PASSWORD"], "guessed")
    assert wrong != database
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_cache_runs_with_every_line_of_its_configuration(host: ComposeHost, cache: str) -> None:
    lines = host.document["configs"]["cache"]["content"].splitlines()
    given = dict(line.split(" ", 1) for line in lines if not line.startswith("#"))
    with redis.Redis.from_url(cache, decode_responses=True) as client:
        in_force = client.config_get(*given)
    assert in_force["maxmemory"] == str(64 << 20)
    assert in_force["requirepass"] == PASSWORDS["CACHE_PASSWORD"]
    plain = ("appendonly", "appendfsync", "maxmemory-policy", "tcp-keepalive")
    assert {name: in_force[name] for name in plain} == {name: given[name] for name in plain}
    assert in_force["save"] == ""


def test_cache_refuses_whoever_has_no_password(cache: str) -> None:
    nobody = cache.replace(f":{PASSWORDS['CACHE_PASSWORD']}@", "")
    with redis.Redis.from_url(nobody) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_migrate_makes_databases_extensions_role_and_schema(database: str, schema: str) -> None:
    assert "applied" in schema
    with psycopg.connect(database) as connection:
        extensions = {row[0] for row in connection.execute("SELECT extname FROM pg_extension")}
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        assert connection.execute("SELECT to_regclass('market.assets')::text").fetchone() == ("market.assets",)
        databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    assert {"btree_gist", "pg_trgm", "pg_stat_statements"} <= extensions
    assert "cryptoflow_reader" in roles
    assert parse_database_url(database).name + "_dagster" in databases


def test_migrate_may_run_at_every_start(host: ComposeHost, schema: str) -> None:
    again = host.run("migrate")
    assert (again.returncode, again.stdout) == (0, schema)


def test_the_whole_gets_well_collects_the_catalog_and_stops(host: ComposeHost, database: str, code: None) -> None:
    """`docker compose --profile demo up`: the daemon asks, the broker carries, the worker executes, rows are there.

    Each service gets well by its own probe, which nothing passed before it ran, and goes when it is asked to stop.
    """

    def assets() -> int:
        with psycopg.connect(database) as connection:
            row = connection.execute("SELECT count(*) FROM market.assets").fetchone()
        return int(row[0]) if row else 0

    with contextlib.ExitStack() as running:
        for name in AT_ONCE:
            assert not host.is_well(name), f"the probe of {name} passes while it does not run"
            running.enter_context(host.started(name))
        collected = wait_until(lambda: assets() > 0, timeout_seconds=120)
        assert collected, host.last_words("worker") + host.last_words("daemon")


def test_no_service_is_left_out(host: ComposeHost) -> None:
    tried = {"database", "cache", "migrate", "code", *AT_ONCE}
    assert tried == set(host.services)
