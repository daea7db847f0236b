"""Servers that are not ours: opened and checked by URL, with every refusal turned into one sentence and a cure.

No message here shows a password. The embedded servers are opened through the same door.
What does not belong here: making databases and roles (bootstrap), the URLs' shape (urls).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg
import redis
from psycopg.rows import TupleRow
from redis.backoff import NoBackoff
from redis.retry import Retry

from cryptoflow.errors import CryptoflowError, PermanentError, TransientError
from cryptoflow.runtime.urls import MASK, DatabaseUrl, mask_url, parse_database_url, parse_redis_url, with_database

MINIMUM_POSTGRES_MAJOR: Final = 18
MINIMUM_REDIS: Final = (7, 2)
MAINTENANCE_DATABASE: Final = "postgres"
DATABASE_SETTING: Final = "CRYPTOFLOW_DATABASE_URL"
REDIS_SETTING: Final = "CRYPTOFLOW_REDIS_URL"

_CONNECT_TIMEOUT_SECONDS = 5
_VERSION_NUMBER_PER_MAJOR = 10_000


class DatabaseMissingError(PermanentError):
    """The server answers and knows the user, but has no database of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What a check of a PostgreSQL server found."""

    version_number: int
    exists: bool
    """Whether the database of the URL exists; if not, the user may create it."""


def open_connection(
    url: str, *, setting: str = DATABASE_SETTING, autocommit: bool = True
) -> psycopg.Connection[TupleRow]:
    """Connect, or say why not."""
    parsed = parse_database_url(url, setting=setting)
    try:
        return psycopg.connect(
            url_for_driver(url),
            autocommit=autocommit,
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            client_encoding="utf8",
        )
    except psycopg.Error as error:
        raise explain_connect_error(str(error), parsed, setting=setting) from None


def url_for_driver(url: str) -> str:
    """The URL as libpq reads it: without a driver's name in the scheme."""
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


def check_database(url: str, *, setting: str = DATABASE_SETTING) -> DatabaseFacts:
    """Reachable, new enough, UTF-8, and the user may create schemas in it (or create the database itself)."""
    try:
        connection = open_connection(url, setting=setting)
    except DatabaseMissingError as missing:
        return _check_maintenance(url, setting=setting, missing=missing)
    with connection:
        version = _checked_version(connection, setting=setting)
        name, encoding, may_create = _one(
            connection,
            "SELECT current_database()::text, current_setting('server_encoding'),"
            " has_database_privilege(current_database(), 'CREATE')",
        )
    if encoding != "UTF8":
        raise PermanentError(
            f"The database {name} of {setting} keeps text as {encoding}, not UTF8.",
            cure=f"Make a database with ENCODING 'UTF8' and name it in {setting}.",
        )
    if not may_create:
        user = parse_database_url(url).address.user
        raise PermanentError(
            f"The user {user} of {setting} may not create schemas in the database {name}.",
            cure=f'Let an administrator run: GRANT CREATE ON DATABASE "{name}" TO "{user}";',
        )
    return DatabaseFacts(version_number=version, exists=True)


def _check_maintenance(url: str, *, setting: str, missing: DatabaseMissingError) -> DatabaseFacts:
    with open_connection(with_database(url, MAINTENANCE_DATABASE), setting=setting) as connection:
        version = _checked_version(connection, setting=setting)
        (may_create,) = _one(connection, "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
    if not may_create:
        raise missing
    return DatabaseFacts(version_number=version, exists=False)


def _checked_version(connection: psycopg.Connection[TupleRow], *, setting: str) -> int:
    version = connection.info.server_version
    major = version // _VERSION_NUMBER_PER_MAJOR
    if major < MINIMUM_POSTGRES_MAJOR:
        raise PermanentError(
            f"The server of {setting} is PostgreSQL {major}; {MINIMUM_POSTGRES_MAJOR} or newer is needed.",
            cure=f"Upgrade the server, name a newer one, or unset {setting} to use the embedded one.",
        )
    return version


def _one(connection: psycopg.Connection[TupleRow], query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def explain_connect_error(text: str, parsed: DatabaseUrl, *, setting: str) -> CryptoflowError:
    """The error of this house for what libpq said about a failed connection."""
    address = parsed.address
    server = f"The PostgreSQL server {address.host}:{address.port} of {setting}"
    if "does not exist" in text and "database" in text:
        return DatabaseMissingError(
            f"{server} has no database {parsed.name!r}, and the user {address.user} may not create it.",
            cure=f'Let an administrator run: CREATE DATABASE "{parsed.name}" OWNER "{address.user}" ENCODING \'UTF8\';',
        )
    if "password" in text or "authentication failed" in text or ("role" in text and "does not exist" in text):
        return PermanentError(
            f"{server} refused the user {address.user}: wrong user name or password.",
            cure=f"Correct {setting}; special characters in a password are written percent-encoded.",
        )
    if "no pg_hba.conf entry" in text:
        return PermanentError(
            f"{server} does not admit the user {address.user} to {parsed.name!r} from this address.",
            cure="Let an administrator add a line for it to the server's pg_hba.conf.",
        )
    if "resolve host" in text or "translate host name" in text or "Name or service not known" in text:
        return TransientError(
            f"The host name {address.host} of {setting} is not known.", cure="Check its spelling and the network."
        )
    if "SSL" in text or "certificate" in text:
        return PermanentError(
            f"{server} and this machine did not agree on encryption.",
            cure=f"Set sslmode in the query of {setting} as the server asks, e.g. ?sslmode=require.",
        )
    if "starting up" in text or "shutting down" in text or "recovery" in text:
        return TransientError(f"{server} is not ready yet.", cure="Try again in a moment.")
    if "too many clients" in text or "remaining connection slots" in text:
        return TransientError(
            f"{server} has no free connection.", cure="Raise max_connections, or stop what holds them."
        )
    if "refused" in text or "timeout" in text or "unreachable" in text or "No such file" in text:
        return TransientError(f"{server} does not answer.", cure=f"Start it, or correct {setting}.")
    return TransientError(
        f"{server} could not be opened: {_without_password(text, address.password)}", cure=f"Check {setting}."
    )


def _without_password(text: str, password: str | None) -> str:
    first = text.strip().splitlines()[0] if text.strip() else "no reason given"
    return first.replace(password, MASK) if password else first


def check_redis(url: str, *, setting: str = REDIS_SETTING) -> str:
    """Reachable, new enough, not a cluster. Returns the server's version."""
    parse_redis_url(url, setting=setting)
    shown = mask_url(url)
    try:
        with redis.Redis.from_url(
            url,
            socket_connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            socket_timeout=_CONNECT_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            facts: dict[str, Any] = client.info("server")
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError):
        raise PermanentError(
            f"The Redis server of {setting} ({shown}) refused the password.",
            cure=f"Correct {setting}; special characters in a password are written percent-encoded.",
        ) from None
    except redis.ResponseError as error:
        raise PermanentError(
            f"The Redis server of {setting} ({shown}) refused: {error}.", cure=f"Check {setting}."
        ) from None
    except (redis.RedisError, OSError, ValueError):
        raise TransientError(
            f"The Redis server of {setting} ({shown}) does not answer.", cure=f"Start it, or correct {setting}."
        ) from None
    return _checked_redis_version(facts, setting=setting)


def _checked_redis_version(facts: dict[str, Any], *, setting: str) -> str:
    # Valkey states the Redis version it is compatible with beside its own.
    version = str(facts.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < MINIMUM_REDIS:
        raise PermanentError(
            f"The server of {setting} is Redis {version}; Valkey, or Redis 7.2 or newer, is needed.",
            cure=f"Upgrade the server, name a newer one, or unset {setting} to use the embedded Valkey.",
        )
    if facts.get("redis_mode") == "cluster":
        raise PermanentError(
            f"The server of {setting} is a Redis cluster, which cannot hold the work queue.",
            cure=f"Name a single server (or a replicated pair) in {setting}.",
        )
    return str(facts.get("valkey_version", version))
