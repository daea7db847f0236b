"""Database and cache URLs: taken apart, put together, masked."""

from __future__ import annotations

import pytest

from cryptoflow.errors import UsageError
from cryptoflow.runtime.urls import (
    ServerAddress,
    database_url,
    mask_url,
    parse_database_url,
    parse_redis_url,
    with_database,
)

SECRET = "p@ss/w:rd%"


def test_special_characters_survive_a_round_trip() -> None:
    address = ServerAddress(host="db.example", port=5433, user="o'neil@corp", password=SECRET)
    parsed = parse_database_url(database_url(address, "ware house"))
    assert (parsed.address, parsed.name) == (address, "ware house")


def test_defaults_are_port_5432_and_no_password() -> None:
    parsed = parse_database_url("postgres://me@db/cryptoflow")
    assert (parsed.address.port, parsed.address.password) == (5432, None)


def test_ipv6_hosts_keep_their_brackets() -> None:
    url = database_url(ServerAddress(host="::1", user="me"), "x")
    assert url == "postgresql://me@[::1]:5432/x"
    assert parse_database_url(url).address.host == "::1"


def test_another_database_keeps_server_and_options() -> None:
    assert with_database("postgresql://me:x%40y@db:1/a?sslmode=require", "b") == (
        "postgresql://me:x%40y@db:1/b?sslmode=require"
    )


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:hunter2@db/x",
        "postgresql://me:hunter2@db/",
        "postgresql://:hunter2@db/x",
        "postgresql://me:hunter2@/x",
        "postgresql://me:hunter2@db:port/x",
        "postgresql://me:hunter2@[db/x",
        "hunter2",
    ],
)
def test_a_malformed_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match="CRYPTOFLOW_DATABASE_URL") as refusal:
        parse_database_url(url)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("url", ["http://:hunter2@cache:6379", "redis://", "redis://:hunter2@cache:x/0"])
def test_a_malformed_redis_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match="CRYPTOFLOW_REDIS_URL") as refusal:
        parse_redis_url(url)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("postgresql://me:hun@ter2@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me@db/x?password=hunter2&sslmode=require", "postgresql://me@db/x?password=***&sslmode=require"),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("hunter2", "***"),
    ],
)
def test_masking_hides_every_password(url: str, shown: str) -> None:
    assert mask_url(url) == shown


def test_an_address_does_not_print_its_password() -> None:
    assert SECRET not in repr(ServerAddress(host="db", user="me", password=SECRET))
