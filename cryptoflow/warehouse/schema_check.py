"""Proof that a database is what the contracts say: both are described from PostgreSQL's own catalogs and compared.

Alembic's comparison leaves out checks, exclusions, generated columns and comments; here nothing is left out.
What does not belong here: changing a schema.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from cryptoflow.contracts import METADATA
from cryptoflow.contracts.contract import SCHEMAS
from cryptoflow.warehouse.statements import statement

Description = dict[str, str]


def differences(database_url: str) -> list[str]:
    """One line per difference between the database and the contracts; empty when they are equal."""
    with _engine(database_url) as engine:
        found = _describe(engine)
    with _contracted_database(database_url) as engine:
        wanted = _describe(engine)
    return [
        _difference(key, found.get(key), wanted.get(key))
        for key in sorted(found.keys() | wanted.keys())
        if found.get(key) != wanted.get(key)
    ]


def _difference(key: str, found: str | None, wanted: str | None) -> str:
    if found is None:
        return f"{key} is missing; the contract says: {wanted}"
    if wanted is None:
        return f"{key} is in no contract: {found}"
    return f"{key} is: {found}; the contract says: {wanted}"


def _describe(engine: sa.Engine) -> Description:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(statement("ops/describe_schema").decode(), {"schemas": list(SCHEMAS)})
        return {row.object_key: row.description for row in rows}


@contextmanager
def _contracted_database(database_url: str) -> Iterator[sa.Engine]:
    """A scratch database beside the given one, made from the contracts alone, dropped afterwards."""
    name = f"cryptoflow_contracts_{secrets.token_hex(4)}"
    with _engine(database_url) as server, server.connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        admin.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            with _engine(database_url, database=name) as engine:
                _create_from_contracts(engine)
                yield engine
        finally:
            admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def _create_from_contracts(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE EXTENSION btree_gist")
        for schema in SCHEMAS:
            connection.execute(sa.schema.CreateSchema(schema))
        METADATA.create_all(connection)


@contextmanager
def _engine(database_url: str, *, database: str | None = None) -> Iterator[sa.Engine]:
    url = sa.make_url(database_url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url.set(database=database) if database else url, poolclass=sa.NullPool)
    try:
        yield engine
    finally:
        engine.dispose()
