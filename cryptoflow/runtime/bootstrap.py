"""What must exist before the first migration: databases, extensions, the readers' role. Safe to run again.

What does not belong here: schemas, tables and grants (migrations), starting servers.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from cryptoflow.errors import PermanentError
from cryptoflow.runtime.external import (
    DATABASE_SETTING,
    MAINTENANCE_DATABASE,
    DatabaseMissingError,
    open_connection,
)
from cryptoflow.runtime.urls import parse_database_url, with_database

WAREHOUSE_DATABASE: Final = "cryptoflow"
DAGSTER_DATABASE: Final = "cryptoflow_dagster"
DAGSTER_SUFFIX: Final = "_dagster"
READER_ROLE: Final = "cryptoflow_reader"
# Keys and search need the first two; the others serve whoever looks after the server.
NEEDED_EXTENSIONS: Final = ("btree_gist", "pg_trgm")
WELCOME_EXTENSIONS: Final = ("pg_stat_statements", "amcheck")

# Any two starters take the same lock; the number is arbitrary.
_LOCK_KEY = 7_246_002
_TAKEN_MEANWHILE = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """The outcome: URLs of the two databases, and welcome extensions that the server does not give us."""

    database_url: str = field(repr=False)
    dagster_database_url: str = field(repr=False)
    absent_extensions: tuple[str, ...]


def dagster_url_beside(database_url: str) -> str:
    """Where Dagster's own database is when nobody said: `<warehouse>_dagster` on the same server."""
    return with_database(database_url, parse_database_url(database_url).name + DAGSTER_SUFFIX)


def bootstrap(database_url: str, *, dagster_database_url: str | None = None) -> Bootstrapped:
    """Make what is missing. Needs CREATEDB and CREATEROLE only for what an administrator has not made already."""
    dagster_url = dagster_database_url or dagster_url_beside(database_url)
    ensure_database(database_url)
    ensure_database(dagster_url)
    with open_connection(database_url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
        user = parse_database_url(database_url).address.user
        for name in NEEDED_EXTENSIONS:
            _ensure_extension(connection, name)
        absent = tuple(name for name in WELCOME_EXTENSIONS if not _offer_extension(connection, name))
        _ensure_reader(connection, user=user)
    return Bootstrapped(database_url=database_url, dagster_database_url=dagster_url, absent_extensions=absent)


def ensure_database(url: str) -> None:
    """Create the database of the URL when the server has none of that name."""
    try:
        open_connection(url).close()
    except DatabaseMissingError as missing:
        name = parse_database_url(url).name
        with open_connection(with_database(url, MAINTENANCE_DATABASE)) as connection:
            try:
                with contextlib.suppress(*_TAKEN_MEANWHILE):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except psycopg.errors.InsufficientPrivilege:
                raise missing from None


def administrator_sql(database_url: str, *, dagster_database_url: str | None = None) -> str:
    """What an administrator of an external server runs once, so that no special right is needed afterwards."""
    warehouse = parse_database_url(database_url)
    dagster = parse_database_url(dagster_database_url or dagster_url_beside(database_url))
    user = warehouse.address.user
    lines = [
        f'CREATE DATABASE "{warehouse.name}" OWNER "{user}" ENCODING \'UTF8\';',
        f'CREATE DATABASE "{dagster.name}" OWNER "{dagster.address.user}" ENCODING \'UTF8\';',
        f"CREATE ROLE {READER_ROLE} NOLOGIN NOINHERIT;",
        f"ALTER ROLE {READER_ROLE} SET default_transaction_read_only = on;",
        f'GRANT {READER_ROLE} TO "{user}";',
        f'\\connect "{warehouse.name}"',
        *(f"CREATE EXTENSION IF NOT EXISTS {name};" for name in (*NEEDED_EXTENSIONS, *WELCOME_EXTENSIONS)),
    ]
    return "\n".join(lines)


def _ensure_extension(connection: psycopg.Connection[TupleRow], name: str) -> None:
    if _has_extension(connection, name):
        return
    try:
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        raise _needs_administrator(connection, f"The extension {name} is not installed") from None
    except psycopg.errors.UndefinedFile:
        raise PermanentError(
            f"The server of {DATABASE_SETTING} does not ship the extension {name}.",
            cure="Install PostgreSQL's contrib modules on the server.",
        ) from None


def _offer_extension(connection: psycopg.Connection[TupleRow], name: str) -> bool:
    if _has_extension(connection, name):
        return True
    try:
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported):
        return False
    return True


def _has_extension(connection: psycopg.Connection[TupleRow], name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_extension WHERE extname = %s", (name,)).fetchone() is not None


def _ensure_reader(connection: psycopg.Connection[TupleRow], *, user: str) -> None:
    role = sql.Identifier(READER_ROLE)
    try:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER_ROLE,)).fetchone() is None:
            with contextlib.suppress(*_TAKEN_MEANWHILE):
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN NOINHERIT").format(role))
            connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role))
        row = connection.execute("SELECT pg_has_role(%s, 'SET')", (READER_ROLE,)).fetchone()
        if row is not None and not row[0]:
            connection.execute(sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(user)))
    except psycopg.errors.InsufficientPrivilege:
        raise _needs_administrator(
            connection, f"The user {user} may neither create nor enter the role {READER_ROLE}"
        ) from None


def _needs_administrator(connection: psycopg.Connection[TupleRow], what: str) -> PermanentError:
    info = connection.info
    url = f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"
    return PermanentError(
        f"{what} on the server of {DATABASE_SETTING}, and its user may not change that.",
        cure="Let an administrator run what is missing of:\n" + administrator_sql(url),
    )
