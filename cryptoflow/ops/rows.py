"""What a statement finds, for who only looks; and that a server is there, before a pool waits for it.

What does not belong here: what the rows mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from cryptoflow.runtime.external import DATABASE_SETTING, open_connection
from cryptoflow.runtime.home import Endpoints
from cryptoflow.warehouse.statements import statement

DAGSTER_SETTING: Final = "CRYPTOFLOW_DAGSTER_DATABASE_URL"
"""Names the database of Dagster's own record."""


def found_rows(endpoints: Endpoints, name: str, parameters: Mapping[str, object] | None = None) -> list[TupleRow]:
    """What a statement finds. Nothing when its table is not made yet: missing migrations are a finding of their own."""
    return rows_in(endpoints.database_url, name, parameters)


def rows_in(
    database_url: str, name: str, parameters: Mapping[str, object] | None = None, *, setting: str = DATABASE_SETTING
) -> list[TupleRow]:
    """The same of any database; `setting` is the one that names it."""
    with open_connection(database_url, setting=setting) as connection:
        try:
            return connection.execute(statement(name), parameters).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            return []


def require_answer(endpoints: Endpoints) -> None:
    """Say at once what is wrong with a database that is away: a pool would wait for it to come back."""
    open_connection(endpoints.database_url).close()
